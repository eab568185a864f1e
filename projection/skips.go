package projection

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/leftfold/leftfold/eventstore"
)

// MaxSkips is how many events a projection can pass over, and MaxSkipBytes how long their
// IDs are together, as JSON: they are kept in its state.
const (
	MaxSkips     = 1000
	MaxSkipBytes = 200_000
)

// ErrNotSkipped: a skip can not be taken back; see [NotSkippedError].
var ErrNotSkipped = errors.New("event is not skipped")

// NotSkippedError says why a skip can not be taken back. It is an [ErrNotSkipped].
type NotSkippedError struct {
	Projection string
	Event      eventstore.EventID
	// Waits is the generation in which the skip is decided and not carried out yet; zero
	// where the event is not skipped at all.
	Waits GenerationID
}

func (e *NotSkippedError) Error() string {
	if e.Waits.Number > 0 {
		return fmt.Sprintf("the skip of %s is not carried out yet in %s", e.Event, e.Waits)
	}
	return fmt.Sprintf("projection %q does not skip %s", e.Projection, e.Event)
}

// Is makes the error an [ErrNotSkipped].
func (e *NotSkippedError) Is(target error) bool { return target == ErrNotSkipped }

// Hint says what to do.
func (e *NotSkippedError) Hint() string {
	if e.Waits.Number > 0 {
		return "retry the stream, which carries it out, and then take it back"
	}
	return "look at what is skipped"
}

// skips are the events that a projection passes over. It is never changed.
type skips map[eventstore.EventID]bool

func (s skips) with(id eventstore.EventID) skips {
	if s[id] {
		return s
	}
	more := skips{id: true}
	maps.Copy(more, s)
	return more
}

// findSkip returns the place of an event in the skips of a state.
func (s State) findSkip(id eventstore.EventID) (int, bool) {
	return slices.BinarySearchFunc(s.Skips, id, eventstore.EventID.Compare)
}

// checkRoom refuses one more skip than a state can hold.
func (s State) checkRoom(id eventstore.EventID) error {
	if _, found := s.findSkip(id); found {
		return nil
	}
	size := storedBytes(id)
	for _, other := range s.Skips {
		size += storedBytes(other)
	}
	switch {
	case len(s.Skips) >= MaxSkips:
		return fmt.Errorf("projection %q: %w", s.Projection, &LimitError{What: "skipped events", Size: len(s.Skips) + 1, Limit: MaxSkips})
	case size > MaxSkipBytes:
		return fmt.Errorf("projection %q: %w", s.Projection, &LimitError{What: "bytes of the IDs of skipped events", Size: size, Limit: MaxSkipBytes})
	}
	return nil
}

// storedBytes is how long an ID is in a state, where JSON may need six bytes for one.
func storedBytes(id eventstore.EventID) int {
	text, _ := json.Marshal(id) // a text
	return len(text)
}

// marks reports whether the stream is parked at an event that an operator has decided to
// skip, and which is not passed over yet.
func (c Checkpoint) marks(v eventstore.Version) bool {
	return c.Waits() && c.Parked.Skip && c.Parked.Version == v
}

// Skip makes a projection pass over an event, for good: the event that a stream is parked
// at, in one live generation or more. It goes on with the stream behind the event, which
// may be parked again at a later one; that is no error. Each generation that has not come
// to the event yet passes over it, too, also one that is built later.
//
// A stream that is parked elsewhere or not at all is an [ErrNotParked], and a projection
// that is paused an [ErrPaused]. A row in a view of [Inserts] may be there already, from a
// try that did not end, and stays. Skip may be called again, and then ends what an earlier
// call has begun.
func (e *Engine) Skip(ctx context.Context, projection string, event eventstore.EventID) error {
	f, err := e.feeder(projection)
	if err != nil {
		return err
	}
	return f.skip(ctx, event)
}

func (f *feeder) skip(ctx context.Context, id eventstore.EventID) error {
	known, err := f.live(ctx)
	if err == nil {
		err = known.running(f.projection.name)
	}
	if err != nil {
		return err
	}
	marked, err := f.markAll(ctx, id)
	if err != nil {
		return err
	}
	for _, g := range marked {
		if _, err := f.keepSkip(ctx, g, id); err != nil {
			return err
		}
	}
	release, err := f.hold(ctx)
	if err != nil {
		return err
	}
	defer release()
	var errs []error
	for _, g := range known.generations {
		if slices.Contains(marked, GenerationID{f.projection.name, g.Number}) {
			t, err := f.tryAgain(ctx, g, id.Stream)
			errs = append(errs, err, t.err)
		}
	}
	return errors.Join(errs...)
}

