package sqlitestore_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/sqlitestore"
	"github.com/leftfold/leftfold/internal/sqlitefile"
)

// asNobody calls f with the file rights of the user nobody, which root can take for one
// thread.
func asNobody(t *testing.T, f func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if os.Getuid() == 0 {
			if err := syscall.Setfsuid(65534); err != nil {
				done <- err
				return
			}
		}
		done <- f()
	}()
	return <-done
}

func openAsNobody(t *testing.T, path string) error {
	t.Helper()
	return asNobody(t, func() error {
		s, err := sqlitestore.Open(t.Context(), path, sqlitestore.Options{})
		if err == nil {
			err = s.Close()
		}
		return err
	})
}

// protect takes the right to write from everybody, for a file that is there and its folder.
func protect(t *testing.T, dir string) {
	t.Helper()
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755)) // else nobody comes as far as the file
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	for _, file := range files {
		require.NoError(t, os.Chmod(file, 0o444))
	}
	require.NoError(t, os.Chmod(dir, 0o555))
	t.Cleanup(func() { assert.NoError(t, os.Chmod(dir, 0o755)) })
}

// lookAsNobody reads all streams of a store that it may not write.
func lookAsNobody(t *testing.T, path string) (streams []string, err error) {
	t.Helper()
	return streams, asNobody(t, func() error {
		s, err := sqlitestore.Open(t.Context(), path, sqlitestore.Options{ReadOnly: true})
		if err != nil {
			return err
		}
		for c, err := range s.ReadAll(t.Context(), eventstore.Cursor{}) {
			if err != nil {
				return errors.Join(err, s.Close())
			}
			streams = append(streams, c.Commit.Stream.String())
		}
		return s.Close()
	})
}

func TestWhatMayNotBeWrittenCanBeRead(t *testing.T) {
	t.Parallel()
	t.Run("when nobody has it open", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		path := filepath.Join(dir, "shop.db")
		fill(t, path)
		protect(t, dir)
		streams, err := lookAsNobody(t, path)
		require.NoError(t, err)
		assert.NotEmpty(t, streams)
		assertOnly(t, dir, "shop.db")
	})
	t.Run("beside a process that writes", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		path := filepath.Join(dir, "shop.db")
		w, err := sqlitestore.Open(t.Context(), path, sqlitestore.Options{})
		require.NoError(t, err)
		defer func() { assert.NoError(t, w.Close()) }()
		appendTo(t, w, "user-1")
		protect(t, dir)
		for _, want := range [][]string{{"user-1"}, {"user-1", "user-2"}} {
			streams, err := lookAsNobody(t, path)
			require.NoError(t, err)
			assert.Equal(t, want, streams)
			appendTo(t, w, "user-2")
		}
	})
	t.Run("after a process has died that wrote", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		w, err := sqlitestore.Open(t.Context(), filepath.Join(dir, "living.db"), sqlitestore.Options{})
		require.NoError(t, err)
		defer func() { assert.NoError(t, w.Close()) }()
		appendTo(t, w, "user-1")
		died := t.TempDir()
		for _, end := range []string{"", "-wal", "-shm"} { // as they lay at some moment
			content, err := os.ReadFile(filepath.Join(dir, "living.db"+end))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(died, "shop.db"+end), content, 0o644))
		}
		protect(t, died)
		streams, err := lookAsNobody(t, filepath.Join(died, "shop.db"))
		require.NoError(t, err)
		assert.Equal(t, []string{"user-1"}, streams)
	})
	t.Run("but not with a log that has no index", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		path := filepath.Join(dir, "shop.db")
		fill(t, path)
		require.NoError(t, os.WriteFile(path+"-wal", nil, 0o644))
		protect(t, dir)
		_, err := lookAsNobody(t, path)
		assertReads(t, err, dir, "sqlitestore: open DIR/shop.db: database is read-only: it has a log without an index, which reading alone can not make",
			"open it once with a program that may write, or copy the file and its -wal to where that is possible", sqlitefile.ErrReadOnly)
	})
}

// assertOnly asserts that a folder holds one file.
func assertOnly(t *testing.T, dir, name string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, 1)
	assert.Equal(t, name, files[0].Name())
}

func appendTo(t *testing.T, s *sqlitestore.Store, name string) {
	t.Helper()
	stream, err := eventstore.ParseStreamID(name)
	require.NoError(t, err)
	_, err = s.Append(t.Context(), eventstore.Write{Stream: stream, Revision: eventstore.Any, Events: []eventstore.Event{{Type: "A", Schema: 1, Payload: []byte(`{}`)}}})
	require.NoError(t, err)
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
