package aggregatetest

import (
	"context"
	"errors"
	"sync"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
)

// Store is where a [Conversation] is held: a store in memory, for a service that the
// conversation is about. While a command is rehearsed it stores nothing, and refuses with
// an error of its own.
type Store struct {
	*memstore.Store

	mu         sync.Mutex
	rehearsing bool
	intended   []eventstore.Write              // while rehearsing: what would be stored
	recorded   []eventstore.Commit             // since the last take
	met        map[eventstore.EventID]struct{} // the first event of each commit that was stored
}

func newStore() *Store {
	return &Store{Store: memstore.New(), met: map[eventstore.EventID]struct{}{}}
}

// errRehearsal ends a command where it would take effect.
var errRehearsal = errors.New("aggregatetest: this is a rehearsal, nothing is stored")

// Append is that of [eventstore.Store].
func (s *Store) Append(ctx context.Context, w eventstore.Write) (eventstore.Commit, error) {
	if s.intends(w) {
		return eventstore.Commit{}, errRehearsal
	}
	c, err := s.Store.Append(ctx, w)
	if err == nil {
		s.record(c)
	}
	return c, err
}

// AppendAll is that of [eventstore.Transactor].
func (s *Store) AppendAll(ctx context.Context, t eventstore.Transaction) ([]eventstore.Commit, error) {
	if s.intends(t.Writes...) {
		return nil, errRehearsal
	}
	commits, err := s.Store.AppendAll(ctx, t)
	if err == nil {
		s.record(commits...)
	}
	return commits, err
}

// intends reports whether this is a rehearsal, and remembers the writes of one.
func (s *Store) intends(writes ...eventstore.Write) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rehearsing {
		s.intended = append(s.intended, writes...)
	}
	return s.rehearsing
}

// record remembers commits that were not there before: an append may also return the
// first result of an earlier one.
func (s *Store) record(commits ...eventstore.Commit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range commits {
		if _, met := s.met[c.EventID(0)]; !met {
			s.met[c.EventID(0)] = struct{}{}
			s.recorded = append(s.recorded, c)
		}
	}
}

// rehearse plays a command without its effect, and returns what it would store.
func (s *Store) rehearse(play func() error) ([]eventstore.Write, error) {
	s.mu.Lock()
	s.rehearsing, s.intended = true, nil
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.rehearsing = false
		s.mu.Unlock()
	}()
	err := play()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.intended, err
}

// take returns what was stored since it was called last.
func (s *Store) take() []eventstore.Commit {
	s.mu.Lock()
	defer s.mu.Unlock()
	recorded := s.recorded
	s.recorded = nil
	return recorded
}