// markAll marks the park records of an event, in every live generation, and returns those
// in which one was or is marked: from then on nobody can move the checkpoint past the
// event who has not seen the mark.
func (f *feeder) markAll(ctx context.Context, id eventstore.EventID) (marked []GenerationID, err error) {
	s, err := f.views.State(ctx, f.projection.name)
	if err != nil {
		return nil, err
	}
	refusal := &NotParkedError{Projection: f.projection.name, Stream: id.Stream, Want: id.Version}
	for _, g := range s.live() {
		g := GenerationID{f.projection.name, g.Number}
		at, err := f.mark(ctx, s, g, id)
		if err != nil {
			return nil, err
		}
		if at == id.Version {
			marked = append(marked, g)
		} else if at > 0 {
			refusal.Have = at
		}
	}
	if len(marked) > 0 {
		return marked, nil
	}
	// Behind the checkpoints: somebody else may have ended the same skip meanwhile.
	if s, err = f.views.State(ctx, f.projection.name); err != nil {
		return nil, err
	}
	if _, done := s.findSkip(id); !done {
		return nil, refusal
	}
	return nil, nil
}

// mark marks the park record of one generation, and returns where the stream is parked, or
// was until the skip that is left over there.
func (f *feeder) mark(ctx context.Context, s State, g GenerationID, id eventstore.EventID) (at eventstore.Version, err error) {
	for {
		found, err := f.views.Checkpoints(ctx, g, []eventstore.StreamID{id.Stream})
		if err != nil || found[0].Parked == nil {
			return 0, err
		}
		c := found[0]
		if _, done := s.findSkip(id); !c.Waits() && !(done && c.Parked.Version == id.Version) {
			return 0, nil
		}
		if !c.Waits() || c.Parked.Version != id.Version || c.Parked.Skip {
			return c.Parked.Version, nil
		}
		if err := s.checkRoom(id); err != nil {
			return 0, err
		}
		c.Parked.Skip = true
		if err = f.views.Park(ctx, g, id.Stream, c.Version, c.Parked); !errors.Is(err, ErrChanged) {
			return id.Version, err
		}
	}
}

// keepSkip makes sure that the state has an event that a marked record says to skip, and
// reports whether it has. If the record no longer waits, the event is passed over, and an
// operator may have taken the skip back since: then it is left so.
func (f *feeder) keepSkip(ctx context.Context, g GenerationID, id eventstore.EventID) (kept bool, err error) {
	for {
		s, err := f.views.State(ctx, f.projection.name)
		if err != nil {
			return false, err
		}
		i, found := s.findSkip(id)
		if found {
			return true, nil
		}
		c, err := f.views.Checkpoints(ctx, g, []eventstore.StreamID{id.Stream}) // behind the state: see unskip
		if err != nil || !c[0].marks(id.Version) {
			return false, err
		}
		s.Skips = slices.Insert(s.Skips, i, id)
		if _, err = f.views.PutState(ctx, s); !errors.Is(err, ErrChanged) {
			return err == nil, err
		}
	}
}

// Unskip takes a skip back: a generation that is built later applies the event again. It
// comes back into no view that has passed over it. An event that is not skipped, and one
// whose skip is not carried out everywhere yet, is an [ErrNotSkipped].
func (e *Engine) Unskip(ctx context.Context, projection string, event eventstore.EventID) error {
	f, err := e.feeder(projection)
	if err != nil {
		return err
	}
	return f.unskip(ctx, event)
}

func (f *feeder) unskip(ctx context.Context, id eventstore.EventID) error {
	for {
		s, err := f.views.State(ctx, f.projection.name)
		if err != nil {
			return err
		}
		i, found := s.findSkip(id)
		if !found {
			return &NotSkippedError{Projection: f.projection.name, Event: id}
		}
		for _, g := range s.live() {
			g := GenerationID{f.projection.name, g.Number}
			c, err := f.views.Checkpoints(ctx, g, []eventstore.StreamID{id.Stream})
			if err != nil {
				return err
			}
			if c[0].marks(id.Version) {
				return &NotSkippedError{Projection: f.projection.name, Event: id, Waits: g}
			}
		}
		s.Skips = slices.Delete(s.Skips, i, i+1)
		if _, err = f.views.PutState(ctx, s); !errors.Is(err, ErrChanged) {
			return err
		}
	}
}

func skipsOf(events []eventstore.EventID) skips {
	all := make(skips, len(events))
	for _, id := range events {
		all[id] = true
	}
	return all
}
