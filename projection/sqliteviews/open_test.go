package sqliteviews_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/sqlitefile"
	"github.com/leftfold/leftfold/projection/sqliteviews"
)

// TestFilesThatCanNotBeOpened: the errors are sqlitefile's; the cases show that the
// views pass them on, with the path and a hint.
func TestFilesThatCanNotBeOpened(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, c := range []struct {
		name string
		path string
		make func(path string) error
		opts sqliteviews.Options
		is   error
		says string
	}{
		{"text", "notes.txt", func(p string) error { return os.WriteFile(p, []byte("not a database, but long enough"), 0o600) },
			sqliteviews.Options{}, sqlitefile.ErrForeign, "not a Leftfold database"},
		{"another program's", "other.db", func(p string) error { return execIn(p, "CREATE TABLE notes(text)") },
			sqliteviews.Options{}, sqlitefile.ErrForeign, "not a Leftfold database"},
		{"a newer Leftfold's", "newer.db", func(p string) error {
			return execIn(p, "PRAGMA application_id = 0x4c466c64; PRAGMA user_version = 99")
		}, sqliteviews.Options{}, sqlitefile.ErrNewer, "schema version 99"},
		{"missing", "missing.db", nil, sqliteviews.Options{MustExist: true}, os.ErrNotExist, "does not exist"},
		{"a missing directory", "missing/shop.db", nil, sqliteviews.Options{}, nil, "directory does not exist"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(dir, c.path)
			if c.make != nil {
				require.NoError(t, c.make(path))
			}
			_, err := sqliteviews.Open(t.Context(), path, c.opts)
			require.Error(t, err)
			if c.is != nil {
				assert.ErrorIs(t, err, c.is)
			}
			assert.ErrorContains(t, err, "sqliteviews: ")
			assert.ErrorContains(t, err, path)
			assert.ErrorContains(t, err, c.says)
			assert.NotEmpty(t, eventstore.Hint(err))
		})
	}
}

func execIn(path, statements string) error {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	_, err = db.Exec(statements)
	return errors.Join(err, db.Close())
}
