package dynamostore

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/dynamotable"
)

// conditionNewer holds where there is no snapshot that is as new.
const conditionNewer = "attribute_not_exists(#last) OR #last < :last"

// Snapshot implements [eventstore.Snapshots]: one GetItem, one read unit for each 4 KB.
func (s *Store) Snapshot(ctx context.Context, stream eventstore.StreamID, schema int) (eventstore.Snapshot, bool, error) {
	if err := eventstore.CheckStateSchema(schema); err != nil {
		return eventstore.Snapshot{}, false, err
	}
	item, err := s.item(ctx, snapshotKey(stream, schema))
	if err != nil {
		return eventstore.Snapshot{}, false, s.wrap(ctx, "read a snapshot in", err)
	}
	if len(item) == 0 {
		return eventstore.Snapshot{}, false, nil
	}
	r := dynamotable.Reader{Item: item}
	found := eventstore.Snapshot{Stream: stream, Schema: schema, First: eventstore.Version(max(r.Int(attrVersion), 0)), Last: eventstore.Version(max(r.Int(attrLast), 0)),
		CommitID: r.String(attrID), State: r.Bytes(attrState)}
	if r.Err != nil {
		return eventstore.Snapshot{}, false, damaged(stream, 0, fmt.Errorf("the snapshot of schema %d: %w", schema, r.Err))
	}
	return found, true, nil
}

// SaveSnapshot implements [eventstore.Snapshots]: one PutItem, one write unit for each KB.
func (s *Store) SaveSnapshot(ctx context.Context, snapshot eventstore.Snapshot) error {
	if err := eventstore.CheckSnapshot(snapshot); err != nil {
		return err
	}
	item := snapshotKey(snapshot.Stream, snapshot.Schema)
	item[attrVersion], item[attrLast] = dynamotable.N(snapshot.First), dynamotable.N(snapshot.Last)
	item[attrID], item[attrState] = dynamotable.S(snapshot.CommitID), dynamotable.B(snapshot.State)
	if snapshot.State == nil { // which the SDK would send as null
		item[attrState] = dynamotable.B([]byte{})
	}
	_, err := dynamotable.Send(ctx, s.attempts, "PutItem", s.client.PutItem, &dynamodb.PutItemInput{TableName: &s.table, Item: item,
		ConditionExpression: aws.String(conditionNewer), ExpressionAttributeNames: map[string]string{"#last": attrLast}, ExpressionAttributeValues: dynamotable.Item{":last": dynamotable.N(snapshot.Last)}})
	if _, older := errors.AsType[*types.ConditionalCheckFailedException](err); older {
		return nil
	}
	if err != nil {
		return s.wrap(ctx, "save a snapshot in", err)
	}
	return nil
}
