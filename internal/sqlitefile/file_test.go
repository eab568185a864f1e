package sqlitefile

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
)

func replace(message, path string) string { return strings.ReplaceAll(message, "PATH", path) }

func TestOpenedAgainItIsTheSameFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "a.db")
	one := openAt(t, path)
	link, linkedDir := filepath.Join(dir, "link.db"), filepath.Join(t.TempDir(), "linked")
	require.NoError(t, os.Symlink(path, link))
	require.NoError(t, os.Symlink(dir, linkedDir))
	for _, other := range []string{path, filepath.Join(dir, ".", "x", "..", "a.db"), link, filepath.Join(linkedDir, "a.db")} {
		assert.Same(t, one, openAt(t, other), other)
	}
	assert.NotSame(t, one, openAt(t, filepath.Join(dir, "b.db")))
}

func TestTheLastUserClosesTheFile(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	one, err := Open(t.Context(), path, Options{})
	require.NoError(t, err)
	two, err := Open(t.Context(), path, Options{MustExist: true})
	require.NoError(t, err)
	require.NoError(t, one.Close())
	require.NoError(t, two.Do(t.Context(), "write", func(*Tx) error { return nil }))
	require.NoError(t, two.Close())
	assert.Equal(t, eventstore.ErrClosed, one.Do(t.Context(), "write", func(*Tx) error { return nil }))
	three := openAt(t, path)
	assert.NotSame(t, one, three)
	require.NoError(t, three.Do(t.Context(), "write", func(*Tx) error { return nil }))
}

func TestReadersCanNotWrite(t *testing.T) {
	t.Parallel()
	_, err := openAt(t, newPath(t)).Readers().Exec("CREATE TABLE t(x)")
	assert.ErrorContains(t, err, "attempt to write a readonly database")
}

func TestTheFileIsDurableAndMarked(t *testing.T) {
	t.Parallel()
	f := openAt(t, newPath(t))
	for pragma, want := range map[string]string{
		"application_id": "1279683684", "user_version": "3", "journal_mode": "wal", "synchronous": "2", "fullfsync": "1", "checkpoint_fullfsync": "1",
	} {
		require.NoError(t, f.Do(t.Context(), "look", func(tx *Tx) error {
			row, err := tx.QueryRow("PRAGMA " + pragma)
			if err != nil {
				return err
			}
			var got string
			if err := row.Scan(&got); err != nil {
				return err
			}
			assert.Equal(t, want, got, pragma)
			return nil
		}))
	}
}

func TestChangedWakesAfterEachGroup(t *testing.T) {
	bubble(t, func(t *testing.T, f *File) {
		changed := f.Changed()
		release := hold(f)
		one, two := start(t.Context(), f, insert(1)), start(t.Context(), f, insert(2))
		select {
		case <-changed:
			assert.Fail(t, "before the group is durable")
		default:
		}
		release()
		<-changed
		assert.NoError(t, <-one.answer)
		assert.NoError(t, <-two.answer)
		again := f.Changed()
		select {
		case <-again:
			assert.Fail(t, "without a change")
		default:
		}
		require.NoError(t, f.Do(t.Context(), "write", insert(3)))
		<-again
	})
}

func TestTheEndOfAContextIsTheCauseOfARead(t *testing.T) {
	t.Parallel()
	f := openAt(t, newPath(t))
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errJob)
	_, err := f.Query(ctx, "read", "SELECT 1")
	assert.Equal(t, errJob, err)
	assert.NoError(t, f.Wrap(ctx, "read", nil))
}

// lock holds the file's lock as a transaction of another program does.
func lock(t *testing.T, path string) (unlock func()) {
	t.Helper()
	return lockBy(t, path, "BEGIN EXCLUSIVE")
}

func lockBy(t *testing.T, path, statement string) (unlock func()) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	conn, err := db.Conn(context.Background())
	require.NoError(t, err)
	_, err = conn.ExecContext(context.Background(), statement)
	require.NoError(t, err)
	return func() {
		_, err := conn.ExecContext(context.Background(), "ROLLBACK")
		require.NoError(t, errors.Join(err, conn.Close()))
	}
}

func TestANewFileThatAnotherProgramHasLockedIsNamed(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	unlock := lock(t, path)
	_, err := openFile(t.Context(), path, path, Options{}, 20*time.Millisecond)
	assert.EqualError(t, err, replace("open PATH: database is locked by another process: database is locked (5) (SQLITE_BUSY)", path))
	assert.ErrorIs(t, err, ErrLocked)
	unlock()
	require.NoError(t, openAt(t, path).Do(t.Context(), "write", func(*Tx) error { return nil }))
}

func TestAFileThatIsRefusedIsNotKeptOpen(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	_, err = db.Exec("CREATE TABLE another(x)")
	require.NoError(t, errors.Join(err, db.Close()))
	for range 3 {
		_, err := Open(t.Context(), path, Options{})
		require.ErrorIs(t, err, ErrForeign)
	}
	descriptors, err := filepath.Glob("/proc/self/fd/*") // none where there is no such directory
	require.NoError(t, err)
	for _, d := range descriptors {
		target, _ := os.Readlink(d)
		assert.NotContains(t, target, filepath.Dir(path))
	}
}

func TestAWriterWaitsForAnotherProcess(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	f := openAt(t, path)
	unlock := lock(t, path)
	answer := make(chan error, 1)
	go func() { answer <- f.Do(context.Background(), "write", func(*Tx) error { return nil }) }()
	unlock()
	assert.NoError(t, <-answer)
}

func TestOpeningEndsWithItsContext(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	unlock := lock(t, path)
	defer unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := openFile(ctx, path, path, Options{}, time.Minute)
	assert.EqualError(t, err, replace("open PATH: database is locked by another process: context deadline exceeded", path))
	assert.ErrorIs(t, err, ErrLocked)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestWhoGivesUpBeforeTheFileIsFreeKnowsThatNothingWasWritten(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	f := openAt(t, path)
	unlock := lock(t, path)
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, errJob)
	defer cancel()
	ran := false
	assert.Equal(t, errJob, f.Do(ctx, "write", func(*Tx) error { ran = true; return nil }))
	unlock()
	require.NoError(t, f.Do(t.Context(), "write", func(*Tx) error { return nil }))
	assert.False(t, ran)
}

func TestAFileUnderTwoNamesIsRefused(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	f := openAt(t, path)
	require.NoError(t, f.Do(t.Context(), "write", func(*Tx) error { return nil }))
	other := filepath.Join(t.TempDir(), "other.db")
	require.NoError(t, os.Link(path, other))
	_, err := Open(t.Context(), other, Options{})
	assert.EqualError(t, err, "open "+other+": the file has 2 hard links")
	require.NoError(t, os.Remove(other))
}
