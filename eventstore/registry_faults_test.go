package eventstore_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/leftfold/leftfold/eventstore"
)

type other struct{ N int }

func TestARegistryNamesItsFaults(t *testing.T) {
	t.Parallel()
	v1to2 := eventstore.Upcast("P", 1, toCents)
	v2to3 := eventstore.Upcast("P", 2, inPounds)
	v3 := eventstore.Type[purchase]("P", 3)
	for message, registrations := range map[string][]eventstore.Registration{
		"invalid: event registry: type P is registered twice, for eventstore_test.purchase and eventstore_test.other": {
			eventstore.Type[purchase]("P", 1), eventstore.Type[other]("P", 1)},
		"invalid: event registry: eventstore_test.other is registered under two names, A and B": {
			eventstore.Type[other]("B", 1), eventstore.Type[other]("A", 1)},
		"invalid: event registry: type P: register the struct itself, not *eventstore_test.other": {eventstore.Type[*other]("P", 1)},
		"invalid: event registry: type P: register the struct itself, not fmt.Stringer":           {eventstore.Type[fmt.Stringer]("P", 1)},
		"invalid: event registry: type P: schema version 0 is not 1 to 10000":                     {eventstore.Type[other]("P", 0)},
		"invalid: event registry: type P: schema version 10001 is not 1 to 10000":                 {eventstore.Type[other]("P", 10_001)},
		`event registry: invalid: event type "" has 0 bytes, allowed are 1 to 128`:                {eventstore.Type[other]("", 1)},
		`event registry: invalid: event type "a b": ' ' is not a letter, a digit, '_', '.' or '-'`: {
			eventstore.Type[other]("a b", 1)},
		"invalid: event registry: upcaster for P, which is not registered":                     {v1to2},
		"invalid: event registry: type P: no upcaster from version 2 to 3":                     {v3, v1to2},
		"invalid: event registry: type P: no upcaster from version 1 to 2":                     {v3, v2to3},
		"invalid: event registry: type P: upcaster from version 2 is doubled or out of 1 to 2": {v3, v1to2, v2to3, v2to3},
		"invalid: event registry: type P: upcaster from version 3 is doubled or out of 1 to 2": {v3, v1to2, v2to3,
			eventstore.Upcast("P", 3, func(p purchase) (purchase, error) { return p, nil })},
		"invalid: event registry: type P: upcaster from version 0 is doubled or out of 1 to 2": {v3, v1to2, v2to3,
			eventstore.Upcast("P", 0, func(p purchase) (purchase, error) { return p, nil })},
		"invalid: event registry: type P: the upcaster from version 2 returns eventstore_test.other, version 3 is eventstore_test.purchase": {
			v3, v1to2, eventstore.Upcast("P", 2, func(purchaseV2) (other, error) { return other{}, nil })},
		"invalid: event registry: type P: the upcaster from version 1 returns eventstore_test.purchase, version 2 is eventstore_test.purchaseV2": {
			v3, v2to3, eventstore.Upcast("P", 1, func(purchaseV1) (purchase, error) { return purchase{}, nil })},
		"invalid: event registry: type P: the upcaster from version 1 is nil": {
			eventstore.Type[purchaseV2]("P", 2), eventstore.Upcast[purchaseV1, purchaseV2]("P", 1, nil)},
		"invalid: event registry: the codec is nil":      {eventstore.WithCodec(nil)},
		"invalid: event registry: registration 1 is nil": {eventstore.Type[other]("P", 1), nil},
	} {
		r, err := eventstore.NewRegistry(registrations...)
		assert.Nil(t, r)
		assert.EqualError(t, err, message)
		assert.ErrorIs(t, err, eventstore.ErrInvalid)
	}
}

func TestARegistryNamesAllItsFaultsAtOnceInOneOrder(t *testing.T) {
	t.Parallel()
	for range 20 {
		_, err := eventstore.NewRegistry(eventstore.Type[*other]("Z", 1), eventstore.Type[other]("B", 0),
			eventstore.Type[purchase]("A", 2), eventstore.Upcast("C", 1, toCents))
		assert.Equal(t, []string{
			"invalid: event registry: type A: no upcaster from version 1 to 2",
			"invalid: event registry: type B: schema version 0 is not 1 to 10000",
			"invalid: event registry: type Z: register the struct itself, not *eventstore_test.other",
			"invalid: event registry: upcaster for C, which is not registered",
		}, strings.Split(err.Error(), "\n"))
	}
}

func TestMustRegistryPanicsWithTheFaults(t *testing.T) {
	t.Parallel()
	assert.PanicsWithError(t, "invalid: event registry: type P: schema version 0 is not 1 to 10000", func() {
		eventstore.MustRegistry(eventstore.Type[other]("P", 0))
	})
	assert.NotNil(t, eventstore.MustRegistry())
}
