package sqliteviews_test

import (
	"database/sql"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/internal/sqlitefile"
)

// In the bubble nobody really waits, and time tells who would have.
func TestWhoOnlyReadsDoesNotWaitForAProcessThatWrites(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shop.db")
	views := openAt(t, path)
	require.NoError(t, apply(t, views, 0, 1, write("A", 1, `{}`)))
	before := read(t, views)
	require.NoError(t, views.Close())
	for _, statement := range []string{"BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"} {
		synctest.Test(t, func(t *testing.T) {
			db, err := sql.Open("sqlite", path)
			require.NoError(t, err)
			defer db.Close()
			other, err := db.Conn(t.Context())
			require.NoError(t, err)
			defer other.Close()
			_, err = other.ExecContext(t.Context(), statement)
			require.NoError(t, err)
			start := time.Now()
			views := openAt(t, path)
			assert.Equal(t, before, read(t, views))
			assert.Zero(t, time.Since(start))
			if statement == "BEGIN IMMEDIATE" { // to wait is dear
				assert.ErrorIs(t, apply(t, views, 1, 2), sqlitefile.ErrLocked)
			}
			_, err = other.ExecContext(t.Context(), "ROLLBACK")
			require.NoError(t, err)
		})
	}
}
