package projection_test

import (
	"context"
	"fmt"
	"iter"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
)

// told is what an engine reports, a line for each event and each field.
type told struct{ lines []string }

func (c *told) take(_ context.Context, changes []projection.Change) {
	for _, change := range changes {
		c.lines = append(c.lines, describe(change)...)
	}
}

func describe(c projection.Change) []string {
	head := fmt.Sprintf("%s %s", c.Event, c.Type)
	if c.Generation.Number > 0 {
		head = c.Generation.String() + " " + head
	}
	if c.Skipped {
		head += " skipped"
	}
	lines := []string{head}
	for _, row := range c.Rows {
		for _, f := range row.Fields() {
			lines = append(lines, fmt.Sprintf(" %s %s %s: %s → %s", row.Row.View, row.Row.Key.Partition, f.Name, f.Before, f.After))
		}
	}
	return lines
}

// jotting is a row of each of the views that are written without being read.
type jotting struct {
	N int
}

// notebook has every kind of view.
func notebook() *projection.Projection {
	key := func(e projection.Event[Counted]) projection.Key { return projection.KeyOf(e.Data.Counter) }
	return projection.MustNew("notebook", 1, registry, projection.Follow("user"),
		projection.PerStream("sums", projection.When(func(r *jotting, e projection.Event[Counted]) error {
			r.N += e.Data.N
			return nil
		}), projection.WhenDelete[jotting, Spread]()),
		projection.Rows("last", projection.Emit(func(e projection.Event[Counted], changes *projection.Changes[jotting]) error {
			changes.Put(projection.KeyOf(e.Stream.ID()), jotting{e.Data.N})
			return nil
		})),
		projection.Fold("fresh", projection.OnNew(key, func(r *jotting, e projection.Event[Counted]) error {
			r.N += e.Data.N
			return nil
		})))
}

var notebookChanges = []string{
	"user-a@1 COUNTED", " sums user-a N:  → 1", " last a N:  → 1", " fresh x N:  → 1",
	"user-a@2 IGNORED",
	"user-a@3 COUNTED", " sums user-a N: 1 → 11", " last a N: 1 → 10", " fresh y N:  → 10",
	"user-a@4 SPREAD", " sums user-a N: 11 → ",
	"user-a@5 COUNTED", " sums user-a N:  → 100", " last a N: 10 → 100", " fresh x N: 1 → 101",
	"user-a@6 IGNORED",
}

func notebookHistory(t *testing.T, w *world) []eventstore.Commit {
	return []eventstore.Commit{
		w.append(t, "user-a", Counted{"x", 1}, Ignored{}, Counted{"y", 10}),
		w.append(t, "user-a", Spread{}, Counted{"x", 100}, Ignored{}),
	}
}

func TestAnEngineTellsWhatEachEventChangedAndWhatItPassedOver(t *testing.T) {
	t.Parallel()
	for name, limits := range map[string]projection.Limits{
		"in one slice":          {Items: 100, Bytes: 1 << 20},
		"each event in a slice": {Items: 4, Bytes: 1 << 20},
	} {
		for _, together := range []bool{true, false} {
			t.Run(fmt.Sprint(name, ", both commits together: ", together), func(t *testing.T) {
				t.Parallel()
				w := newWorld(memviews.Options{Limits: limits})
				w.p = notebook()
				told := &told{}
				w.opts.Changes = told.take
				e := w.engine(t)
				commits := notebookHistory(t, w)
				if together {
					require.Empty(t, handle(t.Context(), e, commits...))
				} else {
					require.Empty(t, handle(t.Context(), e, commits[0]))
					require.Empty(t, handle(t.Context(), e, commits[1]))
				}
				var want []string
				for _, line := range notebookChanges {
					if line[0] != ' ' {
						line = "notebook#1 " + line
					}
					want = append(want, line)
				}
				require.Equal(t, want, told.lines)
			})
		}
	}
}

func TestNothingIsToldOfAnEventThatFailsOrOfASliceThatIsNotStored(t *testing.T) {
	t.Parallel()
	w := newWorld(memviews.Options{})
	w.broken = failOn(2, errBroken)
	told := &told{}
	w.opts.Changes = told.take
	e := w.engine(t)
	bad := w.append(t, "user-bad", Counted{"x", 1}, Counted{"x", 10})
	good := w.append(t, "user-good", Counted{"x", 100})
	require.Empty(t, handle(t.Context(), e, bad, good))
	require.Equal(t, []string{
		"counters#1 user-bad@1 COUNTED", ` counters x Name:  → "x"`, " counters x N:  → 1",
		"counters#1 user-good@1 COUNTED", " counters x N: 1 → 101",
	}, told.lines)
}

