package dynamoviews

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/dynamotable"
	"github.com/leftfold/leftfold/projection"
)

// Apply implements [projection.SliceStore]: one transaction of two write units for each
// KB of each row and each checkpoint. A slice of one item is a plain write, of one unit.
// Inserted rows are put before it, one unit for each KB.
func (v *Views) Apply(ctx context.Context, s projection.Slice) error {
	if err := s.Check(limits); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	items, inserts := v.itemsOf(s)
	if err := dynamotable.BatchPut(ctx, v.attempts, v.client, v.table, inserts); err != nil {
		return v.wrap(ctx, "write to", err)
	}
	if len(items) == 0 {
		return nil
	}
	err := v.send(ctx, items)
	if isChanged(err) {
		return changed("a slice of %d streams and %d rows of %s: %v", len(s.Moves), len(s.Writes), s.Generation, err)
	}
	return v.wrap(ctx, "write to", err)
}

// itemsOf divides a slice into what is written together, and the rows that may come
// before. A stream with a park record has its inserted rows in the transaction, as far as
// there is room: if it fails, and the event is skipped, they would stay.
func (v *Views) itemsOf(s projection.Slice) (items []types.TransactWriteItem, inserts []dynamotable.Item) {
	parked := false
	for _, m := range s.Moves {
		items = append(items, types.TransactWriteItem{Update: v.move(s.Generation, m)})
		parked = parked || m.Parked
	}
	for _, w := range s.Writes {
		if !w.Insert {
			items = append(items, v.write(s.Generation, w))
		}
	}
	room, bytes := 0, 0
	if parked {
		room, bytes = limits.Items-len(items), limits.Bytes-sizeOf(s)
	}
	for _, w := range s.Writes {
		if !w.Insert {
			continue
		}
		size := sizeOfRow(w.Row)
		if room > 0 && size <= bytes {
			items = append(items, v.write(s.Generation, w))
			room, bytes = room-1, bytes-size
			continue
		}
		inserts = append(inserts, rowItem(s.Generation, w.Row))
	}
	return items, inserts
}

func sizeOf(s projection.Slice) (n int) {
	for _, w := range s.Writes {
		if !w.Insert {
			n += sizeOfRow(w.Row)
		}
	}
	return n
}

func sizeOfRow(r projection.Row) int {
	return len(r.Content) + len(r.ID.Key.Partition) + len(r.ID.Key.Sort)
}

// send carries out some writes together. A transaction has a token, by which DynamoDB
// knows a repetition; one write alone is cheaper, and has none.
func (v *Views) send(ctx context.Context, items []types.TransactWriteItem) error {
	if len(items) > 1 || items[0].ConditionCheck != nil {
		return dynamotable.Transact(ctx, v.attempts, v.client, &dynamodb.TransactWriteItemsInput{TransactItems: items})
	}
	err := v.sendOne(ctx, items[0])
	failed, ok := errors.AsType[*dynamotable.Error](err)
	if !ok || !failed.Unknown || !isChanged(err) {
		return err
	}
	// The condition may have failed on our own write, whose answer was lost.
	if done, readErr := v.isDone(ctx, items[0]); readErr != nil {
		return readErr
	} else if done {
		return nil
	}
	return err
}

func (v *Views) sendOne(ctx context.Context, item types.TransactWriteItem) (err error) {
	switch {
	case item.Update != nil:
		u := item.Update
		_, err = dynamotable.Send(ctx, v.attempts, "UpdateItem", v.client.UpdateItem, &dynamodb.UpdateItemInput{TableName: u.TableName, Key: u.Key,
			UpdateExpression: u.UpdateExpression, ConditionExpression: u.ConditionExpression, ExpressionAttributeValues: u.ExpressionAttributeValues})
	case item.Put != nil:
		p := item.Put
		_, err = dynamotable.Send(ctx, v.attempts, "PutItem", v.client.PutItem, &dynamodb.PutItemInput{TableName: p.TableName, Item: p.Item,
			ConditionExpression: p.ConditionExpression, ExpressionAttributeValues: p.ExpressionAttributeValues})
	default:
		d := item.Delete
		_, err = dynamotable.Send(ctx, v.attempts, "DeleteItem", v.client.DeleteItem, &dynamodb.DeleteItemInput{TableName: d.TableName, Key: d.Key,
			ConditionExpression: d.ConditionExpression, ExpressionAttributeValues: d.ExpressionAttributeValues})
	}
	return err
}

