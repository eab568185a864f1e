package projection

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

// Consumer is what an [Engine] and a [Worker] feed: a [Projection] or a [Reaction].
type Consumer interface {
	Name() string
	consumer() *Projection
}

func (p *Projection) consumer() *Projection { return p }

// Reaction is code with a side effect on events: it sends a mail, or publishes. It is
// made by [NewReaction], immutable, and safe for concurrent use.
//
// Its code runs at least once for each event that it handles: again after a crash, or
// where two workers meet. So the receiver must know the event's ID again, which is
// the same at every try. The events of a stream come in order, one at a time; after a
// crash the one that was going on comes again, with those of the 100 ms before it, and an
// event that comes again may do so after later ones. Streams are served at once, 16 in
// each worker. No rebuild runs it. When its context ends, what has begun is waited for and
// nothing more is begun.
//
// A reaction keeps checkpoints of its own, as a projection does. It has a start, fixed
// when a worker first meets it: everything from the beginning where the store had no
// stream of its categories yet, else what is committed from then on, by the time of the
// commits. [Reaction.Start] names another one. A category that it follows only later has
// a start of its own, likewise. Where its checkpoints are gone it does not run until a
// start is named: see [ErrNoStart].
//
// An error that is not [Transient], and a panic, park the stream, as in a projection; the
// end of the context or of a deadline is transient. A reaction that takes long holds up
// what is fed by the same worker: give it one of its own.
type Reaction struct{ p *Projection }

func (r *Reaction) consumer() *Projection { return r.p }

// NewReaction returns a reaction. Its parts are made by [Follow], [React] and [ReactAny].
// The error wraps [eventstore.ErrInvalid] and names every fault.
func NewReaction(name string, events *eventstore.Registry, parts ...Part) (*Reaction, error) {
	b := builder{Projection: &Projection{name: name, version: 1, events: events, handled: map[string]shared{}, reactors: map[string]reactor{}}}
	if err := checkName(name); err != nil {
		b.errs = append(b.errs, err)
	}
	for _, p := range parts {
		p.addTo(&b)
	}
	p, err := b.buildReaction()
	if err != nil {
		return nil, err
	}
	return &Reaction{p}, nil
}

// MustNewReaction is [NewReaction] for the wiring of a program. Panics if there is a fault.
func MustNewReaction(name string, events *eventstore.Registry, parts ...Part) *Reaction {
	r, err := NewReaction(name, events, parts...)
	if err != nil {
		panic(err)
	}
	return r
}

// Name returns the name.
func (r *Reaction) Name() string { return r.p.name }

// reactor does what a reaction does for one event.
type reactor func(context.Context, *envelope) error

// React handles events of one type.
func React[E any](react func(ctx context.Context, e Event[E]) error) Part {
	return part(func(b *builder) {
		t := reflect.TypeFor[E]()
		name, ok := "", false
		if b.events != nil {
			if name, ok = b.events.NameOf(t); !ok {
				b.fail("it handles %s, which is not registered", t)
			}
		}
		if _, twice := b.reactors[name]; twice && ok {
			b.fail("it handles %s twice", t)
		}
		if b.reactors == nil {
			b.fail("React is a part of a reaction")
			return
		}
		b.handled[name] = canShare(t)
		b.reactors[name] = func(ctx context.Context, e *envelope) error { return react(ctx, unwrap[E](e)) }
	})
}

// ReactAny handles every event that no [React] does, of any type, as it is stored:
// to pass it on. Nothing is decoded, and no upcaster runs.
func ReactAny(react func(ctx context.Context, e Event[eventstore.Event]) error) Part {
	return part(func(b *builder) {
		if b.reactAny != nil {
			b.fail("it handles any event twice")
		}
		if b.reactors == nil {
			b.fail("ReactAny is a part of a reaction")
		}
		b.reactAny = func(ctx context.Context, e *envelope) error { return react(ctx, unwrap[eventstore.Event](e)) }
	})
}

// reactionPrint stands in the place of a fingerprint: what a reaction handles may
// change, and holds from then on.
const reactionPrint = "reaction"

// isReaction: it has no views, and its code runs on events that are stored for good.
func (p *Projection) isReaction() bool { return p.reactors != nil }

// ErrNoStart: the checkpoints of a reaction are gone, so that it would run on every event
// again. Name a start: see [Reaction.Start].
var ErrNoStart = errors.New("reaction has no start")

// Start fixes the start of a reaction, before a worker first meets it, or after its
// checkpoints are gone: it runs on events whose commits are not before from, by their
// time. The zero time is the beginning. Otherwise the error wraps [ErrChanged]: what has
// been done can not be undone by another start.
func (r *Reaction) Start(ctx context.Context, views ViewStore, from time.Time) error {
	s, err := views.State(ctx, r.p.name)
	if err != nil {
		return err
	}
	if s.Revision > 0 {
		g := s.Generations[len(s.Generations)-1]
		gone, err := checkpointsGone(ctx, views, s.Projection, g)
		if err != nil {
			return err
		}
		if !gone {
			return fmt.Errorf("reaction %q: %w: it has started already, %s", r.p.name, ErrChanged, startText(g.Start))
		}
	}
	_, err = views.PutState(ctx, r.p.begun(s, Building, from))
	return err
}

func startText(t time.Time) string {
	if t.IsZero() {
		return "from the beginning"
	}
	return "from " + t.Format(time.RFC3339Nano)
}

// checkpointsGone reports whether a reaction that had checkpoints has none.
func checkpointsGone(ctx context.Context, views SliceStore, name string, g Generation) (bool, error) {
	if !g.Fed {
		return false, nil
	}
	for _, err := range views.AllCheckpoints(ctx, GenerationID{name, g.Number}, false) {
		return false, err
	}
	return true, nil
}

func checkStarted(ctx context.Context, views SliceStore, p *Projection, g Generation) error {
	gone, err := checkpointsGone(ctx, views, p.name, g)
	if err == nil && gone {
		err = &noStartError{p.name, g.Start}
	}
	return err
}

// noStartError is an ErrNoStart with what an operator can do.
type noStartError struct {
	reaction string
	start    time.Time
}

func (e *noStartError) Error() string {
	return fmt.Sprintf("reaction %q: %v: it has run, %s, and its checkpoints are gone", e.reaction, ErrNoStart, startText(e.start))
}

func (e *noStartError) Is(target error) bool { return target == ErrNoStart }

// Hint says what to do.
func (e *noStartError) Hint() string {
	return "restore its checkpoints, or name a start by Reaction.Start: the time from which on its effects are missing"
}
