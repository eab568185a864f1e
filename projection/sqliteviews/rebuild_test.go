package sqliteviews_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/sqlitefile"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/sqliteviews"
)

func rowsIn(t *testing.T, path, query string) (n int) {
	t.Helper()
	inFile(t, path, func(tx *sqlitefile.Tx) error {
		row, err := tx.QueryRow(query)
		if err == nil {
			err = row.Scan(&n)
		}
		return err
	})
	return n
}

// filling is of so many rows in one partition.
func filling(n int) (f projection.Filling) {
	for i := range n {
		row := write("A", 1, `{}`).Row
		row.ID.Key.Sort = fmt.Sprintf("%05d", i)
		f.Rows = append(f.Rows, row)
	}
	return f
}

// watched runs work while others write all the time, and returns the numbers of rows that
// they saw.
func watched(t *testing.T, path string, work func() error) map[int]bool {
	t.Helper()
	file, err := sqlitefile.Open(t.Context(), path, sqlitefile.Options{MustExist: true})
	require.NoError(t, err)
	defer func() { assert.NoError(t, file.Close()) }()
	var mu sync.Mutex
	seen := map[int]bool{}
	var watching sync.WaitGroup
	done := make(chan struct{}) // closed when the work is done
	for range 3 {
		watching.Go(func() {
			for {
				n := 0
				assert.NoError(t, file.Do(t.Context(), "look", func(tx *sqlitefile.Tx) error {
					row, err := tx.QueryRow("SELECT count(*) FROM rows")
					if err == nil {
						err = row.Scan(&n)
					}
					return err
				}))
				mu.Lock()
				seen[n] = true
				mu.Unlock()
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	assert.NoError(t, work())
	close(done)
	watching.Wait()
	return seen
}

func TestOthersWriteWhileAGenerationIsFilledAndCleared(t *testing.T) {
	t.Parallel()
	const transactions, each = 6, 2000
	path := filepath.Join(t.TempDir(), "shop.db")
	views := openAt(t, path)
	all := filling(transactions * each)
	between(t, "filled", watched(t, path, func() error { return views.Fill(t.Context(), generation, all) }), each, transactions*each)
	for part := range 33 { // as many as two transactions remove, and one
		require.NoError(t, views.PutManifest(t.Context(), generation, "one", part, nil))
	}
	between(t, "cleared", watched(t, path, func() error { return views.Clear(t.Context(), generation, []string{"products"}) }), each, transactions*each)
	assert.Zero(t, rowsIn(t, path, "SELECT (SELECT count(*) FROM rows) + (SELECT count(*) FROM manifests)"))
}

// between expects that somebody came between two transactions.
func between(t *testing.T, what string, seen map[int]bool, each, all int) {
	t.Helper()
	some := 0
	for n := range seen {
		assert.Zero(t, n%each, "%s: %d rows were there at once", what, n)
		if n > 0 && n < all {
			some++
		}
	}
	assert.Positive(t, some, "%s: nobody came between", what)
}

func TestPeopleSeeNoTombstones(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shop.db")
	views := openAt(t, path)
	all := filling(3)
	require.NoError(t, views.Fill(t.Context(), generation, all))
	gone := projection.RowWrite{Row: all.Rows[1], Delete: true, Conditional: true, Expect: all.Rows[1].Rev}
	gone.Row.Origin = true
	require.NoError(t, apply(t, views, 0, 1, gone))
	assert.Equal(t, 3, rowsIn(t, path, "SELECT count(*) FROM rows"))
	assert.Equal(t, 2, rowsIn(t, path, "SELECT count(*) FROM rows_readable"))
}

// oldFile is a file as it was made before there were rebuilds, with a row and a checkpoint.
const oldFile = `PRAGMA application_id = 0x4c466c64; PRAGMA user_version = 3;
	CREATE TABLE places(
		id INTEGER PRIMARY KEY, projection TEXT NOT NULL, generation INTEGER NOT NULL, view TEXT NOT NULL,
		UNIQUE(projection, generation, view));
	CREATE TABLE checkpoints(
		place INTEGER NOT NULL, stream TEXT NOT NULL, version INTEGER NOT NULL, parked TEXT,
		PRIMARY KEY(place, stream)) WITHOUT ROWID;
	CREATE INDEX parked ON checkpoints(place, stream) WHERE parked IS NOT NULL;
	CREATE TABLE rows(
		place INTEGER NOT NULL, partition TEXT NOT NULL, sort TEXT NOT NULL, rev TEXT NOT NULL, content TEXT NOT NULL,
		PRIMARY KEY(place, partition, sort)) WITHOUT ROWID;
	CREATE TABLE projections(name TEXT PRIMARY KEY, revision INTEGER NOT NULL, state TEXT NOT NULL) WITHOUT ROWID;
	CREATE TABLE heartbeats(
		projection TEXT NOT NULL, worker TEXT NOT NULL, at INTEGER NOT NULL, beat TEXT NOT NULL,
		PRIMARY KEY(projection, worker)) WITHOUT ROWID;
	CREATE VIEW rows_readable AS
		SELECT p.projection, p.generation, p.view, r.partition, r.sort, r.rev, r.content
		FROM rows r JOIN places p ON p.id = r.place;
	INSERT INTO places VALUES (1, 'stats', 1, ''), (2, 'stats', 1, 'products');
	INSERT INTO checkpoints(place, stream, version) VALUES (1, 'user-ann', 1);
	INSERT INTO rows VALUES (2, 'A', '', 'user-ann@1', '{}');`

func TestAFileOfBeforeRebuildsGoesOn(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shop.db")
	require.NoError(t, execIn(path, oldFile))
	_, err := sqliteviews.Open(t.Context(), path, sqliteviews.Options{ReadOnly: true})
	require.ErrorIs(t, err, sqlitefile.ErrOlder)
	assert.Contains(t, eventstore.Hint(err), "when the service has run with this program")

	views := openAt(t, path)
	old := write("A", 1, `{}`).Row
	require.Equal(t, everything{Checkpoints: []projection.Checkpoint{{Stream: ann, Version: 1}}, Rows: []projection.Row{old}, State: projection.State{Projection: "stats"}}, read(t, views))
	all := filling(1)
	all.Rows = append(all.Rows, old)
	require.NoError(t, views.Fill(t.Context(), generation, all))
	found, err := views.Rows(t.Context(), generation, []projection.RowID{old.ID, all.Rows[0].ID})
	require.NoError(t, err)
	filled := all.Rows[0]
	filled.Origin = true
	assert.ElementsMatch(t, []projection.Row{old, filled}, found)
	gone := projection.RowWrite{Row: filled, Delete: true}
	require.NoError(t, apply(t, views, 1, 2, gone))
	assert.Equal(t, 1, rowsIn(t, path, "SELECT count(*) FROM rows_readable"))
	require.NoError(t, views.PutManifest(t.Context(), generation, "one", 0, []projection.Head{{Stream: ann, Version: 1}}))

	reading, err := sqliteviews.Open(t.Context(), path, sqliteviews.Options{ReadOnly: true})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, reading.Close()) })
	assert.Equal(t, read(t, views), read(t, reading))
}

// An older program that still runs beside this one puts rows as ever.
func TestAProgramOfBeforeRebuildsGoesOnBesideOneOfToday(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shop.db")
	require.NoError(t, execIn(path, oldFile))
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer func() { assert.NoError(t, db.Close()) }()
	put, err := db.Prepare("INSERT OR REPLACE INTO rows(place, partition, sort, rev, content) VALUES (2, ?, '', 'user-ann@2', '{}')")
	require.NoError(t, err)
	defer func() { assert.NoError(t, put.Close()) }()
	_, err = put.Exec("B")
	require.NoError(t, err)
	views := openAt(t, path)
	_, err = put.Exec("C")
	require.NoError(t, err)
	assert.Equal(t, []projection.Row{write("A", 1, `{}`).Row, write("B", 2, `{}`).Row, write("C", 2, `{}`).Row}, read(t, views).Rows)
}
