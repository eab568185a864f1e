// Package memstore is an event store in memory, for tests. It refuses exactly
// what the real stores refuse.
package memstore

import (
	"sync"

	"github.com/google/uuid"

	"github.com/leftfold/leftfold/eventstore"
)

// Store implements the interfaces of eventstore. It is made by [New].
type Store struct {
	identity string

	mu      sync.RWMutex
	streams map[eventstore.StreamID][]eventstore.Commit
	claims  map[eventstore.Claim]eventstore.EventID // who took them
	// snapshots are the newest of each stream and schema.
	snapshots map[snapshotKey]eventstore.Snapshot
	log       []eventstore.Commit // in commit order
	grown     chan struct{}       // closed and replaced when log grows
	feeds     map[string]int64    // positions
}

var (
	_ eventstore.Store      = (*Store)(nil)
	_ eventstore.Transactor = (*Store)(nil)
	_ eventstore.Snapshots  = (*Store)(nil)
	_ eventstore.Directory  = (*Store)(nil)
	_ eventstore.Scanner    = (*Store)(nil)
	_ eventstore.Tailer     = (*Store)(nil)
	_ eventstore.Feed       = (*Feed)(nil)
)

// New returns an empty store.
func New() *Store {
	return &Store{
		identity:  uuid.NewString(),
		streams:   map[eventstore.StreamID][]eventstore.Commit{},
		claims:    map[eventstore.Claim]eventstore.EventID{},
		snapshots: map[snapshotKey]eventstore.Snapshot{},
		grown:     make(chan struct{}),
		feeds:     map[string]int64{},
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
