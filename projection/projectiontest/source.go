package projectiontest

import (
	"context"
	"iter"
	"slices"

	"github.com/leftfold/leftfold/eventstore"
)

// brokenType stands in the place of an event's type while the code that handles it
// is broken: nobody knows it, so the engine parks the stream.
const brokenType = "BROKEN"

// brokenness says how an event is broken.
type brokenness int

const (
	unknownType brokenness = iota + 1
	// damagedPayload concerns only code that handles the event.
	damagedPayload
)

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

// mostLag is how many commits a directory is behind at the most.
const mostLag = 4

// Streams lists the streams as they were some commits ago, in a schedule with rebuilds.
func (s source) Streams(ctx context.Context, category string, after eventstore.StreamID) iter.Seq2[eventstore.StreamID, error] {
	return func(yield func(eventstore.StreamID, error) bool) {
		if err := s.quietAccess(ctx, "lists the streams of %s", category); err != nil {
			yield(eventstore.StreamID{}, err)
			return
		}
		var late []eventstore.Commit
		if w := s.world; w.scene.Next != nil && !w.calm {
			late = w.commits[max(0, len(w.commits)-w.choices.pick(mostLag+1)):]
		}
		for stream, err := range s.world.store.Streams(ctx, category, after) {
			if slices.ContainsFunc(late, func(c eventstore.Commit) bool { return c.Stream == stream && c.First == 1 }) {
				continue
			}
			if !yield(stream, err) || err != nil {
				return
			}
		}
	}
}

// ReadAll yields commits out of order and twice, and of those that are stored meanwhile
// some and not others.
func (s source) ReadAll(ctx context.Context, from eventstore.Cursor) iter.Seq2[eventstore.ScannedCommit, error] {
	return func(yield func(eventstore.ScannedCommit, error) bool) {
		var none eventstore.ScannedCommit
		i, n := from.Segment()
		if err := s.access(ctx, "reads the log, segment %d of %d", i+1, n); err != nil {
			yield(none, err)
			return
		}
		before := len(s.world.commits)
		var all []eventstore.ScannedCommit
		pause := s.world.choices.pick(12)
		for c, err := range s.world.store.ReadAll(ctx, from) {
			if err == nil && len(all) == pause {
				err = s.quietAccess(ctx, "reads on in segment %d of %d", i+1, n)
			}
			if err != nil {
				yield(none, err)
				return
			}
			c.Commit = s.world.asSeenBy(c.Commit, s.fixed)
			all = append(all, c)
		}
		for _, c := range s.world.disordered(all, before) {
			if !yield(c, nil) {
				return
			}
		}
	}
}

// lister is a source that lists heads by itself.
type lister struct{ source }

func (s lister) Heads(ctx context.Context, category string) iter.Seq2[eventstore.EventID, error] {
	return func(yield func(eventstore.EventID, error) bool) {
		if err := s.access(ctx, "lists the heads of %s", category); err != nil {
			yield(eventstore.EventID{}, err)
			return
		}
		for stream, err := range s.world.store.Streams(ctx, category, eventstore.StreamID{}) {
			id := eventstore.EventID{Stream: stream}
			if err == nil {
				id = s.world.events[stream][len(s.world.events[stream])-1].EventID(0)
			}
			if !yield(id, err) || err != nil {
				return
			}
		}
	}
}

// disordered returns commits in another order, some twice, and not all of those that were
// stored since there were so many.
func (w *world) disordered(all []eventstore.ScannedCommit, before int) []eventstore.ScannedCommit {
	if w.calm || len(all) == 0 {
		return all
	}
	since := w.commits[before:]
	all = slices.DeleteFunc(all, func(c eventstore.ScannedCommit) bool {
		is := func(d eventstore.Commit) bool { return d.Stream == c.Commit.Stream && d.First == c.Commit.First }
		return slices.ContainsFunc(since, is) && w.choices.rarely(2)
	})
	for w.choices.rarely(3) && len(all) > 0 {
		i, j := w.choices.pick(len(all)), w.choices.pick(len(all))
		if w.choices.rarely(3) {
			all = slices.Insert(all, i, all[j])
		} else {
			all[i], all[j] = all[j], all[i]
		}
	}
	return all
}

// asSeenBy returns a commit as code sees it that is broken for some events, or fixed.
func (w *world) asSeenBy(c eventstore.Commit, fixed bool) eventstore.Commit {
	if fixed || w.fixed {
		return c
	}
	for i := range c.Events {
		how := w.broken[c.EventID(i)]
		if how == 0 {
			continue
		}
		c.Events = slices.Clone(c.Events)
		if how == unknownType {
			c.Events[i].Type = brokenType
		} else {
			c.Events[i].Payload = []byte("damaged")
		}
	}
	return c
}
