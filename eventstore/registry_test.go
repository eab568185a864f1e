package eventstore_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
)

// Purchase in three schema versions, as a program meets them after two changes.
type (
	purchaseV1 struct {
		Price string `json:"price"`
	}
	purchaseV2 struct {
		Cents int `json:"cents"`
	}
	purchase struct {
		Cents    int    `json:"cents"`
		Currency string `json:"currency"`
	}
	returned struct {
		Reason string         `json:"reason"`
		Tags   map[string]int `json:"tags"`
	}
)

func toCents(old purchaseV1) (purchaseV2, error) {
	cents, err := strconv.Atoi(old.Price)
	return purchaseV2{Cents: cents}, err
}

func inPounds(old purchaseV2) (purchase, error) {
	return purchase{Cents: old.Cents, Currency: "GBP"}, nil
}

func aRegistry(t require.TestingT) *eventstore.Registry {
	r, err := eventstore.NewRegistry(
		eventstore.Upcast("PURCHASE_MADE", 2, inPounds), // the order does not matter
		eventstore.Type[purchase]("PURCHASE_MADE", 3),
		eventstore.Upcast("PURCHASE_MADE", 1, toCents),
		eventstore.Type[returned]("PURCHASE_RETURNED", 1),
	)
	require.NoError(t, err)
	return r
}

func commitOf(t require.TestingT, events ...eventstore.Event) *eventstore.Commit {
	return &eventstore.Commit{Stream: streamID(t, "user-17850"), First: 41, Events: events}
}

func TestARegistryListsItsTypes(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []eventstore.EventType{
		{Name: "PURCHASE_MADE", Schema: 3, GoType: "eventstore_test.purchase", Upcasts: []int{1, 2}},
		{Name: "PURCHASE_RETURNED", Schema: 1, GoType: "eventstore_test.returned"},
	}, aRegistry(t).Types())
}

func TestAnEventIsEncodedInTodaysSchema(t *testing.T) {
	t.Parallel()
	e, err := aRegistry(t).Encode(purchase{Cents: 110, Currency: "GBP"})
	require.NoError(t, err)
	assert.Equal(t, eventstore.Event{Type: "PURCHASE_MADE", Schema: 3, Payload: []byte(`{"cents":110,"currency":"GBP"}`)}, e)
}

func TestAnEventOfAnySchemaIsDecodedAsTodays(t *testing.T) {
	t.Parallel()
	c := commitOf(t,
		eventstore.Event{Type: "PURCHASE_MADE", Schema: 1, Payload: []byte(`{"price":"110"}`)},
		eventstore.Event{Type: "PURCHASE_MADE", Schema: 2, Payload: []byte(`{"cents":110}`)},
		eventstore.Event{Type: "PURCHASE_MADE", Schema: 3, Payload: []byte(`{"cents":110,"currency":"GBP"}`)})
	for i := range c.Events {
		v, err := aRegistry(t).Decode(c, i)
		require.NoError(t, err)
		assert.Equal(t, purchase{Cents: 110, Currency: "GBP"}, v)
	}
}

func TestOneEventLeavesNothingInTheNext(t *testing.T) {
	t.Parallel()
	r := aRegistry(t)
	full := commitOf(t, eventstore.Event{Type: "PURCHASE_RETURNED", Schema: 1, Payload: []byte(`{"reason":"broken","tags":{"a":1}}`)},
		eventstore.Event{Type: "PURCHASE_RETURNED", Schema: 1, Payload: []byte(`{"tags":{"b":2}}`)},
		eventstore.Event{Type: "PURCHASE_RETURNED", Schema: 1, Payload: []byte(`{"reason":"half`)})
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for range 200 {
				first, err := r.Decode(full, 0)
				assert.NoError(t, err)
				_, err = r.Decode(full, 2)
				assert.Error(t, err)
				second, err := r.Decode(full, 1)
				assert.NoError(t, err)
				assert.Equal(t, returned{Reason: "broken", Tags: map[string]int{"a": 1}}, first)
				assert.Equal(t, returned{Tags: map[string]int{"b": 2}}, second)
			}
		})
	}
	workers.Wait()
}

