package projection

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/leftfold/leftfold/eventstore"
)

// ErrNotParked: a stream is not parked where somebody wants to do something about that;
// see [NotParkedError].
var ErrNotParked = errors.New("stream is not parked")

// NotParkedError says where a stream is parked instead. It is an [ErrNotParked].
type NotParkedError struct {
	Projection string
	Stream     eventstore.StreamID
	// Want is the event that it was said to be parked at, 0 for any.
	Want eventstore.Version
	// Have is the event that it is parked at, 0 for none.
	Have eventstore.Version
}

func (e *NotParkedError) Error() string {
	text := fmt.Sprintf("projection %q: %q is not parked", e.Projection, e.Stream)
	if e.Want > 0 {
		text += fmt.Sprintf(" at %d", e.Want)
	}
	if e.Have > 0 {
		text += fmt.Sprintf(", but at %d", e.Have)
	}
	return text
}

// Is makes the error an [ErrNotParked].
func (e *NotParkedError) Is(target error) bool { return target == ErrNotParked }

// Hint says what to do.
func (e *NotParkedError) Hint() string {
	return "look at what is parked now: somebody else may have been there"
}

// Trial is what today's code makes of the event that a stream is parked at, in one
// generation.
type Trial struct {
	Generation GenerationID
	Parked     Parked
	// Change is what it would change; an event that today's code passes over changes
	// nothing.
	Change Change
	// Err is why it would fail, or nil.
	Err error
}

// Try runs today's code on the event that a stream of a projection is parked at, on the rows
// as they are stored now, and writes nothing. What follows the event is not tried. There
// is a trial for each live generation of the program's version that is parked; a stream that is parked
// in none is an [ErrNotParked]. A reaction can not be tried.
func (e *Engine) Try(ctx context.Context, projection string, stream eventstore.StreamID) ([]Trial, error) {
	f, err := e.feeder(projection)
	if err != nil {
		return nil, err
	}
	if f.projection.isReaction() {
		return nil, fmt.Errorf("%w: reaction %q: trying it would do what it does", eventstore.ErrInvalid, projection)
	}
	live, err := f.live(ctx)
	if err != nil {
		return nil, err
	}
	var trials []Trial
	for _, g := range live.generations {
		r := f.round(g, live.skips)
		found, err := f.views.Checkpoints(ctx, r.generation, []eventstore.StreamID{stream})
		if err != nil {
			return nil, err
		}
		if !found[0].Waits() {
			continue
		}
		t, err := r.try(ctx, found[0])
		if err != nil {
			return nil, err
		}
		trials = append(trials, t)
	}
	if len(trials) == 0 {
		return nil, &NotParkedError{Projection: projection, Stream: stream}
	}
	return trials, nil
}

// try folds the event that a checkpoint is parked at. An error is one of the stores.
func (r *round) try(ctx context.Context, at Checkpoint) (Trial, error) {
	t := Trial{Generation: r.generation, Parked: *at.Parked}
	id := eventstore.EventID{Stream: at.Stream, Version: at.Parked.Version}
	if at.Parked.Skip {
		r.skips = r.skips.with(id)
	}
	only, err := r.readEvent(ctx, id)
	if err != nil {
		return t, err
	}
	t.Change = r.changeOf(only, 0)
	a := r.applier()
	a.observe = true
	w := &work{task: &task{delivery: &delivery{stream: at.Stream}}, commits: []*commit{only}, applied: only.First - 1}
	steps := a.plan(w)
	if w.failure != nil {
		t.Err = w.failure.err
		return t, nil
	}
	if err := a.prefetch(ctx, steps); err != nil {
		return t, err
	}
	if _, _, t.Err = a.fold(steps); t.Err == nil && steps[0].event != nil {
		t.Change = steps[0].change
	}
	return t, nil
}

// readEvent returns one event of a stream, as a commit that has no other.
func (r *round) readEvent(ctx context.Context, id eventstore.EventID) (*commit, error) {
	for c, err := range r.source.Read(ctx, id.Stream, id.Version) {
		if err != nil {
			return nil, err
		}
		i := int(id.Version - c.First)
		if id.Version < c.First || i >= len(c.Events) {
			break
		}
		c.First, c.Events = id.Version, slices.Clone(c.Events[i:i+1])
		return &commit{Commit: c}, nil
	}
	return nil, &AheadError{Generation: r.generation, Stream: id.Stream, Checkpoint: id.Version}
}
