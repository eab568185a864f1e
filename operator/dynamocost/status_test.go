package dynamocost_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamometer"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/dynamoviews"
)

func TestAStatusCostsTheSameHoweverMuchIsStored(t *testing.T) {
	t.Parallel()
	var meter dynamometer.Meter
	client, prefix := dynamotest.NewClient(t, server.Endpoint(t), meter.Attach), dynamotest.NewPrefix()
	require.NoError(t, dynamostore.Provision(t.Context(), client, prefix, dynamostore.ProvisionOptions{Unprotected: true}))
	require.NoError(t, dynamoviews.Provision(t.Context(), client, prefix, dynamoviews.ProvisionOptions{Unprotected: true}))
	store, err := dynamostore.Open(t.Context(), client, prefix, dynamostore.Options{})
	require.NoError(t, err)
	views, err := dynamoviews.Open(t.Context(), client, prefix, dynamoviews.Options{})
	require.NoError(t, err)
	projections := consumers()[:2]
	engine, err := projection.NewEngine(store, views, projection.Options{}, projections...)
	require.NoError(t, err)
	require.NoError(t, engine.Prepare(t.Context()))
	engine.Beat(t.Context())
	o, err := operator.New(operator.Service{Events: registry, Store: store, Views: views, Consumers: projections})
	require.NoError(t, err)
	status := func() (requests int64, units float64) {
		meter.Reset()
		found, err := o.Status(t.Context())
		require.NoError(t, err)
		require.Len(t, found.Projections, len(projections))
		for _, used := range meter.Operations() {
			requests, units = requests+int64(used.Requests), units+used.ReadUnits+used.WriteUnits
		}
		return requests, units
	}
	requests, units := status()
	for i := range 150 {
		stream, err := eventstore.NewStreamID("user", fmt.Sprint(i))
		require.NoError(t, err)
		e, err := registry.Encode(sold{Product: fmt.Sprint("product", i), Count: 1})
		require.NoError(t, err)
		_, err = store.Append(t.Context(), eventstore.Write{Stream: stream, Events: []eventstore.Event{e}})
		require.NoError(t, err)
	}
	_, err = engine.Sweep(t.Context(), nil)
	require.NoError(t, err)
	again, much := status()
	t.Logf("empty: %d requests, %.1f units; with 150 streams and 300 rows: %d and %.1f", requests, units, again, much)
	assert.Equal(t, requests, again)
	assert.InDelta(t, units, much, 1, "a heartbeat may have grown by a few bytes")
}
