package projectiontest_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
	"github.com/leftfold/leftfold/projection/projectiontest"
)

// tag is a row that a mistake is made with.
type tag struct {
	Item  string
	Tags  []string            `json:",omitempty"`
	At    time.Time           `json:",omitzero"`
	N     int                 `json:",omitempty"`
	Last  eventstore.Version  `json:",omitempty"`
	Seen  map[string]struct{} `json:",omitempty"`
	count int                 // never stored
}

// tags is a fold view of what is stored, by item.
func tags(fold func(*tag, projection.Event[Stored]) error) projection.Part {
	return projection.Fold("tags", projection.On(itemKey(func(e Stored) string { return e.Item }),
		func(r *tag, e projection.Event[Stored]) error {
			r.Item = e.Data.Item
			return fold(r, e)
		}))
}

func TestTheCommonMistakesAreNamedBeforeAnyScheduleIsRun(t *testing.T) {
	t.Parallel()
	calls, others := 0, 0
	for name, c := range map[string]struct {
		view projection.Part
		says []string
	}{
		"the order of a map": {tags(func(r *tag, e projection.Event[Stored]) error {
			r.Tags = nil
			for k := range map[string]bool{e.Data.Item: true, "new": true} {
				r.Tags = append(r.Tags, k)
			}
			return nil
		}), []string{"not pure", `row "x" of view "tags" after shelf-a@1 (STORED)`, "ranges over a map"}},
		"the clock": {tags(func(r *tag, _ projection.Event[Stored]) error {
			r.At = time.Now().Truncate(24 * time.Hour)
			return nil
		}), []string{"not pure", `row "x" of view "tags" after shelf-a@1 (STORED)`, "reads the clock"}},
		"a counter": {tags(func(r *tag, _ projection.Event[Stored]) error {
			calls++
			r.N = calls
			return nil
		}), []string{"not pure", `row "x" of view "tags" after shelf-a@1 (STORED)`, "such as a counter"}},
		"a random key": {projection.Rows("tags", projection.Emit(func(e projection.Event[Cleared], c *projection.Changes[tag]) error {
			c.Put(projection.KeyOf(fmt.Sprint(rand.Uint64())), tag{})
			return nil
		})), []string{"not pure", "after shelf-a@4 (CLEARED)", "no row", "random number"}},
		"an error that comes later": {tags(func(_ *tag, e projection.Event[Stored]) error {
			if others++; others > 20 && e.Version == 2 {
				return errors.New("too many")
			}
			return nil
		}), []string{"not pure", "(STORED)", "fails the second time: too many"}},
		"a row of two owners": {projection.Rows("tags", projection.Emit(func(e projection.Event[Taken], c *projection.Changes[tag]) error {
			c.Put(projection.KeyOf(e.Data.Item), tag{Last: e.Version})
			return nil
		})), []string{"the order of events of different streams matters", `row "x" of view "tags" becomes`,
			"(TAKEN) before shelf-", "a row of a Rows view has one owner"}},
		"what came last": {tags(func(r *tag, e projection.Event[Stored]) error {
			r.Last = e.Version
			return nil
		}), []string{"the order of events of different streams matters", "(STORED) before shelf-", "keeps what came last"}},
		"an error that another stream prevents": {tags(func(r *tag, e projection.Event[Stored]) error {
			if r.N++; e.Stream.ID() != "a" && e.Data.Item == "x" && r.N == 1 {
				return errors.New("no such item")
			}
			return nil
		}), []string{"the order of events of different streams matters", "(STORED) before shelf-a@1 (STORED)", "no such item"}},
		"a field that is not stored": {tags(func(r *tag, _ projection.Event[Stored]) error {
			r.count++
			r.N = r.count
			return nil
		}), []string{"stored as JSON and read back", `row "x" of view "tags" after shelf-b@1 (STORED)`, `"N":2`, `"N":1`, "small letter"}},
		"an error that storing a row prevents": {tags(func(r *tag, _ projection.Event[Stored]) error {
			if r.count++; r.count > 1 {
				return errors.New("once only")
			}
			return nil
		}), []string{"a plain fold fails", "shelf-b@1 (STORED): once only", "small letter"}},
		"an event that fails": {tags(func(r *tag, e projection.Event[Stored]) error {
			r.Seen[e.Stream.String()] = struct{}{}
			return nil
		}), []string{"shelf-a@1 (STORED) can not be applied", "assignment to entry in nil map"}},
		"a history of something else": {projection.Fold[tag]("tags"), []string{"changes no row"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := projection.MustNew("mistakes", 1, registry, projection.Follow("shelf"), c.view)
			problem := projectiontest.Check(t, projectiontest.Options{Projection: p, Events: registry, History: history, Schedules: 1})
			t.Log(problem)
			for _, part := range c.says {
				assert.Contains(t, problem, part)
			}
			assert.NotContains(t, problem, "schedule")
		})
	}
}

func TestAnEventMayChangeAnyNumberOfRows(t *testing.T) {
	t.Parallel()
	p := projection.MustNew("wide", 1, registry, projection.Follow("shelf"), projection.Fold("wide",
		projection.OnEach(func(projection.Event[Cleared]) (keys []projection.Key) {
			for n := range 50 {
				keys = append(keys, projection.KeyOf(fmt.Sprint(n)))
			}
			return keys
		}, func(s *stock, _ projection.Event[Cleared]) error {
			s.Taken++
			return nil
		})))
	projectiontest.Run(t, projectiontest.Options{Projection: p, Events: registry, History: history, Schedules: 20})
}

func TestANextVersionHasToReplaceTheFirst(t *testing.T) {
	t.Parallel()
	problem := projectiontest.Check(t, projectiontest.Options{Projection: newWarehouse(), Next: newNextWarehouse(newNextLog()), Events: registry, History: history, Schedules: 1})
	require.Equal(t, `version 2 of projection "warehouse" does not replace version 1, see projection.Replaces: nobody could start a rebuild`, problem)
}

// careless is a view store that forgets the conditions on rows.
type careless struct{ projection.ViewStore }

func (c careless) Apply(ctx context.Context, s projection.Slice) error {
	for i := range s.Writes {
		s.Writes[i].Conditional = false
	}
	return c.ViewStore.Apply(ctx, s)
}

func TestAFailureIsShownAsAShortTraceThatItsSeedRepeats(t *testing.T) {
	t.Parallel()
	opts := projectiontest.Options{Projection: newWarehouse(), Events: registry, History: history, Schedules: 1000, Seed: 1,
		Views: func(_ testing.TB, limits projection.Limits) projection.ViewStore {
			return careless{memviews.New(memviews.Options{Limits: limits})}
		}}
	problem := projectiontest.Check(t, opts)
	t.Log(problem)
	require.Contains(t, problem, "the rows are not the fold of what the checkpoints say")
	require.Contains(t, problem, "was not applied, or what it did was overwritten")
	assert.Less(t, strings.Count(problem, "\n"), 40)
	assert.LessOrEqual(t, strings.Count(problem, "appends"), 8, "of %d events", 25)
	var schedule int
	_, err := fmt.Sscanf(problem[strings.LastIndex(problem, "LEFTFOLD_SEED="):], "LEFTFOLD_SEED=%d", &opts.Seed)
	require.NoError(t, err)
	_, err = fmt.Sscanf(problem[strings.LastIndex(problem, "found by"):], "found by schedule %d", &schedule)
	require.NoError(t, err)
	assert.Equal(t, strings.Replace(problem, fmt.Sprintf("schedule %d of", schedule), "schedule 1 of", 1), projectiontest.Check(t, opts))
}
