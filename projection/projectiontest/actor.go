package projectiontest

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// actor is a process of the simulated world. It runs in a goroutine of its own, but
// only between a turn that it is given and the next access to a store, where it
// waits for another turn: so one actor runs at a time, and a schedule is the order
// of turns.
type actor struct {
	name  string
	kind  kind
	world *world
	turns chan turn     // from the scheduler
	stops chan struct{} // to the scheduler: waits for a turn, or has ended
	ended bool
	// busy: in the middle of something, and not waiting for work.
	busy    bool
	pending string                // what it is about to do
	about   []eventstore.StreamID // what it is busy with; nil: anything
	// again starts the process anew when it has ended, nil where that is its end.
	again func() *actor

	program  *projection.Projection    // of a worker
	batch    []eventstore.Announcement // that a worker holds
	sweeps   bool                      // in the middle of a sweep, which nobody repeats
	switches bool                      // in the middle of a switch or a rollback
	forced   bool                      // which passes by what is parked
	waits    map[parkedEvent]bool      // was parked when it began, or is parked by it
}

// leaves reports whether what the actor leaves in the middle is left to a sweep: what was
// dropped while a stream was parked.
func (a *actor) leaves() bool { return a.kind == operator || a.sweeps }

// kind is what an actor is for.
type kind int

const (
	writer kind = iota
	operator
	worker
	coordinator
	reader
	request // that is late
)

// turn is what the scheduler lets an actor do at its access to a store.
type turn int

const (
	goOn  turn = iota
	fail       // the access fails
	crash      // the process is gone
)

// errInjected is the failure of an access.
var errInjected = errors.New("injected failure")

// spawn starts an actor, which waits for its first turn.
func (w *world) spawn(name string, k kind, script func(*actor)) *actor {
	a := &actor{name: name, kind: k, world: w, turns: make(chan turn), stops: make(chan struct{})}
	go func() {
		defer func() {
			a.ended = true
			a.stops <- struct{}{}
		}()
		a.wait()
		script(a)
	}()
	<-a.stops
	return a
}

// wait hands control to the scheduler and returns what the next turn is.
func (a *actor) wait() turn {
	a.stops <- struct{}{}
	t := <-a.turns
	if t == crash {
		runtime.Goexit()
	}
	return t
}

// run gives the actor a turn and waits until it stops again.
func (a *actor) run(t turn) {
	a.turns <- t
	<-a.stops
}

// access is a point where the actor touches a store: it may crash or fail there.
func (a *actor) access(ctx context.Context, format string, args ...any) error {
	if err := a.quietAccess(ctx, format, args...); err != nil {
		return err
	}
	a.tracef("%s", a.pending)
	return nil
}

// quietAccess is an access that a trace tells of only if it fails.
func (a *actor) quietAccess(ctx context.Context, format string, args ...any) error {
	a.pending = fmt.Sprintf(format, args...)
	if a.wait() == fail {
		a.tracef("%s: fails", a.pending)
		return fmt.Errorf("%s: %w", a.pending, errInjected)
	}
	return ctx.Err()
}

// answered is the point after a write: the actor may crash, or the answer be lost.
func (a *actor) answered(format string, args ...any) error {
	what := fmt.Sprintf(format, args...)
	a.pending = "has the answer to " + what
	if a.wait() == fail {
		a.tracef("the answer to %s is lost", what)
		return fmt.Errorf("answer to %s: %w", what, errInjected)
	}
	return nil
}
