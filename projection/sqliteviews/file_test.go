package sqliteviews_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/sqlitefile"
	"github.com/leftfold/leftfold/projection"
)

var (
	generation = projection.GenerationID{Projection: "stats", Number: 1}
	ann        = stream("ann")
)

func stream(id string) eventstore.StreamID {
	s, err := eventstore.NewStreamID("user", id)
	if err != nil {
		panic(err)
	}
	return s
}

// write is a row that the event of ann's stream at a version leaves.
func write(partition string, v eventstore.Version, content string) projection.RowWrite {
	return projection.RowWrite{Row: projection.Row{
		ID:      projection.RowID{View: "products", Key: projection.KeyOf(partition)},
		Rev:     eventstore.EventID{Stream: ann, Version: v},
		Content: []byte(content),
	}}
}

func apply(t *testing.T, views projection.ViewStore, from, to eventstore.Version, writes ...projection.RowWrite) error {
	return views.Apply(t.Context(), projection.Slice{Generation: generation,
		Moves: []projection.Move{{Stream: ann, From: from, To: to, Parked: true}}, Writes: writes})
}

// everything is what the test's generation holds, and what is known of its projection.
type everything struct {
	Checkpoints []projection.Checkpoint
	Rows        []projection.Row
	State       projection.State
	Beats       []projection.Heartbeat
}

func read(t *testing.T, views projection.ViewStore) (all everything) {
	t.Helper()
	for c, err := range views.AllCheckpoints(t.Context(), generation, false) {
		require.NoError(t, err)
		all.Checkpoints = append(all.Checkpoints, c)
	}
	for row, err := range views.ScanRows(t.Context(), generation, "products") {
		require.NoError(t, err)
		all.Rows = append(all.Rows, row)
	}
	var err error
	all.State, err = views.State(t.Context(), generation.Projection)
	require.NoError(t, err)
	all.Beats, err = views.Heartbeats(t.Context(), generation.Projection)
	require.NoError(t, err)
	return all
}

// inFile runs a job on the one writer that the views at path use too.
func inFile(t *testing.T, path string, job sqlitefile.Job) {
	t.Helper()
	file, err := sqlitefile.Open(t.Context(), path, sqlitefile.Options{MustExist: true})
	require.NoError(t, err)
	defer func() { assert.NoError(t, file.Close()) }()
	require.NoError(t, file.Do(t.Context(), "test", job))
}

func TestReopeningKeepsEverything(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "views of a shop.db")
	views := openAt(t, path)
	require.NoError(t, apply(t, views, 0, 2, write("A", 1, `{"sales":1.10}`), write("B", 2, `{"sales":2}`)))
	parked := projection.Parked{Version: 3, Type: "PURCHASE_MADE", Schema: 1, Error: "no price", Since: time.Unix(1, 0).UTC()}
	require.NoError(t, views.Park(t.Context(), generation, ann, 2, &parked))
	_, err := views.PutState(t.Context(), projection.State{Projection: "stats", Counter: 1})
	require.NoError(t, err)
	require.NoError(t, views.Beat(t.Context(), projection.Heartbeat{Projection: "stats", Worker: "w", At: time.Unix(1, 0).UTC()}))
	before := read(t, views)
	require.Len(t, before.Rows, 2)
	require.Len(t, before.Beats, 1)
	require.NoError(t, views.Close())

	views = openAt(t, path)
	assert.Equal(t, before, read(t, views))
	assert.ErrorIs(t, apply(t, views, 0, 2), projection.ErrChanged)
	assert.NoError(t, apply(t, views, 2, 3, write("A", 3, `{}`)))
	assert.Len(t, read(t, views).Rows, 2)
}

func TestClosedViewsSaySo(t *testing.T) {
	t.Parallel()
	views := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
	require.NoError(t, apply(t, views, 0, 1))
	require.NoError(t, views.Close())
	require.NoError(t, views.Close(), "a second time")
	assert.ErrorIs(t, apply(t, views, 1, 2), eventstore.ErrClosed)
	_, err := views.Checkpoints(t.Context(), generation, []eventstore.StreamID{ann})
	assert.ErrorIs(t, err, eventstore.ErrClosed)
	_, err = views.State(t.Context(), "stats")
	assert.ErrorIs(t, err, eventstore.ErrClosed)
}
