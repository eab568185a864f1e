package dynamoviews

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/dynamotable"
	"github.com/leftfold/leftfold/projection"
)

// State implements [projection.StateStore]: a strongly consistent GetItem.
func (v *Views) State(ctx context.Context, name string) (projection.State, error) {
	s := projection.State{Projection: name}
	out, err := dynamotable.Send(ctx, v.attempts, "GetItem", v.client.GetItem,
		&dynamodb.GetItemInput{TableName: &v.table, Key: stateKey(name), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return s, v.wrap(ctx, "read the state of projection "+name+" in", err)
	}
	if len(out.Item) == 0 {
		return s, nil
	}
	return stateOf(out.Item)
}

func stateOf(item dynamotable.Item) (projection.State, error) {
	r := dynamotable.Reader{Item: item}
	name, text := r.String(attrSK), r.String(attrState)
	s := projection.State{Projection: name}
	if err := errors.Join(r.Err, json.Unmarshal([]byte(text), &s)); err != nil {
		return s, fmt.Errorf("%w: the state of projection %q: %w", eventstore.ErrCorrupt, name, err)
	}
	return s, nil
}

// States implements [projection.StateLister]. The names are found by the index, which is
// eventually consistent; the states are then read by themselves.
func (v *Views) States(ctx context.Context) iter.Seq2[projection.State, error] {
	return whole(ctx, indexed(ctx, v, statesKey, v.states))
}

// states returns those of some projections, in their order.
func (v *Views) states(ctx context.Context, names []string) ([]projection.State, error) {
	var keys []dynamotable.Item
	for _, name := range names {
		keys = append(keys, stateKey(name))
	}
	items, err := dynamotable.BatchGet(ctx, v.attempts, v.client, v.table, keys)
	if err != nil {
		return nil, v.wrap(ctx, "read", err)
	}
	found := make([]projection.State, len(items))
	for i, item := range items {
		if found[i], err = stateOf(item); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(found, func(a, b projection.State) int { return strings.Compare(a.Projection, b.Projection) })
	return found, nil
}

// PutState implements [projection.StateStore]: a conditional PutItem. Its own lost answer
// is told by what the failed condition returns.
func (v *Views) PutState(ctx context.Context, s projection.State) (projection.State, error) {
	if ctx.Err() != nil {
		return projection.State{}, context.Cause(ctx)
	}
	expected := s.Revision
	s.Revision++
	text, err := json.Marshal(s)
	if err != nil {
		return projection.State{}, err
	}
	in := &dynamodb.PutItemInput{TableName: &v.table, Item: stateKey(s.Projection), ConditionExpression: aws.String(absent),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld}
	put := uuid.NewString() // another may want to put the same
	in.Item[attrVersion], in.Item[attrState], in.Item[attrPut] = dynamotable.N(s.Revision), dynamotable.S(string(text)), dynamotable.S(put)
	in.Item[attrDir] = dynamotable.S(statesKey)
	if expected > 0 {
		in.ConditionExpression = aws.String("v = :revision")
		in.ExpressionAttributeValues = dynamotable.Item{":revision": dynamotable.N(expected)}
	}
	_, err = dynamotable.Send(ctx, v.attempts, "PutItem", v.client.PutItem, in)
	if failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		r := dynamotable.Reader{Item: failed.Item}
		if len(failed.Item) > 0 && r.String(attrPut) == put {
			return s, nil
		}
		return projection.State{}, changed("state of projection %q is no longer at revision %d", s.Projection, expected)
	}
	if err != nil {
		return projection.State{}, v.wrap(ctx, "write to", err)
	}
	return s, nil
}

// Beat implements [projection.StateStore]: a PutItem. DynamoDB removes it by itself when
// it has expired, for nothing.
func (v *Views) Beat(ctx context.Context, b projection.Heartbeat) error {
	text, err := json.Marshal(b)
	if err != nil {
		return err
	}
	_, err = dynamotable.Send(ctx, v.attempts, "PutItem", v.client.PutItem, &dynamodb.PutItemInput{TableName: &v.table, Item: dynamotable.Item{
		attrPK: dynamotable.S(heartbeatsKey(b.Projection)), attrSK: dynamotable.S(b.Worker), attrBeat: dynamotable.S(string(text)),
		attrAt: dynamotable.N(b.At.UnixMilli()), attrExpires: dynamotable.N(b.At.Add(kept).Unix()),
	}})
	return v.wrap(ctx, "write to", err)
}

// Heartbeats implements [projection.StateStore]: a strongly consistent Query. What is too
// old by the last heartbeat and by the clock here is passed over: by the last alone, a
// worker whose clock is ahead would hide all others.
func (v *Views) Heartbeats(ctx context.Context, name string) (beats []projection.Heartbeat, err error) {
	var last time.Time
	for item, err := range v.items(ctx, v.query(heartbeatsKey(name), "PK = :pk"), pageOf) {
		var b projection.Heartbeat
		if err == nil {
			r := dynamotable.Reader{Item: item}
			text := r.String(attrBeat)
			if err = errors.Join(r.Err, json.Unmarshal([]byte(text), &b)); err != nil {
				err = fmt.Errorf("%w: a heartbeat of projection %q: %w", eventstore.ErrCorrupt, name, err)
			}
		}
		if err != nil {
			return nil, err
		}
		if b.At.After(last) {
			last = b.At
		}
		beats = append(beats, b)
	}
	if now := time.Now(); now.Before(last) {
		last = now
	}
	current := beats[:0]
	for _, b := range beats {
		if !b.At.Before(last.Add(-projection.HeartbeatsKept)) {
			current = append(current, b)
		}
	}
	return current, nil
}
