package dynamofeed

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/dynamotable"
)

// The table PREFIX-leases. A lease is one item, of about 250 bytes:
//
//	PK     S     the consumer
//	SK     S     the shard
//	parent S     the shard that it follows, absent if it follows none
//	place  S     "begin T", "at N", "after N", "lost" or "end"; N is a sequence number, T
//	             in seconds since 1970
//	ended  BOOL  the shard was handed over to its end
//	ready  BOOL  it need not wait for its parent
//	owner  S     the worker that holds it, absent if none does
//	nonce  S     another one with each write
const (
	attrPK     = dynamotable.PK
	attrSK     = dynamotable.SK
	attrParent = "parent"
	attrPlace  = "place"
	attrEnded  = "ended"
	attrReady  = "ready"
	attrOwner  = "owner"
	attrNonce  = "nonce"

	// conditionSame holds while nobody has written the lease since.
	conditionSame = attrNonce + " = :nonce"
	conditionNone = "attribute_not_exists(" + attrPK + ")"

	mostConsumerBytes = 255
)

func tableName(prefix string) string { return prefix + "-leases" }

func checkConsumer(name string) error {
	if name == "" || len(name) > mostConsumerBytes {
		return fmt.Errorf("%w: the name of a consumer has %d bytes, allowed are 1 to %d", eventstore.ErrInvalid, len(name), mostConsumerBytes)
	}
	return nil
}

// ProvisionOptions says how the table is made. The zero value is right for production.
type ProvisionOptions struct {
	// Unprotected leaves out deletion protection and point-in-time recovery: for tests.
	Unprotected bool
}

// Provision makes the table PREFIX-leases, if it does not exist, and waits until it is
// ready. It may be repeated; a table that exists keeps its settings. The stream belongs
// to the table PREFIX-events: dynamostore.Provision switches it on.
func Provision(ctx context.Context, client *dynamodb.Client, prefix string, opts ProvisionOptions) error {
	err := dynamotable.CheckPrefix(prefix)
	if err == nil {
		err = dynamotable.Provision(ctx, client, spec(prefix, opts))
	}
	if err != nil {
		return fmt.Errorf("dynamofeed: %w", err)
	}
	return nil
}

func spec(prefix string, o ProvisionOptions) dynamotable.Spec {
	return dynamotable.Spec{Name: tableName(prefix), SortKey: types.ScalarAttributeTypeS, Protected: !o.Unprotected}
}

// dynamoLeases are the leases of a consumer in the table.
type dynamoLeases struct {
	client          *dynamodb.Client
	table, consumer string
	attempts        int
}

// list is a Query: a request for each megabyte, about 4,000 leases.
func (t *dynamoLeases) list(ctx context.Context) ([]lease, error) {
	in := &dynamodb.QueryInput{TableName: &t.table, ConsistentRead: new(true), KeyConditionExpression: new(attrPK + " = :pk"),
		ExpressionAttributeValues: dynamotable.Item{":pk": dynamotable.S(t.consumer)}}
	var leases []lease
	for {
		out, err := dynamotable.Send(ctx, t.attempts, "Query", t.client.Query, in)
		if err != nil {
			return nil, fmt.Errorf("list the leases in %s: %w", t.table, err)
		}
		for _, item := range out.Items {
			l, err := leaseOf(item)
			if err != nil {
				return nil, fmt.Errorf("list the leases in %s: %w", t.table, err)
			}
			leases = append(leases, l)
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
			return leases, nil
		}
	}
}

func (t *dynamoLeases) create(ctx context.Context, l lease) error {
	_, err := dynamotable.Send(ctx, t.attempts, "PutItem", t.client.PutItem,
		&dynamodb.PutItemInput{TableName: &t.table, Item: t.itemOf(l), ConditionExpression: new(conditionNone)})
	if _, refused := errors.AsType[*types.ConditionalCheckFailedException](err); err != nil && !refused {
		return t.wrap("create", l, err)
	}
	return nil
}

func (t *dynamoLeases) write(ctx context.Context, next lease, nonce string) (current lease, ok bool, err error) {
	_, err = dynamotable.Send(ctx, t.attempts, "PutItem", t.client.PutItem, &dynamodb.PutItemInput{TableName: &t.table, Item: t.itemOf(next),
		ConditionExpression: new(conditionSame), ExpressionAttributeValues: dynamotable.Item{":nonce": dynamotable.S(nonce)},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld})
	if err == nil {
		return next, true, nil
	}
	refused, ok := errors.AsType[*types.ConditionalCheckFailedException](err)
	if !ok {
		return current, false, t.wrap("write", next, err)
	}
	if len(refused.Item) == 0 {
		return current, false, nil
	}
	if current, err = leaseOf(refused.Item); err != nil {
		return current, false, t.wrap("write", next, err)
	}
	return current, current.nonce == next.nonce, nil
}

func (t *dynamoLeases) remove(ctx context.Context, l lease) error {
	item := t.itemOf(l)
	_, err := dynamotable.Send(ctx, t.attempts, "DeleteItem", t.client.DeleteItem, &dynamodb.DeleteItemInput{TableName: &t.table,
		Key:                 dynamotable.Item{attrPK: item[attrPK], attrSK: item[attrSK]},
		ConditionExpression: new(conditionSame), ExpressionAttributeValues: dynamotable.Item{":nonce": dynamotable.S(l.nonce)}})
	if _, refused := errors.AsType[*types.ConditionalCheckFailedException](err); err != nil && !refused {
		return t.wrap("remove", l, err)
	}
	return nil
}

func (t *dynamoLeases) wrap(verb string, l lease, err error) error {
	return fmt.Errorf("%s the lease of %s in %s: %w", verb, l.shard, t.table, err)
}

func (t *dynamoLeases) itemOf(l lease) dynamotable.Item {
	item := dynamotable.Item{attrPK: dynamotable.S(t.consumer), attrSK: dynamotable.S(l.shard), attrPlace: dynamotable.S(string(l.place)),
		attrEnded: &types.AttributeValueMemberBOOL{Value: l.ended}, attrReady: &types.AttributeValueMemberBOOL{Value: l.ready}, attrNonce: dynamotable.S(l.nonce)}
	if l.parent != "" {
		item[attrParent] = dynamotable.S(l.parent)
	}
	if l.owner != "" {
		item[attrOwner] = dynamotable.S(l.owner)
	}
	return item
}

func leaseOf(item dynamotable.Item) (lease, error) {
	r := dynamotable.Reader{Item: item}
	l := lease{shard: r.String(attrSK), place: place(r.String(attrPlace)), ended: isTrue(item[attrEnded]), ready: isTrue(item[attrReady]), nonce: r.String(attrNonce)}
	if r.Has(attrParent) {
		l.parent = r.String(attrParent)
	}
	if r.Has(attrOwner) {
		l.owner = r.String(attrOwner)
	}
	if r.Err == nil && !l.place.valid() {
		r.Err = fmt.Errorf("%q is no place", l.place)
	}
	if r.Err != nil {
		return lease{}, fmt.Errorf("%w: the lease of %q: %w", eventstore.ErrCorrupt, l.shard, r.Err)
	}
	return l, nil
}

func isTrue(value types.AttributeValue) bool {
	b, ok := value.(*types.AttributeValueMemberBOOL)
	return ok && b.Value
}
