package dynamoviews

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/dynamotable"
	"github.com/leftfold/leftfold/projection"
)

// Checkpoints implements [projection.SliceStore]: a BatchGetItem for each 100 streams,
// one read unit each.
func (v *Views) Checkpoints(ctx context.Context, g projection.GenerationID, streams []eventstore.StreamID) ([]projection.Checkpoint, error) {
	found := make([]projection.Checkpoint, len(streams))
	index := map[string][]int{}
	var keys []dynamotable.Item
	for i, s := range streams {
		found[i].Stream = s
		if index[s.String()] == nil {
			keys = append(keys, checkpointKey(g, s.String()))
		}
		index[s.String()] = append(index[s.String()], i)
	}
	items, err := dynamotable.BatchGet(ctx, v.attempts, v.client, v.table, keys)
	if err != nil {
		return nil, v.wrap(ctx, "read", err)
	}
	for _, item := range items {
		c, err := checkpointOf(item)
		if err != nil {
			return nil, err
		}
		for n, i := range index[c.Stream.String()] {
			if n > 0 && c.Parked != nil { // each belongs to the caller
				c.Parked = new(*c.Parked)
			}
			found[i] = c
		}
	}
	return found, ended(ctx)
}

// ended returns the cause of a context that has ended, also where nothing was to be read.
func ended(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

func checkpointOf(item dynamotable.Item) (c projection.Checkpoint, err error) {
	r := dynamotable.Reader{Item: item}
	name, version := r.String(attrSK), r.Int(attrVersion)
	c.Version = eventstore.Version(version)
	c.Stream, err = eventstore.ParseStreamID(name)
	if err == nil && r.Has(attrParked) {
		c.Parked = new(projection.Parked)
		err = json.Unmarshal([]byte(r.String(attrParked)), c.Parked)
	}
	if r.Err != nil {
		err = r.Err
	}
	if err != nil {
		return c, fmt.Errorf("%w: checkpoint of %q: %w", eventstore.ErrCorrupt, name, err)
	}
	return c, nil
}

// Rows implements [projection.RowReader]: a BatchGetItem for each 100 rows, one read unit
// for each 4 KB of each.
func (v *Views) Rows(ctx context.Context, g projection.GenerationID, ids []projection.RowID) ([]projection.Row, error) {
	asked := map[string]projection.RowID{} // by key as stored
	var keys []dynamotable.Item
	for _, id := range ids {
		if id.Key.Check() != nil {
			continue // DynamoDB refuses it, or the SDK makes another key of it
		}
		key := rowKey(g, id)
		if _, twice := asked[nameOf(key)]; !twice {
			asked[nameOf(key)] = id
			keys = append(keys, key)
		}
	}
	items, err := dynamotable.BatchGet(ctx, v.attempts, v.client, v.table, keys)
	if err != nil {
		return nil, v.wrap(ctx, "read", err)
	}
	rows := make([]projection.Row, 0, len(items))
	for _, item := range items {
		if !isRow(item) {
			continue
		}
		row, err := rowOf(item, asked[nameOf(item)].View)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, ended(ctx)
}

func nameOf(item dynamotable.Item) string {
	r := dynamotable.Reader{Item: item}
	return r.String(attrPK) + behind + r.String(attrSK)
}

// Page implements [projection.RowReader]: a strongly consistent Query, one request for
// each megabyte, one read unit for each 4 KB.
func (v *Views) Page(ctx context.Context, g projection.GenerationID, q projection.PageQuery) (rows []projection.Row, err error) {
	if projection.KeyOf(q.Partition).Check() != nil {
		return nil, ended(ctx)
	}
	if projection.IsPerStream(q.View) {
		return v.pageOfStream(ctx, g, q)
	}
	query := v.query(rowsKey(g, q.View, bucketOf(q.Partition)), "PK = :pk AND SK BETWEEN :first AND :last")
	first, last := q.Partition+behind, q.Partition+"\x01" // what follows U+0000
	end := ""                                             // a key that does not belong to the page
	if q.After != nil && q.Backward {
		end = q.Partition + behind + *q.After
		last = end
	} else if q.After != nil {
		first = q.Partition + behind + *q.After + "\x00" // nothing lies between the two
	}
	query.ExpressionAttributeValues[":first"], query.ExpressionAttributeValues[":last"] = dynamotable.S(first), dynamotable.S(last)
	query.ScanIndexForward = aws.Bool(!q.Backward)
	dead := 0 // tombstones: where some were, there may be more
	for item, err := range v.items(ctx, query, func(int, int) int { return q.Limit - len(rows) + min(1, len(end)) + dead }) {
		if err != nil {
			return nil, err
		}
		if !isRow(item) {
			dead++
			continue
		}
		row, err := rowOf(item, q.View)
		if err != nil {
			return nil, err
		}
		if row.ID.Key.Partition+behind+row.ID.Key.Sort == end {
			continue
		}
		if rows = append(rows, row); len(rows) == q.Limit {
			break
		}
	}
	return rows, nil
}

// pageOfStream: the partition has one row at the most, whose sort key is empty.
func (v *Views) pageOfStream(ctx context.Context, g projection.GenerationID, q projection.PageQuery) ([]projection.Row, error) {
	if q.After != nil && (!q.Backward || *q.After == "") {
		return nil, ended(ctx)
	}
	return v.Rows(ctx, g, []projection.RowID{{View: q.View, Key: projection.KeyOf(q.Partition)}})
}

func (v *Views) query(pk, condition string) *dynamodb.QueryInput {
	return &dynamodb.QueryInput{TableName: &v.table, ConsistentRead: aws.Bool(true), KeyConditionExpression: &condition,
		ExpressionAttributeValues: dynamotable.Item{":pk": dynamotable.S(pk)}}
}

// items returns what a query finds. limit says how many items the next request asks for,
// from the number and the size of those that came so far.
func (v *Views) items(ctx context.Context, q *dynamodb.QueryInput, limit func(items, bytes int) int) iter.Seq2[dynamotable.Item, error] {
	return func(yield func(dynamotable.Item, error) bool) {
		next := *q // the sequence may be read again
		for items, bytes := 0, 0; ; {
			next.Limit = aws.Int32(int32(max(1, limit(items, bytes))))
			out, err := dynamotable.Send(ctx, v.attempts, "Query", v.client.Query, &next)
			if err != nil {
				yield(nil, v.wrap(ctx, "read", err))
				return
			}
			for _, item := range out.Items {
				items, bytes = items+1, bytes+dynamotable.SizeOf(item)
				if !yield(item, nil) {
					return
				}
			}
			if len(out.LastEvaluatedKey) == 0 {
				return
			}
			next.ExclusiveStartKey = out.LastEvaluatedKey
		}
	}
}
