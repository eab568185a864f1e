package contiguous_test

import (
	"errors"
	"iter"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/contiguous"
)

// span is a commit of these versions; none is an error.
type span struct{ first, last eventstore.Version }

var errRead = errors.New("the disk is gone")

func sequence(spans []span) iter.Seq2[eventstore.Commit, error] {
	return func(yield func(eventstore.Commit, error) bool) {
		for _, s := range spans {
			if s == (span{}) {
				yield(eventstore.Commit{ID: "rest of something"}, errRead)
				return
			}
			if !yield(eventstore.Commit{First: s.first, Events: make([]eventstore.Event, s.last-s.first+1)}, nil) {
				return
			}
		}
	}
}

func TestAReadBackwardsEndsWithTheFirstVersionOrAnError(t *testing.T) {
	t.Parallel()
	stream, err := eventstore.NewStreamID("user", "1")
	require.NoError(t, err)
	hole := func(s string) string { return "user-1@" + s }
	for _, test := range []struct {
		stored []span
		yields int
		err    string
	}{
		{nil, 0, ""},
		{[]span{{1, 3}}, 1, ""},
		{[]span{{6, 6}, {4, 5}, {1, 3}}, 3, ""},
		{[]span{{6, 6}, {1, 3}}, 1, hole("4: store is corrupt: versions 4 to 5 are missing or doubled")},
		{[]span{{6, 6}, {4, 6}, {1, 3}}, 1, hole("6: store is corrupt: versions 6 to 6 are missing or doubled")},
		{[]span{{6, 6}, {4, 5}}, 2, hole("1: store is corrupt: versions 1 to 3 are missing or doubled")},
		{[]span{{6, 6}, {}, {1, 3}}, 1, errRead.Error()},
		{[]span{{}}, 0, errRead.Error()},
	} {
		yields, said := 0, ""
		for c, err := range contiguous.Backward(stream, sequence(test.stored)) {
			require.Empty(t, said, "an error is the last")
			if err != nil {
				assert.Equal(t, eventstore.Commit{}, c)
				said = err.Error()
				continue
			}
			assert.Equal(t, test.stored[yields].first, c.First)
			yields++
		}
		assert.Equal(t, test.yields, yields, test.stored)
		assert.Equal(t, test.err, said, test.stored)
	}
	for range contiguous.Backward(stream, sequence([]span{{6, 6}, {1, 3}})) {
		break // and nothing is yielded after it
	}
}
