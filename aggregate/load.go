package aggregate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

// ErrNotFound: the entity, or the asked version or time of it, does not exist.
var ErrNotFound = errors.New("not found")

// Loaded is an entity's state at a point of its history. It belongs to the caller.
type Loaded[S any] struct {
	State S
	// Version is the last event folded into State, Time that of its commit.
	Version eventstore.Version
	Time    time.Time
}

// Load returns the entity's present state, read from the store and never from
// the cache, or [ErrNotFound].
func (r *Repository[S, E]) Load(ctx context.Context, id string) (Loaded[S], error) {
	stream, err := eventstore.NewStreamID(r.decider.Category, id)
	if err != nil {
		return Loaded[S]{}, err
	}
	x := execution[S, E]{repository: r, stream: stream}
	if err := x.readToHead(ctx); err != nil {
		return Loaded[S]{}, err
	}
	if x.held.revision.Version() == 0 {
		return Loaded[S]{}, fmt.Errorf("aggregate: load %q: %w", r.name(id), ErrNotFound)
	}
	return Loaded[S]{State: x.held.state, Version: x.held.revision.Version(), Time: x.held.revision.Time()}, nil
}

// LoadVersion returns the state right after the event of that version, which may
// lie inside a commit. A version that does not exist is an [ErrNotFound].
func (r *Repository[S, E]) LoadVersion(ctx context.Context, id string, version eventstore.Version) (Loaded[S], error) {
	loaded, err := r.load(ctx, id, func(c eventstore.Commit) (eventstore.Version, bool) {
		return min(c.Last(), version), c.Last() < version
	})
	if err == nil && (version == 0 || loaded.Version < version) {
		return Loaded[S]{}, fmt.Errorf("aggregate: load %q at version %d: %w: versions go from 1 to the stream's head",
			r.name(id), version, ErrNotFound)
	}
	return loaded, err
}

// LoadAt returns the state that the longest run of commits not after t leads to.
// If the first commit is later it is an [ErrNotFound].
func (r *Repository[S, E]) LoadAt(ctx context.Context, id string, t time.Time) (Loaded[S], error) {
	loaded, err := r.load(ctx, id, func(c eventstore.Commit) (eventstore.Version, bool) {
		if c.Time.After(t) {
			return 0, false
		}
		return c.Last(), true
	})
	if err == nil && loaded.Version == 0 {
		return loaded, fmt.Errorf("aggregate: load %q at %s: %w", r.name(id), t.Format(time.RFC3339Nano), ErrNotFound)
	}
	return loaded, err
}

func (r *Repository[S, E]) name(id string) string { return r.decider.Category + "-" + id }

// load folds the stream's commits. upTo says up to which version of the commit,
// 0 for none of it, and whether to go on.
func (r *Repository[S, E]) load(ctx context.Context, id string, upTo func(eventstore.Commit) (last eventstore.Version, more bool)) (Loaded[S], error) {
	stream, err := eventstore.NewStreamID(r.decider.Category, id)
	if err != nil {
		return Loaded[S]{}, err
	}
	state, version, when := r.decider.initial(id), eventstore.Version(0), time.Time{}
	for c, err := range r.store.Read(ctx, stream, 0) {
		if err != nil {
			return Loaded[S]{}, fmt.Errorf("aggregate: load %q: %w", stream, err)
		}
		last, more := upTo(c)
		if last > 0 {
			if state, err = r.decider.fold(state, version, &c, last); err != nil {
				return Loaded[S]{}, fmt.Errorf("aggregate: load %q: %w", stream, err)
			}
			version, when = last, c.Time
		}
		if !more {
			break
		}
	}
	if version == 0 {
		return Loaded[S]{}, nil
	}
	return Loaded[S]{State: state, Version: version, Time: when}, nil
}
