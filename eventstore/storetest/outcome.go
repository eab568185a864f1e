package storetest

import (
	"errors"
	"fmt"
	"sync"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
)

var outcomeClauses = []clause{
	{"after a lost answer the write again returns the first result", func(t *fixture) {
		for _, at := range t.everySlot() {
			store, unknown := t.loses(AnswerLost, command("c1", at, at.Stream(), "A", "B"))
			stored := t.read(unknown.Write.Stream, at.Version()+1)
			require.Len(t, stored, 1, "it was stored before the answer was lost")
			c, err := store.Append(t.Context(), unknown.Write)
			require.NoError(t, err)
			assert.Equal(t, stored[0], c)
			assert.Equal(t, stored, t.read(unknown.Write.Stream, at.Version()+1))
		}
	}},
	{"after a lost request the write again is stored once", func(t *fixture) {
		for _, at := range t.everySlot() {
			store, unknown := t.loses(RequestLost, command("c1", at, at.Stream(), "A", "B"))
			require.Empty(t, t.read(unknown.Write.Stream, at.Version()+1))
			c, err := store.Append(t.Context(), unknown.Write)
			require.NoError(t, err)
			assert.Equal(t, []eventstore.Commit{c}, t.read(unknown.Write.Stream, at.Version()+1))
		}
	}},
	{"an unknown outcome may be tried again for ever: it was stored", func(t *fixture) {
		store, unknown := t.loses(AnswerLost, command("c1", t.history(t.stream("1"), 2)[0].Revision, t.stream("1"), "A"))
		stored := t.read(t.stream("1"), 3)[0]
		for range 20 {
			t.must(writeAt(eventstore.Any, t.stream("1"), "LATER"))
			c, err := store.Append(t.Context(), unknown.Write)
			require.NoError(t, err)
			assert.Equal(t, stored, c)
		}
		assert.Equal(t, eventstore.Version(23), t.head(t.stream("1")).Version())
	}},
	{"an unknown outcome may be tried again for ever: another took the slot", func(t *fixture) {
		at := t.history(t.stream("1"), 2)[0].Revision
		store, unknown := t.loses(RequestLost, command("c1", at, t.stream("1"), "A"))
		winner := t.must(writeAt(at, t.stream("1"), "FASTER"))
		for range 20 {
			t.must(writeAt(eventstore.Any, t.stream("1"), "LATER"))
			_, err := store.Append(t.Context(), unknown.Write)
			assertConflict(t, err, at, winner)
		}
	}},
	{"an answer lost twice is still the first result", func(t *fixture) {
		store := NewFaulty(t.Store, Sequence(AnswerLost, AnswerLost, RequestLost))
		c, err := resend(t, store, command("c1", t.head(t.stream("1")), t.stream("1"), "A"))
		require.NoError(t, err)
		assert.Equal(t, []int{2, 1}, []int{store.Count(AnswerLost), store.Count(RequestLost)})
		assert.Equal(t, []eventstore.Commit{c}, t.read(t.stream("1"), 0))
	}},
	{"revision, ID and events are all that is needed to try again", func(t *fixture) {
		_, unknown := t.loses(AnswerLost, command("c1", t.history(t.stream("1"), 2)[0].Revision, t.stream("1"), "A"))
		text, err := unknown.Write.Revision.MarshalText()
		require.NoError(t, err)
		again := command("c1", eventstore.NoStream, t.stream("1"), "A")
		require.NoError(t, again.Revision.UnmarshalText(text))
		assert.Equal(t, t.read(t.stream("1"), 3)[0], t.must(again))
	}},
	{"a write without an ID is tried again under the ID it was given", func(t *fixture) {
		store, unknown := t.loses(AnswerLost, writeAt(eventstore.NoStream, t.stream("1"), "A"))
		require.NotEmpty(t, unknown.Write.ID)
		c, err := store.Append(t.Context(), unknown.Write)
		require.NoError(t, err)
		assert.Equal(t, unknown.Write.ID, c.ID)
		assert.Len(t, t.read(t.stream("1"), 0), 1)
	}},
	{"after a lost answer at Any, which must not be sent again, its commit is found by its ID", func(t *fixture) {
		t.history(t.stream("1"), 2)
		_, unknown := t.loses(AnswerLost, command("c1", eventstore.Any, t.stream("1"), "A"))
		t.must(writeAt(eventstore.Any, t.stream("1"), "LATER"))
		assert.Equal(t, "c1", unknown.Write.ID)
		var found []eventstore.Version
		for _, c := range t.readBackward(t.stream("1"), 0) {
			if c.ID == unknown.Write.ID {
				found = append(found, c.First)
			}
		}
		assert.Equal(t, []eventstore.Version{3}, found)
	}},
	{"a lost answer that the client below repeats by itself is no conflict", func(t *fixture) {
		for _, at := range append(t.everySlot(), eventstore.Any) {
			w := command("c1", at, at.Stream(), "A")
			if at.IsAny() {
				w.Stream = t.stream("any")
			}
			store := NewFaulty(t.Store, Sequence(AnswerLostAndRetried))
			c, err := store.Append(t.Context(), w)
			require.NoError(t, err)
			assert.Equal(t, 1, store.Count(AnswerLostAndRetried))
			assert.Equal(t, []eventstore.Commit{c}, t.read(w.Stream, c.First))
		}
	}},
	{"a lost answer to other content under a used ID is told from a success", func(t *fixture) {
		stored := t.must(command("c1", eventstore.NoStream, t.stream("1"), "A"))
		store := NewFaulty(t.Store, Sequence(RequestLost))
		_, err := resend(t, store, command("c1", eventstore.NoStream, t.stream("1"), "B"))
		assertReused(t, err, stored)
	}},
	{"whatever is lost, what 8 writers decide takes effect once", func(t *fixture) {
		const seed = 20260301
		t.Logf("seed %d", seed)
		store := NewFaulty(t.Store, Seeded(seed, 0.6, Refused, RequestLost, AnswerLost, AnswerLostAndRetried))
		var mu sync.Mutex
		result := map[string]eventstore.Commit{}
		together(8, func(i int) {
			for n := range 10 {
				id := fmt.Sprintf("writer %d, command %d", i, n)
				c := decide(t, store, t.stream("1"), id)
				mu.Lock()
				result[id] = c
				mu.Unlock()
			}
		})
		commits := t.read(t.stream("1"), 0)
		assert.Len(t, commits, 80)
		for _, c := range commits {
			assert.Equal(t, result[c.ID], c)
		}
		assert.Positive(t, store.Count(AnswerLost))
	}},
}

