package operator_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/operator"
)

// eventOfType appends an event that the program may not know.
func eventOfType(t *testing.T, s *service, id, typ string) eventstore.EventID {
	t.Helper()
	c, err := s.store.Append(t.Context(), eventstore.Write{Stream: s.stream(id), Revision: eventstore.Any,
		Events: []eventstore.Event{{Type: typ, Schema: 1, Payload: []byte(`{}`)}}})
	require.NoError(t, err)
	return c.EventID(0)
}

func TestPagesOfStreamsShowEachOnce(t *testing.T) {
	t.Parallel()
	s := newService(t)
	var want []string
	for i := range 7 {
		for _, category := range []string{"order", "zebra"} {
			stream, err := eventstore.NewStreamID(category, fmt.Sprint(i))
			require.NoError(t, err)
			_, err = s.store.Append(t.Context(), eventstore.Write{Stream: stream, Events: []eventstore.Event{{Type: "ORDERED", Schema: 1, Payload: []byte(`{}`)}}})
			require.NoError(t, err)
		}
		want = append(want, fmt.Sprintf("order-%d", i))
	}
	for i := range 7 {
		want = append(want, fmt.Sprintf("zebra-%d", i))
	}
	told := s.told()
	told.Categories = []string{"zebra", "order"}
	o, err := operator.New(told)
	require.NoError(t, err)
	assert.Equal(t, []string{"order", "zebra"}, o.Categories())
	for limit := 1; limit <= 15; limit++ {
		var seen []string
		q := operator.StreamQuery{Limit: limit}
		for {
			page, err := o.Streams(t.Context(), q)
			require.NoError(t, err)
			for _, stream := range page.Streams {
				seen = append(seen, stream.Stream.String())
			}
			if q.After = page.Next; q.After.IsZero() {
				break
			}
			require.Len(t, page.Streams, limit)
		}
		require.Equal(t, want, seen, "pages of %d", limit)
	}
	page, err := o.Streams(t.Context(), operator.StreamQuery{Category: "zebra"})
	require.NoError(t, err)
	assert.Len(t, page.Streams, 7)
	for _, limit := range []int{-1, operator.MaxPage + 1} {
		_, err = o.Streams(t.Context(), operator.StreamQuery{Limit: limit})
		assert.ErrorIs(t, err, eventstore.ErrInvalid)
	}
}

func TestPagesOfEventsShowEachOnceBothWays(t *testing.T) {
	t.Parallel()
	s := newService(t)
	for range 3 { // commits of 1, 2 and 3 events
		_, err := s.orders.Execute(t.Context(), "1", func(o order) ([]orderEvent, error) {
			return make3(len(o.Items)), nil
		})
		require.NoError(t, err)
	}
	o := s.operator()
	read := func(q operator.EventQuery) (seen []string) {
		q.Stream = s.stream("1")
		for {
			page, err := o.Events(t.Context(), q)
			require.NoError(t, err)
			for _, e := range page.Events {
				seen = append(seen, fmt.Sprint(e.Version))
				require.Equal(t, fmt.Sprintf("order-1@%d", e.Version), e.ID)
				require.JSONEq(t, `{"item":"x","count":1}`, strings.NewReplacer("item0", "x", "item1", "x", "item2", "x").Replace(string(e.Payload)))
			}
			if q.From = page.Next; q.From == 0 {
				return seen
			}
			require.Len(t, page.Events, q.Limit)
		}
	}
	for limit := 1; limit < 8; limit++ {
		require.Equal(t, "1 2 3 4 5 6", strings.Join(read(operator.EventQuery{Limit: limit}), " "))
		require.Equal(t, "6 5 4 3 2 1", strings.Join(read(operator.EventQuery{Limit: limit, Backward: true}), " "))
		require.Equal(t, "3 4 5 6", strings.Join(read(operator.EventQuery{Limit: limit, From: 3}), " "))
		require.Equal(t, "5 4 3 2 1", strings.Join(read(operator.EventQuery{Limit: limit, From: 5, Backward: true}), " "))
	}
	assert.Empty(t, read(operator.EventQuery{From: 7, Limit: 5}), "behind the head is no error")
	_, err := o.Events(t.Context(), operator.EventQuery{Stream: s.stream("2")})
	require.ErrorIs(t, err, operator.ErrNotFound)
	_, err = o.Events(t.Context(), operator.EventQuery{Stream: s.stream("2"), From: 3})
	require.ErrorIs(t, err, operator.ErrNotFound)
}

