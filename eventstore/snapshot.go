package eventstore

import (
	"context"
	"fmt"
)

// MaxSnapshotBytes is the limit of a snapshot's state: DynamoDB takes items of 400 KB.
const MaxSnapshotBytes = 380_000

// MaxStateSchema is the largest version of a state's shape.
const MaxStateSchema = 1_000_000

// Snapshots keeps states of streams, so that not all of a long one has to be read. A
// snapshot is a shortcut and never the truth: it names the commit that it ends with, and
// whoever loads it reads from that commit on. Stores that implement it pass the section
// "snapshots" of storetest.
type Snapshots interface {
	// Snapshot returns the snapshot of a stream whose state has a schema version, or ok
	// false where there is none. It is strongly consistent.
	Snapshot(ctx context.Context, stream StreamID, schema int) (s Snapshot, ok bool, err error)

	// SaveSnapshot keeps a snapshot in place of an older one of the same stream and schema
	// version. One that is not newer is passed over, without an error. Limits:
	// [ErrTooLarge], [ErrInvalid].
	SaveSnapshot(ctx context.Context, s Snapshot) error
}

// Snapshot is the state of a stream after a commit.
type Snapshot struct {
	Stream StreamID
	// Schema is the version of the state's shape, from 1. Each has a snapshot of its own,
	// so that two versions of a program can run at once.
	Schema int
	// First and Last are the versions of the commit that it ends with, and CommitID its ID:
	// where the stream has another commit there, the snapshot is of another past.
	First, Last Version
	CommitID    string
	// State is the caller's, and may be empty. What a store returns belongs to the caller.
	State []byte
}

// Is reports whether a commit is the one that the snapshot ends with.
func (s *Snapshot) Is(c *Commit) bool {
	return c.Stream == s.Stream && c.First == s.First && c.Last() == s.Last && c.ID == s.CommitID
}

// CheckSnapshot is for implementations of [Snapshots]: it refuses what can not be kept.
func CheckSnapshot(s Snapshot) error {
	if s.Stream.IsZero() || s.First < 1 || s.Last < s.First || s.CommitID == "" {
		return fmt.Errorf("%w: a snapshot of %q ends with the commit %q of versions %d to %d", ErrInvalid, s.Stream, clip(s.CommitID), s.First, s.Last)
	}
	if err := checkCommitID(s.CommitID); err != nil {
		return err
	}
	if err := CheckStateSchema(s.Schema); err != nil {
		return err
	}
	if len(s.State) > MaxSnapshotBytes {
		return &LimitError{Stream: s.Stream, What: "bytes of a snapshot", Size: len(s.State), Limit: MaxSnapshotBytes}
	}
	return nil
}

// CheckStateSchema refuses what can be no schema version of a state.
func CheckStateSchema(schema int) error {
	if schema < 1 || schema > MaxStateSchema {
		return fmt.Errorf("%w: the schema version %d of a state is not 1 to %d", ErrInvalid, schema, MaxStateSchema)
	}
	return nil
}
