package projection_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
)

// damagedViews is a view store whose checkpoints can not be read.
type damagedViews struct{ projection.ViewStore }

func (damagedViews) Checkpoints(context.Context, projection.GenerationID, []eventstore.StreamID) ([]projection.Checkpoint, error) {
	return nil, fmt.Errorf("a checkpoint: %w", eventstore.ErrCorrupt)
}

// rung announces commits without their content.
func rung(commits ...eventstore.Commit) (b eventstore.Batch) {
	for _, c := range commits {
		a := eventstore.Announce(&c)
		a.Commit = nil
		b.Announcements = append(b.Announcements, a)
	}
	return b
}

func TestWhatIsUndoneIsDamagedOnlyWhereNothingElseKeepsItBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(memviews.Options{})
		bad, good := w.append(t, "user-a", Counted{"x", 1}), w.append(t, "user-b", Counted{"x", 10})
		failing := projection.MustNew("failing", 1, registry, projection.Follow("user"),
			newCounters(func(projection.Event[Counted]) error { return projection.Transient(errBroken) }))
		engine := func(source projection.Source, views projection.ViewStore, consumers ...projection.Consumer) *projection.Engine {
			e, err := projection.NewEngine(source, views, projection.Options{}, consumers...)
			require.NoError(t, err)
			require.NoError(t, e.Prepare(t.Context()))
			return e
		}
		unreadable := damaged{w.store, "user-a"}

		undone := engine(unreadable, w.views, w.p).Deliver(t.Context(), rung(bad, good))
		require.Len(t, undone, 1)
		require.True(t, undone[0].Damaged)
		require.Equal(t, bad.Stream, undone[0].Stream)
		require.ErrorIs(t, undone[0].Err, eventstore.ErrCorrupt)

		// One projection has the content and fails for now, the other one has to read.
		batch := rung(bad, good)
		batch.Announcements[1].Commit = &good
		undone = engine(unreadable, w.views, w.p, failing).Deliver(t.Context(), batch)
		require.Len(t, undone, 2)
		require.True(t, undone[0].Damaged, "neither can read it")
		require.False(t, undone[1].Damaged)
		require.ErrorIs(t, undone[1].Err, errBroken)

		first := eventstore.Announce(&bad) // in the batch of a worker that applies it at once
		second := w.append(t, "user-a", Counted{"x", 1})
		require.Empty(t, engine(w.store, w.views, w.p).Handle(t.Context(), eventstore.Batch{Announcements: []eventstore.Announcement{first}}))
		first.Commit = &bad
		undone = engine(damaged{w.store, "user-a"}, w.views, w.p, failing).Deliver(t.Context(),
			eventstore.Batch{Announcements: []eventstore.Announcement{first, rung(second).Announcements[0]}})
		require.Len(t, undone, 2)
		require.ErrorIs(t, undone[0].Err, eventstore.ErrCorrupt)
		require.ErrorIs(t, undone[0].Err, errBroken)
		require.False(t, undone[0].Damaged, "another projection only fails for now")

		undone = engine(w.store, damagedViews{w.views}, w.p).Deliver(t.Context(), rung(bad))
		require.Len(t, undone, 1)
		require.ErrorIs(t, undone[0].Err, eventstore.ErrCorrupt)
		require.False(t, undone[0].Damaged, "the stream is not")
	})
}
