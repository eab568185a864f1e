package sqlitefile

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"modernc.org/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newPath(t *testing.T) string { return filepath.Join(t.TempDir(), "a.db") }

func openAt(t *testing.T, path string) *File {
	t.Helper()
	f, err := Open(context.Background(), path, Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	return f
}

// bubble runs a test with a file that has a table of numbers, in a synctest
// bubble: there it is known when a call waits.
func bubble(t *testing.T, test func(t *testing.T, f *File)) {
	t.Helper()
	path := newPath(t)
	synctest.Test(t, func(t *testing.T) {
		f := openAt(t, path)
		require.NoError(t, f.Do(t.Context(), "set up", func(tx *Tx) error {
			_, err := tx.Exec("CREATE TABLE numbers(n INTEGER PRIMARY KEY)")
			return err
		}))
		test(t, f)
	})
}

func insert(n int) Job {
	return func(tx *Tx) error {
		_, err := tx.Exec("INSERT INTO numbers VALUES (?)", n)
		return err
	}
}

// numbers returns what is stored.
func numbers(t *testing.T, f *File) []int {
	t.Helper()
	rows, err := f.Query(t.Context(), "read", "SELECT n FROM numbers ORDER BY n")
	require.NoError(t, err)
	defer rows.Close()
	all := []int{}
	for rows.Next() {
		var n int
		require.NoError(t, rows.Scan(&n))
		all = append(all, n)
	}
	require.NoError(t, rows.Err())
	return all
}

// call is a Do under way.
type call struct{ answer chan error }

// start lets a job wait behind those before it.
func start(ctx context.Context, f *File, job Job) call {
	c := call{make(chan error, 1)}
	go func() { c.answer <- f.Do(ctx, "test", job) }()
	synctest.Wait()
	return c
}

// hold keeps the writer busy until the returned function is called.
func hold(f *File) (release func()) {
	gate := make(chan struct{})
	start(context.Background(), f, func(*Tx) error { <-gate; return nil })
	return func() {
		close(gate)
		synctest.Wait()
	}
}

// onCommit registers SQLite's own hook, in which a commit can still be refused.
// No job may be under way.
func onCommit(t *testing.T, f *File, refuse func() bool) {
	t.Helper()
	require.NoError(t, f.writer.conn.sql.Raw(func(dc any) error {
		hooks, ok := dc.(sqlite.HookRegisterer)
		if !ok {
			return errors.New("the driver has no commit hook")
		}
		hooks.RegisterCommitHook(func() int32 {
			if refuse() {
				return 1
			}
			return 0
		})
		return nil
	}))
}
