package projection_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
)

// sums has a row for each stream.
func newSums() *projection.View[counter] {
	return projection.PerStream("sums",
		projection.When(func(c *counter, e projection.Event[Counted]) error {
			c.Name = e.Stream.String()
			c.N += e.Data.N
			return nil
		}),
		projection.WhenDelete[counter, Ignored]())
}

var apart = memviews.Options{Limits: projection.Limits{Items: 100, Bytes: 1 << 20, Apart: true}}

func newSumsWorld(opts memviews.Options) *world {
	w := newWorld(opts)
	w.counters = newSums()
	w.p = projection.MustNew("counters", 1, registry, projection.Follow("user"), w.counters)
	return w
}

// noted is a view store that notes how many streams each slice moves, and refuses
// the slices of some.
type noted struct {
	projection.ViewStore
	refuse map[string]error

	mu    sync.Mutex
	moves []int
}

func (n *noted) Apply(ctx context.Context, s projection.Slice) error {
	n.mu.Lock()
	n.moves = append(n.moves, len(s.Moves))
	err := n.refuse[s.Moves[0].Stream.String()]
	n.mu.Unlock()
	if err != nil {
		return err
	}
	return n.ViewStore.Apply(ctx, s)
}

// fifty hands over a commit of each of 50 streams, and returns what was not taken care of.
func (n *noted) fifty(t *testing.T, w *world) []eventstore.Announcement {
	e, err := projection.NewEngine(w.store, n, projection.Options{}, w.p)
	require.NoError(t, err)
	require.NoError(t, e.Prepare(t.Context()))
	var commits []eventstore.Commit
	for i := range 50 {
		commits = append(commits, w.append(t, fmt.Sprintf("user-%02d", i), Counted{"x", i}, Counted{"x", 1}))
	}
	return handle(t.Context(), e, commits...)
}

func TestARowForEachStreamIsTheFoldOfItsOwnEvents(t *testing.T) {
	w := newSumsWorld(apart)
	e := w.engine(t)
	require.Empty(t, handle(t.Context(), e, w.append(t, "user-a", Counted{"x", 1}, Counted{"y", 2}), w.append(t, "user-b", Counted{"x", 10})))
	require.Equal(t, []string{"user-a=3", "user-b=10"}, w.rows(t))
	require.Empty(t, handle(t.Context(), e, w.append(t, "user-a", Ignored{}), w.append(t, "user-b", Ignored{}, Counted{"x", 5})))
	require.Equal(t, []string{"user-b=5"}, w.rows(t))
	row, err := w.counters.Get(t.Context(), w.views, projection.KeyOfStream(streamID(t, "user-b")))
	require.NoError(t, err)
	require.Equal(t, 5, row.N)
	_, err = w.counters.Get(t.Context(), w.views, projection.KeyOfStream(streamID(t, "user-a")))
	require.ErrorIs(t, err, projection.ErrNotFound)
}

func TestStreamsAreWrittenApartWhereThatIsCheaperAndTogetherElsewhere(t *testing.T) {
	w := newSumsWorld(apart)
	n := &noted{ViewStore: w.views}
	require.Empty(t, n.fifty(t, w))
	assert.Len(t, n.moves, 50)
	assert.Len(t, w.rows(t), 50)

	w = newSumsWorld(memviews.Options{})
	n = &noted{ViewStore: w.views}
	require.Empty(t, n.fifty(t, w))
	assert.Equal(t, []int{50}, n.moves)

	w = newWorld(apart) // another view in the projection shares its rows among streams
	w.counters = newCounters(func(projection.Event[Counted]) error { return nil })
	w.p = projection.MustNew("counters", 1, registry, projection.Follow("user"), w.counters, newSums())
	n = &noted{ViewStore: w.views}
	require.Empty(t, n.fifty(t, w))
	assert.Len(t, n.moves, 2, "2 × 50 items and a shared one")
}

func TestAFailedConditionKeepsBackOneStreamWhereStreamsAreWrittenApart(t *testing.T) {
	w := newSumsWorld(apart)
	n := &noted{ViewStore: w.views, refuse: map[string]error{"user-07": projection.ErrChanged}}
	failed := n.fifty(t, w)
	require.Len(t, failed, 1)
	assert.Equal(t, "user-07", failed[0].Stream.String())
	assert.Len(t, w.rows(t), 49)
}

func TestAViewStoreThatFailsIsNotAskedForEveryStream(t *testing.T) {
	w := newSumsWorld(apart)
	n := &noted{ViewStore: w.views, refuse: map[string]error{}}
	for i := range 50 {
		n.refuse[fmt.Sprintf("user-%02d", i)] = errors.New("down")
	}
	require.Len(t, n.fifty(t, w), 50)
	assert.Less(t, len(n.moves), 50)
}

func TestAProjectionHasOneViewWithARowForEachStream(t *testing.T) {
	other := projection.PerStream("others", projection.When(func(*counter, projection.Event[Counted]) error { return nil }))
	_, err := projection.New("counters", 1, registry, projection.Follow("user"), newSums(), other)
	require.ErrorIs(t, err, eventstore.ErrInvalid)
	require.ErrorContains(t, err, `view "others" is the second with a row for each stream`)
	_, err = projection.New("counters", 1, registry, projection.Follow("user"), projection.Fold("@sums",
		projection.On(func(projection.Event[Counted]) projection.Key { return projection.KeyOf("x") }, func(*counter, projection.Event[Counted]) error { return nil })))
	require.ErrorContains(t, err, `name "@sums"`)
}
