package dynamometer

import (
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leftfold/leftfold/internal/dynamotable"
)

// asking returns a request that asks for the capacity it consumes. The caller's own is
// not changed.
func asking(input any) any {
	const total = types.ReturnConsumedCapacityTotal
	switch in := input.(type) {
	case *dynamodb.PutItemInput:
		c := *in
		c.ReturnConsumedCapacity = total
		return &c
	case *dynamodb.UpdateItemInput:
		c := *in
		c.ReturnConsumedCapacity = total
		return &c
	case *dynamodb.DeleteItemInput:
		c := *in
		c.ReturnConsumedCapacity = total
		return &c
	case *dynamodb.BatchWriteItemInput:
		c := *in
		c.ReturnConsumedCapacity = total
		return &c
	case *dynamodb.GetItemInput:
		c := *in
		c.ReturnConsumedCapacity = total
		return &c
	case *dynamodb.BatchGetItemInput:
		c := *in
		c.ReturnConsumedCapacity = total
		return &c
	case *dynamodb.TransactGetItemsInput:
		c := *in
		c.ReturnConsumedCapacity = total
		return &c
	case *dynamodb.QueryInput:
		c := *in
		c.ReturnConsumedCapacity = total
		return &c
	case *dynamodb.ScanInput:
		c := *in
		c.ReturnConsumedCapacity = total
		return &c
	}
	return input
}

// reported returns the units that an answer names. Those of transactions are computed.
func reported(input, output any) Usage {
	writes := func(all ...types.ConsumedCapacity) (u Usage) {
		for _, c := range all {
			u.WriteUnits += aws.ToFloat64(c.CapacityUnits)
		}
		return u
	}
	reads := func(all ...types.ConsumedCapacity) Usage { return Usage{ReadUnits: writes(all...).WriteUnits} }
	one := func(c *types.ConsumedCapacity) types.ConsumedCapacity {
		if c == nil {
			return types.ConsumedCapacity{}
		}
		return *c
	}
	switch out := output.(type) {
	case *dynamodb.PutItemOutput:
		return writes(one(out.ConsumedCapacity))
	case *dynamodb.UpdateItemOutput:
		return writes(one(out.ConsumedCapacity))
	case *dynamodb.DeleteItemOutput:
		return writes(one(out.ConsumedCapacity))
	case *dynamodb.BatchWriteItemOutput:
		return writes(out.ConsumedCapacity...)
	case *dynamodb.GetItemOutput:
		return reads(one(out.ConsumedCapacity))
	case *dynamodb.BatchGetItemOutput:
		return batchRead(input, out)
	case *dynamodb.TransactGetItemsOutput:
		return transactRead(out)
	case *dynamodb.QueryOutput:
		return reads(one(out.ConsumedCapacity))
	case *dynamodb.ScanOutput:
		return reads(one(out.ConsumedCapacity))
	case *dynamodb.TransactWriteItemsOutput:
		return computed(input, nil)
	}
	return Usage{}
}

// batchRead charges each item by itself, and one that is not there as a small one, which
// DynamoDB Local does not.
func batchRead(input any, out *dynamodb.BatchGetItemOutput) (u Usage) {
	in, ok := input.(*dynamodb.BatchGetItemInput)
	if !ok {
		return u
	}
	for table, asked := range in.RequestItems {
		strong := aws.ToBool(asked.ConsistentRead)
		for _, item := range out.Responses[table] {
			u.ReadUnits += dynamotable.ReadUnits(dynamotable.SizeOf(item), strong)
		}
		missing := len(asked.Keys) - len(out.Responses[table]) - len(out.UnprocessedKeys[table].Keys)
		u.ReadUnits += float64(missing) * dynamotable.ReadUnits(0, strong)
	}
	return u
}

// transactRead charges each item by itself, twice.
func transactRead(out *dynamodb.TransactGetItemsOutput) (u Usage) {
	for _, r := range out.Responses {
		u.ReadUnits += 2 * dynamotable.ReadUnits(dynamotable.SizeOf(r.Item), true)
	}
	return u
}

// computed returns the units of a write from the sizes of its items: of what it brings,
// or of what a failed condition has found, whichever is larger. Of what is deleted, and of
// what an update leaves as it was, the size is not known here.
func computed(input any, err error) (u Usage) {
	switch in := input.(type) {
	case *dynamodb.PutItemInput:
		u.WriteUnits = computedAlone(in.Item, err)
	case *dynamodb.UpdateItemInput:
		u.WriteUnits = computedAlone(dynamotable.Updated(in.Key, aws.ToString(in.UpdateExpression), in.ExpressionAttributeNames, in.ExpressionAttributeValues), err)
	case *dynamodb.TransactWriteItemsInput:
		for _, w := range in.TransactItems {
			var item dynamotable.Item
			switch {
			case w.Put != nil:
				item = w.Put.Item
			case w.Update != nil:
				item = dynamotable.Updated(w.Update.Key, aws.ToString(w.Update.UpdateExpression), w.Update.ExpressionAttributeNames, w.Update.ExpressionAttributeValues)
			}
			u.WriteUnits += float64(dynamotable.PutUnits(item, true))
		}
	case *dynamodb.BatchWriteItemInput:
		for _, writes := range in.RequestItems {
			for _, w := range writes {
				var item dynamotable.Item
				if w.PutRequest != nil {
					item = w.PutRequest.Item
				}
				u.WriteUnits += float64(dynamotable.PutUnits(item, false))
			}
		}
	case *dynamodb.DeleteItemInput:
		u.WriteUnits = 1
	}
	return u
}

func computedAlone(item dynamotable.Item, err error) float64 {
	if failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		return float64(dynamotable.WriteUnits(max(dynamotable.SizeOf(item), dynamotable.SizeOf(failed.Item))))
	}
	return float64(dynamotable.PutUnits(item, false))
}
