// Package sqlitefile is a SQLite file as the event store and the views share it:
// one writer that groups waiting writes into one durable transaction, and
// readers that never block it.
package sqlitefile

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

// Options says how to open a file.
type Options struct {
	// MustExist refuses to create the file.
	MustExist bool
}

// File is an open SQLite file, made by [Open].
type File struct {
	path    string
	readers *sql.DB
	queries sync.Map // text to *sql.Stmt of readers, whose Close closes them
	writer  *writer

	mu      sync.Mutex
	changed chan struct{} // closed and replaced after each group of this process

	users int // guarded by open.mu
}

// open holds the files of this process. It is the one piece of shared state: a
// file has one writer per process, however many parts of a program open it.
var open = struct {
	mu    sync.Mutex
	files map[string]*File
}{files: map[string]*File{}}

// Open opens the file at path, creates it where it does not exist, and gives it
// our application ID and schema version. Opened again in the same process it is
// the same File; each Open needs its Close.
func Open(ctx context.Context, path string, opts Options) (*File, error) {
	name, err := canonical(path)
	if err != nil {
		return nil, translate("open", path, err)
	}
	open.mu.Lock()
	defer open.mu.Unlock()
	if f := open.files[name]; f != nil {
		f.users++
		return f, nil
	}
	f, err := openFile(ctx, path, name, opts, busyTimeout)
	if err != nil {
		return nil, err
	}
	f.users = 1
	open.files[name] = f
	return f, nil
}

// Close gives the file up. The last user's Close waits for the writer to finish
// what it has begun, and closes the file.
func (f *File) Close() error {
	open.mu.Lock()
	defer open.mu.Unlock()
	if f.users--; f.users > 0 {
		return nil
	}
	for name, g := range open.files {
		if g == f {
			delete(open.files, name)
		}
	}
	f.writer.close()
	readErr := f.readers.Close()
	if err := f.writer.conn.close(); err != nil {
		return translate("close", f.path, err)
	}
	return translate("close", f.path, readErr)
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

func openFile(ctx context.Context, path, name string, opts Options, busy time.Duration) (*File, error) {
	if err := inspect(path, name, opts); err != nil {
		return nil, err
	}
	conn, err := openWriter(ctx, path, name, busy)
	if err != nil {
		return nil, err
	}
	readers, err := sql.Open("sqlite", dsn(name, busy, "query_only(1)"))
	if err != nil {
		return nil, translate("open", path, errors.Join(err, conn.close()))
	}
	readers.SetMaxOpenConns(max(4, runtime.NumCPU()))
	readers.SetMaxIdleConns(max(4, runtime.NumCPU()))
	f := &File{path: path, readers: readers, changed: make(chan struct{})}
	f.writer = startWriter(conn, path, f.announce)
	return f, nil
}

// Path returns the path as it was given to the first Open.
func (f *File) Path() string { return f.path }

// Readers returns connections that can only read, for queries whose text varies;
// others are prepared once by Query and ScanRow.
func (f *File) Readers() *sql.DB { return f.readers }

// Changed returns a channel that is closed when this process writes next.
func (f *File) Changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

func (f *File) announce() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.changed)
	f.changed = make(chan struct{})
}

// Do carries out a job in a durable transaction, together with others that wait.
//
// The job runs on the writer's goroutine and not under ctx, whose end would
// interrupt the other members. If it returns a [Refusal], having written
// nothing, only it is refused. Any other error ends the group; its members are
// then tried once more, each alone, so a job may run twice and must set its
// results anew each time. They are valid when Do has returned nil or the refusal.
//
// If ctx ends while the job waits, it will not run and the error is ctx's cause;
// if it has begun, and also where COMMIT failed, the error is an [ErrUnknown].
func (f *File) Do(ctx context.Context, op string, job Job) error {
	return translate(op, f.path, f.writer.do(ctx, job))
}

// Query runs a reading query. Its text is a constant: it is prepared once, which
// takes several times longer than to look a row up. The caller closes the rows.
func (f *File) Query(ctx context.Context, op, query string, args ...any) (*sql.Rows, error) {
	s, err := f.prepared(ctx, query)
	if err != nil {
		return nil, f.Wrap(ctx, op, err)
	}
	rows, err := s.QueryContext(ctx, args...)
	return rows, f.Wrap(ctx, op, err)
}

// ScanRow is Query for at most one row, which it scans. Without a row the error is
// [sql.ErrNoRows].
func (f *File) ScanRow(ctx context.Context, op string, dest []any, query string, args ...any) error {
	s, err := f.prepared(ctx, query)
	if err == nil {
		err = s.QueryRowContext(ctx, args...).Scan(dest...)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return err
	}
	return f.Wrap(ctx, op, err)
}

func (f *File) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	if s, ok := f.queries.Load(query); ok {
		return s.(*sql.Stmt), nil
	}
	made, err := f.readers.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s, other := f.queries.LoadOrStore(query, made)
	if other {
		_ = made.Close() // another goroutine was faster
	}
	return s.(*sql.Stmt), nil
}

// Wrap translates the error of a read: the end of ctx is its cause.
func (f *File) Wrap(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if f.writer.isClosing() {
		err = eventstore.ErrClosed // whatever database/sql says of its closed pool
	}
	return translate(op, f.path, err)
}

// inspect refuses what SQLite would describe badly.
func inspect(path, name string, opts Options) error {
	info, err := os.Stat(name)
	switch {
	case err == nil && info.IsDir():
		return &Error{Op: "open", Path: path, Err: errors.New("it is a directory"), hint: "name a file, for example shop.db"}
	case os.IsNotExist(err) && opts.MustExist:
		return &Error{Op: "open", Path: path, Err: os.ErrNotExist, hint: "check the path; a first write creates the file"}
	case os.IsNotExist(err):
		if _, dirErr := os.Stat(filepath.Dir(name)); dirErr != nil {
			return &Error{Op: "create", Path: path, Err: errors.New("the directory does not exist"), hint: "mkdir -p " + filepath.Dir(path)}
		}
		return nil
	case err != nil:
		return translate("open", path, err)
	}
	return inspectHeader(path, name)
}

func inspectHeader(path, name string) error {
	// Opened for writing: SQLite would go on with a file that it can only read, and
	// leave a log beside it that stays read-only when the file is made writable.
	file, err := os.OpenFile(name, os.O_RDWR, 0)
	if errors.Is(err, os.ErrPermission) {
		if file, err = os.Open(name); err == nil {
			_ = file.Close() // nothing was written to it
			return &Error{Op: "open", Path: path, Err: ErrReadOnly, hint: hintReadOnly}
		}
	}
	if err != nil {
		return translate("open", path, err)
	}
	defer file.Close()
	header := make([]byte, 16)
	n, _ := file.Read(header) // an empty file is a new one
	if n > 0 && string(header[:n]) != "SQLite format 3\x00" {
		return &Error{Op: "open", Path: path, Err: ErrForeign, hint: "it is not a SQLite database; choose another path"}
	}
	return nil
}
