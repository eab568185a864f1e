package viewstest

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

var checkpointClauses = []clause{
	{"come in the order given, with 0 for a stream that has none", checkpointsInOrder},
	{"of a stream that is asked for twice come twice", checkpointsTwice},
	{"of no streams are none", checkpointsOfNothing},
	{"of more streams than a store asks for at once come in order", manyCheckpoints},
	{"are seen as soon as they are moved", checkpointsAtOnce},
	{"of streams with names like each other are not mixed up", checkpointsAlike},
}

func checkpointsInOrder(t *testing.T, f *fixture) {
	const far = 1<<62 + 1 // no float holds it
	b, a, none, c := stream("b"), stream("a"), stream("none"), stream("c")
	f.must(t, moves(move(a, 0, 1), move(b, 0, 22), move(c, 0, far)))
	f.park(t, c, far, parked(far+1))
	found, err := f.views.Checkpoints(t.Context(), f.generation, []eventstore.StreamID{b, none, c, a})
	require.NoError(t, err)
	assert.Equal(t, []projection.Checkpoint{
		{Stream: b, Version: 22}, {Stream: none}, {Stream: c, Version: far, Parked: parked(far + 1)}, {Stream: a, Version: 1},
	}, found)
}

func checkpointsTwice(t *testing.T, f *fixture) {
	a, none := stream("a"), stream("none")
	f.must(t, moves(move(a, 0, 7)))
	f.park(t, a, 7, parked(8))
	found, err := f.views.Checkpoints(t.Context(), f.generation, []eventstore.StreamID{a, none, a, none})
	require.NoError(t, err)
	want := projection.Checkpoint{Stream: a, Version: 7, Parked: parked(8)}
	assert.Equal(t, []projection.Checkpoint{want, {Stream: none}, want, {Stream: none}}, found)
}

func checkpointsOfNothing(t *testing.T, f *fixture) {
	f.must(t, moves(move(stream("a"), 0, 7)))
	found, err := f.views.Checkpoints(t.Context(), f.generation, nil)
	require.NoError(t, err)
	assert.Empty(t, found)
}

func manyCheckpoints(t *testing.T, f *fixture) {
	var all []projection.Move
	var streams []eventstore.StreamID
	var want []projection.Checkpoint
	for i, name := range numbered("s", 300) {
		s := stream(name)
		streams = append(streams, s)
		want = append(want, projection.Checkpoint{Stream: s})
		if i%3 > 0 {
			want[i].Version = eventstore.Version(i)
			all = append(all, move(s, 0, want[i].Version))
		}
	}
	f.fill(t, all)
	slices.Reverse(streams)
	slices.Reverse(want)
	found, err := f.views.Checkpoints(t.Context(), f.generation, streams)
	require.NoError(t, err)
	same(t, want, found)
}

func checkpointsAtOnce(t *testing.T, f *fixture) {
	s := stream("a")
	for v := range eventstore.Version(20) {
		require.Equal(t, projection.Checkpoint{Stream: s, Version: v}, f.checkpoint(t, s))
		f.must(t, moves(move(s, v, v+1)))
	}
}

// likeEachOther are names that a store which glues keys together, or compares by a
// collation, takes for each other, in the order of their bytes.
var likeEachOther = slices.Sorted(slices.Values([]string{
	"!", "#1", "'; --", "/", "1", "10", "9", "A", "A@2", "B", `\`, "_", "a", "a b", "a#", "a#1", "a-", "a-b", "a/b", "a@1",
	"ab", "a|", "a|b", "a\u00a0b", "b", "e\u0301", "|", "é", "ÿ", "ж", "日", "日本", "\ufffd", "😀",
}))

func checkpointsAlike(t *testing.T, f *fixture) {
	for i, id := range likeEachOther {
		f.must(t, moves(move(stream(id), 0, eventstore.Version(i+1))))
	}
	for i, id := range likeEachOther {
		assert.Equal(t, projection.Checkpoint{Stream: stream(id), Version: eventstore.Version(i + 1)}, f.checkpoint(t, stream(id)))
	}
	for i, c := range collect(t, f.views.AllCheckpoints(t.Context(), f.generation, false)) {
		assert.Equal(t, projection.Checkpoint{Stream: stream(likeEachOther[i]), Version: eventstore.Version(i + 1)}, c)
	}
}