// isDone reports whether an item is as a write leaves it. Nobody else leaves it so: a row
// has a revision of its own after each write, and a checkpoint only grows.
func (v *Views) isDone(ctx context.Context, w types.TransactWriteItem) (bool, error) {
	var key, after dynamotable.Item
	switch {
	case w.Put != nil:
		key, after = dynamotable.Item{attrPK: w.Put.Item[attrPK], attrSK: w.Put.Item[attrSK]}, dynamotable.Item{attrRev: w.Put.Item[attrRev]}
	case w.Delete != nil:
		key = w.Delete.Key
	default:
		key, after = w.Update.Key, dynamotable.Item{}
		for placeholder, name := range map[string]string{":to": attrVersion, ":at": attrVersion, ":parked": attrParked} {
			if value, ok := w.Update.ExpressionAttributeValues[placeholder]; ok {
				after[name] = value
			}
		}
	}
	out, err := dynamotable.Send(ctx, v.attempts, "GetItem", v.client.GetItem,
		&dynamodb.GetItemInput{TableName: &v.table, Key: key, ConsistentRead: aws.Bool(true)})
	if err != nil {
		return false, err
	}
	if w.Delete != nil {
		return len(out.Item) == 0, nil
	}
	if w.Update != nil && *w.Update.UpdateExpression == removeParked && out.Item[attrParked] != nil {
		return false, nil
	}
	for name, value := range after {
		if !reflect.DeepEqual(out.Item[name], value) {
			return false, nil
		}
	}
	return true, nil
}

// isChanged reports whether a condition did not hold.
func isChanged(err error) bool {
	if _, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		return true
	}
	canceled, ok := errors.AsType[*types.TransactionCanceledException](err)
	if !ok {
		return false
	}
	for _, r := range canceled.CancellationReasons {
		if aws.ToString(r.Code) == "ConditionalCheckFailed" {
			return true
		}
	}
	return false
}

// move sets a version and leaves the park record as it is. A checkpoint at 0 may be
// missing, or hold a park record only.
func (v *Views) move(g projection.GenerationID, m projection.Move) *types.Update {
	condition := "v = :from"
	if m.From == 0 {
		condition = "(attribute_not_exists(v) OR v = :from)"
	}
	if !m.Parked {
		condition += " AND attribute_not_exists(parked)"
	}
	return &types.Update{TableName: &v.table, Key: checkpointKey(g, m.Stream), UpdateExpression: aws.String("SET v = :to"), ConditionExpression: &condition,
		ExpressionAttributeValues: dynamotable.Item{":from": dynamotable.N(m.From), ":to": dynamotable.N(m.To)}}
}

// The conditions of a row that was read.
const (
	asRead = "rev = :rev"
	absent = "attribute_not_exists(PK)"
)

func (v *Views) write(g projection.GenerationID, w projection.RowWrite) types.TransactWriteItem {
	var condition *string
	var values dynamotable.Item
	switch {
	case !w.Conditional:
	case w.Expect == (eventstore.EventID{}):
		condition = aws.String(absent)
	default:
		condition, values = aws.String(asRead), dynamotable.Item{":rev": dynamotable.S(w.Expect.String())}
	}
	key := rowKey(g, w.Row.ID)
	switch {
	case !w.Delete:
		return types.TransactWriteItem{Put: &types.Put{TableName: &v.table, Item: rowItem(g, w.Row), ConditionExpression: condition, ExpressionAttributeValues: values}}
	case condition != nil && *condition == absent:
		return types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{TableName: &v.table, Key: key, ConditionExpression: condition}}
	}
	return types.TransactWriteItem{Delete: &types.Delete{TableName: &v.table, Key: key, ConditionExpression: condition, ExpressionAttributeValues: values}}
}

const removeParked = "REMOVE parked, dir"

// Park implements [projection.SliceStore]: one plain write, of one unit for the
// checkpoint and one for the index of parked streams.
func (v *Views) Park(ctx context.Context, g projection.GenerationID, stream eventstore.StreamID, at eventstore.Version, p *projection.Parked) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	condition := "v = :at"
	if at == 0 {
		condition = "(attribute_not_exists(v) OR v = :at)"
	}
	values := dynamotable.Item{":at": dynamotable.N(at)}
	item := types.TransactWriteItem{}
	switch {
	case p == nil && at == 0: // nothing would be left
		item.Delete = &types.Delete{TableName: &v.table, Key: checkpointKey(g, stream), ConditionExpression: &condition, ExpressionAttributeValues: values}
	case p == nil:
		item.Update = &types.Update{TableName: &v.table, Key: checkpointKey(g, stream), ConditionExpression: &condition, ExpressionAttributeValues: values,
			UpdateExpression: aws.String(removeParked)}
	default:
		record, err := json.Marshal(p)
		if err != nil {
			return err
		}
		values[":parked"], values[":dir"] = dynamotable.S(string(record)), dynamotable.S(parkedKey(g))
		item.Update = &types.Update{TableName: &v.table, Key: checkpointKey(g, stream), ConditionExpression: &condition, ExpressionAttributeValues: values,
			UpdateExpression: aws.String("SET parked = :parked, dir = :dir, v = :at")}
	}
	err := v.send(ctx, []types.TransactWriteItem{item})
	if isChanged(err) {
		return changed("checkpoint of %q is no longer %d", stream, at)
	}
	return v.wrap(ctx, "write to", err)
}
