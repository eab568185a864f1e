package aggregate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

// ErrSnapshot: a snapshot can not be used, and all of the stream was read instead.
var ErrSnapshot = errors.New("snapshot not used")

// StateCodec says how states are kept as snapshots.
type StateCodec[S any] struct {
	// Schema is the version of the state's shape and of what Evolve makes of events, from
	// 1. Whoever changes either raises it: snapshots of another version are not looked at.
	// Deciders of the same category that keep snapshots in one store need different ones.
	Schema int
	// Marshal and Unmarshal write and read all of a state. Default to JSON, which leaves
	// out fields that are not exported and those with the tag "-".
	Marshal   func(S) ([]byte, error)
	Unmarshal func([]byte) (S, error)
}

func (c *StateCodec[S]) marshal(state S) ([]byte, error) {
	if c.Marshal != nil {
		return c.Marshal(state)
	}
	return json.Marshal(state)
}

func (c *StateCodec[S]) unmarshal(text []byte) (state S, err error) {
	if c.Unmarshal != nil {
		return c.Unmarshal(text)
	}
	err = json.Unmarshal(text, &state)
	return state, err
}

// snapshotting is whether and when a repository keeps snapshots.
type snapshotting struct {
	store         eventstore.Snapshots
	events, bytes int
	failed        func(eventstore.StreamID, error)
}

const (
	defaultSnapshotEvents = 500
	defaultSnapshotBytes  = 256 << 10
	// savingWithin is for a snapshot that a command saves behind its commit.
	savingWithin = 2 * time.Second
)

// complete sets what was not said.
func (s *snapshotting) complete() {
	if s.events <= 0 {
		s.events = defaultSnapshotEvents
	}
	if s.bytes <= 0 {
		s.bytes = defaultSnapshotBytes
	}
	if s.failed == nil {
		s.failed = func(eventstore.StreamID, error) {}
	}
}

// due reports whether so much was read behind the last snapshot that another one pays.
func (s *snapshotting) due(tail tail) bool {
	return s.store != nil && (tail.events >= s.events || tail.bytes >= s.bytes)
}

// tail is what lies behind the snapshot of a stream, as far as it was read.
type tail struct{ events, bytes int }

func (t *tail) add(c *eventstore.Commit) {
	t.events += len(c.Events)
	for i := range c.Events {
		t.bytes += len(c.Events[i].Payload)
	}
}

// resume returns the newest snapshot of a stream, with its state. A snapshot is never
// needed: what is wrong with one is told, and all is read.
func (r *Repository[S, E]) resume(ctx context.Context, stream eventstore.StreamID) (state S, s eventstore.Snapshot, ok bool) {
	if r.snapshots.store == nil {
		return state, s, false
	}
	s, ok, err := r.snapshots.store.Snapshot(ctx, stream, r.decider.Snapshot.Schema)
	if ok && err == nil {
		state, err = r.decider.Snapshot.unmarshal(s.State)
	}
	if err != nil {
		r.snapshots.failed(stream, fmt.Errorf("aggregate: load the snapshot of %q: %w", stream, err))
		return r.decider.initial(stream.ID()), s, false
	}
	return state, s, ok
}

// save keeps a state as a snapshot. It is done after the command has taken effect, and
// so does not fail it, nor does the end of the command's context stop it.
func (r *Repository[S, E]) save(ctx context.Context, state S, s eventstore.Snapshot) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), savingWithin)
	defer cancel()
	var err error
	s.Schema = r.decider.Snapshot.Schema
	if s.State, err = r.decider.Snapshot.marshal(state); err == nil {
		err = r.snapshots.store.SaveSnapshot(ctx, s)
	}
	if err != nil {
		r.snapshots.failed(s.Stream, fmt.Errorf("aggregate: save a snapshot of %q: %w", s.Stream, err))
	}
}
