package storetest

import (
	"fmt"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
)

var readWhileClauses = []clause{
	{"every append that returned is in the reads that begin after it", func(t *fixture) {
		together(8, func(i int) {
			stream := t.stream(fmt.Sprint(i))
			at := eventstore.NoStream
			for n := range eventstore.Version(20) {
				c, err := t.Store.Append(t.Context(), writeAt(at, stream, "A"))
				if !assert.NoError(t, err) {
					return
				}
				head, err := t.Store.Head(t.Context(), stream)
				assert.NoError(t, err)
				assert.Equal(t, c.Revision, head)
				forward, err := collect(t.Store.Read(t.Context(), stream, 0))
				assert.NoError(t, err)
				assert.Len(t, forward, int(n)+1)
				backward, err := collect(t.Store.ReadBackward(t.Context(), stream, 0))
				assert.NoError(t, err)
				assert.Len(t, backward, int(n)+1)
				at = c.Revision
			}
		})
	}},
	{"commits that are appended during a read do no harm, and the read stops no append", func(t *fixture) {
		t.fill(t.stream("1"), 600)
		next := eventstore.Version(1)
		for c, err := range t.Store.Read(t.Context(), t.stream("1"), 0) {
			require.NoError(t, err)
			require.Equal(t, next, c.First)
			next++
			if c.First <= 600 && c.First%20 == 0 {
				t.must(writeAt(eventstore.Any, t.stream("1"), "MEANWHILE"))
			}
		}
		assert.Greater(t, next, eventstore.Version(600))
		next = 600
		for c, err := range t.Store.ReadBackward(t.Context(), t.stream("1"), next) {
			require.NoError(t, err)
			require.Equal(t, next, c.First)
			next--
			if c.First%100 == 0 {
				t.must(writeAt(eventstore.Any, t.stream("1"), "MEANWHILE"))
			}
		}
		assert.Zero(t, next)
	}},
	{"a sequence may be abandoned at any commit, and read again", func(t *fixture) {
		t.fill(t.stream("1"), 300)
		forward, backward := t.Store.Read(t.Context(), t.stream("1"), 0), t.Store.ReadBackward(t.Context(), t.stream("1"), 0)
		for n := 1; n <= 300; n += 37 {
			assert.Equal(t, eventstore.Version(n), nth(t, forward, n).First)
			assert.Equal(t, eventstore.Version(301-n), nth(t, backward, n).First)
		}
		t.must(writeAt(eventstore.Any, t.stream("1"), "AFTER"))
		assert.Len(t, all(t, forward), 301)
		assert.Len(t, all(t, backward), 301)
	}},
	{"abandoned reads hold nothing, however many there are", func(t *fixture) {
		t.fill(t.stream("1"), 50)
		together(4, func(int) {
			for range 25 {
				for range t.Store.Read(t.Context(), t.stream("1"), 0) {
					break
				}
				for range t.Scanner.ReadAll(t.Context(), eventstore.Cursor{}) {
					break
				}
				for range t.Directory.Streams(t.Context(), t.category, eventstore.StreamID{}) {
					break
				}
			}
		})
		t.must(writeAt(eventstore.Any, t.stream("1"), "AFTER"))
	}},
	{"reads may be nested, deeper than a store has connections", func(t *fixture) {
		t.fill(t.stream("1"), 3)
		var deeper func(depth int)
		deeper = func(depth int) {
			for c, err := range t.Store.Read(t.Context(), t.stream("1"), 0) {
				require.NoError(t, err)
				if c.First == 2 && depth > 0 {
					deeper(depth - 1)
				}
			}
			for range t.Directory.Streams(t.Context(), t.category, eventstore.StreamID{}) {
				if depth%6 == 0 && depth > 0 {
					deeper(depth / 2)
				}
			}
		}
		deeper(12)
	}},
	{"a sequence may be read by several goroutines at once", func(t *fixture) {
		t.fill(t.stream("1"), 300)
		seq := t.Store.Read(t.Context(), t.stream("1"), 0)
		together(4, func(int) {
			commits, err := collect(seq)
			assert.NoError(t, err)
			assert.Len(t, commits, 300)
		})
	}},
}

// nth returns the n-th commit of a sequence, which it then abandons.
func nth(t *fixture, seq func(func(eventstore.Commit, error) bool), n int) eventstore.Commit {
	t.Helper()
	for c, err := range seq {
		require.NoError(t, err)
		if n--; n == 0 {
			return c
		}
	}
	require.Fail(t, "the sequence is too short")
	return eventstore.Commit{}
}
