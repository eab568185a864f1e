package storetest

import (
	"fmt"
	"slices"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
)

var scannerClauses = []clause{
	{"the segments of any count hold every commit exactly once, and each stream in one of them", func(t *fixture) {
		want := t.manyStreams(40)
		for _, n := range []int{1, 2, 7, 16} {
			got := map[eventstore.EventID]eventstore.Commit{}
			segmentOf := map[eventstore.StreamID]int{}
			for i := range n {
				for _, s := range t.scanned(startCursor(t, i, n)) {
					require.NotContains(t, got, s.Commit.EventID(0), "twice")
					got[s.Commit.EventID(0)] = s.Commit
					if before, seen := segmentOf[s.Commit.Stream]; seen {
						require.Equal(t, before, i, "%s lies in two segments", s.Commit.Stream)
					}
					segmentOf[s.Commit.Stream] = i
				}
			}
			assert.Equal(t, want, got, "%d segments", n)
		}
	}},
	{"the zero cursor is the start of the only segment", func(t *fixture) {
		t.manyStreams(40)
		assert.ElementsMatch(t, commitsOf(t.scanned(startCursor(t, 0, 1))), commitsOf(t.scanned(eventstore.Cursor{})))
	}},
	{"every cursor resumes behind its commit, also from its text", func(t *fixture) {
		t.manyStreams(12)
		for _, n := range []int{1, 2, 7} {
			for i := range n {
				whole := t.scanned(startCursor(t, i, n))
				for k, s := range whole {
					text, err := s.Cursor.MarshalText()
					require.NoError(t, err)
					var cursor eventstore.Cursor
					require.NoError(t, cursor.UnmarshalText(text))
					assert.ElementsMatch(t, commitsOf(whole[k+1:]), commitsOf(t.scanned(cursor)))
				}
			}
		}
	}},
	{"past a stream nothing of it comes, and everything else that was to come", func(t *fixture) {
		t.manyStreams(40)
		whole := t.scanned(startCursor(t, 0, 1))
		for k := 0; k < len(whole); k += 13 {
			past := whole[k].Commit.Stream
			want := slices.DeleteFunc(commitsOf(whole[k:]), func(c eventstore.Commit) bool { return c.Stream == past })
			assert.ElementsMatch(t, want, commitsOf(t.scanned(whole[k].Cursor.Past(past))))
		}
	}},
	{"every append that returned is in a scan that begins after it", func(t *fixture) {
		for i := range 20 {
			c := t.must(writeAt(eventstore.Any, t.stream(fmt.Sprint(i%3)), "A"))
			assert.Contains(t, commitsOf(t.scanned(eventstore.Cursor{})), c)
			assert.Len(t, t.scanned(eventstore.Cursor{}), i+1)
		}
	}},
	{"a long stream is scanned whole", func(t *fixture) {
		t.fill(t.stream("1"), 700)
		assert.Len(t, t.scanned(eventstore.Cursor{}), 700)
	}},
	{"large commits are scanned whole, once each, and resumed behind", func(t *fixture) {
		var commits []eventstore.Commit
		for i, size := range []int{350_000, 350_000, 1_500_000, 350_000, 2, 350_000, 700_000} {
			w := writeAt(eventstore.NoStream, t.stream(fmt.Sprint(i)), "A")
			w.Events = append(w.Events, weighing(size))
			commits = append(commits, t.must(w))
		}
		whole := t.scanned(eventstore.Cursor{})
		require.Len(t, whole, len(commits))
		for k, s := range whole {
			i := slices.IndexFunc(commits, func(c eventstore.Commit) bool { return c.Stream == s.Commit.Stream })
			assertSame(t, commits[i:i+1], commitsOf(whole[k:k+1]))
			assert.ElementsMatch(t, revisionsOf(whole[k+1:]), revisionsOf(t.scanned(s.Cursor)))
		}
	}},
	{"the heads of a category, where the store lists them, are those of its commits", func(t *fixture) {
		lister, ok := t.Scanner.(eventstore.HeadLister)
		if !ok {
			return
		}
		t.manyStreams(1300)
		heads := map[eventstore.StreamID]eventstore.Version{}
		for _, s := range t.scanned(eventstore.Cursor{}) {
			heads[s.Commit.Stream] = max(heads[s.Commit.Stream], s.Commit.Last())
		}
		var before eventstore.EventID
		for head, err := range lister.Heads(t.Context(), t.category) {
			require.NoError(t, err)
			assert.Negative(t, before.Compare(head))
			assert.Equal(t, heads[head.Stream], head.Version)
			delete(heads, head.Stream)
			before = head
		}
		assert.Empty(t, heads)
		for _, err := range lister.Heads(t.Context(), "not-one") {
			assert.ErrorIs(t, err, eventstore.ErrInvalid)
		}
		for _, err := range lister.Heads(t.ended(), t.category) {
			assert.ErrorIs(t, err, errCause)
		}
	}},
	{"a scan may be abandoned, and stops no append", func(t *fixture) {
		t.manyStreams(40)
		seen := 0
		for s, err := range t.Scanner.ReadAll(t.Context(), eventstore.Cursor{}) {
			require.NoError(t, err)
			if s.Commit.Stream.Category() != t.category {
				continue
			}
			t.must(writeAt(eventstore.Any, s.Commit.Stream, "MEANWHILE"))
			if seen++; seen == 5 {
				break
			}
		}
		assert.Equal(t, 5, seen)
	}},
}

// manyStreams appends n streams of 1 to 4 commits of 1 to 3 events.
func (t *fixture) manyStreams(n int) map[eventstore.EventID]eventstore.Commit {
	t.Helper()
	commits := map[eventstore.EventID]eventstore.Commit{}
	for i := range n {
		for _, c := range t.history(t.stream(fmt.Sprint(i)), slices.Repeat([]int{1 + i%3}, 1+i%4)...) {
			commits[c.EventID(0)] = c
		}
	}
	require.Len(t, commits, 5*n/2)
	return commits
}

func startCursor(t *fixture, i, n int) eventstore.Cursor {
	t.Helper()
	c, err := eventstore.StartCursor(i, n)
	require.NoError(t, err)
	return c
}

// scanned returns the commits of the test's own category from a cursor on.
func (t *fixture) scanned(from eventstore.Cursor) []eventstore.ScannedCommit {
	t.Helper()
	return slices.DeleteFunc(all(t, t.Scanner.ReadAll(t.Context(), from)), func(s eventstore.ScannedCommit) bool {
		return s.Commit.Stream.Category() != t.category
	})
}

func commitsOf(scanned []eventstore.ScannedCommit) []eventstore.Commit {
	commits := make([]eventstore.Commit, len(scanned))
	for i, s := range scanned {
		commits[i] = s.Commit
	}
	return commits
}

func revisionsOf(scanned []eventstore.ScannedCommit) []eventstore.Revision {
	revisions := make([]eventstore.Revision, len(scanned))
	for i, s := range scanned {
		revisions[i] = s.Commit.Revision
	}
	return revisions
}
