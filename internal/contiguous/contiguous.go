// Package contiguous holds the reads of a store to what they promise: the commits of a
// stream follow each other, and none is missing.
package contiguous

import (
	"fmt"
	"iter"

	"github.com/leftfold/leftfold/eventstore"
)

// Hole is the error of a stream whose versions first to last are not each there once.
func Hole(stream eventstore.StreamID, first, last eventstore.Version) error {
	return &eventstore.CorruptError{Stream: stream, Version: first, Reason: fmt.Sprintf("versions %d to %d are missing or doubled", first, last)}
}

// Backward yields the commits of a stream, the last one first, until one does not end
// where the one before it began, or the first version has not come. Whether the first
// commit is the right one its source knows.
func Backward(stream eventstore.StreamID, commits iter.Seq2[eventstore.Commit, error]) iter.Seq2[eventstore.Commit, error] {
	return func(yield func(eventstore.Commit, error) bool) {
		expected, known := eventstore.Version(0), false // the version that must come next
		for c, err := range commits {
			if err == nil && known && c.Last() != expected {
				err = Hole(stream, min(c.Last(), expected)+1, max(c.Last(), expected))
			}
			if err != nil {
				yield(eventstore.Commit{}, err)
				return
			}
			if !yield(c, nil) {
				return
			}
			expected, known = c.First-1, true
		}
		if expected > 0 {
			yield(eventstore.Commit{}, Hole(stream, 1, expected))
		}
	}
}
