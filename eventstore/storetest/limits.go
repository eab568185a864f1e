package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
)

var limitClauses = []clause{
	limit("commit bytes", eventstore.MaxCommitBytes, eventstore.ErrTooLarge, func(w *eventstore.Write, n int) {
		w.Events = []eventstore.Event{weighing(3), weighing(n)}
		_, err := eventstore.Prepare(context.Background(), "", *w)
		over, _ := errors.AsType[*eventstore.LimitError](err) // names and frame count too
		w.Events[1] = weighing(2*n - over.Size)
	}),
	limit("events in a commit", eventstore.MaxCommitEvents, eventstore.ErrTooLarge, func(w *eventstore.Write, n int) {
		w.Events = make([]eventstore.Event, n)
		for i := range w.Events {
			w.Events[i] = eventstore.Event{Type: "A", Schema: 1, Payload: []byte("1")}
		}
	}),
	limit("event types in a commit", eventstore.MaxCommitTypes, eventstore.ErrTooLarge, func(w *eventstore.Write, n int) {
		w.Events = make([]eventstore.Event, n)
		for i := range w.Events {
			w.Events[i] = eventstore.Event{Type: fmt.Sprintf("%0*d", eventstore.MaxEventTypeBytes, i), Schema: 1, Payload: []byte("1")}
		}
	}),
	limit("event types of one name in a commit", eventstore.MaxCommitTypes, eventstore.ErrTooLarge, func(w *eventstore.Write, n int) {
		w.Events = make([]eventstore.Event, n)
		for i := range w.Events {
			w.Events[i] = eventstore.Event{Type: strings.Repeat("A", eventstore.MaxEventTypeBytes), Schema: 1 + i, Payload: []byte("1")}
		}
	}),
	limit("metadata bytes", eventstore.MaxMetadataBytes, eventstore.ErrTooLarge, func(w *eventstore.Write, n int) {
		w.Metadata = eventstore.Metadata{Actor: "ada", Extra: map[string]string{"k": strings.Repeat("x", n-4)}}
	}),
	limit("bytes of a commit ID", eventstore.MaxCommitIDBytes, eventstore.ErrInvalid, func(w *eventstore.Write, n int) {
		w.ID = strings.Repeat("x", n)
	}),
	limit("bytes of an event type", eventstore.MaxEventTypeBytes, eventstore.ErrInvalid, func(w *eventstore.Write, n int) {
		w.Events = facts(strings.Repeat("x", n))
	}),
	limit("the schema version", eventstore.MaxSchema, eventstore.ErrInvalid, func(w *eventstore.Write, n int) {
		w.Events[0].Schema = n
	}),
	{"metadata of the context counts", func(t *fixture) {
		ctx := eventstore.WithMetadata(t.Context(), eventstore.Metadata{Actor: strings.Repeat("x", eventstore.MaxMetadataBytes)})
		w := writeAt(eventstore.NoStream, t.stream("1"), "A")
		w.Metadata.CausationID = "x"
		_, err := t.Store.Append(ctx, w)
		assertLimit(t, err, eventstore.ErrTooLarge, eventstore.MaxMetadataBytes)
	}},
	{"the longest names are stored and listed", func(t *fixture) {
		t.category += strings.Repeat("x", eventstore.MaxCategoryBytes-len(t.category))
		stream := t.stream(strings.Repeat("y", eventstore.MaxIDBytes))
		c := t.must(writeAt(eventstore.NoStream, stream, "A"))
		assert.Equal(t, []eventstore.Commit{c}, t.read(stream, 0))
		t.listed(t.category, stream)
	}},
	{"a commit that exhausts all limits at once is stored", func(t *fixture) {
		t.category += strings.Repeat("x", eventstore.MaxCategoryBytes-len(t.category))
		w := writeAt(eventstore.NoStream, t.stream(strings.Repeat("y", eventstore.MaxIDBytes)), "A")
		w.ID = strings.Repeat("z", eventstore.MaxCommitIDBytes)
		// Characters of which each may take the most wherever metadata is text.
		w.Metadata = eventstore.Metadata{Extra: map[string]string{"k": strings.Repeat("\x01", eventstore.MaxMetadataBytes-1)}}
		w.Events = make([]eventstore.Event, eventstore.MaxCommitEvents)
		for i := range w.Events {
			w.Events[i] = eventstore.Event{Type: fmt.Sprintf("%0*d", eventstore.MaxEventTypeBytes, i%eventstore.MaxCommitTypes), Schema: 1, Payload: []byte("1")}
		}
		w.Events[0].Payload = weighing(eventstore.MaxCommitBytes).Payload
		_, err := eventstore.Prepare(t.Context(), "", w)
		over, ok := errors.AsType[*eventstore.LimitError](err)
		require.True(t, ok)
		w.Events[0].Payload = weighing(2*eventstore.MaxCommitBytes - over.Size).Payload
		c := t.must(w)
		assertSame(t, []eventstore.Commit{c}, t.read(w.Stream, 0))
	}},
	{"a write that can not be is refused before anything is sent", func(t *fixture) {
		for fault, spoil := range map[string]func(*eventstore.Write){
			"no stream":                     func(w *eventstore.Write) { w.Stream = eventstore.StreamID{} },
			"no events":                     func(w *eventstore.Write) { w.Events = nil },
			"no type":                       func(w *eventstore.Write) { w.Events[1].Type = "" },
			"a type with a blank":           func(w *eventstore.Write) { w.Events[1].Type = "A B" },
			"a type that is not ASCII":      func(w *eventstore.Write) { w.Events[1].Type = "Ä" },
			"schema version 0":              func(w *eventstore.Write) { w.Events[1].Schema = 0 },
			"a negative schema version":     func(w *eventstore.Write) { w.Events[1].Schema = -1 },
			"no payload":                    func(w *eventstore.Write) { w.Events[1].Payload = nil },
			"an empty payload":              func(w *eventstore.Write) { w.Events[1].Payload = []byte{} },
			"a commit ID with a line break": func(w *eventstore.Write) { w.ID = "a\nb" },
			"a commit ID that is not UTF-8": func(w *eventstore.Write) { w.ID = "\xff" },
		} {
			for _, at := range []eventstore.Revision{eventstore.NoStream, eventstore.Any, t.head(t.stream("1"))} {
				w := writeAt(at, t.stream("1"), "A", "B")
				spoil(&w)
				_, err := t.Store.Append(t.Context(), w)
				assert.ErrorIs(t, err, eventstore.ErrInvalid, fault)
			}
		}
		assert.Zero(t, t.head(t.stream("1")).Version())
	}},
}

