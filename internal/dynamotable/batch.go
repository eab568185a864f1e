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
	err = inBatches(ctx, watch("BatchGetItem", attempts), MaxBatchGetKeys, keys, func(w *watcher, ask []Item) ([]Item, error) {
		out, err := send(ctx, w, client.BatchGetItem, &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{table: {Keys: ask, ConsistentRead: new(true)}}})
		if err != nil {
			return nil, err
		}
		found = append(found, out.Responses[table]...)
		left := out.UnprocessedKeys[table].Keys
		return left, nil
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// BatchPut puts items without a condition, half as dear as in a transaction: one request
// for each 25, and more where some are left over. Items may be put although it fails.
func BatchPut(ctx context.Context, attempts int, client *dynamodb.Client, table string, items []Item) error {
	writes := make([]types.WriteRequest, len(items))
	for i, item := range items {
		writes[i] = types.WriteRequest{PutRequest: &types.PutRequest{Item: item}}
	}
	return batchWrite(ctx, attempts, client, table, writes)
}

// BatchDelete deletes the items of these keys, if they exist, as BatchPut puts. No key is
// named twice.
func BatchDelete(ctx context.Context, attempts int, client *dynamodb.Client, table string, keys []Item) error {
	writes := make([]types.WriteRequest, len(keys))
	for i, key := range keys {
		writes[i] = types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: key}}
	}
	return batchWrite(ctx, attempts, client, table, writes)
}

func batchWrite(ctx context.Context, attempts int, client *dynamodb.Client, table string, writes []types.WriteRequest) error {
	return inBatches(ctx, watch("BatchWriteItem", attempts), MaxBatchWriteItems, writes, func(w *watcher, writes []types.WriteRequest) ([]types.WriteRequest, error) {
		out, err := send(ctx, w, client.BatchWriteItem, &dynamodb.BatchWriteItemInput{
			RequestItems: map[string][]types.WriteRequest{table: writes}})
		if err != nil {
			return nil, err
		}
		left := out.UnprocessedItems[table]
		return left, nil
	})
}

// inBatches hands all elements to do, at the most so many at once, and again those that
// do leaves over. It gives up when nothing has come forward in all attempts.
func inBatches[T any](ctx context.Context, w *watcher, most int, all []T, do func(*watcher, []T) (left []T, err error)) error {
	for len(all) > 0 {
		n := min(len(all), most)
		batch := all[:n]
		all = all[n:]
		for slow := 0; len(batch) > 0; {
			left, err := do(w, batch)
			if err != nil {
				return w.failure(ctx, err)
			}
			if len(left) < len(batch) {
				w.attempts, w.unknown = 0, false
			} else if w.attempts >= w.most {
				return w.failure(ctx, fmt.Errorf("%w: %d elements of a batch were left over, %d times", ErrThrottled, len(left), w.attempts))
			}
			// An answer that is cut for its size brings most of a batch. One that
			// brings less comes from a table that has no capacity.
			if slow++; 2*len(left) <= len(batch) {
				slow = 0
			} else if sleep(ctx, slow) != nil {
				return w.failure(ctx, ctx.Err())
			}
			batch = left
		}
	}
	return nil
}
