package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/handlers/eventbridge"
	"github.com/leftfold/leftfold/handlers/eventbridge/eventbridgetest"
	"github.com/leftfold/leftfold/handlers/streams/eventsource"
	"github.com/leftfold/leftfold/projection"
)

// The publisher is invoked with the records of the table's stream while invoices are
// written; the bus refuses, loses and is slow.
func TestAsLambdaFunctionsTheShopPublishesAndReceives(t *testing.T) {
	t.Parallel()
	endpoint := server.Endpoint(t)
	data := dynamoData(t)
	want := expect(t, data)
	embedded := newShop(t)
	embedded.must("load", data.Path)
	bus := eventbridgetest.NewServer(t, eventbridgetest.Options{Buses: []string{"orders"}, Plan: busLies(1)})
	s := onDynamoDB(t, endpoint)
	s.env = append(s.env, "SHOP_BUS=orders", "AWS_ENDPOINT_URL_EVENTBRIDGE="+bus.URL)

	sweeper := s.function("publisher-sweeper", endpoint, time.Minute)
	require.True(t, s.sweep(sweeper, "{}").Done) // fixes the start: the store is empty
	m := s.trigger(s.function("publisher", endpoint, time.Minute), eventsource.Settings{ParallelizationFactor: 10}, want.Commits, func(int) {})
	s.must("load", data.Path)
	m.wait()
	assert.Zero(t, s.sweep(sweeper, "{}").Behind, "no record was lost")
	events, again := requirePublished(t, bus, embedded.heads())
	assert.Equal(t, want.Events, events)
	t.Logf("%d events, %d of them again", events, again)

	s.receiveParcels(bus, endpoint)
}

// entries are all purchases of the shop.
func (s *shop) entries() (entries []PurchaseEntry) {
	s.Helper()
	for line := range strings.Lines(s.must("dump", "purchases")) {
		entries = append(entries, decode[PurchaseEntry](s, line))
	}
	return entries
}

// receiveParcels lets the warehouse report returns, which the receiver books.
func (s *shop) receiveParcels(bus *eventbridgetest.Server, endpoint string) {
	s.Helper()
	s.must("project")
	purchase := s.entries()[0]
	for _, p := range s.entries() {
		if p.Quantity-p.Returned >= 3 {
			purchase = p
		}
	}
	before := len(bus.Events())
	publisher, err := eventbridge.OpenPublisher(s.Context(), bus.Client(s), warehouseSource, eventbridge.PublisherOptions{Bus: "orders"})
	require.NoError(s, err)
	for i := range 3 {
		event, err := WarehouseEvents.Encode(ParcelReturned{PurchaseID: purchase.PurchaseID, Quantity: 1})
		require.NoError(s, err)
		stream, err := eventstore.NewStreamID("parcel", fmt.Sprint(i))
		require.NoError(s, err)
		report := projection.Event[eventstore.Event]{Stream: stream, Version: 1, Time: time.Now(), Data: event}
		for publisher.Publish(s.Context(), report) != nil { // until the bus has it
			require.NoError(s, s.Context().Err())
		}
	}
	receiver := s.function("receiver", endpoint, time.Minute)
	for _, e := range bus.Events()[before:] {
		for range 2 { // a bus delivers at least once
			_, err := receiver.Invoke(s.Context(), e.Message())
			require.NoError(s, err)
		}
	}
	s.must("project")
	for _, p := range s.entries() {
		if p.PurchaseID == purchase.PurchaseID {
			assert.Equal(s, purchase.Returned+3, p.Returned, "each report once")
		}
	}
	assert.Equal(s, 1, receiver.Started())

	refused, err := json.Marshal(map[string]string{"source": "nobody", "detail-type": "PARCEL_RETURNED"})
	require.NoError(s, err)
	_, err = receiver.Invoke(context.Background(), refused)
	assert.Error(s, err)
}