// limit is the clause that a write is accepted at a limit, and refused one
// above it with both numbers, before anything is written.
func limit(what string, most int, class error, set func(w *eventstore.Write, n int)) clause {
	return clause{what + ": accepted at the limit, refused above with both numbers", func(t *fixture) {
		for _, at := range []eventstore.Revision{eventstore.NoStream, eventstore.Any} {
			w := writeAt(at, t.stream("refused"), "A")
			set(&w, most+1)
			_, err := t.Store.Append(t.Context(), w)
			assertLimit(t, err, class, most)
			assert.Zero(t, t.head(w.Stream).Version())
		}
		w := writeAt(eventstore.NoStream, t.stream("accepted"), "A")
		set(&w, most)
		c := t.must(w)
		assert.True(t, assert.ObjectsAreEqual([]eventstore.Commit{c}, t.read(w.Stream, 0)), "it is read as it was written")
	}}
}

func assertLimit(t *fixture, err error, class error, most int) {
	t.Helper()
	require.ErrorIs(t, err, class)
	assert.Regexp(t, fmt.Sprintf(`\b%d\b`, most+1), err.Error())
	assert.Regexp(t, fmt.Sprintf(`\b%d\b`, most), err.Error())
	if class == eventstore.ErrTooLarge {
		var facts *eventstore.LimitError
		require.ErrorAs(t, err, &facts)
		assert.Equal(t, []int{most + 1, most}, []int{facts.Size, facts.Limit})
		assert.Contains(t, err.Error(), facts.What)
	}
}
