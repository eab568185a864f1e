package storetest

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
)

var readClauses = []clause{
	{"a stream that does not exist yields nothing", func(t *fixture) {
		t.history(t.stream("1"), 1)
		for _, from := range []eventstore.Version{0, 1, 7, math.MaxUint64} {
			assert.Empty(t, t.read(t.stream("none"), from))
			assert.Empty(t, t.readBackward(t.stream("none"), from))
		}
	}},
	{"the head of a stream that does not exist is version 0 and fit for creating it", func(t *fixture) {
		none := t.head(t.stream("1"))
		assert.Zero(t, none.Version())
		assert.Equal(t, t.stream("1"), none.Stream())
		assert.True(t, none.Time().IsZero())
		assert.Equal(t, eventstore.Version(1), t.must(writeAt(none, t.stream("1"), "A")).First)
	}},
	{"the head is the revision of the last commit", func(t *fixture) {
		for _, c := range t.history(t.stream("1"), 2, 1) {
			assert.Equal(t, c.Revision, t.read(t.stream("1"), c.First)[0].Revision)
		}
		commits := t.read(t.stream("1"), 0)
		assert.Equal(t, commits[1].Revision, t.head(t.stream("1")))
	}},
	{"a read begins with the commit that holds the version, whole, and ends at the head", func(t *fixture) {
		commits := t.history(t.stream("1"), 1, 3, 2, 5, 1)
		for from := range eventstore.Version(16) {
			want := slices.DeleteFunc(slices.Clone(commits), func(c eventstore.Commit) bool { return c.Last() < from })
			assert.Equal(t, want, append([]eventstore.Commit{}, t.read(t.stream("1"), from)...), "from %d", from)
		}
		assert.Empty(t, t.read(t.stream("1"), math.MaxInt64))
		assert.Empty(t, t.read(t.stream("1"), math.MaxUint64))
	}},
	{"a read backwards begins with the commit that holds the version, or the head, and ends with the first", func(t *fixture) {
		commits := t.history(t.stream("1"), 1, 3, 2, 5, 1)
		slices.Reverse(commits)
		for from := eventstore.Version(1); from < 16; from++ {
			want := slices.DeleteFunc(slices.Clone(commits), func(c eventstore.Commit) bool { return c.First > from })
			assert.Equal(t, want, t.readBackward(t.stream("1"), from), "from %d", from)
		}
		for _, from := range []eventstore.Version{0, math.MaxInt64, math.MaxUint64} {
			assert.Equal(t, commits, t.readBackward(t.stream("1"), from))
		}
	}},
	{"a history of more than a thousand commits is read whole, both ways and from anywhere", func(t *fixture) {
		const n = 1_200
		t.fill(t.stream("1"), n)
		assertWhole(t, t.read(t.stream("1"), 0), 1, n)
		for _, from := range []eventstore.Version{2, 256, n / 2, n} {
			assertWhole(t, t.read(t.stream("1"), from), from, n)
			backward := t.readBackward(t.stream("1"), from)
			slices.Reverse(backward)
			assertWhole(t, backward, 1, from)
		}
	}},
	{"large commits are read whole, both ways, also where the head is one", func(t *fixture) {
		at := eventstore.NoStream
		var commits []eventstore.Commit
		for _, size := range []int{1 << 20, 10, 1_500_000, 700_000, 700_000, 2, 350_000, 350_000, 350_000, 350_000, 2_000_000} {
			w := writeAt(at, t.stream("1"), "A")
			w.Events = append(w.Events, weighing(size))
			c := t.must(w)
			commits, at = append(commits, c), c.Revision
		}
		for _, i := range []int{0, 3, len(commits) - 1} {
			assertSame(t, commits[i:], t.read(t.stream("1"), commits[i].Last()))
			backward := t.readBackward(t.stream("1"), commits[i].First)
			slices.Reverse(backward)
			assertSame(t, commits[:i+1], backward)
		}
		assert.Empty(t, t.read(t.stream("1"), at.Version()+1), "beyond a head of two megabytes")
		assertSame(t, commits[len(commits)-1:], t.readBackward(t.stream("1"), at.Version()+1)[:1])
	}},
}

// assertWhole says that the commits, of one event each, are the versions first to last.
func assertWhole(t testing.TB, commits []eventstore.Commit, first, last eventstore.Version) {
	t.Helper()
	require.Len(t, commits, int(last-first)+1)
	for i, c := range commits {
		require.Equal(t, first+eventstore.Version(i), c.First)
	}
}

// assertSame compares large commits without printing them.
func assertSame(t *fixture, want, got []eventstore.Commit) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		require.True(t, assert.ObjectsAreEqual(want[i], got[i]), "commit at version %d", want[i].First)
	}
}
