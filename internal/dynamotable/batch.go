package dynamotable

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// BatchGet returns those of the items that exist, strongly consistent each, in any
// order: one request for each 100 keys, and more where an answer would exceed 16 MB or
// the table has no capacity for all. No key is named twice.
func BatchGet(ctx context.Context, attempts int, client *dynamodb.Client, table string, keys []Item) (found []Item, err error) {
	for len(keys) > 0 {
		n := min(len(keys), MaxBatchGetKeys)
		ask := keys[:n]
		keys = keys[n:]
		for attempt := 1; len(ask) > 0; attempt++ {
			out, err := Send(ctx, attempts, "BatchGetItem", client.BatchGetItem, &dynamodb.BatchGetItemInput{
				RequestItems: map[string]types.KeysAndAttributes{table: {Keys: ask, ConsistentRead: new(true)}}})
			if err != nil {
				return nil, err
			}
			found = append(found, out.Responses[table]...)
			left := out.UnprocessedKeys[table].Keys
			if len(left) == len(ask) && attempt >= attempts {
				return nil, newError("BatchGetItem", fmt.Errorf("%w: %d keys were left out, %d times", ErrThrottled, len(left), attempt), false)
			}
			if len(left) < len(ask) {
				attempt = 0 // it goes on
			} else if err := sleep(ctx, attempt); err != nil {
				return nil, err
			}
			ask = left
		}
	}
	return found, nil
}

// BatchPut puts items without a condition, half as dear as in a transaction: one request
// for each 25, and more where some are left over. Items may be put although it fails.
func BatchPut(ctx context.Context, attempts int, client *dynamodb.Client, table string, items []Item) error {
	for len(items) > 0 {
		n := min(len(items), MaxBatchWriteItems)
		writes := make([]types.WriteRequest, n)
		for i, item := range items[:n] {
			writes[i] = types.WriteRequest{PutRequest: &types.PutRequest{Item: item}}
		}
		items = items[n:]
		for attempt := 1; len(writes) > 0; attempt++ {
			out, err := Send(ctx, attempts, "BatchWriteItem", client.BatchWriteItem, &dynamodb.BatchWriteItemInput{
				RequestItems: map[string][]types.WriteRequest{table: writes}})
			if err != nil {
				return err
			}
			left := out.UnprocessedItems[table]
			if len(left) == len(writes) && attempt >= attempts {
				return newError("BatchWriteItem", fmt.Errorf("%w: %d items were left over, %d times", ErrThrottled, len(left), attempt), true)
			}
			if len(left) < len(writes) {
				attempt = 0
			} else if err := sleep(ctx, attempt); err != nil {
				return newError("BatchWriteItem", err, true)
			}
			writes = left
		}
	}
	return nil
}
