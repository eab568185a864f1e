package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
)

var snapshotClauses = []clause{
	{"come back as they were saved, by stream and schema version", func(t *fixture) {
		c := t.must(writeAt(eventstore.NoStream, t.stream("1"), "A", "B"))
		one, two := snapshotOf(&c, 1, "one"), snapshotOf(&c, 2, "two")
		for _, s := range []eventstore.Snapshot{one, two} {
			require.NoError(t, t.Snapshots.SaveSnapshot(t.Context(), s))
		}
		assert.Equal(t, one, *t.snapshot("1", 1))
		assert.Equal(t, two, *t.snapshot("1", 2))
		assert.Nil(t, t.snapshot("1", 3))
		assert.Nil(t, t.snapshot("2", 1))
		assert.True(t, one.Is(&c))
	}},
	{"are replaced by newer ones, and never by others", func(t *fixture) {
		commits := t.history(t.stream("1"), 1, 2, 3)
		old, now := snapshotOf(&commits[0], 1, "old"), snapshotOf(&commits[2], 1, "now")
		for _, s := range []eventstore.Snapshot{old, now, snapshotOf(&commits[1], 1, "late"), snapshotOf(&commits[2], 1, "again")} {
			require.NoError(t, t.Snapshots.SaveSnapshot(t.Context(), s))
		}
		assert.Equal(t, now, *t.snapshot("1", 1))
	}},
	{"of many that save at once are the newest", func(t *fixture) {
		commits := t.history(t.stream("1"), 1, 1, 1, 1, 1, 1, 1, 1)
		var failed atomic.Int32
		together(len(commits), func(i int) {
			if t.Snapshots.SaveSnapshot(t.Context(), snapshotOf(&commits[i], 1, fmt.Sprint(i))) != nil {
				failed.Add(1)
			}
		})
		require.Zero(t, failed.Load())
		assert.Equal(t, snapshotOf(&commits[7], 1, "7"), *t.snapshot("1", 1))
	}},
	{"are told from those of another past by the commit that the stream has where they end", func(t *fixture) {
		commits := t.history(t.stream("1"), 2, 1, 2)
		ahead, other, within := snapshotOf(&commits[2], 3, ""), snapshotOf(&commits[1], 4, ""), snapshotOf(&commits[2], 5, "")
		ahead.First, ahead.Last, other.CommitID, within.Last = 6, 8, "other", 4
		for _, c := range []struct {
			snapshot eventstore.Snapshot
			read     []eventstore.Commit // from its end on
			is       bool
		}{
			{snapshotOf(&commits[0], 1, ""), commits, true},     // behind the head
			{snapshotOf(&commits[2], 2, ""), commits[2:], true}, // at it
			{ahead, nil, false},
			{other, commits[1:], false},
			{within, commits[2:], false},
		} {
			require.NoError(t, t.Snapshots.SaveSnapshot(t.Context(), c.snapshot))
			found := t.snapshot("1", c.snapshot.Schema)
			read := t.read(t.stream("1"), found.Last)
			assert.Equal(t, c.read, read)
			assert.Equal(t, c.is, len(read) > 0 && found.Is(&read[0]))
		}
	}},
	{"are no part of their stream, whoever reads it", func(t *fixture) {
		commits := t.history(t.stream("1"), 1, 2)
		require.NoError(t, t.Snapshots.SaveSnapshot(t.Context(), snapshotOf(&commits[0], 1, "state")))
		assert.Equal(t, commits, t.read(t.stream("1"), 0))
		assert.Equal(t, commits[1:], t.read(t.stream("1"), 3))
		assert.Len(t, t.readBackward(t.stream("1"), 0), 2)
		assert.Len(t, t.readBackward(t.stream("1"), 1), 1)
		assert.Equal(t, commits[1].Revision, t.head(t.stream("1")))
		seen := 0
		for scanned, err := range t.Scanner.ReadAll(t.Context(), eventstore.Cursor{}) {
			require.NoError(t, err)
			if scanned.Commit.Stream == t.stream("1") {
				seen++
			}
		}
		assert.Equal(t, 2, seen)
		t.must(writeAt(commits[1].Revision, t.stream("1"), "C"))
	}},
	{"share no memory with the caller", func(t *fixture) {
		c := t.must(writeAt(eventstore.NoStream, t.stream("1"), "A"))
		s := snapshotOf(&c, 1, "state")
		require.NoError(t, t.Snapshots.SaveSnapshot(t.Context(), s))
		s.State[0] = 'X'
		t.snapshot("1", 1).State[1] = 'X'
		assert.Equal(t, "state", string(t.snapshot("1", 1).State))
	}},
	{"may be as large as the limit says, and are refused above with both numbers", func(t *fixture) {
		c := t.must(writeAt(eventstore.NoStream, t.stream("1"), "A"))
		s := snapshotOf(&c, eventstore.MaxStateSchema, "")
		s.State = bytes.Repeat([]byte{0xff}, eventstore.MaxSnapshotBytes+1)
		assertLimit(t, t.Snapshots.SaveSnapshot(t.Context(), s), eventstore.ErrTooLarge, eventstore.MaxSnapshotBytes)
		s.State = s.State[1:]
		require.NoError(t, t.Snapshots.SaveSnapshot(t.Context(), s))
		assert.Equal(t, s, *t.snapshot("1", eventstore.MaxStateSchema))
	}},
	{"may have an empty state", func(t *fixture) {
		commits := t.history(t.stream("1"), 1, 1)
		for i, state := range [][]byte{nil, {}} {
			s := snapshotOf(&commits[i], 1, "")
			s.State = state
			require.NoError(t, t.Snapshots.SaveSnapshot(t.Context(), s))
			found := t.snapshot("1", 1)
			assert.Equal(t, s.Last, found.Last)
			assert.Empty(t, found.State)
		}
	}},
	{"that can not be are refused", func(t *fixture) {
		c := t.must(writeAt(eventstore.NoStream, t.stream("1"), "A"))
		for fault, spoil := range map[string]func(*eventstore.Snapshot){
			"no stream":         func(s *eventstore.Snapshot) { s.Stream = eventstore.StreamID{} },
			"no schema":         func(s *eventstore.Snapshot) { s.Schema = 0 },
			"too high a schema": func(s *eventstore.Snapshot) { s.Schema = eventstore.MaxStateSchema + 1 },
			"no version":        func(s *eventstore.Snapshot) { s.First = 0 },
			"an end before it":  func(s *eventstore.Snapshot) { s.First = 2 },
			"no commit":         func(s *eventstore.Snapshot) { s.CommitID = "" },
		} {
			s := snapshotOf(&c, 1, "state")
			spoil(&s)
			assert.ErrorIs(t, t.Snapshots.SaveSnapshot(t.Context(), s), eventstore.ErrInvalid, fault)
		}
		for _, schema := range []int{-1, 0, eventstore.MaxStateSchema + 1} {
			_, _, err := t.Snapshots.Snapshot(t.Context(), t.stream("1"), schema)
			assert.ErrorIs(t, err, eventstore.ErrInvalid)
		}
		assert.Nil(t, t.snapshot("1", 1))
	}},
	{"end with the cause of a context that has ended", func(t *fixture) {
		c := t.must(writeAt(eventstore.NoStream, t.stream("1"), "A"))
		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(gone)
		assert.ErrorIs(t, t.Snapshots.SaveSnapshot(ctx, snapshotOf(&c, 1, "state")), gone)
		_, _, err := t.Snapshots.Snapshot(ctx, t.stream("1"), 1)
		assert.ErrorIs(t, err, gone)
	}},
	{"outlive the process", func(t *fixture) {
		c := t.must(writeAt(eventstore.NoStream, t.stream("1"), "A"))
		s := snapshotOf(&c, 1, "state")
		require.NoError(t, t.Snapshots.SaveSnapshot(t.Context(), s))
		found, ok, err := t.Reopen(t).Snapshots.Snapshot(t.Context(), t.stream("1"), 1)
		require.NoError(t, err)
		assert.True(t, ok)
		assert.Equal(t, s, found)
	}},
}

func snapshotOf(c *eventstore.Commit, schema int, state string) eventstore.Snapshot {
	return eventstore.Snapshot{Stream: c.Stream, Schema: schema, First: c.First, Last: c.Last(), CommitID: c.ID, State: []byte(state)}
}

func (t *fixture) snapshot(id string, schema int) *eventstore.Snapshot {
	t.Helper()
	s, ok, err := t.Snapshots.Snapshot(t.Context(), t.stream(id), schema)
	require.NoError(t, err)
	if !ok {
		return nil
	}
	return &s
}
