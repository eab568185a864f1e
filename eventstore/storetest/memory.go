package storetest

import (
	"maps"
	"slices"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
)

var memoryClauses = []clause{
	{"arguments are not kept", func(t *fixture) {
		shared := map[string]string{"shared": "before"}
		ctx := eventstore.WithMetadata(t.Context(), eventstore.Metadata{Extra: shared})
		w := writeAt(eventstore.NoStream, t.stream("1"), "A", "B")
		w.Metadata.Extra = map[string]string{"own": "before"}
		c, err := t.Store.Append(ctx, w)
		require.NoError(t, err)

		w.Metadata.Extra["own"], shared["shared"] = "after", "after"
		w.Events[0].Payload[2] = '#'
		w.Events[1] = eventstore.Event{Type: "AFTER"}

		before := map[string]string{"shared": "before", "own": "before"}
		for _, got := range append(t.read(w.Stream, 0), c) {
			assert.Equal(t, facts("A", "B"), got.Events)
			assert.Equal(t, before, got.Metadata.Extra)
		}
	}},
	{"the context keeps its metadata when the map it was made with changes", func(t *fixture) {
		extra := map[string]string{"k": "before"}
		ctx := eventstore.WithMetadata(t.Context(), eventstore.Metadata{Extra: extra})
		extra["k"] = "after"
		c, err := t.Store.Append(ctx, writeAt(eventstore.NoStream, t.stream("1"), "A"))
		require.NoError(t, err)
		assert.Equal(t, map[string]string{"k": "before"}, c.Metadata.Extra)
	}},
	{"a returned commit may be changed without effect on the store", func(t *fixture) {
		w := writeAt(eventstore.NoStream, t.stream("1"), "A", "B")
		w.ID, w.Metadata.Extra = "c1", map[string]string{"k": "v"}
		appended := t.must(w)
		want := t.read(w.Stream, 0)
		want[0].Events, want[0].Metadata.Extra = slices.Clone(want[0].Events), maps.Clone(want[0].Metadata.Extra)

		again := t.must(w)
		_, conflict := t.Store.Append(t.Context(), writeAt(eventstore.NoStream, w.Stream, "LATE"))
		w.Events = facts("OTHER")
		_, reused := t.Store.Append(t.Context(), w)
		handedOut := []eventstore.Commit{
			appended, again, winner(t, conflict), stored(t, reused),
			t.read(w.Stream, 0)[0], t.readBackward(w.Stream, 0)[0], t.scanned(eventstore.Cursor{})[0].Commit,
		}
		for i := range handedOut {
			spoil(&handedOut[i])
			assert.Equal(t, want, t.read(w.Stream, 0))
			assert.Equal(t, want, t.readBackward(w.Stream, 0))
		}
	}},
}

// spoil changes all of a commit that belongs to its receiver.
func spoil(c *eventstore.Commit) {
	c.Events[0] = eventstore.Event{Type: "SPOILT"}
	_ = append(c.Events[:1], eventstore.Event{Type: "SPOILT"})
	c.Metadata.Extra["k"] = "spoilt"
	c.Metadata.Extra["new"] = "spoilt"
	c.Digest[0]++
}

func winner(t *fixture, err error) eventstore.Commit {
	t.Helper()
	var conflict *eventstore.ConflictError
	require.ErrorAs(t, err, &conflict)
	return conflict.Winner
}

func stored(t *fixture, err error) eventstore.Commit {
	t.Helper()
	var reused *eventstore.IDReusedError
	require.ErrorAs(t, err, &reused)
	return reused.Stored
}
