package sqlitefile

import (
	"errors"
	"fmt"
	"io/fs"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/leftfold/leftfold/eventstore"
)

var (
	// ErrUnknown: nobody can say whether the job was carried out.
	ErrUnknown = errors.New("it may be written or not")
	// ErrForeign: the file is not one of ours.
	ErrForeign = errors.New("not a Leftfold database")
	// ErrNewer: the file was written by a newer Leftfold.
	ErrNewer = errors.New("schema is newer than this program")
	// ErrLocked: another process held the write lock for too long.
	ErrLocked = errors.New("database is locked by another process")
	// ErrFull: the disk, or the file's page limit, is full.
	ErrFull = errors.New("disk is full")
	// ErrReadOnly: the file or its directory can not be written.
	ErrReadOnly = errors.New("database is read-only")
	// ErrIncomplete: a file that is only to be looked at lacks tables.
	ErrIncomplete = errors.New("the file lacks tables")
	// ErrOlder: a file that is only to be looked at was made by a program that knew less.
	ErrOlder = errors.New("the file was made by an older program")
	// ErrMoved: a process began to write to a file that is read without locks.
	ErrMoved = errors.New("another process has begun to write")
)

// Error says which operation failed on which file, and what to do.
type Error struct {
	Op   string
	Path string
	Err  error
	hint string
}

func (e *Error) Error() string { return fmt.Sprintf("%s %s: %v", e.Op, e.Path, e.Err) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Hint says what an operator can do, or is empty.
func (e *Error) Hint() string { return e.hint }

// Refusal marks an error of a job that has looked and written nothing.
type Refusal struct{ Err error }

func (r *Refusal) Error() string { return r.Err.Error() }

// Unwrap returns the reason.
func (r *Refusal) Unwrap() error { return r.Err }

// Refuse returns err as a refusal.
func Refuse(err error) error { return &Refusal{err} }

const hintReadOnly = "make the file and its directory writable for this user"

const hintOpenedReadOnly = "it was only to be looked at; open the file for writing to change something"

// hintCorruptOpen is for a file that can not be opened, and so not be searched either.
const hintCorruptOpen = "keep a copy of the file, and restore a backup"

const hintLocked = "find the process that holds it, for example with fuser, or wait for it and try again"

// meaning is what a result code of SQLite stands for.
func meaning(code int) (hint string, class error) {
	switch code & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return hintLocked, ErrLocked
	case sqlite3.SQLITE_FULL:
		return "free some space and send the same command again; nothing was written", ErrFull
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		return hintReadOnly, ErrReadOnly
	case sqlite3.SQLITE_CANTOPEN:
		return "check that the directory exists and that this user may write to it", nil
	case sqlite3.SQLITE_IOERR:
		return "the disk or its file system reports a fault: see the system's log, keep a copy of the file", nil
	case sqlite3.SQLITE_CORRUPT:
		return "stop writing, keep a copy, restore a backup; verify tells which streams can still be read", eventstore.ErrCorrupt
	case sqlite3.SQLITE_NOTADB:
		return "it is not a SQLite database, or its first page is damaged; restore a backup or choose another path", ErrForeign
	}
	return "", nil
}

// Damage returns what SQLite says of a page that it finds damaged, if err is about one.
func Damage(err error) (reason string, ok bool) {
	cause, ok := errors.AsType[*sqlite.Error](err)
	if !ok || cause.Code()&0xff != sqlite3.SQLITE_CORRUPT {
		return "", false
	}
	return cause.Error(), true
}

// translate gives an error the operation, the file, our sentinel and a hint.
func translate(op, path string, err error) error {
	if err == nil {
		return nil
	}
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		return refusal.Err
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	e := &Error{Op: op, Path: path, Err: err}
	if fault, ok := errors.AsType[*fs.PathError](err); ok {
		e.Err, e.hint = fault.Err, "check the path" // fault names it once more
	}
	if errors.Is(err, fs.ErrPermission) {
		e.hint = "make the file and its directory readable and writable for this user"
	}
	if cause, ok := errors.AsType[*sqlite.Error](err); ok {
		hint, class := meaning(cause.Code())
		e.hint = hint
		if class == eventstore.ErrCorrupt && op == "open" {
			e.hint = hintCorruptOpen
		}
		if class != nil {
			e.Err = fmt.Errorf("%w: %w", class, err)
		}
	}
	if errors.Is(err, ErrUnknown) {
		e.hint = "send the same command again"
	}
	return e
}
