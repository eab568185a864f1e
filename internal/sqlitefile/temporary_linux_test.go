package sqlitefile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// SQLite deletes its temporary files as soon as it has opened them, so only the process
// itself sees them, and one that is killed between the two leaves them.
func TestAWriteThatMayBeTakenBackMakesNoTemporaryFile(t *testing.T) {
	t.Parallel()
	f := openAt(t, newPath(t))
	require.NoError(t, f.Do(t.Context(), "set up", func(tx *Tx) error {
		_, err := tx.Exec("CREATE TABLE pages(n INTEGER PRIMARY KEY, content BLOB)")
		return err
	}))
	const pages = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM n LIMIT 500)"
	require.NoError(t, f.Do(t.Context(), "write", func(tx *Tx) error {
		_, err := tx.Exec("INSERT INTO pages " + pages + " SELECT n, zeroblob(3000) FROM n")
		return err
	}))
	require.NoError(t, f.Do(t.Context(), "write", func(tx *Tx) error {
		return tx.Conditionally(func() error {
			changed, err := tx.Exec("UPDATE pages SET content = randomblob(3000)")
			assert.Equal(t, int64(500), changed)
			assert.Empty(t, openTemporaries(t))
			return err
		})
	}))
}

// openTemporaries names the temporary files of SQLite that this process has open.
func openTemporaries(t *testing.T) (names []string) {
	open, err := filepath.Glob("/proc/self/fd/*")
	require.NoError(t, err)
	require.NotEmpty(t, open)
	for _, fd := range open {
		if name, err := os.Readlink(fd); err == nil && strings.Contains(filepath.Base(name), "etilqs_") {
			names = append(names, name)
		}
	}
	return names
}
