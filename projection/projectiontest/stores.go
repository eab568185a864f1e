package projectiontest

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// brokenType stands in the place of an event's type while the code that handles it
// is broken: nobody knows it, so the engine parks the stream.
const brokenType = "BROKEN"

// source is an event store as one actor sees it.
type source struct {
	*actor
	// fixed: this actor runs code that handles every event.
	fixed bool
}

func (s source) Read(ctx context.Context, stream eventstore.StreamID, from eventstore.Version) iter.Seq2[eventstore.Commit, error] {
	return func(yield func(eventstore.Commit, error) bool) {
		if err := s.access(ctx, "reads %s from %d", stream, from); err != nil {
			yield(eventstore.Commit{}, err)
			return
		}
		for c, err := range s.world.store.Read(ctx, stream, from) {
			if !yield(s.world.asSeenBy(c, s.fixed), err) || err != nil {
				return
			}
		}
	}
}

func (s source) Streams(ctx context.Context, category string, after eventstore.StreamID) iter.Seq2[eventstore.StreamID, error] {
	return func(yield func(eventstore.StreamID, error) bool) {
		if err := s.quietAccess(ctx, "lists the streams of %s", category); err != nil {
			yield(eventstore.StreamID{}, err)
			return
		}
		for stream, err := range s.world.store.Streams(ctx, category, after) {
			if !yield(stream, err) || err != nil {
				return
			}
		}
	}
}

// asSeenBy returns a commit as code sees it that is broken for some events, or fixed.
func (w *world) asSeenBy(c eventstore.Commit, fixed bool) eventstore.Commit {
	if fixed || w.fixed {
		return c
	}
	for i := range c.Events {
		if w.broken[c.EventID(i)] {
			c.Events = slices.Clone(c.Events)
			c.Events[i].Type = brokenType
		}
	}
	return c
}

// views is a view store as one actor sees it.
type views struct {
	*actor
	projection.ViewStore
}

func (v views) Checkpoints(ctx context.Context, g projection.GenerationID, streams []eventstore.StreamID) ([]projection.Checkpoint, error) {
	if err := v.access(ctx, "reads the checkpoints of %s", names(streams)); err != nil {
		return nil, err
	}
	return v.ViewStore.Checkpoints(ctx, g, streams)
}

func (v views) Rows(ctx context.Context, g projection.GenerationID, ids []projection.RowID) ([]projection.Row, error) {
	if err := v.access(ctx, "reads %s", rowNames(ids)); err != nil {
		return nil, err
	}
	return v.ViewStore.Rows(ctx, g, ids)
}

func (v views) State(ctx context.Context, name string) (projection.State, error) {
	if err := v.quietAccess(ctx, "reads the state"); err != nil {
		return projection.State{}, err
	}
	return v.ViewStore.State(ctx, name)
}

func (v views) PutState(ctx context.Context, s projection.State) (projection.State, error) {
	if err := v.quietAccess(ctx, "writes the state"); err != nil {
		return s, err
	}
	s, err := v.ViewStore.PutState(ctx, s)
	if lost := v.answered("the state"); err == nil && lost != nil {
		err = lost
	}
	return s, err
}

func (v views) Apply(ctx context.Context, s projection.Slice) error {
	what := describe(s)
	if err := v.access(ctx, "applies %s", what); err != nil {
		return err
	}
	err := v.ViewStore.Apply(ctx, s)
	if err != nil {
		v.tracef("refused: %v", err)
	}
	v.world.check()
	if lost := v.answered("%s", what); err == nil && lost != nil {
		err = lost
	}
	return err
}

func (v views) Park(ctx context.Context, g projection.GenerationID, stream eventstore.StreamID, at eventstore.Version, p *projection.Parked) error {
	what := fmt.Sprintf("removes the park record of %s at %d", stream, at)
	if p != nil {
		what = fmt.Sprintf("parks %s@%d at %d%s", stream, p.Version, at, ifSet(p.Skip, ", to be skipped"))
	}
	if err := v.access(ctx, "%s", what); err != nil {
		return err
	}
	err := v.ViewStore.Park(ctx, g, stream, at, p)
	if err != nil {
		v.tracef("refused: %v", err)
	} else if p != nil && p.Skip {
		v.world.skips.marked[eventstore.EventID{Stream: stream, Version: p.Version}] = true
	}
	v.world.check()
	if lost := v.answered("%s", what); err == nil && lost != nil {
		err = lost
	}
	return err
}
