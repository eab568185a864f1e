package sqlitestore_test

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore/sqlitestore"
	"github.com/leftfold/leftfold/internal/sqlitefile"
)

// openAsNobody opens a store with the file rights of the user nobody, which root
// can take for one thread.
func openAsNobody(t *testing.T, path string) error {
	t.Helper()
	opened := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if os.Getuid() == 0 {
			if err := syscall.Setfsuid(65534); err != nil {
				opened <- err
				return
			}
		}
		s, err := sqlitestore.Open(t.Context(), path, sqlitestore.Options{})
		if err == nil {
			_ = s.Close()
		}
		opened <- err
	}()
	return <-opened
}

func TestWhatMayNotBeWrittenOrReadIsNamed(t *testing.T) {
	t.Parallel()
	const writable = "make the file and its directory writable for this user"
	for _, test := range []struct {
		name      string
		file, dir os.FileMode
		path      string
		message   string
		hint      string
		class     error
	}{
		{"a read-only file", 0o444, 0o777, "shop.db",
			"sqlitestore: open DIR/shop.db: database is read-only", writable, sqlitefile.ErrReadOnly},
		{"a read-only file in a read-only directory", 0o444, 0o555, "shop.db",
			"sqlitestore: open DIR/shop.db: database is read-only", writable, sqlitefile.ErrReadOnly},
		{"a new file in a read-only directory", 0o444, 0o555, "new.db",
			"sqlitestore: open DIR/new.db: unable to open database file (14)",
			"check that the directory exists and that this user may write to it", nil},
		{"a file that is not to be read", 0, 0o777, "shop.db",
			"sqlitestore: open DIR/shop.db: permission denied",
			"make the file and its directory readable and writable for this user", os.ErrPermission},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			fill(t, filepath.Join(dir, "shop.db"))
			require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755)) // else nobody comes as far as the file
			require.NoError(t, os.Chmod(filepath.Join(dir, "shop.db"), test.file))
			require.NoError(t, os.Chmod(dir, test.dir))
			t.Cleanup(func() { assert.NoError(t, os.Chmod(dir, 0o755)) })
			assertReads(t, openAsNobody(t, filepath.Join(dir, test.path)), dir, test.message, test.hint, test.class)
		})
	}
}
