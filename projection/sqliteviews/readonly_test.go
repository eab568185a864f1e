package sqliteviews_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/sqlitestore"
	"github.com/leftfold/leftfold/internal/sqlitefile"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/sqliteviews"
)

func TestReadOnlyViewsShowWhatIsThereAndRefuseEveryWrite(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shop.db")
	writing := openAt(t, path)
	put, err := writing.PutState(t.Context(), projection.State{Projection: "stats"})
	require.NoError(t, err)
	stream, err := eventstore.ParseStreamID("user-1")
	require.NoError(t, err)
	g := projection.GenerationID{Projection: "stats", Number: 1}
	require.NoError(t, writing.Apply(t.Context(), projection.Slice{Generation: g, Moves: []projection.Move{{Stream: stream, To: 3}}}))
	views, err := sqliteviews.Open(t.Context(), path, sqliteviews.Options{ReadOnly: true})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, views.Close()) })

	for s, err := range views.States(t.Context()) {
		require.NoError(t, err)
		assert.Equal(t, put, s)
	}
	found, err := views.Checkpoints(t.Context(), g, []eventstore.StreamID{stream})
	require.NoError(t, err)
	assert.Equal(t, eventstore.Version(3), found[0].Version)
	_, err = views.PutState(t.Context(), put)
	require.ErrorIs(t, err, sqlitefile.ErrReadOnly)
	require.ErrorIs(t, views.Beat(t.Context(), projection.Heartbeat{Projection: "stats", Worker: "w"}), sqlitefile.ErrReadOnly)
	require.ErrorIs(t, views.Park(t.Context(), g, stream, 3, &projection.Parked{Version: 4}), sqlitefile.ErrReadOnly)
	move := []projection.Move{{Stream: stream, From: 3, To: 4}}
	require.ErrorIs(t, views.Apply(t.Context(), projection.Slice{Generation: g, Moves: move}), sqlitefile.ErrReadOnly)
	require.ErrorIs(t, views.PutManifest(t.Context(), g, "one", 0, nil), sqlitefile.ErrReadOnly)
	require.ErrorIs(t, views.Fill(t.Context(), g, projection.Filling{Checkpoints: []projection.Checkpoint{{Stream: stream, Version: 1}}}), sqlitefile.ErrReadOnly)
	require.ErrorIs(t, views.Clear(t.Context(), g, nil), sqlitefile.ErrReadOnly)
	_, err = views.Manifest(t.Context(), g, "one", 0)
	require.ErrorIs(t, err, projection.ErrNotFound)
	require.NoError(t, writing.Apply(t.Context(), projection.Slice{Generation: g, Moves: move}), "who writes still can")
}

func TestReadOnlyViewsOfAFileWithoutViewsAreRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shop.db")
	store, err := sqlitestore.Open(t.Context(), path, sqlitestore.Options{})
	require.NoError(t, err)
	require.NoError(t, store.Close())
	_, err = sqliteviews.Open(t.Context(), path, sqliteviews.Options{ReadOnly: true})
	require.ErrorIs(t, err, sqlitefile.ErrIncomplete)
	assert.Contains(t, eventstore.Hint(err), "look again when the service has run")
}
