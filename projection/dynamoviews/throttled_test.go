package dynamoviews_test

import (
	"encoding/base64"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
)

// A commit that is too large for one item has its payloads beside it, and DynamoDB leaves
// them out of an answer when it has no capacity for them.
func TestASweepDoesNotTakeWantOfCapacityForDamage(t *testing.T) {
	t.Parallel()
	endpoint, prefix := server.Endpoint(t), dynamotest.NewPrefix()
	client := dynamotest.NewClient(t, endpoint)
	require.NoError(t, dynamostore.Provision(t.Context(), client, prefix, dynamostore.ProvisionOptions{NoStream: true, Unprotected: true}))
	open := func(endpoint string) *dynamostore.Store {
		s, err := dynamostore.Open(t.Context(), dynamotest.NewClient(t, endpoint), prefix, dynamostore.Options{Attempts: 2})
		require.NoError(t, err)
		return s
	}
	raw := make([]byte, 1<<20)                   // which can not be packed
	_, _ = rand.NewChaCha8([32]byte{}).Read(raw) // never fails
	large, err := registry.Encode(sold{Product: base64.StdEncoding.EncodeToString(raw), Quantity: 1})
	require.NoError(t, err)
	_, err = open(endpoint).Append(t.Context(), eventstore.Write{Stream: user(t, "1"), Events: []eventstore.Event{large}})
	require.NoError(t, err)

	proxy := dynamotest.NewProxy(t, endpoint, func(dynamotest.Call) dynamotest.Fault { return dynamotest.Unprocessed })
	engine, err := projection.NewEngine(open(proxy.URL), memviews.New(memviews.Options{}), projection.Options{}, newBuyers())
	require.NoError(t, err)
	require.NoError(t, engine.Prepare(t.Context()))
	report, err := engine.Sweep(t.Context(), nil)
	assert.ErrorIs(t, err, dynamostore.ErrThrottled)
	assert.NotErrorIs(t, err, eventstore.ErrCorrupt)
	assert.Zero(t, report.Damaged)
	assert.Positive(t, proxy.Count(dynamotest.Unprocessed))
}
