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
// or of what a failed condition has found, whichever is larger. An item of a transaction
// counts twice.
func computed(input any, err error) Usage {
	switch in := input.(type) {
	case *dynamodb.PutItemInput:
		size := dynamotable.SizeOf(in.Item)
		if failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
			size = max(size, dynamotable.SizeOf(failed.Item))
			return Usage{WriteUnits: float64(dynamotable.WriteUnits(size))}
		}
		return Usage{WriteUnits: unitsOf(in.Item)}
	case *dynamodb.TransactWriteItemsInput:
		u := Usage{}
		for _, item := range in.TransactItems {
			switch {
			case item.Put != nil:
				u.WriteUnits += 2 * unitsOf(item.Put.Item)
			default: // of others the size is not known here
				u.WriteUnits += 2
			}
		}
		return u
	case *dynamodb.BatchWriteItemInput:
		u := Usage{}
		for _, writes := range in.RequestItems {
			for _, w := range writes {
				u.WriteUnits++
				if w.PutRequest != nil {
					u.WriteUnits += unitsOf(w.PutRequest.Item) - 1
				}
			}
		}
		return u
	case *dynamodb.UpdateItemInput, *dynamodb.DeleteItemInput:
		return Usage{WriteUnits: 1}
	}
	return Usage{}
}

// unitsOf is the price of putting an item, with that of its entry in the directory.
func unitsOf(item dynamotable.Item) float64 {
	units := dynamotable.WriteUnits(dynamotable.SizeOf(item))
	if _, listed := item[dynamotable.DirectoryKey]; listed {
		units++
	}
	return float64(units)
}