// everySlot returns revisions of all kinds, each of a stream of its own.
func (t *fixture) everySlot() []eventstore.Revision {
	t.Helper()
	return []eventstore.Revision{
		t.head(t.stream("none")),
		t.history(t.stream("short"), 1)[0].Revision,
		t.history(t.stream("long"), 1, 4, 2)[2].Revision,
	}
}

// loses appends w through a store that suffers the fault once.
func (t *fixture) loses(fault Fault, w eventstore.Write) (*Faulty, *eventstore.OutcomeUnknownError) {
	t.Helper()
	store := NewFaulty(t.Store, Sequence(fault))
	_, err := store.Append(t.Context(), w)
	require.ErrorIs(t, err, eventstore.ErrOutcomeUnknown)
	var unknown *eventstore.OutcomeUnknownError
	require.ErrorAs(t, err, &unknown)
	require.Equal(t, 1, store.Count(fault))
	return store, unknown
}

// resend appends until the outcome is known, as every caller has to.
func resend(t *fixture, store eventstore.Store, w eventstore.Write) (eventstore.Commit, error) {
	for {
		c, err := store.Append(t.Context(), w)
		unknown, ok := errors.AsType[*eventstore.OutcomeUnknownError](err)
		if !ok {
			return c, err
		}
		w = unknown.Write
	}
}

// decide appends one command, deciding anew after each conflict.
func decide(t *fixture, store eventstore.Store, stream eventstore.StreamID, id string) eventstore.Commit {
	at, err := store.Head(t.Context(), stream)
	assert.NoError(t, err)
	for {
		c, err := resend(t, store, command(id, at, stream, "DECIDED"))
		conflict, moved := errors.AsType[*eventstore.ConflictError](err)
		switch {
		case err == nil:
			return c
		case moved:
			at = conflict.Actual
		case !errors.Is(err, ErrInjected):
			assert.NoError(t, err)
			return eventstore.Commit{}
		}
	}
}
