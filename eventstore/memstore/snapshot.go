package memstore

import (
	"context"
	"slices"

	"github.com/leftfold/leftfold/eventstore"
)

// snapshotKey names a snapshot.
type snapshotKey struct {
	stream eventstore.StreamID
	schema int
}

// Snapshot implements [eventstore.Snapshots].
func (s *Store) Snapshot(ctx context.Context, stream eventstore.StreamID, schema int) (eventstore.Snapshot, bool, error) {
	if err := eventstore.CheckStateSchema(schema); err != nil {
		return eventstore.Snapshot{}, false, err
	}
	if ctx.Err() != nil {
		return eventstore.Snapshot{}, false, context.Cause(ctx)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	found, ok := s.snapshots[snapshotKey{stream, schema}]
	found.State = slices.Clone(found.State)
	return found, ok, nil
}

// SaveSnapshot implements [eventstore.Snapshots].
func (s *Store) SaveSnapshot(ctx context.Context, snapshot eventstore.Snapshot) error {
	if err := eventstore.CheckSnapshot(snapshot); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := snapshotKey{snapshot.Stream, snapshot.Schema}
	if s.snapshots[key].Last < snapshot.Last {
		snapshot.State = slices.Clone(snapshot.State)
		s.snapshots[key] = snapshot
	}
	return nil
}
