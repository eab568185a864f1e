package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
)

var appendClauses = []clause{
	{"a commit is returned as a later read returns it", func(t *fixture) {
		w := writeAt(eventstore.NoStream, t.stream("1"), "OPENED", "RENAMED")
		w.ID = "command-1"
		w.Metadata = eventstore.Metadata{Actor: "ada", Extra: map[string]string{"k": "v"}}
		c := t.must(w)
		assert.Equal(t, w.Stream, c.Stream)
		assert.Equal(t, eventstore.Version(1), c.First)
		assert.Equal(t, eventstore.Version(2), c.Last())
		assert.Equal(t, "command-1", c.ID)
		assert.Equal(t, w.Metadata, c.Metadata)
		assert.Equal(t, w.Events, c.Events)
		assert.Equal(t, eventstore.Version(2), c.Revision.Version())
		assert.Equal(t, []eventstore.Commit{c}, t.read(w.Stream, 0))
	}},
	{"versions are numbered from 1 without gaps", func(t *fixture) {
		next := eventstore.Version(1)
		for _, c := range t.history(t.stream("1"), 1, 3, 1, 7) {
			assert.Equal(t, next, c.First)
			next = c.Last() + 1
		}
		assert.Equal(t, eventstore.Version(12), t.head(t.stream("1")).Version())
	}},
	{"an append at a stale revision is a conflict that hands over the winner", func(t *fixture) {
		commits := t.history(t.stream("1"), 2, 3, 1)
		_, err := t.Store.Append(t.Context(), writeAt(commits[0].Revision, t.stream("1"), "LATE"))
		assertConflict(t, err, commits[0].Revision, commits[1])
		assert.Equal(t, commits, t.read(t.stream("1"), 0), "nothing was written")
	}},
	{"creating a stream that exists is a conflict with its first commit", func(t *fixture) {
		none := t.head(t.stream("1"))
		commits := t.history(t.stream("1"), 1, 1)
		for _, at := range []eventstore.Revision{eventstore.NoStream, none} {
			_, err := t.Store.Append(t.Context(), writeAt(at, t.stream("1"), "LATE"))
			assertConflict(t, err, at, commits[0])
		}
	}},
	{"a revision of another stream is refused", func(t *fixture) {
		c := t.history(t.stream("1"), 1)[0]
		t.history(t.stream("2"), 1)
		for _, at := range []eventstore.Revision{c.Revision, t.head(t.stream("3"))} {
			_, err := t.Store.Append(t.Context(), writeAt(at, t.stream("2"), "ASTRAY"))
			assertRefused(t, err, t.stream("2"), at)
		}
		assert.Len(t, t.read(t.stream("2"), 0), 1)
	}},
	{"a revision of another store is refused", func(t *fixture) {
		other := &fixture{T: t.T, Backend: t.open(t), category: t.category}
		theirs := other.history(t.stream("1"), 1)[0]
		t.history(t.stream("1"), 1)
		for _, at := range []eventstore.Revision{theirs.Revision, other.head(t.stream("2"))} {
			_, err := t.Store.Append(t.Context(), writeAt(at, at.Stream(), "ASTRAY"))
			assertRefused(t, err, at.Stream(), at)
		}
		assert.Len(t, t.read(t.stream("1"), 0), 1)
		assert.Empty(t, t.read(t.stream("2"), 0))
	}},
	{"no text makes a revision that the store did not give", func(t *fixture) {
		text, err := t.history(t.stream("1"), 3)[0].Revision.MarshalText()
		require.NoError(t, err)
		for i := range text {
			for _, b := range []byte("AZaz09-_") {
				altered := append([]byte(nil), text...)
				altered[i] = b
				if altered[i] != text[i] {
					assert.ErrorIs(t, new(eventstore.Revision).UnmarshalText(altered), eventstore.ErrInvalid, "%s", altered)
				}
			}
			assert.ErrorIs(t, new(eventstore.Revision).UnmarshalText(text[:i]), eventstore.ErrInvalid)
		}
	}},
	{"of 16 writers at one revision exactly one wins each version", func(t *fixture) {
		at := eventstore.NoStream
		for round := range 20 {
			at = raceFor(t, at, fmt.Sprint(round)).Revision
		}
		assert.Equal(t, eventstore.Version(20), t.head(t.stream("1")).Version())
		assert.Len(t, t.read(t.stream("1"), 0), 20)
	}},
	{"an append at Any is stored behind whatever is there", func(t *fixture) {
		var mu sync.Mutex
		ids := map[string]bool{}
		together(16, func(i int) {
			for n := range 5 {
				w := writeAt(eventstore.Any, t.stream("1"), "A", "B")
				w.ID = fmt.Sprintf("%d-%d", i, n)
				c, err := t.Store.Append(t.Context(), w)
				assert.NoError(t, err)
				assert.Equal(t, w.ID, c.ID)
				mu.Lock()
				ids[c.ID] = true
				mu.Unlock()
			}
		})
		commits := t.read(t.stream("1"), 0)
		assert.Len(t, ids, 80)
		assert.Len(t, commits, 80)
		assert.Equal(t, eventstore.Version(160), commits[79].Last())
	}},
	{"a reader sees a commit whole or not at all", func(t *fixture) {
		var done atomic.Bool
		together(3, func(i int) {
			if i == 0 {
				defer done.Store(true)
				for range 60 {
					_, err := t.Store.Append(t.Context(), writeAt(eventstore.Any, t.stream("1"), "A", "B", "C"))
					assert.NoError(t, err)
				}
				return
			}
			for !done.Load() {
				commits, err := collect(t.Store.Read(t.Context(), t.stream("1"), 0))
				assert.NoError(t, err)
				for _, c := range commits {
					assert.Len(t, c.Events, 3)
				}
				head, err := t.Store.Head(t.Context(), t.stream("1"))
				assert.NoError(t, err)
				assert.Zero(t, head.Version()%3, "the head is a commit boundary")
			}
		})
	}},
	{"streams with similar names are apart", func(t *fixture) {
		ids := []string{"1", "10", "1-1", "1.", "1@1", "1%", "1_", "ü", "U", "u", "a b", `"'`, "../x", "1#2", "日本", "!claim|x"}
		for i, id := range ids {
			w := writeAt(eventstore.NoStream, t.stream(id), fmt.Sprintf("E%d", i))
			w.ID = "the same everywhere"
			t.must(w)
		}
		for i, id := range ids {
			commits := t.read(t.stream(id), 0)
			require.Len(t, commits, 1, id)
			assert.Equal(t, fmt.Sprintf("E%d", i), commits[0].Events[0].Type)
			assert.Equal(t, t.stream(id), commits[0].Stream)
		}
	}},
	{"payloads, types and schema versions come back as they were", func(t *fixture) {
		every := make([]byte, 256)
		for i := range every {
			every[i] = byte(i)
		}
		w := eventstore.Write{Stream: t.stream("1")}
		for i, payload := range [][]byte{[]byte("{}"), every, []byte(","), []byte("]["), []byte(`{"amount": 1.10}`), {0}, weighing(1 << 20).Payload} {
			w.Events = append(w.Events, eventstore.Event{Type: []string{"a", "B.c-d_e"}[i%2], Schema: 1 + i*i, Payload: payload})
		}
		assert.Equal(t, w.Events, t.must(w).Events)
		assert.Equal(t, w.Events, t.read(w.Stream, 0)[0].Events)
	}},
}

