package dynamotable_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/internal/dynamotable"
)

var server dynamotest.Server

func TestMain(m *testing.M) { server.Main(m) }

func TestWhatABatchLeavesOverIsSentUntilNothingIsLeft(t *testing.T) {
	t.Parallel()
	endpoint := server.Endpoint(t)
	table := dynamotest.NewPrefix()
	require.NoError(t, dynamotable.Provision(t.Context(), dynamotest.NewClient(t, endpoint), dynamotable.Spec{
		Name: table, SortKey: types.ScalarAttributeTypeN, Index: "index", IndexSort: dynamotable.PK}))
	partial := func(c dynamotest.Call) dynamotest.Fault {
		if c.N%5 == 0 {
			return dynamotest.Throttled
		}
		return dynamotest.Partial
	}
	proxy := dynamotest.NewProxy(t, endpoint, partial)
	client := dynamotest.NewClient(t, proxy.URL)
	var items, keys []dynamotable.Item
	for n := range 230 {
		key := dynamotable.Item{dynamotable.PK: dynamotable.S(fmt.Sprint("k", n%7)), dynamotable.SK: dynamotable.N(n)}
		keys = append(keys, key)
		items = append(items, dynamotable.Item{dynamotable.PK: key[dynamotable.PK], dynamotable.SK: key[dynamotable.SK], "x": dynamotable.S("y")})
	}
	require.NoError(t, dynamotable.BatchPut(t.Context(), 3, client, table, items))
	assert.Greater(t, proxy.Count(dynamotest.Partial), 10)
	absent := dynamotable.Item{dynamotable.PK: dynamotable.S("none"), dynamotable.SK: dynamotable.N(1)}
	found, err := dynamotable.BatchGet(t.Context(), 3, client, table, append(keys, absent))
	require.NoError(t, err)
	assert.ElementsMatch(t, items, found)
	require.NoError(t, dynamotable.BatchDelete(t.Context(), 3, client, table, append(keys[1:], absent)))
	found, err = dynamotable.BatchGet(t.Context(), 3, client, table, keys)
	require.NoError(t, err)
	assert.Equal(t, items[:1], found)
}

func TestABatchOfNothingIsNoRequest(t *testing.T) {
	t.Parallel()
	client := dynamotest.NewClient(t, nobody)
	assert.NoError(t, dynamotable.BatchPut(t.Context(), 1, client, "t", nil))
	assert.NoError(t, dynamotable.BatchDelete(t.Context(), 1, client, "t", nil))
	found, err := dynamotable.BatchGet(t.Context(), 1, client, "t", nil)
	assert.NoError(t, err)
	assert.Empty(t, found)
}

func TestABatchThatIsRefusedEachTimeHasFailed(t *testing.T) {
	t.Parallel()
	proxy := dynamotest.NewProxy(t, nobody, func(dynamotest.Call) dynamotest.Fault { return dynamotest.Throttled })
	client := dynamotest.NewClient(t, proxy.URL)
	item := dynamotable.Item{dynamotable.PK: dynamotable.S("x"), dynamotable.SK: dynamotable.N(1)}
	assert.ErrorIs(t, dynamotable.BatchPut(t.Context(), 2, client, "t", []dynamotable.Item{item}), dynamotable.ErrThrottled)
	_, err := dynamotable.BatchGet(t.Context(), 2, client, "t", []dynamotable.Item{item})
	assert.ErrorIs(t, err, dynamotable.ErrThrottled)
	assert.Equal(t, 4, proxy.Calls())
}
