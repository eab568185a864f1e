package projection

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

// ReadOption is an option of one read of a view.
type ReadOption interface{ apply(*reading) }

type reading struct {
	tokens []Token
	within time.Duration
}

type readOption func(*reading)

func (o readOption) apply(r *reading) { o(r) }

// AtLeast makes a read wait until the view shows a commit, or find that it never will: an
// [ErrParked] where an event up to it is parked, or an [ErrPaused] where the projection is
// paused, at once; an [ErrBehind] where it takes too long, see [Within]. A commit without an event that the projection handles is not
// waited for. Where the views are those of [Notifying] the read goes on as soon as this
// process has applied it; else it looks again, after 5 ms, then less and less often. Cost:
// a read of a checkpoint each time that it looks.
func AtLeast(t Token) ReadOption {
	return readOption(func(r *reading) { r.tokens = append(r.tokens, t) })
}

// Within is how long a read waits for [AtLeast], unless its context ends earlier. Defaults
// to two seconds.
func Within(d time.Duration) ReadOption { return readOption(func(r *reading) { r.within = d }) }

const (
	defaultWithin = 2 * time.Second
	firstLook     = 5 * time.Millisecond
	lastLook      = 250 * time.Millisecond
)

var (
	// ErrBehind: a view does not show yet what a reader wants to see; see [BehindError].
	ErrBehind = errors.New("view is behind")
	// ErrParked: a view does not show what a reader wants to see until somebody mends it;
	// see [ParkedError].
	ErrParked = errors.New("stream is parked")
)

// BehindError says what a reader has waited for. It is an [ErrBehind].
type BehindError struct {
	Generation GenerationID
	Want       eventstore.EventID
	// Have is the version up to which the stream was applied.
	Have eventstore.Version
	// Err is why waiting ended: the cause of the context, or nil where the time was over.
	Err error
}

func (e *BehindError) Error() string {
	return fmt.Sprintf("%s has applied %q up to version %d, and not yet %s", e.Generation.text(), e.Want.Stream, e.Have, e.Want)
}

// Is makes the error an [ErrBehind].
func (e *BehindError) Is(target error) bool { return target == ErrBehind }

// Unwrap returns the cause, or nil.
func (e *BehindError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *BehindError) Hint() string {
	return "read without the token, or later; if it stays behind, see whether a worker runs"
}

// ParkedError says which event keeps a stream back. It is an [ErrParked].
type ParkedError struct {
	Generation GenerationID
	Stream     eventstore.StreamID
	Parked     Parked
}

func (e *ParkedError) Error() string {
	return fmt.Sprintf("%s is parked at %s@%d (%s): %s", e.Generation.text(), e.Stream, e.Parked.Version, e.Parked.Type, e.Parked.Error)
}

// Is makes the error an [ErrParked].
func (e *ParkedError) Is(target error) bool { return target == ErrParked }

// Hint says what to do.
func (e *ParkedError) Hint() string {
	return "mend the projection, deploy it, and retry the stream; or skip the event"
}

// await waits until a generation shows the tokens.
func (v *View[R]) await(ctx context.Context, views Reader, g readable, opts []ReadOption) error {
	r := reading{within: defaultWithin}
	for _, o := range opts {
		o.apply(&r)
	}
	deadline := time.Now().Add(r.within)
	for _, t := range r.tokens {
		want := eventstore.EventID{Stream: t.stream, Version: t.until(g.code)}
		if want.Version == 0 {
			continue
		}
		if err := awaitEvent(ctx, views, g, want, deadline); err != nil {
			return err
		}
	}
	return nil
}

func awaitEvent(ctx context.Context, views Reader, g readable, want eventstore.EventID, deadline time.Time) error {
	var moved <-chan struct{}
	if n, ok := views.(*Notifier); ok {
		var forget func()
		moved, forget = n.watch(want.Stream) // before the first look, so that nothing is missed
		defer forget()
	}
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		found, err := views.Checkpoints(ctx, g.GenerationID, []eventstore.StreamID{want.Stream})
		if err != nil {
			return err
		}
		have := found[0]
		switch {
		case have.Version >= want.Version:
			return nil
		case have.Waits() && have.Parked.Version <= want.Version:
			return &ParkedError{Generation: g.GenerationID, Stream: want.Stream, Parked: *have.Parked}
		case g.paused.stops():
			return &PausedError{Projection: g.Projection, Paused: *g.paused, Want: want}
		}
		left := time.Until(deadline)
		if left <= 0 {
			return &BehindError{Generation: g.GenerationID, Want: want, Have: have.Version}
		}
		again := time.NewTimer(min(pause, left)) // the last look is at the end
		select {
		case <-moved:
		case <-again.C:
		case <-ctx.Done():
			return &BehindError{Generation: g.GenerationID, Want: want, Have: have.Version, Err: context.Cause(ctx)}
		}
		again.Stop()
	}
}

// Notifier is a view store that tells readers of this process when a stream was applied.
// It is made by [Notifying].
type Notifier struct {
	ViewStore

	mu sync.Mutex
	// waiting are those who wait for a stream; each channel holds one call.
	waiting map[eventstore.StreamID]map[chan struct{}]struct{}
}

// Notifying returns a view store for the worker and the readers of one process: whoever
// waits by [AtLeast] goes on as soon as the worker has applied what it waits for.
func Notifying(views ViewStore) *Notifier {
	return &Notifier{ViewStore: views, waiting: map[eventstore.StreamID]map[chan struct{}]struct{}{}}
}

// Apply implements [SliceStore].
func (n *Notifier) Apply(ctx context.Context, s Slice) error {
	err := n.ViewStore.Apply(ctx, s)
	for _, m := range s.Moves { // also after an error: it may have been applied
		n.notify(m.Stream)
	}
	return err
}

// Park implements [SliceStore].
func (n *Notifier) Park(ctx context.Context, g GenerationID, stream eventstore.StreamID, at eventstore.Version, p *Parked) error {
	defer n.notify(stream)
	return n.ViewStore.Park(ctx, g, stream, at, p)
}

// watch returns a channel that is sent to when something of a stream was applied or
// parked, until forget is called.
func (n *Notifier) watch(stream eventstore.StreamID) (moved <-chan struct{}, forget func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.waiting[stream] == nil {
		n.waiting[stream] = map[chan struct{}]struct{}{}
	}
	calls := make(chan struct{}, 1)
	n.waiting[stream][calls] = struct{}{}
	return calls, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		if delete(n.waiting[stream], calls); len(n.waiting[stream]) == 0 {
			delete(n.waiting, stream)
		}
	}
}

func (n *Notifier) notify(stream eventstore.StreamID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for calls := range n.waiting[stream] {
		select {
		case calls <- struct{}{}:
		default: // it has not heard the last one yet
		}
	}
}
