package dynamoviews

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/dynamotable"
	"github.com/leftfold/leftfold/projection"
)

// Apply implements [projection.SliceStore]: one transaction of two write units for each
// KB of each row and each checkpoint. A checkpoint that moves alone, or with the row that
// lies in its item, is a plain write, at half the price.
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
	err := v.send(ctx, len(s.Moves), items)
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
	own := map[string]*projection.RowWrite{} // rows in the items of checkpoints
	for i, w := range s.Writes {
		if projection.IsPerStream(w.Row.ID.View) {
			own[w.Row.ID.Key.Partition] = &s.Writes[i]
		}
	}
	for _, m := range s.Moves {
		items = append(items, types.TransactWriteItem{Update: v.move(s.Generation, m, own[m.Stream.String()])})
		parked = parked || m.Parked
	}
	for _, w := range s.Writes {
		if !w.Insert && !projection.IsPerStream(w.Row.ID.View) {
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

// send carries out the writes of a slice. A transaction has a token, by which DynamoDB
// knows a repetition. A checkpoint alone is moved by a plain write, at half the price.
func (v *Views) send(ctx context.Context, moves int, items []types.TransactWriteItem) error {
	if len(items) == 1 && moves == 1 {
		return v.moveAlone(ctx, items[0].Update)
	}
	return v.transact(ctx, items...)
}

func (v *Views) transact(ctx context.Context, items ...types.TransactWriteItem) error {
	return dynamotable.Transact(ctx, v.attempts, v.client, &dynamodb.TransactWriteItemsInput{TransactItems: items})
}

// moveAlone marks the checkpoint with whose write it was. If the condition fails after an
// attempt that may have been carried out, it may have failed on that one.
func (v *Views) moveAlone(ctx context.Context, u *types.Update) error {
	mark := uuid.New()
	u.UpdateExpression = aws.String("SET w = :w, " + strings.TrimPrefix(*u.UpdateExpression, "SET "))
	u.ExpressionAttributeValues[":w"] = dynamotable.B(mark[:8])
	_, err := dynamotable.Send(ctx, v.attempts, "UpdateItem", v.client.UpdateItem, &dynamodb.UpdateItemInput{TableName: u.TableName, Key: u.Key,
		UpdateExpression: u.UpdateExpression, ConditionExpression: u.ConditionExpression,
		ExpressionAttributeNames: u.ExpressionAttributeNames, ExpressionAttributeValues: u.ExpressionAttributeValues})
	failed, ok := errors.AsType[*dynamotable.Error](err)
	if !ok || !failed.Unknown || !isChanged(err) {
		return err
	}
	out, readErr := dynamotable.Send(ctx, v.attempts, "GetItem", v.client.GetItem,
		&dynamodb.GetItemInput{TableName: &v.table, Key: u.Key, ConsistentRead: aws.Bool(true)})
	if readErr != nil {
		return readErr
	}
	if w, marked := out.Item[attrMark].(*types.AttributeValueMemberB); marked && bytes.Equal(w.Value, mark[:8]) {
		return nil
	}
	return err
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

// move sets a version, and the stream's own row where one is given, and leaves the park
// record as it is. A checkpoint at 0 may be missing, or hold a park record only.
func (v *Views) move(g projection.GenerationID, m projection.Move, row *projection.RowWrite) *types.Update {
	condition := "v = :from"
	if m.From == 0 {
		condition = "(attribute_not_exists(v) OR v = :from)"
	}
	switch {
	case !m.Parked:
		condition += " AND attribute_not_exists(parked)"
	case m.Skip:
		condition += " AND attribute_exists(skip) AND pv > :from"
	default:
		condition += " AND (attribute_not_exists(skip) OR pv <= :from)"
	}
	u := &types.Update{TableName: &v.table, Key: checkpointKey(g, m.Stream.String()), UpdateExpression: aws.String("SET v = :to"), ConditionExpression: &condition,
		ExpressionAttributeValues: dynamotable.Item{":from": dynamotable.N(m.From), ":to": dynamotable.N(m.To)}}
	if row != nil {
		writeOwn(u, row)
	}
	return u
}

// writeOwn adds the row that lies in the item of a checkpoint to a move of it.
func writeOwn(u *types.Update, w *projection.RowWrite) {
	switch {
	case !w.Conditional:
	case w.Expect == (eventstore.EventID{}):
		*u.ConditionExpression += " AND " + noRow
	default:
		*u.ConditionExpression += " AND " + asRead
		u.ExpressionAttributeValues[":rev"] = dynamotable.S(w.Expect.String())
	}
	if isCheck(w) {
		return
	}
	u.ExpressionAttributeNames = map[string]string{"#row": attrRow} // a word of DynamoDB's own
	switch {
	case !w.Delete:
		*u.UpdateExpression += ", " + setRow
		u.ExpressionAttributeValues[":new"] = dynamotable.S(w.Row.Rev.String())
		u.ExpressionAttributeValues[":row"] = dynamotable.S(string(w.Row.Content))
	case w.Row.Origin:
		*u.UpdateExpression += ", o = :origin REMOVE rev, #row"
		u.ExpressionAttributeValues[":origin"] = isOrigin
	default:
		*u.UpdateExpression += " REMOVE rev, #row, o"
	}
}

// isCheck: a deletion on condition that the row is absent does nothing else.
func isCheck(w *projection.RowWrite) bool {
	return w.Delete && w.Conditional && w.Expect == (eventstore.EventID{})
}

const (
	// The conditions of a row that was read. One that is absent may have a tombstone.
	asRead = "rev = :rev"
	noRow  = "attribute_not_exists(rev)"
	// absent: there is no item, whatever it is.
	absent = "attribute_not_exists(PK)"
	// setRow leaves the origin as it is, which a PutItem would not.
	setRow = "rev = :new, #row = :row"
)

func (v *Views) write(g projection.GenerationID, w projection.RowWrite) types.TransactWriteItem {
	var condition *string
	values := dynamotable.Item{}
	switch {
	case !w.Conditional:
	case w.Expect == (eventstore.EventID{}):
		condition = aws.String(noRow)
	default:
		condition, values[":rev"] = aws.String(asRead), dynamotable.S(w.Expect.String())
	}
	key := rowKey(g, w.Row.ID)
	switch {
	case !w.Delete:
		values[":new"], values[":row"] = dynamotable.S(w.Row.Rev.String()), dynamotable.S(string(w.Row.Content))
		return types.TransactWriteItem{Update: &types.Update{TableName: &v.table, Key: key, UpdateExpression: aws.String("SET " + setRow), ConditionExpression: condition,
			ExpressionAttributeNames: map[string]string{"#row": attrRow}, ExpressionAttributeValues: values}}
	case isCheck(&w):
		return types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{TableName: &v.table, Key: key, ConditionExpression: condition}}
	}
	if len(values) == 0 {
		values = nil // DynamoDB takes no empty ones
	}
	if w.Row.Origin {
		return types.TransactWriteItem{Put: &types.Put{TableName: &v.table, Item: tombstone(g, w.Row.ID), ConditionExpression: condition, ExpressionAttributeValues: values}}
	}
	return types.TransactWriteItem{Delete: &types.Delete{TableName: &v.table, Key: key, ConditionExpression: condition, ExpressionAttributeValues: values}}
}

// Park implements [projection.SliceStore]: a transaction of two units for the checkpoint,
// so that a repetition can not undo what somebody else has done meanwhile, and one unit
// for the index of parked streams.
func (v *Views) Park(ctx context.Context, g projection.GenerationID, stream eventstore.StreamID, at eventstore.Version, p *projection.Parked) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	condition := "v = :at"
	if at == 0 {
		condition = "(attribute_not_exists(v) OR v = :at)"
	}
	values := dynamotable.Item{":at": dynamotable.N(at)}
	update := &types.Update{TableName: &v.table, Key: checkpointKey(g, stream.String()), ConditionExpression: &condition, ExpressionAttributeValues: values}
	item := types.TransactWriteItem{Update: update}
	if p == nil {
		condition += " AND (attribute_not_exists(parked) OR pv <= :at)"
	}
	switch {
	case p == nil && at == 0: // nothing would be left
		item = types.TransactWriteItem{Delete: &types.Delete{TableName: &v.table, Key: update.Key, ConditionExpression: &condition, ExpressionAttributeValues: values}}
	case p == nil:
		update.UpdateExpression = aws.String("REMOVE parked, pv, skip, dir")
	default:
		record, err := json.Marshal(p)
		if err != nil {
			return err
		}
		values[":parked"], values[":pv"], values[":dir"] = dynamotable.S(string(record)), dynamotable.N(p.Version), dynamotable.S(parkedKey(g))
		update.UpdateExpression = aws.String("SET parked = :parked, pv = :pv, dir = :dir, v = :at")
		if p.Skip {
			*update.UpdateExpression += ", skip = :pv"
		} else {
			*update.UpdateExpression += " REMOVE skip"
			condition += " AND (attribute_not_exists(skip) OR pv <= :at)"
		}
	}
	err := v.transact(ctx, item)
	if isChanged(err) {
		return changed("checkpoint of %q is no longer %d, or it is parked behind it, or marked to skip", stream, at)
	}
	return v.wrap(ctx, "write to", err)
}
