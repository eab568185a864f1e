package sqlitefile

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/leftfold/leftfold/eventstore"
)

// Job is one member of a group of writes. See [File.Do].
type Job func(tx *Tx) error

const (
	// mostWaiting is how many jobs can wait before Do blocks.
	mostWaiting = 1024
	// mostInGroup bounds what one member's failure makes the others repeat.
	mostInGroup = 256
)

type state int32

const (
	waiting state = iota
	begun
	givenUp
)

type request struct {
	job   Job
	state atomic.Int32
	done  chan error // capacity 1: the writer never waits for who gave up
}

// writer owns the connection. One goroutine runs it, from startWriter to close.
type writer struct {
	conn      *conn
	path      string
	committed func()
	requests  chan *request
	closing   chan struct{}
	closeOnce sync.Once
	ended     chan struct{}
}

func startWriter(c *conn, path string, committed func()) *writer {
	w := &writer{conn: c, path: path, committed: committed,
		requests: make(chan *request, mostWaiting), closing: make(chan struct{}), ended: make(chan struct{})}
	go w.run()
	return w
}

func (w *writer) isClosing() bool {
	select {
	case <-w.closing:
		return true
	default:
		return false
	}
}

// close ends the goroutine when the group under way is finished, and waits.
func (w *writer) close() {
	w.closeOnce.Do(func() { close(w.closing) })
	<-w.ended
}

func (w *writer) do(ctx context.Context, job Job) error {
	if ctx.Err() != nil {
		return Refuse(context.Cause(ctx))
	}
	r := &request{job: job, done: make(chan error, 1)}
	select {
	case w.requests <- r:
	case <-ctx.Done():
		return Refuse(context.Cause(ctx))
	case <-w.closing:
		return Refuse(eventstore.ErrClosed)
	}
	var otherwise error
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		if r.state.CompareAndSwap(int32(waiting), int32(givenUp)) {
			return Refuse(context.Cause(ctx))
		}
		otherwise = fmt.Errorf("%w: %w", ErrUnknown, context.Cause(ctx))
	case <-w.ended:
		otherwise = Refuse(eventstore.ErrClosed)
	}
	// The answer may have come at the same moment.
	select {
	case err := <-r.done:
		return err
	default:
		return otherwise
	}
}

func (w *writer) run() {
	defer close(w.ended)
	for {
		select {
		case <-w.closing:
			return
		case first := <-w.requests:
			w.group(w.gather(first))
		}
	}
}

// gather takes what waits, without waiting for more: while a group is being
// made durable the next one forms by itself.
func (w *writer) gather(first *request) []*request {
	group := take(nil, first)
	for len(group) < mostInGroup {
		select {
		case r := <-w.requests:
			group = take(group, r)
		default:
			return group
		}
	}
	return group
}

func take(group []*request, r *request) []*request {
	if r.state.CompareAndSwap(int32(waiting), int32(begun)) {
		group = append(group, r)
	}
	return group
}

func (w *writer) group(group []*request) {
	if len(group) == 0 {
		return
	}
	answers, err := w.attempt(group)
	if _, ok := errors.AsType[*memberError](err); ok && len(group) > 1 {
		for _, r := range group {
			one, err := w.attempt([]*request{r})
			r.done <- answer(one, 0, err)
		}
		return
	}
	for i, r := range group {
		r.done <- answer(answers, i, err)
	}
}

// memberError is the failure of one member, which ends its group.
type memberError struct{ err error }

func (e *memberError) Error() string { return e.err.Error() }
func (e *memberError) Unwrap() error { return e.err }

func answer(answers []error, i int, err error) error {
	if err != nil {
		return err
	}
	return answers[i]
}

// attempt carries out the members in one transaction. Its answers are nil or
// refusals, and hold only if err is nil: nobody may be told anything of a
// transaction before it is durable. An err that is no [ErrUnknown] means that
// nothing was written.
func (w *writer) attempt(group []*request) (answers []error, err error) {
	w.conn.rolledBack = false
	if err := w.conn.exec("BEGIN IMMEDIATE"); err != nil {
		return nil, err
	}
	answers = make([]error, len(group))
	for i, r := range group {
		tx := Tx{conn: w.conn}
		err := run(r.job, &tx)
		if refusal, ok := errors.AsType[*Refusal](err); ok && tx.writes == 0 && !w.conn.rolledBack {
			answers[i] = refusal
			continue
		}
		if err != nil || w.conn.rolledBack {
			return nil, &memberError{w.rollback(err)}
		}
	}
	if err := w.conn.exec("COMMIT"); err != nil {
		// Part of it may be on disk, and may be replayed from the log after a crash.
		return nil, fmt.Errorf("%w: %w", ErrUnknown, w.rollback(err))
	}
	w.committed()
	return answers, nil
}

// rollback ends what is left of the transaction and returns the cause.
func (w *writer) rollback(cause error) error {
	if cause == nil {
		cause = errors.New("SQLite rolled the transaction back")
	}
	if w.conn.rolledBack {
		return cause
	}
	if err := w.conn.exec("ROLLBACK"); err != nil {
		return errors.Join(cause, err)
	}
	return cause
}

// run keeps a job's panic from killing the writer that others wait for.
func run(job Job, tx *Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("a write panicked: %v", p)
		}
	}()
	return job(tx)
}

// errGone is the answer to every statement after SQLite ended the transaction:
// carried out all the same, it would be stored alone.
var errGone = errors.New("SQLite has rolled the transaction back")

// Tx is a job's view of the group's transaction.
type Tx struct {
	conn   *conn
	writes int
}

// Exec runs a statement that writes, and returns the number of rows it changed.
func (tx *Tx) Exec(query string, args ...any) (int64, error) {
	if tx.conn.rolledBack {
		return 0, errGone
	}
	s, err := tx.conn.statement(query)
	if err != nil {
		return 0, err
	}
	tx.writes++
	result, err := s.Exec(args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
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
	s, err := tx.conn.statement(query)
	if err != nil {
		return nil, err
	}
	return s.QueryRow(args...), nil
}
