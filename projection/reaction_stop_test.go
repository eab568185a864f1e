package projection_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
)

// reactingInTurn is an engine that serves one stream after the other.
func (w *world) reactingInTurn(t testing.TB, views projection.ViewStore, r *projection.Reaction) *projection.Engine {
	t.Helper()
	e, err := projection.NewEngine(w.store, views, projection.Options{Sequential: true}, r)
	require.NoError(t, err)
	require.NoError(t, e.Prepare(t.Context()))
	return e
}

// appendMany appends a commit of three events to each of ten streams.
func (w *world) appendMany(t testing.TB) (commits []eventstore.Commit) {
	t.Helper()
	for i := range 10 {
		commits = append(commits, w.append(t, fmt.Sprintf("user-%d", i), Counted{"x", 1}, Counted{"x", 2}, Counted{"x", 3}))
	}
	return commits
}

// The reaction does not look at its context, as one that writes files may not.
func TestAReactionThatIsToldToEndBeginsNothingMore(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w, o := newWorld(memviews.Options{}), &outbox{fail: func(projection.Event[Counted]) error {
		cancel()
		return nil
	}}
	e := w.reactingInTurn(t, w.views, o.reaction(t))
	commits := w.appendMany(t)
	require.Len(t, handle(ctx, e, commits...), 10)
	require.Equal(t, []string{"user-0@1"}, o.sent)
	require.EqualValues(t, 1, mailCheckpoint(t, w.views, "user-0").Version, "what was done is saved")
	require.Empty(t, handle(t.Context(), e, commits...))
	require.Len(t, o.sent, 30)
}

// savesNothing is a view store that can not be written to.
type savesNothing struct {
	projection.ViewStore
	broken bool
}

func (s *savesNothing) Apply(ctx context.Context, slice projection.Slice) error {
	if s.broken {
		return errCut
	}
	return s.ViewStore.Apply(ctx, slice)
}

// What can not be saved is done again at the next try: so the less is begun, the better.
func TestAReactionBeginsNoMoreStreamsWhereItsCheckpointsCanNotBeSaved(t *testing.T) {
	w, o := newWorld(memviews.Options{}), &outbox{}
	views := &savesNothing{ViewStore: w.views, broken: true}
	e := w.reactingInTurn(t, views, o.reaction(t))
	commits := w.appendMany(t)
	require.Len(t, handle(t.Context(), e, commits...), 10)
	require.Equal(t, []string{"user-0@1", "user-0@2", "user-0@3"}, o.sent)
	views.broken = false
	require.Empty(t, handle(t.Context(), e, commits...))
	require.Len(t, o.sent, 33)
}

// slow is a view store that takes its time to move a checkpoint.
type slow struct {
	projection.ViewStore
	takes time.Duration
}

func (s *slow) Apply(ctx context.Context, slice projection.Slice) error {
	select {
	case <-time.After(s.takes):
		return s.ViewStore.Apply(ctx, slice)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// A table that is throttled is repeated for longer than a worker may take to end.
func TestAReactionWaitsForASlowViewStoreUnlessItIsToldToEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w, o := newWorld(memviews.Options{}), &outbox{}
		e := w.reactingInTurn(t, &slow{w.views, time.Minute}, o.reaction(t))
		require.Empty(t, handle(ctx, e, w.append(t, "user-a", Counted{"x", 1})))
		require.Equal(t, []string{"user-a@1"}, o.sent)

		second := w.append(t, "user-a", Counted{"x", 2})
		time.AfterFunc(10*time.Second, cancel)
		begun := time.Now()
		require.Len(t, handle(ctx, e, second), 1)
		require.Equal(t, 15*time.Second, time.Since(begun))
	})
}
