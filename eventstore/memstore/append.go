package memstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/leftfold/leftfold/eventstore"
)

// Append implements [eventstore.Store].
func (s *Store) Append(ctx context.Context, w eventstore.Write) (eventstore.Commit, error) {
	w, err := eventstore.Prepare(ctx, s.identity, w)
	if err != nil {
		return eventstore.Commit{}, err
	}
	commits, err := s.append(ctx, eventstore.Transaction{Writes: []eventstore.Write{w}})
	if err != nil {
		return eventstore.Commit{}, err
	}
	return commits[0], nil
}

// AppendAll implements [eventstore.Transactor].
func (s *Store) AppendAll(ctx context.Context, t eventstore.Transaction) ([]eventstore.Commit, error) {
	t, err := eventstore.PrepareAll(ctx, s.identity, t)
	if err != nil {
		return nil, err
	}
	return s.append(ctx, t)
}

// Claimed implements [eventstore.Transactor].
func (s *Store) Claimed(ctx context.Context, c eventstore.Claim) (eventstore.EventID, error) {
	if err := eventstore.CheckClaim(c); err != nil {
		return eventstore.EventID{}, err
	}
	if ctx.Err() != nil {
		return eventstore.EventID{}, context.Cause(ctx)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.claims[c], nil
}

func (s *Store) append(ctx context.Context, t eventstore.Transaction) ([]eventstore.Commit, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	standing, err := s.standing(t)
	if err != nil {
		return nil, err
	}
	if own, err := t.Settle(standing); own != nil || err != nil {
		return own, err
	}
	var commits []eventstore.Commit
	for _, w := range t.Writes {
		commits = append(commits, handOut(s.store(w)))
	}
	close(s.grown)
	s.grown = make(chan struct{})
	return commits, nil
}

// standing is what is where t wants to be.
func (s *Store) standing(t eventstore.Transaction) (eventstore.Standing, error) {
	var found eventstore.Standing
	for _, w := range t.Writes {
		var recalled *eventstore.Commit
		if id := s.claims[eventstore.StrictClaim(w.Stream, w.ID)]; w.Strict && id.Version > 0 {
			c, _ := s.at(id.Stream, id.Version)
			recalled = &c
		}
		slot, err := s.behind(w.Stream, w.Revision)
		if err != nil && recalled == nil {
			return eventstore.Standing{}, err
		}
		found.Recalled, found.Slots = append(found.Recalled, recalled), append(found.Slots, slot)
		for _, c := range slices.Concat(w.Claims, w.Releases) {
			found.Hold(w, c, s.claims[c])
		}
	}
	for _, c := range t.Checks {
		moved, err := s.behind(c.Stream, c.Revision)
		if err != nil {
			return eventstore.Standing{}, err
		}
		found.Moved = append(found.Moved, moved)
	}
	return found, nil
}

// behind returns the commit that follows a revision, nil where that is the head.
func (s *Store) behind(stream eventstore.StreamID, at eventstore.Revision) (*eventstore.Commit, error) {
	head := s.head(stream)
	if at.Is(head) {
		return nil, nil
	}
	taken, ok := s.at(stream, at.Version()+1)
	before, _ := s.at(stream, at.Version())
	if !ok || taken.First != at.Version()+1 || at.Version() > 0 && before.Revision != at {
		return nil, &eventstore.RevisionError{Stream: stream, Revision: at,
			Reason: fmt.Sprintf("is no commit boundary of this stream, whose head is version %d", head.Version())}
	}
	return &taken, nil
}

// store adds the commit of a write that nothing stands in the way of.
func (s *Store) store(w eventstore.Write) eventstore.Commit {
	c := w.CommitAt(s.identity, s.head(w.Stream))
	c.Events = slices.Clone(w.Events)
	for i := range c.Events {
		c.Events[i].Payload = slices.Clone(c.Events[i].Payload)
	}
	c.Claims, c.Releases = slices.Clone(w.Claims), slices.Clone(w.Releases)
	s.streams[w.Stream] = append(s.streams[w.Stream], c)
	s.log = append(s.log, c)
	for _, claim := range w.Taken() {
		s.claims[claim] = c.EventID(0)
	}
	for _, claim := range w.Releases {
		delete(s.claims, claim)
	}
	return c
}
