package dynamostore

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/dynamotable"
)

// Append implements [eventstore.Store]: one PutItem, of one write unit for each KB, and
// one unit more for the first commit of a stream. A commit over 400 KB is a transaction
// of its parts, at twice the price, and so is one with claims, each of which is an item.
// At Any it reads the head first, and an unknown
// outcome names the slot that it tried: there the write may be sent again.
func (s *Store) Append(ctx context.Context, w eventstore.Write) (eventstore.Commit, error) {
	w, err := eventstore.Prepare(ctx, s.identity, w)
	if err != nil {
		return eventstore.Commit{}, err
	}
	if ctx.Err() != nil {
		return eventstore.Commit{}, context.Cause(ctx)
	}
	b, err := newBody(w)
	if err != nil {
		return eventstore.Commit{}, err
	}
	if w.Strict || len(w.Claims)+len(w.Releases) > 0 {
		return s.appendClaiming(ctx, w, b)
	}
	if w.Revision.IsAny() {
		return s.appendAny(ctx, w, b)
	}
	return s.appendAt(ctx, w, w.Revision, b)
}

// appendAny goes from slot to slot until one is free.
func (s *Store) appendAny(ctx context.Context, w eventstore.Write, b body) (eventstore.Commit, error) {
	at, err := s.Head(ctx, w.Stream)
	if err != nil {
		return eventstore.Commit{}, err
	}
	for {
		c, err := s.appendAt(ctx, w, at, b)
		conflict, moved := errors.AsType[*eventstore.ConflictError](err)
		if !moved {
			return c, err
		}
		at = conflict.Actual
	}
}

// appendAt tries the slot behind a boundary. It is one item, so between two boundaries
// exactly one writer can win.
func (s *Store) appendAt(ctx context.Context, w eventstore.Write, at eventstore.Revision, b body) (eventstore.Commit, error) {
	c := w.CommitAt(s.identity, at)
	c.Events = b.events
	w.Revision = at // also of a write at Any: what is unknown is whether this slot has it
	taken, err := s.write(ctx, &c, b)
	if err == nil && taken == nil {
		return c, nil
	}
	if failed, ok := errors.AsType[*dynamotable.Error](err); ok && failed.Unknown {
		return eventstore.Commit{}, &eventstore.OutcomeUnknownError{Write: w, Err: err}
	}
	if err != nil {
		return eventstore.Commit{}, notWritten(ctx, w, err)
	}
	winner, err := s.whole(ctx, taken, w.Stream, nil)
	if err != nil && isAnothers(taken, w.ID) {
		return eventstore.Commit{}, notWritten(ctx, w, err)
	}
	if err != nil {
		// It seems to be our own, but whether it has the same content can not be read.
		return eventstore.Commit{}, &eventstore.OutcomeUnknownError{Write: w, Err: err}
	}
	return eventstore.Settle(w, winner)
}

// notWritten is the error of an append of which it is known that it did not take place.
func notWritten(ctx context.Context, w eventstore.Write, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		return err
	}
	return fmt.Errorf("append to %q: %w", w.Stream, err)
}

// isAnothers reports whether an item is known to be another commit, however damaged.
func isAnothers(taken dynamotable.Item, id string) bool {
	r := dynamotable.Reader{Item: taken}
	return r.String(attrID) != id && r.Err == nil
}

// write puts the commit's item, and its parts if it has some. If the slot is taken it
// returns what is there.
func (s *Store) write(ctx context.Context, c *eventstore.Commit, b body) (taken dynamotable.Item, err error) {
	put := s.put(s.itemOf(c, b))
	if len(b.parts) > 0 {
		return s.transact(ctx, put, c, b)
	}
	_, err = dynamotable.Send(ctx, s.attempts, "PutItem", s.client.PutItem, put)
	failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err)
	if !ok {
		return nil, err
	}
	if len(failed.Item) == 0 {
		return s.get(ctx, c.Stream, c.First)
	}
	return failed.Item, nil
}

// transact puts a commit whose payloads lie in items of their own.
func (s *Store) transact(ctx context.Context, put *dynamodb.PutItemInput, c *eventstore.Commit, b body) (taken dynamotable.Item, err error) {
	in := &dynamodb.TransactWriteItemsInput{TransactItems: s.putsOf(put, c, b)}
	failed, err := s.send(ctx, in)
	if failed == nil || failed[0] == nil {
		return nil, err
	}
	if len(failed[0].Item) == 0 {
		return s.get(ctx, c.Stream, c.First)
	}
	return failed[0].Item, nil
}

// putsOf are the items of a commit in a transaction, first that which wins the slot.
func (s *Store) putsOf(put *dynamodb.PutItemInput, c *eventstore.Commit, b body) []types.TransactWriteItem {
	items := []types.TransactWriteItem{{Put: &types.Put{
		TableName: put.TableName, Item: put.Item, ConditionExpression: put.ConditionExpression,
		ReturnValuesOnConditionCheckFailure: put.ReturnValuesOnConditionCheckFailure,
	}}}
	for i, part := range b.parts {
		items = append(items, types.TransactWriteItem{Put: &types.Put{TableName: &s.table, Item: payloadItem(c.Stream, c.First, i, part)}})
	}
	return items
}

// send carries a transaction out. Where conditions failed it returns the reasons of those,
// nil for the items whose condition held; with an error nothing is known of some of these.
func (s *Store) send(ctx context.Context, in *dynamodb.TransactWriteItemsInput) (failed []*types.CancellationReason, err error) {
	err = dynamotable.TransactToTheEnd(ctx, s.attempts, s.client, in)
	canceled, ok := errors.AsType[*types.TransactionCanceledException](err)
	if !ok || len(canceled.CancellationReasons) != len(in.TransactItems) {
		return nil, err
	}
	any, all := false, true
	failed = make([]*types.CancellationReason, len(in.TransactItems))
	for i, reason := range canceled.CancellationReasons {
		if dynamotable.IsFailedCondition(reason) {
			failed[i], any = &reason, true
		} else if !dynamotable.IsNoReason(reason) {
			all = false
		}
	}
	switch {
	case !any:
		return nil, err
	case !all:
		return failed, err
	}
	return failed, nil
}

// get reads the commit at a slot that is known to be taken: for servers that do not
// return it with the failed condition.
func (s *Store) get(ctx context.Context, stream eventstore.StreamID, first eventstore.Version) (dynamotable.Item, error) {
	item, err := s.item(ctx, keyOf(stream, first))
	if err == nil && len(item) == 0 {
		err = damaged(stream, int64(first), errors.New("the commit at a taken slot is not there"))
	}
	if err != nil {
		// Whether it is our own is not known.
		return nil, &dynamotable.Error{Operation: "GetItem", Unknown: true, Err: err}
	}
	return item, nil
}

// item reads one item, strongly consistent; it is empty where there is none.
func (s *Store) item(ctx context.Context, key dynamotable.Item) (dynamotable.Item, error) {
	out, err := dynamotable.Send(ctx, s.attempts, "GetItem", s.client.GetItem, &dynamodb.GetItemInput{TableName: &s.table, Key: key, ConsistentRead: new(true)})
	if err != nil {
		return nil, err
	}
	return out.Item, nil
}
