package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
)

// Folder folds the streams of one category to states, as JSON. It is made by [StateOf].
type Folder struct {
	category string
	load     func(ctx context.Context, id string, version eventstore.Version, at time.Time) (State, error)
}

// StateOf lets an operator see the states of a repository's entities, as JSON writes them:
// what is not to be seen is tagged so.
func StateOf[S, E any](r *aggregate.Repository[S, E]) Folder {
	load := func(ctx context.Context, id string, version eventstore.Version, at time.Time) (State, error) {
		var loaded aggregate.Loaded[S]
		var err error
		switch {
		case version > 0:
			loaded, err = r.LoadVersion(ctx, id, version)
		case !at.IsZero():
			loaded, err = r.LoadAt(ctx, id, at)
		default:
			loaded, err = r.Load(ctx, id)
		}
		if err != nil {
			return State{}, err
		}
		content, err := eventstore.JSON{}.Marshal(loaded.State)
		if err != nil {
			return State{}, fmt.Errorf("state of %s-%s as JSON: %w", r.Category(), id, err)
		}
		return State{Version: loaded.Version, Time: loaded.Time, State: content}, nil
	}
	return Folder{category: r.Category(), load: load}
}

// StateQuery asks for the state of an entity.
type StateQuery struct {
	Stream eventstore.StreamID
	// Version asks for the state right after that event, At for that at a time. Defaults to
	// the present.
	Version eventstore.Version
	At      time.Time
	// Diff asks for what the last event changed, too. It folds the stream twice.
	Diff bool
}

// State is what the events of a stream fold to.
type State struct {
	Stream eventstore.StreamID `json:"stream"`
	// Version is the last event in the state, Time that of its commit.
	Version eventstore.Version `json:"version"`
	Time    time.Time          `json:"time"`
	State   json.RawMessage    `json:"state"`
	// Changes are what the event did to the state before, if asked for.
	Changes []Change `json:"changes,omitempty"`
}

// State folds a stream. It is a [NotFoundError] where there is no such stream, version or
// time, or where the program says nothing of the category's states. Cost: a read of the
// stream up to there.
func (o *Operator) State(ctx context.Context, q StateQuery) (State, error) {
	folder, ok := o.folders[q.Stream.Category()]
	if !ok {
		return State{}, &NotFoundError{What: "state", Name: q.Stream.String(), Reason: fmt.Sprintf("the program tells no states of category %q; those it tells are of: %s",
			q.Stream.Category(), strings.Join(slices.Sorted(maps.Keys(o.folders)), ", "))}
	}
	s, err := folder.load(ctx, q.Stream.ID(), q.Version, q.At)
	if errors.Is(err, aggregate.ErrNotFound) {
		return s, o.noState(ctx, q)
	}
	if err != nil {
		return s, err
	}
	s.Stream = q.Stream
	if !q.Diff {
		return s, nil
	}
	before := State{State: json.RawMessage("{}")}
	if s.Version > 1 {
		if before, err = folder.load(ctx, q.Stream.ID(), s.Version-1, time.Time{}); err != nil {
			return s, err
		}
	}
	s.Changes, err = diff(before.State, s.State)
	return s, err
}

// noState says what there is instead.
func (o *Operator) noState(ctx context.Context, q StateQuery) error {
	head, err := o.service.Store.Head(ctx, q.Stream)
	e := &NotFoundError{What: "stream", Name: q.Stream.String()}
	switch {
	case err != nil:
		return err
	case head.Version() == 0:
	case q.Version > 0:
		e.Reason = fmt.Sprintf("stream %q has no event %d, the last one is %d", q.Stream, q.Version, head.Version())
	default:
		e.Reason = fmt.Sprintf("stream %q had no event yet at %s", q.Stream, q.At.Format(time.RFC3339Nano))
	}
	return e
}