func TestWhatCanNotBeDecodedNamesStreamVersionAndType(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		event   eventstore.Event
		message string
		hint    string
		class   error
	}{
		{eventstore.Event{Type: "UNKNOWN", Schema: 1, Payload: []byte("{}")},
			"event user-17850@42 of type UNKNOWN (schema 1): event type not registered",
			"register UNKNOWN schema 1 in this program, or deploy the code that knows it", eventstore.ErrUnregistered},
		{eventstore.Event{Type: "PURCHASE_MADE", Schema: 4, Payload: []byte("{}")},
			"event user-17850@42 of type PURCHASE_MADE (schema 4): event type not registered in this schema: known are 1 to 3",
			"register PURCHASE_MADE schema 4 in this program, or deploy the code that knows it", eventstore.ErrUnregistered},
		{eventstore.Event{Type: "PURCHASE_MADE", Schema: 0, Payload: []byte("{}")},
			"event user-17850@42 of type PURCHASE_MADE (schema 0): event type not registered in this schema: known are 1 to 3",
			"register PURCHASE_MADE schema 0 in this program, or deploy the code that knows it", eventstore.ErrUnregistered},
		{eventstore.Event{Type: "PURCHASE_MADE", Schema: 3, Payload: []byte(`{"cents":`)},
			"event user-17850@42 of type PURCHASE_MADE (schema 3): payload can not be decoded: unexpected end of JSON input",
			"the registered Go type does not fit the stored payload: register the old shape with an upcaster", eventstore.ErrUndecodable},
		{eventstore.Event{Type: "PURCHASE_MADE", Schema: 1, Payload: []byte(`{"price":"a lot"}`)},
			`event user-17850@42 of type PURCHASE_MADE (schema 1): payload can not be decoded: strconv.Atoi: parsing "a lot": invalid syntax`,
			"the registered Go type does not fit the stored payload: register the old shape with an upcaster", eventstore.ErrUndecodable},
	} {
		_, err := aRegistry(t).Decode(commitOf(t, eventstore.Event{}, test.event), 1)
		assert.EqualError(t, err, test.message)
		assert.Equal(t, test.hint, eventstore.Hint(err))
		assert.ErrorIs(t, err, test.class)
		var facts *eventstore.EventError
		require.ErrorAs(t, err, &facts)
		assert.Equal(t, []any{"user-17850@42", test.event.Type, test.event.Schema}, []any{facts.ID.String(), facts.Type, facts.Schema})
	}
}

func TestWhatIsNotRegisteredIsNotEncoded(t *testing.T) {
	t.Parallel()
	for message, v := range map[string]any{
		"encode a string: event type not registered":                     "text",
		"encode a <nil>: event type not registered":                      nil,
		"encode a eventstore_test.purchaseV1: event type not registered": purchaseV1{},
		"encode a *eventstore_test.purchase: event type not registered":  &purchase{},
	} {
		_, err := aRegistry(t).Encode(v)
		assert.EqualError(t, err, message)
		assert.ErrorIs(t, err, eventstore.ErrUnregistered)
	}
}

func TestARegistryKnowsItsTypes(t *testing.T) {
	t.Parallel()
	r := aRegistry(t)
	for schema, known := range map[int]bool{-1: false, 0: false, 1: true, 3: true, 4: false} {
		assert.Equal(t, known, r.Knows("PURCHASE_MADE", schema))
	}
	assert.False(t, r.Knows("UNKNOWN", 1))
	name, ok := r.NameOf(reflect.TypeFor[returned]())
	assert.Equal(t, "PURCHASE_RETURNED", name)
	assert.True(t, ok)
	_, ok = r.NameOf(reflect.TypeFor[purchaseV1]())
	assert.False(t, ok)
}

// shouting is a codec of which the tests can tell that it was asked.
type shouting struct{}

var errShouting = errors.New("too loud")

func (shouting) Marshal(v any) ([]byte, error) {
	if v == (purchase{}) {
		return nil, errShouting
	}
	text, err := json.Marshal(v)
	return append([]byte("!"), text...), err
}

func (shouting) Unmarshal(payload []byte, v any) error { return json.Unmarshal(payload[1:], v) }

func TestAnotherCodecWritesAndReadsThePayloads(t *testing.T) {
	t.Parallel()
	r := eventstore.MustRegistry(eventstore.Type[purchase]("PURCHASE_MADE", 1), eventstore.WithCodec(shouting{}))
	e, err := r.Encode(purchase{Cents: 1})
	require.NoError(t, err)
	assert.Equal(t, `!{"cents":1,"currency":""}`, string(e.Payload))
	v, err := r.Decode(commitOf(t, e), 0)
	require.NoError(t, err)
	assert.Equal(t, purchase{Cents: 1}, v)
	_, err = r.Encode(purchase{})
	assert.EqualError(t, err, "encode a PURCHASE_MADE: too loud")
	assert.ErrorIs(t, err, errShouting)
}
