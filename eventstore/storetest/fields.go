package storetest

import (
	"strings"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/leftfold/leftfold/eventstore"
)

func writeTime(at eventstore.Revision, stream eventstore.StreamID, when time.Time) eventstore.Write {
	w := writeAt(at, stream, "A")
	w.Time = when
	return w
}

var timeClauses = []clause{
	{"the time of a commit is that of the append, in UTC and whole microseconds", func(t *fixture) {
		before := time.Now().Truncate(time.Microsecond)
		c := t.must(writeAt(eventstore.NoStream, t.stream("1"), "A"))
		assert.False(t, c.Time.Before(before))
		assert.False(t, c.Time.After(time.Now()))
		assert.Equal(t, time.UTC, c.Time.Location())
		assert.Zero(t, c.Time.Nanosecond()%1000)
		assert.Equal(t, c.Time, c.Revision.Time())
		assert.Equal(t, c.Time, t.head(t.stream("1")).Time())
	}},
	{"a write may carry its own time, cut to microseconds", func(t *fixture) {
		zone := time.FixedZone("", 5*3600+1800)
		at := eventstore.NoStream
		for _, when := range []time.Time{
			time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC),
			time.Date(1903, 12, 17, 10, 35, 0, 1, zone),
			time.Date(1969, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
			time.Date(2009, 12, 1, 8, 26, 0, 123_456_789, zone),
			time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
		} {
			c := t.must(writeTime(at, t.stream("1"), when))
			assert.Equal(t, when.UTC().Truncate(time.Microsecond), c.Time)
			assert.Equal(t, c, t.read(t.stream("1"), c.First)[0])
			assert.Equal(t, c.Time, t.head(t.stream("1")).Time())
			at = c.Revision
		}
	}},
	{"a year that no text can hold is refused", func(t *fixture) {
		for _, year := range []int{-1, 0, 10_000, 400_000} {
			_, err := t.Store.Append(t.Context(), writeTime(eventstore.NoStream, t.stream("1"), time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC)))
			assert.ErrorIs(t, err, eventstore.ErrInvalid)
		}
	}},
	{"time never runs backwards within a stream", func(t *fixture) {
		past, future := time.Date(2009, 12, 1, 0, 0, 0, 0, time.UTC), time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
		first := t.must(writeTime(eventstore.NoStream, t.stream("1"), future))
		second := t.must(writeTime(first.Revision, t.stream("1"), past))
		assert.Equal(t, future, second.Time)
		third := t.must(writeTime(eventstore.Any, t.stream("1"), past.Add(time.Hour)))
		assert.Equal(t, future, third.Time)
		fourth := t.must(writeAt(eventstore.Any, t.stream("1"), "NOW"))
		assert.Equal(t, future, fourth.Time)
		assert.Equal(t, []eventstore.Commit{first, second, third, fourth}, t.read(t.stream("1"), 0))
	}},
	{"another stream's time does not matter", func(t *fixture) {
		t.must(writeTime(eventstore.NoStream, t.stream("1"), time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)))
		past := time.Date(2009, 12, 1, 0, 0, 0, 0, time.UTC)
		assert.Equal(t, past, t.must(writeTime(eventstore.NoStream, t.stream("2"), past)).Time)
	}},
}

var metadataClauses = []clause{
	{"metadata comes back as it was", func(t *fixture) {
		w := writeAt(eventstore.NoStream, t.stream("1"), "A")
		w.Metadata = eventstore.Metadata{CorrelationID: "c", CausationID: "a", Actor: `ada "<&>" ` + "\u2028\ufffd\x00",
			TraceParent: "00-01-02-01", TraceState: "x=y", Extra: map[string]string{"": "", "k": "v", "ключ": "значение"}}
		delete(w.Metadata.Extra, "")
		assert.Equal(t, w.Metadata, t.must(w).Metadata)
		assert.Equal(t, w.Metadata, t.read(w.Stream, 0)[0].Metadata)
	}},
	{"no metadata is none, whether the map is empty or missing", func(t *fixture) {
		w := writeAt(eventstore.NoStream, t.stream("1"), "A")
		w.Metadata.Extra = map[string]string{}
		c := t.must(w)
		assert.True(t, c.Metadata.IsZero())
		assert.Equal(t, []eventstore.Commit{c}, t.read(w.Stream, 0))
	}},
	{"that of the context is stored, under that of the write", func(t *fixture) {
		ctx := eventstore.WithMetadata(t.Context(), eventstore.Metadata{CorrelationID: "outer", Actor: "outer",
			TraceParent: "outer", TraceState: "outer", Extra: map[string]string{"a": "outer", "b": "outer"}})
		ctx = eventstore.WithMetadata(ctx, eventstore.Metadata{Actor: "inner", Extra: map[string]string{"b": "inner"}})
		w := writeAt(eventstore.NoStream, t.stream("1"), "A")
		w.Metadata = eventstore.Metadata{CausationID: "write", TraceParent: "write", Extra: map[string]string{"c": "write"}}
		c, err := t.Store.Append(ctx, w)
		assert.NoError(t, err)
		assert.Equal(t, eventstore.Metadata{CorrelationID: "outer", CausationID: "write", Actor: "inner", TraceParent: "write",
			Extra: map[string]string{"a": "outer", "b": "inner", "c": "write"}}, c.Metadata, "a trace state belongs to its parent")
		assert.Equal(t, []eventstore.Commit{c}, t.read(w.Stream, 0))
	}},
	{"keys that are reserved or empty, and what is not UTF-8, are refused", func(t *fixture) {
		for _, m := range []eventstore.Metadata{
			{Extra: map[string]string{eventstore.ReservedPrefix + "x": "v"}}, {Extra: map[string]string{eventstore.ReservedPrefix: ""}},
			{Extra: map[string]string{"": "v"}}, {Extra: map[string]string{"k": "\xff"}}, {Extra: map[string]string{"\xff": "v"}},
			{Actor: "\xff"}, {CorrelationID: "\xff"}, {CausationID: "\xff"}, {TraceParent: "\xff"}, {TraceParent: "x", TraceState: "\xff"},
		} {
			w := writeAt(eventstore.NoStream, t.stream("1"), "A")
			w.Metadata = m
			_, err := t.Store.Append(t.Context(), w)
			assert.ErrorIs(t, err, eventstore.ErrInvalid, "%q", m)
			_, err = t.Store.Append(eventstore.WithMetadata(t.Context(), m), writeAt(eventstore.NoStream, t.stream("1"), "A"))
			assert.ErrorIs(t, err, eventstore.ErrInvalid, "%q from the context", m)
		}
		assert.Zero(t, t.head(t.stream("1")).Version())
		w := writeAt(eventstore.NoStream, t.stream("1"), "A")
		w.Metadata.Extra = map[string]string{strings.ToUpper(eventstore.ReservedPrefix): "is not reserved"}
		t.must(w)
	}},
}
