package eventstore_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
)

func aWrite(t require.TestingT) eventstore.Write {
	return eventstore.Write{Stream: streamID(t, "user-1"), ID: "c1",
		Events: []eventstore.Event{{Type: "A", Schema: 1, Payload: []byte("{}")}, {Type: "B", Schema: 2, Payload: []byte("1")}}}
}

func prepare(t *testing.T, w eventstore.Write) eventstore.Write {
	t.Helper()
	prepared, err := eventstore.Prepare(t.Context(), "store", w)
	require.NoError(t, err)
	return prepared
}

func TestPrepareFillsInWhatAWriteLeavesOpen(t *testing.T) {
	t.Parallel()
	given := aWrite(t)
	given.ID, given.Metadata.Actor = "", "ada"
	before := time.Now().Truncate(time.Microsecond)
	w, err := eventstore.Prepare(eventstore.WithMetadata(t.Context(), eventstore.Metadata{CorrelationID: "c"}), "store", given)
	require.NoError(t, err)
	assert.Len(t, w.ID, 36)
	assert.NotZero(t, w.Digest)
	assert.Equal(t, eventstore.Metadata{CorrelationID: "c", Actor: "ada"}, w.Metadata)
	assert.WithinRange(t, w.Time, before, time.Now())
	assert.Equal(t, time.UTC, w.Time.Location())
	again := prepare(t, given)
	assert.NotEqual(t, w.ID, again.ID)
	assert.Equal(t, w.Digest, again.Digest)
}

func TestPrepareKeepsWhatAWriteSays(t *testing.T) {
	t.Parallel()
	given := aWrite(t)
	given.Digest, given.Time = eventstore.DigestOf([]byte("x")), when
	given.Metadata = eventstore.Metadata{Actor: "ada", Extra: map[string]string{"k": "v"}}
	assert.Equal(t, given, prepare(t, given))
	assert.Equal(t, prepare(t, given), prepare(t, prepare(t, given)), "it may be prepared again")
}

func TestPrepareRaisesTheTimeToThatOfTheRevision(t *testing.T) {
	t.Parallel()
	w := aWrite(t)
	w.Revision, w.Time = eventstore.NewRevision("store", w.Stream, 4, when), when.Add(-time.Hour)
	assert.Equal(t, when, prepare(t, w).Time)
	w.Time = when.Add(time.Hour + time.Nanosecond)
	assert.Equal(t, when.Add(time.Hour), prepare(t, w).Time)
}

func TestTheDigestTellsContentsApart(t *testing.T) {
	t.Parallel()
	digests := map[eventstore.Digest]string{}
	for name, change := range map[string]func(*eventstore.Write){
		"as it is":         func(*eventstore.Write) {},
		"another type":     func(w *eventstore.Write) { w.Events[0].Type = "C" },
		"another schema":   func(w *eventstore.Write) { w.Events[0].Schema = 2 },
		"another payload":  func(w *eventstore.Write) { w.Events[0].Payload = []byte("[]") },
		"another order":    func(w *eventstore.Write) { w.Events[0], w.Events[1] = w.Events[1], w.Events[0] },
		"one event less":   func(w *eventstore.Write) { w.Events = w.Events[:1] },
		"a shifted border": func(w *eventstore.Write) { w.Events[0].Type, w.Events[0].Payload = "A{", []byte("}") },
		"a claim":          func(w *eventstore.Write) { w.Claims = []eventstore.Claim{{Scope: "email", Key: "a@b"}} },
		"a release": func(w *eventstore.Write) {
			w.Releases = []eventstore.Claim{{Scope: "a0" + strings.Repeat("s", 46), Key: "k"}}
		},
		"an event that is written as that release": func(w *eventstore.Write) {
			w.Events = append(w.Events, eventstore.Event{Type: "0", Schema: 'a', Payload: []byte(strings.Repeat("s", 46) + "\x01k")})
		},
	} {
		w := aWrite(t)
		change(&w)
		w.Events[0].Type = strings.ReplaceAll(w.Events[0].Type, "{", "_")
		d := prepare(t, w).Digest
		assert.Empty(t, digests[d], name)
		digests[d] = name
	}
	other := aWrite(t)
	other.ID, other.Stream, other.Metadata.Actor, other.Time = "c2", streamID(t, "user-2"), "ada", when
	assert.Equal(t, "as it is", digests[prepare(t, other).Digest], "the events alone are the content")
}

func TestPrepareSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for message, spoil := range map[string]func(*eventstore.Write){
		`invalid: append without a stream`: func(w *eventstore.Write) { w.Stream = eventstore.StreamID{} },
		`append to "user-1" at version 3: the revision belongs to another store, or to this one before it was restored`: func(w *eventstore.Write) {
			w.Revision = eventstore.NewRevision("another", w.Stream, 3, when)
		},
		`append to "user-1": invalid: commit id "` + strings.Repeat("x", 80) + `…" has 129 bytes, the limit is 128`: func(w *eventstore.Write) {
			w.ID = strings.Repeat("x", 129)
		},
		`append to "user-1": invalid: commit id "a\tb" is not UTF-8 without control characters`: func(w *eventstore.Write) { w.ID = "a\tb" },
		`invalid: append to "user-1" without events`:                                            func(w *eventstore.Write) { w.Events = nil },
		`"user-1": 10001 events in a commit, the limit is 10000`: func(w *eventstore.Write) {
			w.Events = make([]eventstore.Event, 10_001)
		},
		`append to "user-1": event 1: invalid: event type "a b": ' ' is not a letter, a digit, '_', '.' or '-'`: func(w *eventstore.Write) { w.Events[1].Type = "a b" },
		`append to "user-1": event 1: invalid: event type "" has 0 bytes, allowed are 1 to 128`:                 func(w *eventstore.Write) { w.Events[1].Type = "" },
		`invalid: append to "user-1": event 1 (B): schema version 10001 is not 1 to 10000`:                      func(w *eventstore.Write) { w.Events[1].Schema = 10_001 },
		`invalid: append to "user-1": event 1 (B) has no payload`:                                               func(w *eventstore.Write) { w.Events[1].Payload = nil },
		`"user-1": 16385 metadata bytes, the limit is 16384`:                                                    func(w *eventstore.Write) { w.Metadata.Actor = strings.Repeat("x", 16<<10+1) },
		`invalid: metadata key "leftfold.x" is empty or begins with "leftfold.", which is reserved`: func(w *eventstore.Write) {
			w.Metadata.Extra = map[string]string{"leftfold.x": ""}
		},
		`invalid: metadata "\xff" is not UTF-8`: func(w *eventstore.Write) { w.Metadata.TraceParent, w.Metadata.TraceState = "p", "\xff" },
		`"user-1": 1001 event types in a commit, the limit is 1000`: func(w *eventstore.Write) {
			w.Events = make([]eventstore.Event, 1001)
			for i := range w.Events { // each schema version counts
				w.Events[i] = eventstore.Event{Type: "A", Schema: 1 + i, Payload: []byte("1")}
			}
		},
		`"user-1": 3145755 commit bytes, the limit is 3145728`: func(w *eventstore.Write) {
			w.Events[0].Payload = make([]byte, eventstore.MaxCommitBytes)
			w.ID, w.Events[1].Payload = "id", []byte("1")
		},
		`invalid: append to "user-1": the time is in the year 10000, allowed are 1 to 9999`: func(w *eventstore.Write) {
			w.Time = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)
		},
	} {
		w := aWrite(t)
		spoil(&w)
		_, err := eventstore.Prepare(context.Background(), "store", w)
		assert.EqualError(t, err, message)
	}
}

func TestACommitFollowsTheHead(t *testing.T) {
	t.Parallel()
	w := prepare(t, aWrite(t))
	c := w.CommitAt("store", eventstore.NewRevision("store", w.Stream, 4, w.Time.Add(time.Hour)))
	assert.Equal(t, eventstore.Version(5), c.First)
	assert.Equal(t, w.Time.Add(time.Hour), c.Time, "time never runs backwards")
	assert.Equal(t, eventstore.NewRevision("store", w.Stream, 6, c.Time), c.Revision)
	assert.Equal(t, []any{w.ID, w.Digest, w.Metadata, w.Events}, []any{c.ID, c.Digest, c.Metadata, c.Events})
	first := w.CommitAt("store", eventstore.NoStream)
	assert.Equal(t, eventstore.Version(1), first.First)
	assert.Equal(t, w.Time, first.Time)
}

func TestSettleTellsOurOwnCommitFromAWinner(t *testing.T) {
	t.Parallel()
	w := prepare(t, aWrite(t))
	own := w.CommitAt("store", eventstore.NoStream)
	c, err := eventstore.Settle(w, own)
	require.NoError(t, err)
	assert.Equal(t, own, c)

	other := own
	other.Digest = eventstore.DigestOf([]byte("other content"))
	_, err = eventstore.Settle(w, other)
	assert.Equal(t, &eventstore.IDReusedError{Stream: w.Stream, ID: "c1", Stored: other}, err)

	other.ID = "c2"
	_, err = eventstore.Settle(w, other)
	assert.Equal(t, &eventstore.ConflictError{Stream: w.Stream, Expected: w.Revision, Actual: other.Revision, Winner: other}, err)
}

func TestMetadataOfAContextIsLaidOverThatOfTheContextAroundIt(t *testing.T) {
	t.Parallel()
	assert.True(t, eventstore.MetadataFrom(t.Context()).IsZero())
	outer := eventstore.WithMetadata(t.Context(), eventstore.Metadata{CorrelationID: "c", TraceParent: "p", TraceState: "s", Extra: map[string]string{"a": "1"}})
	inner := eventstore.WithMetadata(outer, eventstore.Metadata{Actor: "ada", TraceParent: "q", Extra: map[string]string{"b": "2"}})
	assert.Equal(t, eventstore.Metadata{CorrelationID: "c", Actor: "ada", TraceParent: "q", Extra: map[string]string{"a": "1", "b": "2"}},
		eventstore.MetadataFrom(inner))
	assert.Equal(t, map[string]string{"a": "1"}, eventstore.MetadataFrom(outer).Extra, "the outer one is left as it was")
}
