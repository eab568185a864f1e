package sqliteviews_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/sqlitefile"
	"github.com/leftfold/leftfold/projection"
)

// limitPages lets the file grow by some pages and no further, as a full disk does.
func limitPages(t *testing.T, path string, more int) {
	t.Helper()
	inFile(t, path, func(tx *sqlitefile.Tx) error {
		var pages int
		row, err := tx.QueryRow("PRAGMA page_count")
		if err == nil {
			err = row.Scan(&pages)
		}
		if err != nil {
			return err
		}
		if row, err = tx.QueryRow(fmt.Sprintf("PRAGMA max_page_count = %d", pages+more)); err != nil {
			return err
		}
		return row.Scan(&pages)
	})
}

func TestAFullDiskLeavesNothingHalfApplied(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shop.db")
	views := openAt(t, path)
	require.NoError(t, apply(t, views, 0, 1, write("A", 1, `"first"`), write("gone", 1, `"first"`)))
	before := read(t, views)

	// The checkpoint and the first rows find room, the last ones do not.
	gone := write("gone", 2, "")
	gone.Delete = true
	changed := write("A", 2, `"changed"`)
	changed.Conditional, changed.Expect = true, eventstore.EventID{Stream: ann, Version: 1}
	writes := []projection.RowWrite{changed, gone}
	for i := range 20 {
		writes = append(writes, write(fmt.Sprintf("large-%02d", i), 2, `"`+strings.Repeat("x", 50_000)+`"`))
	}
	limitPages(t, path, 100)
	for range 2 {
		err := apply(t, views, 1, 2, writes...)
		require.ErrorIs(t, err, sqlitefile.ErrFull)
		assert.NotErrorIs(t, err, projection.ErrChanged, "the engine would try again for ever")
		assert.NotEmpty(t, eventstore.Hint(err))
		assert.ErrorContains(t, err, path)
		require.Equal(t, before, read(t, views))
	}
	require.NoError(t, views.Beat(t.Context(), projection.Heartbeat{Projection: "stats", Worker: "w"}), "what finds room is written")

	limitPages(t, path, 100_000)
	require.NoError(t, apply(t, views, 1, 2, writes...))
	after := read(t, views)
	assert.Len(t, after.Rows, 21)
	assert.EqualValues(t, 2, after.Checkpoints[0].Version)
	require.NoError(t, views.Close())
	assert.Equal(t, after, read(t, openAt(t, path)))
}
