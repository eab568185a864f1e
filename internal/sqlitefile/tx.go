package sqlitefile

import (
	"database/sql"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// errGone is the answer to every statement after SQLite ended the transaction:
// carried out all the same, it would be stored alone.
var errGone = errors.New("SQLite has rolled the transaction back")

// Tx is a job's view of the group's transaction.
type Tx struct {
	conn   *conn
	writes int
}

// ErrNull: a row would hold NULL where its table does not allow it. Nothing was written.
var ErrNull = errors.New("a value is NULL")

// Exec runs an INSERT, UPDATE or DELETE of rows, and returns the number of those it
// changed. One that changed none, or that fails with [ErrNull], leaves the job free to
// refuse. Of other statements the number says nothing: a job that runs them does not
// refuse.
func (tx *Tx) Exec(query string, args ...any) (int64, error) {
	if tx.conn.rolledBack {
		return 0, errGone
	}
	n, err := tx.conn.exec(query, args...)
	if cause, ok := errors.AsType[*sqlite.Error](err); ok && cause.Code() == sqlite3.SQLITE_CONSTRAINT_NOTNULL && !tx.conn.rolledBack {
		return 0, fmt.Errorf("%w: %w", ErrNull, err)
	}
	if n > 0 || err != nil {
		tx.writes++
	}
	return n, err
}

// Conditionally runs write, whose statements check their conditions themselves. If
// it returns a [Refusal], what it had written before is taken back, so that only
// this job is refused and not its group.
func (tx *Tx) Conditionally(write func() error) error {
	before := tx.writes
	if _, err := tx.Exec("SAVEPOINT conditionally"); err != nil {
		return err
	}
	err := write()
	if _, refused := errors.AsType[*Refusal](err); refused {
		if _, undoErr := tx.Exec("ROLLBACK TO conditionally"); undoErr != nil {
			return undoErr
		}
		tx.writes = before
	} else if err != nil {
		return err
	}
	writes := tx.writes
	if _, releaseErr := tx.Exec("RELEASE conditionally"); releaseErr != nil {
		return releaseErr
	}
	tx.writes = writes
	return err
}

// QueryRow runs a query of at most one row.
func (tx *Tx) QueryRow(query string, args ...any) (*sql.Row, error) {
	if tx.conn.rolledBack {
		return nil, errGone
	}
	return tx.conn.queryRow(query, args...)
}
