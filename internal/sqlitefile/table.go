package sqlitefile

import (
	"context"
	"path/filepath"
	"sync"

	"github.com/leftfold/leftfold/eventstore"
)

// open holds the files of this process. It is the one piece of shared state: a
// file has one writer per process, however many parts of a program open it.
var open = struct {
	mu      sync.Mutex // never held for long: what takes long has entry.turn
	entries map[string]*entry
}{entries: map[string]*entry{}}

// entry is a file's line in the table, from the first Open until the last Close is
// through.
type entry struct {
	name  string
	users int // guarded by open.mu: who has the file, or is on the way to it

	turn chan struct{} // full while the file is opened or closed
	file *File         // nil before and after; guarded by turn
}

func enter(name string) *entry {
	open.mu.Lock()
	defer open.mu.Unlock()
	e := open.entries[name]
	if e == nil {
		e = &entry{name: name, turn: make(chan struct{}, 1)}
		open.entries[name] = e
	}
	e.users++
	return e
}

func (e *entry) leave() {
	open.mu.Lock()
	defer open.mu.Unlock()
	if e.users--; e.users == 0 {
		delete(open.entries, e.name)
	}
}

func (e *entry) isShared() bool {
	open.mu.Lock()
	defer open.mu.Unlock()
	return e.users > 1
}

// Open opens the file at path, creates it where it does not exist, and gives it
// our application ID and schema version. Of a file that has them it only reads, for
// which no process that writes must be waited for. Opened again in the same process
// it is the same File; each Open needs its Close. One that is opened for reading only is a
// File of its own, beside one that writes or without.
//
// It waits for an Open or Close of the same file that is under way, as long as ctx
// allows, and for those of no other file.
func Open(ctx context.Context, path string, opts Options) (*File, error) {
	name, err := canonical(path)
	if err != nil {
		return nil, translate("open", path, err)
	}
	if opts.ReadOnly { // there is no writer to share
		return openReadOnly(ctx, path, name, busyTimeout)
	}
	e := enter(name)
	select {
	case e.turn <- struct{}{}:
	case <-ctx.Done():
		e.leave()
		return nil, context.Cause(ctx)
	}
	defer func() { <-e.turn }()
	if e.file == nil {
		f, err := openFile(ctx, path, name, opts, busyTimeout)
		if err != nil {
			e.leave() // who waits tries it next
			return nil, err
		}
		f.entry = e
		e.file = f
	}
	return e.file, nil
}

// Close gives the file up. The last user's Close waits for the writer to finish
// what it has begun, and closes the file.
func (f *File) Close() error {
	e := f.entry
	if e == nil {
		return f.close()
	}
	e.turn <- struct{}{}
	defer func() { <-e.turn }()
	if e.file != f { // there was a Close too many
		return translate("close", f.path, eventstore.ErrClosed)
	}
	defer e.leave() // at the end: who opens the file again meanwhile must wait
	if e.isShared() {
		return nil
	}
	e.file = nil
	return f.close()
}

// canonical returns one name for one file, also where the path leads over links.
func canonical(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		return real, nil
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(abs))
	if err != nil {
		return abs, nil // the directory is missing: opening says so
	}
	return filepath.Join(dir, filepath.Base(abs)), nil
}
