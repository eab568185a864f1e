// Package memstore is an event store in memory, for tests. It refuses exactly
// what the real stores refuse.
package memstore

import (
	"context"
	"fmt"
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
	if !w.Expects(head) {
		taken, ok := s.at(w.Stream, w.Revision.Version()+1)
		before, _ := s.at(w.Stream, w.Revision.Version())
		if !ok || taken.First != w.Revision.Version()+1 || w.Revision.Version() > 0 && before.Revision != w.Revision {
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
	s.streams[w.Stream] = append(s.streams[w.Stream], c)
	s.log = append(s.log, c)
	close(s.grown)
	s.grown = make(chan struct{})
	return handOut(c), nil
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
