package sqlitefile

import (
	"context"
	"database/sql"
	"errors"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
)

// asked is a context that tells when somebody asks for its end: who opens a file does
// so again and again while it is locked.
type asked struct {
	context.Context
	asked chan struct{} // with the capacity to tell of as many times as matter
}

func (a asked) Done() <-chan struct{} {
	select {
	case a.asked <- struct{}{}:
	default:
	}
	return a.Context.Done()
}

type opened struct {
	file *File
	err  error
}

// opening opens a file in a goroutine of its own, and returns when that has begun.
func opening(ctx context.Context, path string) chan opened {
	a := asked{ctx, make(chan struct{}, 1)}
	answer := make(chan opened, 1)
	go func() {
		f, err := Open(a, path, Options{})
		answer <- opened{f, err}
	}()
	<-a.asked
	return answer
}

func TestAFileThatTakesLongToOpenHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	unlock := lock(t, path)
	slow := opening(t.Context(), path)
	openAt(t, newPath(t))
	assert.Empty(t, slow, "it is not yet open")
	unlock()
	o := <-slow
	require.NoError(t, o.err)
	require.NoError(t, o.file.Close())
}

// closing closes a file whose writer has begun something that it can not finish before
// the returned function is called.
func closing(t *testing.T, f *File) (closed chan error, release func()) {
	t.Helper()
	begun, gate := make(chan struct{}), make(chan struct{})
	written, closed := make(chan error, 1), make(chan error, 1)
	go func() {
		written <- f.Do(context.Background(), "write", func(*Tx) error { close(begun); <-gate; return nil })
	}()
	<-begun
	go func() { closed <- f.Close() }()
	<-f.writer.closing
	return closed, func() {
		close(gate)
		assert.NoError(t, <-written)
	}
}

func TestAFileThatTakesLongToCloseHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	slow, err := Open(t.Context(), newPath(t), Options{})
	require.NoError(t, err)
	closed, release := closing(t, slow)
	require.NoError(t, openAt(t, newPath(t)).Do(t.Context(), "write", func(*Tx) error { return nil }))
	assert.Empty(t, closed)
	release()
	assert.NoError(t, <-closed)
}

func TestAFileIsNotOpenedWhileItIsBeingClosed(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	old, err := Open(t.Context(), path, Options{})
	require.NoError(t, err)
	closed, release := closing(t, old)
	begun := asked{t.Context(), make(chan struct{}, 2)} // once while it waits, and then to open the file
	answer := make(chan opened, 1)
	go func() {
		f, err := Open(begun, path, Options{})
		answer <- opened{f, err}
	}()
	for usersOf(t, path) < 2 || len(begun.asked) == 0 {
		runtime.Gosched()
	}
	assert.Len(t, begun.asked, 1, "it is opened")
	release()
	assert.NoError(t, <-closed)
	o := <-answer
	require.NoError(t, o.err)
	assert.NotSame(t, old, o.file)
	require.NoError(t, o.file.Do(t.Context(), "write", func(*Tx) error { return nil }))
	require.NoError(t, o.file.Close())
	assert.Zero(t, usersOf(t, path))
}

func TestASecondOpenWaitsForTheFirstAndSharesItsFile(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	unlock := lock(t, path)
	first := opening(t.Context(), path)
	second := make(chan opened, 1)
	go func() {
		f, err := Open(context.Background(), path, Options{})
		second <- opened{f, err}
	}()
	unlock()
	one, two := <-first, <-second
	require.NoError(t, one.err)
	require.NoError(t, two.err)
	assert.Same(t, one.file, two.file)
	require.NoError(t, one.file.Close())
	require.NoError(t, two.file.Do(t.Context(), "write", func(*Tx) error { return nil }))
	require.NoError(t, two.file.Close())
	assert.Zero(t, usersOf(t, path))
}

func TestASecondOpenTriesItselfWhenTheFirstFails(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	unlock := lock(t, path)
	ctx, cancel := context.WithCancelCause(t.Context())
	first := opening(ctx, path)
	second := make(chan opened, 1)
	go func() {
		f, err := Open(context.Background(), path, Options{})
		second <- opened{f, err}
	}()
	cancel(errJob)
	assert.ErrorIs(t, (<-first).err, errJob)
	unlock()
	two := <-second
	require.NoError(t, two.err)
	require.NoError(t, two.file.Close())
	assert.Zero(t, usersOf(t, path))
}

func TestACloseTooManyHarmsNobody(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	f, err := Open(t.Context(), path, Options{})
	require.NoError(t, err)
	require.NoError(t, f.Close())
	other := openAt(t, path)
	assert.ErrorIs(t, f.Close(), eventstore.ErrClosed)
	require.NoError(t, other.Do(t.Context(), "write", func(*Tx) error { return nil }))
	assert.Same(t, other, openAt(t, path))
}

// Whoever has the file, whoever opens it then has the same.
func TestThereIsNeverASecondWriter(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	var mu sync.Mutex
	users := map[*File]int{}
	use := func(f *File, n int) (files int) {
		mu.Lock()
		defer mu.Unlock()
		if users[f] += n; users[f] == 0 {
			delete(users, f)
		}
		return len(users)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				f, err := Open(t.Context(), path, Options{})
				if !assert.NoError(t, err) {
					return
				}
				assert.Equal(t, 1, use(f, 1))
				assert.NoError(t, f.Do(t.Context(), "write", func(*Tx) error { return nil }))
				use(f, -1)
				assert.NoError(t, f.Close())
			}
		})
	}
	group.Wait()
	assert.Zero(t, usersOf(t, path))
}

// usersOf returns how many have a file, or are on the way to it, by the table.
func usersOf(t *testing.T, path string) int {
	t.Helper()
	name, err := canonical(path)
	require.NoError(t, err)
	open.mu.Lock()
	defer open.mu.Unlock()
	if e := open.entries[name]; e != nil {
		return e.users
	}
	return 0
}

func TestWhoWaitsForAnotherOpenIsReleasedByItsContext(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	f, err := Open(t.Context(), path, Options{})
	require.NoError(t, err)
	closed, release := closing(t, f)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errJob)
	_, err = Open(ctx, path, Options{})
	assert.Equal(t, errJob, err)
	release()
	assert.NoError(t, <-closed)
	assert.Zero(t, usersOf(t, path))
}

func TestAFileOfBeforeTheFirstReleaseIsRefused(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	f, err := Open(t.Context(), path, Options{})
	require.NoError(t, err)
	require.NoError(t, f.Close())
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	_, err = db.Exec("PRAGMA user_version = 1")
	require.NoError(t, errors.Join(err, db.Close()))
	_, err = Open(t.Context(), path, Options{})
	assert.EqualError(t, err, "open "+path+": not a Leftfold database: the file has schema version 1, of before the first release")
	assert.Zero(t, usersOf(t, path))
}
