package dynamoviews

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/dynamotable"
	"github.com/leftfold/leftfold/projection"
)

const (
	// atOnce is how many requests of a filling are under way.
	atOnce = 32
	// clearedAtOnce is how many keys are held before their items are deleted.
	clearedAtOnce = 4 * dynamotable.MaxBatchWriteItems
)

// PutManifest implements [projection.RebuildStore]: a PutItem, one write unit for each KB.
func (v *Views) PutManifest(ctx context.Context, g projection.GenerationID, attempt string, part int, heads []projection.Head) error {
	text, err := projection.EncodeManifest(heads)
	if err != nil {
		return err
	}
	item := manifestKey(g, attempt, part)
	item[attrHeads] = dynamotable.S(string(text))
	_, err = dynamotable.Send(ctx, v.attempts, "PutItem", v.client.PutItem, &dynamodb.PutItemInput{TableName: &v.table, Item: item})
	return v.wrap(ctx, "write to", err)
}

// Manifest implements [projection.RebuildStore]: a strongly consistent GetItem, one read
// unit for each 4 KB.
func (v *Views) Manifest(ctx context.Context, g projection.GenerationID, attempt string, part int) (heads []projection.Head, err error) {
	out, err := dynamotable.Send(ctx, v.attempts, "GetItem", v.client.GetItem,
		&dynamodb.GetItemInput{TableName: &v.table, Key: manifestKey(g, attempt, part), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return nil, v.wrap(ctx, "read", err)
	}
	if len(out.Item) == 0 {
		return nil, fmt.Errorf("%w: part %d of the manifest %s of %s", projection.ErrNotFound, part, attempt, g)
	}
	r := dynamotable.Reader{Item: out.Item}
	text := r.String(attrHeads)
	if err = r.Err; err == nil {
		err = json.Unmarshal([]byte(text), &heads)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: part %d of the manifest %s of %s: %w", eventstore.ErrCorrupt, part, attempt, g, err)
	}
	return heads, nil
}

// Fill implements [projection.RebuildStore]: a conditional PutItem for each row, and for each
// checkpoint with the row that lies in its item, 32 at once. Each takes one write unit for
// each KB, of what is there already if that is larger.
func (v *Views) Fill(ctx context.Context, g projection.GenerationID, f projection.Filling) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := f.Check(); err != nil {
		return err
	}
	parts := f.Parts()
	err := forEach(ctx, len(parts), atOnce, func(ctx context.Context, i int) error {
		_, err := dynamotable.Send(ctx, v.attempts, "PutItem", v.client.PutItem,
			&dynamodb.PutItemInput{TableName: &v.table, Item: filledItem(g, parts[i]), ConditionExpression: aws.String(absent)})
		if isChanged(err) { // it is there, perhaps by an attempt whose answer was lost
			return nil
		}
		return err
	})
	return v.wrap(ctx, "write to", err)
}

func filledItem(g projection.GenerationID, part projection.FillingPart) dynamotable.Item {
	item := dynamotable.Item{}
	if part.Row != nil {
		item = rowItem(g, *part.Row)
		item[attrOrigin] = isOrigin
	}
	if c := part.Checkpoint; c != nil {
		maps.Copy(item, checkpointKey(g, c.Stream.String()))
		item[attrVersion] = dynamotable.N(c.Version)
	}
	return item
}

// Clear implements [projection.RebuildStore]: a strongly consistent Query of each bucket, and
// a BatchWriteItem for each 25 items. An item takes a read unit for each 4 KB, together with
// others, and a write unit for each KB.
func (v *Views) Clear(ctx context.Context, g projection.GenerationID, views []string) error {
	places := []string{manifestsKey(g)}
	for bucket := range buckets {
		places = append(places, checkpointsKey(g, bucket))
		for _, view := range views {
			places = append(places, rowsKey(g, view, bucket))
		}
	}
	err := forEach(ctx, len(places), buckets, func(ctx context.Context, i int) error { return v.clear(ctx, places[i]) })
	return v.wrap(ctx, "clear", err)
}

// clear removes all items of a partition key.
func (v *Views) clear(ctx context.Context, pk string) error {
	query := v.query(pk, "PK = :pk")
	query.ProjectionExpression = aws.String("PK, SK")
	var keys []dynamotable.Item
	for item, err := range v.items(ctx, query, pageOf) {
		if err != nil {
			return err
		}
		if keys = append(keys, item); len(keys) < clearedAtOnce {
			continue
		}
		if err := dynamotable.BatchDelete(ctx, v.attempts, v.client, v.table, keys); err != nil {
			return err
		}
		keys = nil
	}
	return dynamotable.BatchDelete(ctx, v.attempts, v.client, v.table, keys)
}

// forEach calls do for the numbers from 0 to n, so many at once. After an error it begins
// none any more, and ends the others.
func forEach(ctx context.Context, n, most int, do func(context.Context, int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(n, most) {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if err := do(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}
