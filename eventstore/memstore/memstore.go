// Package memstore is an event store in memory, for tests. It refuses exactly
// what the real stores refuse.
package memstore

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/leftfold/leftfold/eventstore"
)

// Store implements the interfaces of eventstore. It is made by [New].
type Store struct {
	identity string

	mu      sync.RWMutex
	streams map[eventstore.StreamID][]eventstore.Commit
	log     []eventstore.Commit // in commit order
	grown   chan struct{}       // closed and replaced when log grows
	feeds   map[string]int64    // positions
}

var (
	_ eventstore.Store     = (*Store)(nil)
	_ eventstore.Directory = (*Store)(nil)
	_ eventstore.Scanner   = (*Store)(nil)
	_ eventstore.Feed      = (*Feed)(nil)
)

// New returns an empty store.
func New() *Store {
	return &Store{
		identity: uuid.NewString(),
		streams:  map[eventstore.StreamID][]eventstore.Commit{},
		grown:    make(chan struct{}),
		feeds:    map[string]int64{},
	}
}

// Append implements [eventstore.Store].
func (s *Store) Append(ctx context.Context, w eventstore.Write) (eventstore.Commit, error) {
	w, err := eventstore.Prepare(ctx, s.identity, w)
	if err != nil {
		return eventstore.Commit{}, err
	}
	if err := ctx.Err(); err != nil {
		return eventstore.Commit{}, context.Cause(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	head := s.head(w.Stream)
	if !w.Revision.IsAny() && w.Revision.Version() != head.Version() {
		taken, ok := s.at(w.Stream, w.Revision.Version()+1)
		if !ok || taken.First != w.Revision.Version()+1 {
			return eventstore.Commit{}, &eventstore.RevisionError{Stream: w.Stream, Revision: w.Revision,
				Reason: fmt.Sprintf("is no commit boundary of this stream, whose head is version %d", head.Version())}
		}
		return eventstore.Settle(w, taken)
	}
	c := w.CommitAt(s.identity, head)
	c.Events = slices.Clone(w.Events)
	for i := range c.Events {
		c.Events[i].Payload = slices.Clone(c.Events[i].Payload)
	}
	c.Metadata.Extra = maps.Clone(c.Metadata.Extra)
	s.streams[w.Stream] = append(s.streams[w.Stream], c)
	s.log = append(s.log, c)
	close(s.grown)
	s.grown = make(chan struct{})
	return handOut(c), nil
}

// Read implements [eventstore.Store].
func (s *Store) Read(ctx context.Context, stream eventstore.StreamID, from eventstore.Version) iter.Seq2[eventstore.Commit, error] {
	return func(yield func(eventstore.Commit, error) bool) {
		commits := s.snapshot(stream)
		for _, c := range commits[search(commits, from):] {
			if err := ctx.Err(); err != nil {
				yield(eventstore.Commit{}, context.Cause(ctx))
				return
			}
			if !yield(handOut(c), nil) {
				return
			}
		}
	}
}

// ReadBackward implements [eventstore.Store].
func (s *Store) ReadBackward(ctx context.Context, stream eventstore.StreamID, from eventstore.Version) iter.Seq2[eventstore.Commit, error] {
	return func(yield func(eventstore.Commit, error) bool) {
		commits := s.snapshot(stream)
		if from > 0 {
			commits = commits[:min(search(commits, from)+1, len(commits))]
		}
		for _, c := range slices.Backward(commits) {
			if err := ctx.Err(); err != nil {
				yield(eventstore.Commit{}, context.Cause(ctx))
				return
			}
			if !yield(handOut(c), nil) {
				return
			}
		}
	}
}

// Head implements [eventstore.Store].
func (s *Store) Head(ctx context.Context, stream eventstore.StreamID) (eventstore.Revision, error) {
	if err := ctx.Err(); err != nil {
		return eventstore.Revision{}, context.Cause(ctx)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.head(stream), nil
}

// Streams implements [eventstore.Directory].
func (s *Store) Streams(ctx context.Context, category string, after eventstore.StreamID) iter.Seq2[eventstore.StreamID, error] {
	return func(yield func(eventstore.StreamID, error) bool) {
		for _, stream := range s.names() {
			if err := ctx.Err(); err != nil {
				yield(eventstore.StreamID{}, context.Cause(ctx))
				return
			}
			if stream.Category() == category && stream.Compare(after) > 0 && !yield(stream, nil) {
				return
			}
		}
	}
}

// ReadAll implements [eventstore.Scanner].
func (s *Store) ReadAll(ctx context.Context, from eventstore.Cursor) iter.Seq2[eventstore.ScannedCommit, error] {
	return func(yield func(eventstore.ScannedCommit, error) bool) {
		after := from.Place()
		for _, stream := range s.names() {
			if !from.Holds(stream) || stream.Compare(after.Stream) < 0 {
				continue
			}
			version := eventstore.Version(0)
			if stream == after.Stream {
				version = after.Version + 1
			}
			for c, err := range s.Read(ctx, stream, version) {
				at := from.At(eventstore.EventID{Stream: stream, Version: c.Last()})
				if !yield(eventstore.ScannedCommit{Commit: c, Cursor: at}, err) || err != nil {
					return
				}
			}
		}
	}
}

// Feed returns the feed of a consumer. Its position lives as long as the store.
func (s *Store) Feed(consumer string) *Feed { return &Feed{store: s, consumer: consumer} }

func (s *Store) head(stream eventstore.StreamID) eventstore.Revision {
	commits := s.streams[stream]
	if len(commits) == 0 {
		return eventstore.NewRevision(s.identity, stream, 0, eventstore.Revision{}.Time())
	}
	return commits[len(commits)-1].Revision
}

// at returns the commit that holds a version. The caller holds mu.
func (s *Store) at(stream eventstore.StreamID, version eventstore.Version) (eventstore.Commit, bool) {
	commits := s.streams[stream]
	i := search(commits, version)
	if i == len(commits) {
		return eventstore.Commit{}, false
	}
	return handOut(commits[i]), true
}

func (s *Store) snapshot(stream eventstore.StreamID) []eventstore.Commit {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.streams[stream] // only ever appended to
}

func (s *Store) names() []eventstore.StreamID {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.SortedFunc(maps.Keys(s.streams), eventstore.StreamID.Compare)
}

// search returns the index of the commit that holds version.
func search(commits []eventstore.Commit, version eventstore.Version) int {
	i, _ := slices.BinarySearchFunc(commits, version, func(c eventstore.Commit, v eventstore.Version) int {
		return int(c.Last()) - int(v)
	})
	return i
}

// handOut returns a commit whose slice and map the caller may change.
func handOut(c eventstore.Commit) eventstore.Commit {
	c.Events = slices.Clone(c.Events)
	c.Metadata.Extra = maps.Clone(c.Metadata.Extra)
	return c
}