// make3 is one event more than the state has items, each of an item of its own.
func make3(n int) (events []orderEvent) {
	for i := range n + 1 {
		events = append(events, ordered{Item: fmt.Sprint("item", i), Count: 1})
	}
	return events
}

func TestAPayloadThatIsNoJSONIsShownAsBytes(t *testing.T) {
	t.Parallel()
	s := newService(t)
	_, err := s.store.Append(t.Context(), eventstore.Write{Stream: s.stream("1"), Events: []eventstore.Event{{Type: "ORDERED", Schema: 1, Payload: []byte("\x01\x02")}}})
	require.NoError(t, err)
	page, err := s.operator().Events(t.Context(), operator.EventQuery{Stream: s.stream("1")})
	require.NoError(t, err)
	assert.Nil(t, page.Events[0].Payload)
	assert.Equal(t, []byte{1, 2}, page.Events[0].Binary)
}

func TestAStateIsShownNowAndInThePastWithWhatChanged(t *testing.T) {
	t.Parallel()
	s := newService(t)
	first := s.order("1", "tea", 2)
	s.order("1", "tea", 3)
	last, err := s.orders.Execute(t.Context(), "1", func(order) ([]orderEvent, error) { return []orderEvent{cancelled{"tea"}}, nil })
	require.NoError(t, err)
	o := s.operator()
	show := func(q operator.StateQuery) operator.State {
		t.Helper()
		q.Stream = s.stream("1")
		state, err := o.State(t.Context(), q)
		require.NoError(t, err)
		require.Equal(t, q.Stream, state.Stream)
		return state
	}
	now := show(operator.StateQuery{Diff: true})
	assert.JSONEq(t, `{"items":{},"open":false}`, string(now.State))
	assert.Equal(t, last.Time, now.Time)
	assert.Equal(t, []operator.Change{
		{Field: "items", After: json.RawMessage(`{}`)},
		{Field: "open", Before: json.RawMessage(`true`), After: json.RawMessage(`false`)},
		{Field: "items.tea", Before: json.RawMessage(`5`)},
	}, now.Changes)
	assert.Nil(t, show(operator.StateQuery{}).Changes)
	second := show(operator.StateQuery{Version: 2, Diff: true})
	assert.Equal(t, []operator.Change{{Field: "items.tea", Before: json.RawMessage(`2`), After: json.RawMessage(`5`)}}, second.Changes)
	assert.Len(t, show(operator.StateQuery{Version: 1, Diff: true}).Changes, 2, "before the first there is nothing")
	assert.LessOrEqual(t, first.EventID(0).Version, show(operator.StateQuery{At: first.Time}).Version)

	for reason, q := range map[string]operator.StateQuery{
		`there is no stream "order-2"`:                       {Stream: s.stream("2")},
		`stream "order-1" has no event 4, the last one is 3`: {Stream: s.stream("1"), Version: 4},
		`stream "order-1" had no event yet at 2000-01-01`:    {Stream: s.stream("1"), At: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)},
		`the program tells no states of category "leftfold"`: {Stream: operator.ActivityStream},
	} {
		_, err := o.State(t.Context(), q)
		require.ErrorIs(t, err, operator.ErrNotFound)
		assert.ErrorContains(t, err, reason)
	}
}

func TestFieldsAreTheLeavesInTheirOrderAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	fields, err := operator.Fields(json.RawMessage(`{"b":{"y":1.50,"x":[{"p":"<a>"},null]},"a":[],"c":12345678901234567890}`))
	require.NoError(t, err)
	var texts []string
	for _, f := range fields {
		texts = append(texts, f.Name+"="+string(f.Value))
	}
	assert.Equal(t, []string{"b.y=1.50", `b.x[0].p="<a>"`, "b.x[1]=null", "a=[]", "c=12345678901234567890"}, texts)
	for _, damaged := range []string{"", "{", `{"a":`, `{"a":}`} {
		_, err := operator.Fields(json.RawMessage(damaged))
		assert.Error(t, err, damaged)
	}
}

func TestAServiceThatCanNotBeOperatedIsRefused(t *testing.T) {
	t.Parallel()
	s := newService(t)
	for reason, spoil := range map[string]func(*operator.Service){
		"without a store":               func(told *operator.Service) { told.Store = nil },
		`category "order" has two`:      func(told *operator.Service) { told.States = append(told.States, operator.StateOf(s.orders)) },
		`stream category "not a name":`: func(told *operator.Service) { told.Categories = []string{"not a name"} },
	} {
		told := s.told()
		spoil(&told)
		_, err := operator.New(told)
		require.ErrorIs(t, err, eventstore.ErrInvalid)
		assert.ErrorContains(t, err, reason)
	}
}
