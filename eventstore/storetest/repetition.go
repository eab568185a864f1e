package storetest

import (
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
)

// command returns a write with an ID.
func command(id string, at eventstore.Revision, stream eventstore.StreamID, types ...string) eventstore.Write {
	w := writeAt(at, stream, types...)
	w.ID = id
	return w
}

var repetitionClauses = []clause{
	{"the same write again returns the first result", func(t *fixture) {
		w := command("c1", eventstore.NoStream, t.stream("1"), "A", "B")
		first := t.must(w)
		assert.Equal(t, first, t.must(w))
		assert.Equal(t, []eventstore.Commit{first}, t.read(w.Stream, 0))
	}},
	{"however late: also after others have appended", func(t *fixture) {
		at := t.history(t.stream("1"), 2)[0].Revision
		w := command("c1", at, t.stream("1"), "A", "B", "C")
		first := t.must(w)
		for range 300 {
			t.must(writeAt(eventstore.Any, t.stream("1"), "LATER"))
		}
		assert.Equal(t, first, t.must(w))
		assert.Equal(t, eventstore.Version(305), t.head(w.Stream).Version())
	}},
	{"also with another time and other metadata", func(t *fixture) {
		w := command("c1", eventstore.NoStream, t.stream("1"), "A")
		first := t.must(w)
		w.Time, w.Metadata.Actor = time.Now().Add(time.Hour), "somebody else"
		assert.Equal(t, first, t.must(w))
	}},
	{"of 16 that send the same write at once all get the one commit", func(t *fixture) {
		w := command("c1", t.history(t.stream("1"), 1)[0].Revision, t.stream("1"), "A")
		commits := make([]eventstore.Commit, 16)
		together(16, func(i int) {
			var err error
			commits[i], err = t.Store.Append(t.Context(), w)
			assert.NoError(t, err)
		})
		for _, c := range commits {
			assert.Equal(t, commits[0], c)
		}
		assert.Len(t, t.read(w.Stream, 0), 2)
	}},
	{"the same ID at a later revision makes another commit", func(t *fixture) {
		first := t.must(command("c1", eventstore.NoStream, t.stream("1"), "A"))
		second := t.must(command("c1", first.Revision, t.stream("1"), "A"))
		assert.Equal(t, eventstore.Version(2), second.First)
		assert.Equal(t, []eventstore.Commit{first, second}, t.read(t.stream("1"), 0))
	}},
	{"the same ID in another stream makes another commit", func(t *fixture) {
		first := t.must(command("c1", eventstore.NoStream, t.stream("1"), "A"))
		second := t.must(command("c1", eventstore.NoStream, t.stream("2"), "A"))
		assert.NotEqual(t, first.Stream, second.Stream)
	}},
	{"the same ID with other content is refused and shows the stored commit", func(t *fixture) {
		stored := t.must(command("c1", eventstore.NoStream, t.stream("1"), "A"))
		t.must(writeAt(stored.Revision, t.stream("1"), "LATER"))
		for _, types := range [][]string{{"B"}, {"A", "A"}} {
			_, err := t.Store.Append(t.Context(), command("c1", eventstore.NoStream, t.stream("1"), types...))
			assertReused(t, err, stored)
		}
		schema := command("c1", eventstore.NoStream, t.stream("1"), "A")
		schema.Events[0].Schema = 2
		_, err := t.Store.Append(t.Context(), schema)
		assertReused(t, err, stored)
		payload := command("c1", eventstore.NoStream, t.stream("1"), "A")
		payload.Events[0].Payload = []byte(`{}`)
		_, err = t.Store.Append(t.Context(), payload)
		assertReused(t, err, stored)
	}},
	{"a digest of the command decides what is the same content", func(t *fixture) {
		w := command("c1", eventstore.NoStream, t.stream("1"), "A")
		w.Digest = eventstore.DigestOf([]byte("the command"))
		first := t.must(w)
		assert.Equal(t, w.Digest, first.Digest)
		w.Events = facts("DECIDED", "ANEW")
		assert.Equal(t, first, t.must(w), "the same command")
		w.Events, w.Digest = facts("A"), eventstore.DigestOf([]byte("another command"))
		_, err := t.Store.Append(t.Context(), w)
		assertReused(t, err, first)
	}},
	{"without a digest that of the events is stored", func(t *fixture) {
		a, b := t.must(writeAt(eventstore.NoStream, t.stream("1"), "A")), t.must(writeAt(eventstore.NoStream, t.stream("2"), "A"))
		other := t.must(writeAt(eventstore.NoStream, t.stream("3"), "B"))
		assert.Equal(t, a.Digest, b.Digest)
		assert.NotEqual(t, a.Digest, other.Digest)
		assert.Equal(t, a.Digest, t.read(t.stream("1"), 0)[0].Digest)
	}},
	{"without an ID a commit gets a new one", func(t *fixture) {
		first := t.must(writeAt(eventstore.NoStream, t.stream("1"), "A"))
		assert.NotEmpty(t, first.ID)
		_, err := t.Store.Append(t.Context(), writeAt(eventstore.NoStream, t.stream("1"), "A"))
		assertConflict(t, err, eventstore.NoStream, first)
		assert.NotEqual(t, first.ID, t.must(writeAt(first.Revision, t.stream("1"), "A")).ID)
	}},
}

func assertReused(t *fixture, err error, stored eventstore.Commit) {
	t.Helper()
	require.ErrorIs(t, err, eventstore.ErrIDReused)
	assert.NotErrorIs(t, err, eventstore.ErrConflict)
	var reused *eventstore.IDReusedError
	require.ErrorAs(t, err, &reused)
	assert.Equal(t, stored.Stream, reused.Stream)
	assert.Equal(t, stored.ID, reused.ID)
	assert.Equal(t, stored, reused.Stored)
}
