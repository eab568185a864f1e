package dynamostore_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/internal/benchtest"
)

const (
	benchWriters = 32
	benchAppends = 60 // of each writer in a round
	benchRounds  = 9
)

// purchase is an event as the shop has them.
var purchase = []eventstore.Event{{Type: "PURCHASE_MADE", Schema: 1, Payload: []byte(`{"purchaseId":"user-17850@1","invoiceId":"536365",` +
	`"productId":"85123A","description":"WHITE HANGING HEART T-LIGHT HOLDER","quantity":6,"unitPrice":2.55,"amount":15.3,` +
	`"country":"United Kingdom","date":"2010-12-01T08:26:00Z"}`)}}

// BenchmarkAppend appends with 32 writers at once, each to a stream of its own. The limit
// puts the same items into the same table with the SDK alone, on the same condition. They
// take turns, since a local server gets slower as its table grows.
func BenchmarkAppend(b *testing.B) {
	_, prefix := provisioned(b)
	client := dynamotest.NewClient(b, server.Endpoint(b))
	store := openStore(b, client, prefix)
	table := new(prefix + "-events")
	template := itemOf(b, client, store, table)
	round := 0
	ours := func() benchtest.Usage {
		round++
		heads := make([]eventstore.Revision, benchWriters)
		return benchtest.Measure(func() {
			together(b, func(i, n int) error {
				c, err := store.Append(b.Context(), eventstore.Write{Stream: stream(b, fmt.Sprintf("ours-%d-%d", round, i)), Revision: heads[i], Events: purchase})
				heads[i] = c.Revision
				return err
			})
		})
	}
	limit := func() benchtest.Usage {
		return benchtest.Measure(func() {
			together(b, func(i, n int) error {
				item := map[string]types.AttributeValue{}
				for name, value := range template {
					if name != "dir" || n == 0 {
						item[name] = value
					}
				}
				item["PK"] = &types.AttributeValueMemberS{Value: fmt.Sprintf("user-bare-%d-%d", round, i)}
				item["SK"] = &types.AttributeValueMemberN{Value: fmt.Sprint(n + 1)}
				_, err := client.PutItem(b.Context(), &dynamodb.PutItemInput{TableName: table, Item: item,
					ConditionExpression: new("attribute_not_exists(PK)"), ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld})
				return err
			})
		})
	}
	bare, ourUsage := benchtest.Alternate(b, benchRounds, limit, ours)
	const total = benchWriters * benchAppends
	b.ReportMetric(total/ourUsage.Time.Seconds(), "appends/s")
	b.ReportMetric(total/bare.Time.Seconds(), "limit-appends/s")
}

// itemOf returns the first item of a stream as the store has written it.
func itemOf(b *testing.B, client *dynamodb.Client, store eventstore.Store, table *string) map[string]types.AttributeValue {
	_, err := store.Append(b.Context(), eventstore.Write{Stream: stream(b, "template"), Events: purchase})
	require.NoError(b, err)
	out, err := client.GetItem(b.Context(), &dynamodb.GetItemInput{TableName: table, ConsistentRead: new(true), Key: map[string]types.AttributeValue{
		"PK": &types.AttributeValueMemberS{Value: "user-template"}, "SK": &types.AttributeValueMemberN{Value: "1"}}})
	require.NoError(b, err)
	return out.Item
}

// together lets each writer do all its work, the n-th piece after the one before.
func together(b *testing.B, work func(writer, n int) error) {
	var writers sync.WaitGroup
	var failed atomic.Pointer[error]
	for i := range benchWriters {
		writers.Go(func() {
			for n := range benchAppends {
				if err := work(i, n); err != nil {
					failed.Store(&err)
					return
				}
			}
		})
	}
	writers.Wait()
	if err := failed.Load(); err != nil {
		b.Fatal(*err)
	}
}
