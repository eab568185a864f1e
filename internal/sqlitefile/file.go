// Package sqlitefile is a SQLite file as the event store and the views share it:
// one writer that groups waiting writes into one durable transaction, and
// readers that never block it.
package sqlitefile

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

// Options says how to open a file.
type Options struct {
	// MustExist refuses to create the file.
	MustExist bool
	// ReadOnly opens a file that exists, and never writes: see [File.Do].
	ReadOnly bool
}

// File is an open SQLite file, made by [Open].
type File struct {
	path    string // as it was given
	name    string // canonical
	readers *sql.DB
	queries sync.Map  // text to *sql.Stmt of readers, whose Close closes them
	writer  *writer   // nil where the file is read-only
	still   *standing // nil unless nobody may write meanwhile
	closed  atomic.Bool

	mu      sync.Mutex
	changed chan struct{} // closed and replaced after each group of this process

	entry *entry // set by Open; nil where the file is read-only
}

func openFile(ctx context.Context, path, name string, opts Options, busy time.Duration) (*File, error) {
	if err := inspect(path, name, opts); err != nil {
		return nil, err
	}
	conn, err := openWriter(ctx, path, name, busy)
	if err != nil {
		return nil, explain(path, name, err)
	}
	readers, err := sql.Open("sqlite", dsn(name, busy, "query_only(1)"))
	if err != nil {
		return nil, translate("open", path, errors.Join(err, conn.close()))
	}
	f := newFile(path, name, readers)
	f.writer = startWriter(conn, path, f.announce)
	return f, nil
}

func newFile(path, name string, readers *sql.DB) *File {
	readers.SetMaxOpenConns(max(4, runtime.NumCPU()))
	readers.SetMaxIdleConns(max(4, runtime.NumCPU()))
	return &File{path: path, name: name, readers: readers, changed: make(chan struct{})}
}

func (f *File) close() error {
	f.closed.Store(true)
	if f.writer == nil {
		return translate("close", f.path, f.readers.Close())
	}
	f.writer.close()
	readErr := f.readers.Close()
	if err := f.writer.conn.close(); err != nil {
		return translate("close", f.path, err)
	}
	return translate("close", f.path, readErr)
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
// if it has begun, and also where COMMIT failed, the error is an [ErrUnknown]. A file that
// was opened for reading only is an [ErrReadOnly], and nothing is begun.
func (f *File) Do(ctx context.Context, op string, job Job) error {
	if f.writer == nil {
		return &Error{Op: op, Path: f.path, Err: fmt.Errorf("%w: it was opened so", ErrReadOnly), hint: hintOpenedReadOnly}
	}
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
	if err != nil {
		return nil, f.Wrap(ctx, op, err)
	}
	return rows, nil
}

// ScanRow is Query for at most one row, which it scans. Without a row the error is
// [sql.ErrNoRows].
func (f *File) ScanRow(ctx context.Context, op string, dest []any, query string, args ...any) error {
	s, err := f.prepared(ctx, query)
	if err == nil {
		err = s.QueryRowContext(ctx, args...).Scan(dest...)
	}
	if errors.Is(err, sql.ErrNoRows) {
		if moved := f.Wrap(ctx, op, nil); moved != nil {
			return moved
		}
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

// Wrap translates the error of a read: the end of ctx is its cause. It is called at the end
// of each, also without an error: what was read counts only if the file stood still, where
// it has to.
func (f *File) Wrap(ctx context.Context, op string, err error) error {
	if moved := f.still.moved(); moved != nil {
		err = moved
	}
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if f.closed.Load() {
		err = eventstore.ErrClosed // whatever database/sql says of its closed pool
	}
	return translate(op, f.path, err)
}