func each(commits ...eventstore.Commit) iter.Seq2[eventstore.Commit, error] {
	return func(yield func(eventstore.Commit, error) bool) {
		for _, c := range commits {
			if !yield(c, nil) {
				return
			}
		}
	}
}

func TestTryTellsWhatAnEngineWouldTell(t *testing.T) {
	t.Parallel()
	w := newWorld(memviews.Options{})
	var lines []string
	for c, err := range projection.Try(notebook(), each(notebookHistory(t, w)...)) {
		require.NoError(t, err)
		lines = append(lines, describe(c)...)
	}
	require.Equal(t, notebookChanges, lines)
}

func TestTryEndsAtTheEventThatFails(t *testing.T) {
	t.Parallel()
	w := newWorld(memviews.Options{})
	w.broken = failOn(2, errBroken)
	c := w.append(t, "user-bad", Counted{"x", 1}, Counted{"x", 10}, Counted{"x", 100})
	var ended error
	n := 0
	for _, err := range projection.Try(w.p, each(c)) {
		require.NoError(t, ended)
		ended = err
		n++
	}
	require.Equal(t, 2, n)
	require.ErrorIs(t, ended, errBroken)
	require.ErrorContains(t, ended, "user-bad@2")
}

func TestAFoldPassesOverTheEventsThatAreSkipped(t *testing.T) {
	t.Parallel()
	w := newWorld(memviews.Options{})
	w.broken = failOn(2, errBroken)
	c := w.append(t, "user-bad", Counted{"x", 1}, Counted{"x", 10}, Counted{"x", 100})
	skips := projection.Skipping(c.EventID(1))
	rows, err := projection.Replay(w.p, each(c), skips)
	require.NoError(t, err)
	require.JSONEq(t, `{"Name":"x","N":101}`, string(rows[0].Content))
	var lines []string
	for change, err := range projection.Try(w.p, each(c), skips) {
		require.NoError(t, err)
		lines = append(lines, describe(change)[0])
	}
	require.Equal(t, []string{"user-bad@1 COUNTED", "user-bad@2 COUNTED skipped", "user-bad@3 COUNTED"}, lines)
}

func TestAParkedEventIsTriedOnTheRowsAsTheyAreAndNothingIsWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(memviews.Options{})
	w.broken = failOn(2, errBroken)
	e := w.engine(t)
	require.Empty(t, handle(t.Context(), e, w.append(t, "user-bad", Counted{"x", 1}, Counted{"x", 10}, Counted{"x", 100})))
	before := w.checkpoint(t, "user-bad")

	trials, err := e.Try(t.Context(), "counters", streamID(t, "user-bad"))
	require.NoError(t, err)
	require.Len(t, trials, 1)
	require.ErrorIs(t, trials[0].Err, errBroken)
	require.Equal(t, *before.Parked, trials[0].Parked)
	require.Equal(t, w.generation(), trials[0].Generation)

	w.broken = failOn(0, nil)
	require.Empty(t, handle(t.Context(), e, w.append(t, "user-good", Counted{"x", 1000})))
	trials, err = e.Try(t.Context(), "counters", streamID(t, "user-bad"))
	require.NoError(t, err)
	require.NoError(t, trials[0].Err)
	require.Equal(t, []string{"counters#1 user-bad@2 COUNTED", " counters x N: 1001 → 1011"}, describe(trials[0].Change))
	require.Equal(t, before, w.checkpoint(t, "user-bad"))
	require.Equal(t, []string{"x=1001"}, w.rows(t))
}

func TestOnlyAStreamThatIsParkedIsTried(t *testing.T) {
	t.Parallel()
	w := newWorld(memviews.Options{})
	e := w.engine(t)
	c := w.append(t, "user-a", Counted{"x", 1})
	require.Empty(t, handle(t.Context(), e, c))
	_, err := e.Try(t.Context(), "counters", c.Stream)
	require.ErrorIs(t, err, projection.ErrNotParked)
	require.EqualError(t, err, `projection "counters": "user-a" is not parked`)
	_, err = e.Try(t.Context(), "other", c.Stream)
	require.ErrorIs(t, err, eventstore.ErrInvalid)
}