// raceFor lets 16 writers append at one revision, and returns the commit that won.
func raceFor(t *fixture, at eventstore.Revision, round string) eventstore.Commit {
	commits, errs := make([]eventstore.Commit, 16), make([]error, 16)
	together(16, func(i int) {
		w := writeAt(at, t.stream("1"), "TAKEN")
		w.ID = fmt.Sprintf("%s-%d", round, i)
		commits[i], errs[i] = t.Store.Append(t.Context(), w)
	})
	var winner eventstore.Commit
	for i, err := range errs {
		if err == nil {
			require.Empty(t, winner.ID, "a second winner")
			winner = commits[i]
		}
	}
	require.NotEmpty(t, winner.ID, "nobody won: %v", errs[0])
	for _, err := range errs {
		if err != nil {
			assertConflict(t, err, at, winner)
		}
	}
	return winner
}

func assertConflict(t *fixture, err error, expected eventstore.Revision, winner eventstore.Commit) {
	t.Helper()
	require.ErrorIs(t, err, eventstore.ErrConflict)
	var conflict *eventstore.ConflictError
	require.ErrorAs(t, err, &conflict)
	assert.Equal(t, winner.Stream, conflict.Stream)
	assert.Equal(t, expected, conflict.Expected)
	assert.Equal(t, winner.Revision, conflict.Actual)
	assert.Equal(t, winner, conflict.Winner)
}

func assertRefused(t *fixture, err error, stream eventstore.StreamID, at eventstore.Revision) {
	t.Helper()
	require.ErrorIs(t, err, eventstore.ErrRevision)
	var refused *eventstore.RevisionError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, stream, refused.Stream)
	assert.Equal(t, at, refused.Revision)
}
