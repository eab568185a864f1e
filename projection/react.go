package projection

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

// mostReacting is how many streams of a reaction are served at once.
const mostReacting = 16

// react runs a reaction on works, each stream by itself.
func (r *round) react(ctx context.Context, works []*work) error {
	each := atOnce(mostReacting)
	if r.opts.Sequential {
		each = inTurn
	}
	before := make([]eventstore.Version, len(works))
	var broken atomic.Bool // then no more streams are begun: what can not be saved is done again
	errs := make([]error, len(works))
	each(len(works), func(i int) {
		before[i] = works[i].applied
		if broken.Load() {
			return
		}
		errs[i] = r.reactTo(ctx, works[i])
		if errs[i] != nil && !errors.Is(errs[i], ErrChanged) {
			broken.Store(true)
		}
	})
	err := worst(errs)
	for i, w := range works {
		if w.applied > before[i] && !r.entry.Fed {
			return errors.Join(err, r.markFed(ctx))
		}
	}
	return err
}

// mostUnsaved is how much of what a reaction has done for a stream, in time, is done again
// after a crash.
const mostUnsaved = 100 * time.Millisecond

// reactTo runs the reaction on the events of one stream, one after the other, and moves
// the checkpoint behind what is done: when mostUnsaved has passed, and at the end, also
// where that is the end of ctx.
func (r *round) reactTo(ctx context.Context, w *work) (err error) {
	at, saved := w.applied, time.Now()
	defer func() {
		if !errors.Is(err, ErrChanged) { // somebody else has the stream
			err = errors.Join(err, r.saveAt(ctx, w, at))
		}
	}()
	for _, c := range w.commits {
		for i := range c.Events {
			id := c.EventID(i)
			if id.Version <= w.applied {
				continue
			}
			if ctx.Err() != nil {
				return context.Cause(ctx) // what has begun is finished, and nothing more begun
			}
			e, react, err := r.reactor(c, i)
			if react == nil && err == nil {
				at = id.Version
				continue
			}
			if err == nil {
				err = guard(func() error { return react(ctx, e) })
			}
			if err != nil && ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err != nil {
				w.failure = &failure{event: e, err: lasting(err), unknown: react == nil}
				return nil
			}
			at = id.Version
			if time.Since(saved) >= mostUnsaved {
				if err := r.moveTo(ctx, w, at); err != nil {
					return err
				}
				saved = time.Now()
			}
		}
	}
	return nil
}

// saveAt moves the checkpoint to where the reaction has come, for a moment also after
// the end of ctx.
func (r *round) saveAt(ctx context.Context, w *work, at eventstore.Version) error {
	saving, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	defer context.AfterFunc(ctx, func() {
		time.AfterFunc(mostSaving, func() { cancel(context.Cause(ctx)) })
	})()
	return r.moveTo(saving, w, at)
}

// mostSaving bounds how long a worker that is told to end saves what it has done.
const mostSaving = 5 * time.Second

// reactor returns what is to be done about an event, nil for nothing, or with an error
// for one of a type that is not known.
func (r *round) reactor(c *commit, i int) (*envelope, reactor, error) {
	stored := c.Events[i]
	e := &envelope{id: c.EventID(i), time: c.Time, metadata: c.Metadata, typ: stored.Type, schema: stored.Schema}
	if r.skips[e.id] || c.Time.Before(r.entry.startOf(c.Stream.Category())) {
		return e, nil, nil
	}
	react, handled := r.projection.reactors[stored.Type]
	known := r.projection.events.Knows(stored.Type, stored.Schema)
	switch {
	case handled && known:
		d := r.decoders.decode(c, i, r.projection.events)
		e.value = d.value
		return e, react, d.err
	case !handled && r.projection.reactAny != nil:
		e.value = stored
		return e, r.projection.reactAny, nil
	case known:
		return e, nil, nil
	}
	return e, nil, &eventstore.EventError{ID: e.id, Type: e.typ, Schema: e.schema, Err: eventstore.ErrUnregistered}
}

// moveTo moves the checkpoint of a stream, if it is not there yet.
func (r *round) moveTo(ctx context.Context, w *work, to eventstore.Version) error {
	if to <= w.applied {
		return nil
	}
	err := r.views.Apply(ctx, Slice{Generation: r.generation, Moves: []Move{w.move(to)}})
	if err != nil {
		return err
	}
	r.status.applied(uint64(to - w.applied))
	w.applied = to
	return nil
}

// lasting: a deadline that the reaction set itself is no reason to park a stream.
func lasting(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return Transient(err)
	}
	return err
}

// markFed notes that there are checkpoints from now on, so that their loss is noticed.
func (r *round) markFed(ctx context.Context) error {
	for {
		s, err := r.views.State(ctx, r.projection.name)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(s.Generations, func(g Generation) bool { return g.Number == r.generation.Number })
		if i < 0 || s.Generations[i].Fed {
			return nil // who feeds it reads the state, too, and says if it is gone
		}
		s.Generations[i].Fed = true
		if _, err = r.views.PutState(ctx, s); !errors.Is(err, ErrChanged) {
			r.entry.Fed = err == nil
			return err
		}
	}
}
