package memstore

import (
	"context"
	"iter"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/logfeed"
)

// Feed announces the commits of a [Store], with their content, in commit order.
type Feed struct {
	store    *Store
	consumer string
}

// Run implements [eventstore.Feed].
func (f *Feed) Run(ctx context.Context, handle func(context.Context, eventstore.Batch) []eventstore.Announcement) error {
	return logfeed.Run(ctx, (*feedLog)(f), handle)
}

// Tail implements [eventstore.Tailer].
func (s *Store) Tail(ctx context.Context) iter.Seq2[eventstore.Commit, error] {
	return logfeed.Tail(ctx, (*feedLog)(s.Feed("")), s, func(context.Context) (int64, error) {
		s.mu.RLock()
		defer s.mu.RUnlock()
		return int64(len(s.log)), nil
	})
}

type feedLog Feed

func (f *feedLog) After(_ context.Context, position int64, n int) ([]logfeed.Entry, error) {
	f.store.mu.RLock()
	defer f.store.mu.RUnlock()
	var entries []logfeed.Entry
	for i := position; i < int64(len(f.store.log)) && len(entries) < n; i++ {
		c := handOut(f.store.log[i])
		entries = append(entries, logfeed.Entry{Position: i + 1, Announcement: eventstore.Announce(&c)})
	}
	return entries, nil
}

func (f *feedLog) Wait(ctx context.Context, position int64) error {
	f.store.mu.RLock()
	length, grown := int64(len(f.store.log)), f.store.grown
	f.store.mu.RUnlock()
	if length > position {
		return nil
	}
	select {
	case <-grown:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *feedLog) Position(context.Context) (int64, error) {
	f.store.mu.RLock()
	defer f.store.mu.RUnlock()
	return f.store.feeds[f.consumer], nil
}

func (f *feedLog) SavePosition(_ context.Context, position int64) error {
	f.store.mu.Lock()
	defer f.store.mu.Unlock()
	f.store.feeds[f.consumer] = position
	return nil
}
