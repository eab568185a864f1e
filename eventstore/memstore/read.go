package memstore

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"

	"github.com/leftfold/leftfold/eventstore"
)

// Read implements [eventstore.Store].
func (s *Store) Read(ctx context.Context, stream eventstore.StreamID, from eventstore.Version) iter.Seq2[eventstore.Commit, error] {
	return func(yield func(eventstore.Commit, error) bool) {
		commits := s.snapshot(stream)
		untilEnd(ctx, handOutEach(slices.All(commits[search(commits, from):])), yield)
	}
}

// ReadBackward implements [eventstore.Store].
func (s *Store) ReadBackward(ctx context.Context, stream eventstore.StreamID, from eventstore.Version) iter.Seq2[eventstore.Commit, error] {
	return func(yield func(eventstore.Commit, error) bool) {
		commits := s.snapshot(stream)
		if from > 0 {
			commits = commits[:min(search(commits, from)+1, len(commits))]
		}
		untilEnd(ctx, handOutEach(slices.Backward(commits)), yield)
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
		if err := eventstore.CheckCategory(category); err != nil {
			yield(eventstore.StreamID{}, err)
			return
		}
		names := slices.DeleteFunc(s.names(), func(stream eventstore.StreamID) bool {
			return stream.Category() != category || stream.Compare(after) <= 0
		})
		untilEnd(ctx, slices.Values(names), yield)
	}
}

// ReadAll implements [eventstore.Scanner].
func (s *Store) ReadAll(ctx context.Context, from eventstore.Cursor) iter.Seq2[eventstore.ScannedCommit, error] {
	return func(yield func(eventstore.ScannedCommit, error) bool) {
		if ctx.Err() != nil {
			yield(eventstore.ScannedCommit{}, context.Cause(ctx))
			return
		}
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
				if err != nil {
					yield(eventstore.ScannedCommit{}, err)
					return
				}
				if !yield(eventstore.ScannedCommit{Commit: c, Cursor: from.At(c.EventID(len(c.Events) - 1))}, nil) {
					return
				}
			}
		}
	}
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
		return cmp.Compare(c.Last(), v)
	})
	return i
}

// untilEnd yields values until ctx ends, which is an error also where there are
// none: it must not look like a stream that does not exist.
func untilEnd[V any](ctx context.Context, values iter.Seq[V], yield func(V, error) bool) {
	var none V
	if ctx.Err() != nil {
		yield(none, context.Cause(ctx))
		return
	}
	for v := range values {
		if ctx.Err() != nil {
			yield(none, context.Cause(ctx))
			return
		}
		if !yield(v, nil) {
			return
		}
	}
}

func handOutEach(commits iter.Seq2[int, eventstore.Commit]) iter.Seq[eventstore.Commit] {
	return func(yield func(eventstore.Commit) bool) {
		for _, c := range commits {
			if !yield(handOut(c)) {
				return
			}
		}
	}
}

// handOut returns a commit whose slices and map the caller may change.
func handOut(c eventstore.Commit) eventstore.Commit {
	c.Events = slices.Clone(c.Events)
	c.Claims, c.Releases = slices.Clone(c.Claims), slices.Clone(c.Releases)
	c.Metadata.Extra = maps.Clone(c.Metadata.Extra)
	return c
}
