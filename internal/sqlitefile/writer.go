package sqlitefile

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	for !w.isClosing() { // asked first: what waits then is not begun
		select {
		case <-w.closing:
			return
		case first := <-w.requests:
			w.group(w.gather(first))
		}
	}
}

// gather returns what waits, without waiting for more: while a group is being
// made durable the next one forms by itself.
func (w *writer) gather(first *request) []*request {
	group := []*request{first}
	for len(group) < mostInGroup {
		select {
		case r := <-w.requests:
			group = append(group, r)
		default:
			return group
		}
	}
	return group
}

// begin lets those begin who have not given up.
func begin(requests []*request) []*request {
	return slices.DeleteFunc(requests, func(r *request) bool {
		return !r.state.CompareAndSwap(int32(waiting), int32(begun))
	})
}

func (w *writer) group(requests []*request) {
	// Nobody begins before the lock is ours, which another process may hold for
	// long: who gives up until then knows that nothing was written.
	err := w.lock()
	group := begin(requests)
	var answers []error
	if err == nil {
		answers, err = w.attempt(group)
	}
	if _, ok := errors.AsType[*memberError](err); ok && len(group) > 1 {
		for _, r := range group {
			r.done <- w.alone(r)
		}
		return
	}
	for i, r := range group {
		r.done <- answer(answers, i, err)
	}
}

// alone carries out one member in a transaction of its own.
func (w *writer) alone(r *request) error {
	if err := w.lock(); err != nil {
		return err
	}
	answers, err := w.attempt([]*request{r})
	return answer(answers, 0, err)
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

// lock begins a transaction that can write, and waits for other processes.
func (w *writer) lock() error {
	w.conn.rolledBack = false
	return w.conn.patiently(context.Background(), func(context.Context) error {
		_, err := w.conn.exec("BEGIN IMMEDIATE")
		return err
	})
}

// attempt carries out the members in the transaction that lock has begun. Its
// answers are nil or refusals, and hold only if err is nil: nobody may be told
// anything of a transaction before it is durable. An err that is no [ErrUnknown]
// means that nothing was written.
func (w *writer) attempt(group []*request) (answers []error, err error) {
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
	if _, err := w.conn.exec("COMMIT"); err != nil {
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
	if _, err := w.conn.exec("ROLLBACK"); err != nil {
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
