package projection_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
)

// tagged has a part that a row can take over and change.
type tagged struct{ Tags []string }

var taggings = eventstore.MustRegistry(eventstore.Type[tagged]("TAGGED", 1))

// keepTags is a view that takes over what an event has, and marks each tag.
func keepTags(name, mark string) *projection.View[tagged] {
	return projection.Fold(name, projection.On(
		func(e projection.Event[tagged]) projection.Key { return projection.KeyOf(e.Stream.ID()) },
		func(row *tagged, e projection.Event[tagged]) error {
			row.Tags = e.Data.Tags
			for i := range row.Tags {
				row.Tags[i] += mark
			}
			return nil
		}))
}

func tagCommit(t *testing.T, store *memstore.Store, stream string) eventstore.Commit {
	t.Helper()
	event, err := taggings.Encode(tagged{Tags: []string{"a", "b"}})
	require.NoError(t, err)
	c, err := store.Append(t.Context(), eventstore.Write{Stream: streamID(t, stream), Revision: eventstore.Any, Events: []eventstore.Event{event}})
	require.NoError(t, err)
	return c
}

func TestARowMayTakeOverPartsOfAnEventThatOtherProjectionsSeeToo(t *testing.T) {
	store, views := memstore.New(), memviews.New(memviews.Options{})
	first, second := keepTags("first", "1"), keepTags("second", "2")
	all := []projection.Consumer{
		projection.MustNew("first", 1, taggings, projection.Follow("user"), first),
		projection.MustNew("second", 1, taggings, projection.Follow("user"), second),
	}
	e, err := projection.NewEngine(store, views, projection.Options{Name: "test"}, all...)
	require.NoError(t, err)
	require.NoError(t, e.Prepare(t.Context()))

	fed := tagCommit(t, store, "user-fed")
	require.Empty(t, handle(t.Context(), e, fed))
	tagCommit(t, store, "user-swept")
	_, err = e.Sweep(t.Context(), nil)
	require.NoError(t, err)
	for _, user := range []string{"fed", "swept"} {
		one, err := first.Get(t.Context(), views, projection.KeyOf(user))
		require.NoError(t, err)
		two, err := second.Get(t.Context(), views, projection.KeyOf(user))
		require.NoError(t, err)
		require.Equal(t, []string{"a1", "b1"}, one.Tags, user)
		require.Equal(t, []string{"a2", "b2"}, two.Tags, user)
	}
}

// countingCodec counts what is decoded.
type countingCodec struct {
	eventstore.JSON
	decoded *atomic.Int64
}

func (c countingCodec) Unmarshal(payload []byte, v any) error {
	c.decoded.Add(1)
	return c.JSON.Unmarshal(payload, v)
}

type (
	plainShape struct {
		Name  string
		At    time.Time
		Pairs [2]struct{ Left, Right float64 }
	}
	sliceShape   struct{ Of []int }
	mapShape     struct{ Of map[string]int }
	anyShape     struct{ Of any }
	pointerShape struct{ Pairs [2]struct{ Left *int } }
)

// decodings counts how often an event is decoded that two projections are fed, and one that
// is swept for both.
func decodings[E any](t *testing.T) (fed, swept int64) {
	codec := countingCodec{decoded: new(atomic.Int64)}
	events := eventstore.MustRegistry(eventstore.Type[E]("SHAPED", 1), eventstore.WithCodec(codec))
	follow := func(name string) projection.Consumer {
		return projection.MustNew(name, 1, events, projection.Follow("user"), projection.Fold(name, projection.On(
			func(e projection.Event[E]) projection.Key { return projection.KeyOf(e.Stream.ID()) },
			func(row *E, e projection.Event[E]) error { *row = e.Data; return nil })))
	}
	store := memstore.New()
	e, err := projection.NewEngine(store, memviews.New(memviews.Options{}), projection.Options{Name: "test"}, follow("first"), follow("second"))
	require.NoError(t, err)
	require.NoError(t, e.Prepare(t.Context()))
	append := func(stream string) eventstore.Commit {
		event, err := events.Encode(*new(E))
		require.NoError(t, err)
		c, err := store.Append(t.Context(), eventstore.Write{Stream: streamID(t, stream), Revision: eventstore.Any, Events: []eventstore.Event{event}})
		require.NoError(t, err)
		return c
	}
	require.Empty(t, handle(t.Context(), e, append("user-fed")))
	fed = codec.decoded.Swap(0)
	append("user-swept")
	_, err = e.Sweep(t.Context(), nil)
	require.NoError(t, err)
	return fed, codec.decoded.Load()
}

func TestAnEventIsDecodedOnceWhereNothingOfItCanBeChanged(t *testing.T) {
	fed, swept := decodings[plainShape](t)
	require.Equal(t, []int64{1, 1}, []int64{fed, swept})
	for name, count := range map[string]func(*testing.T) (int64, int64){
		"slice": decodings[sliceShape], "map": decodings[mapShape], "any": decodings[anyShape], "pointer": decodings[pointerShape],
	} {
		fed, swept := count(t)
		require.Equal(t, []int64{2, 2}, []int64{fed, swept}, "%s: once for each", name)
	}
}
