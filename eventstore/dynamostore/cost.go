package dynamostore

import (
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/dynamotable"
)

// Cost is what the append of one commit takes.
type Cost struct {
	// Bytes is the size of its items as DynamoDB counts them, packed where they are.
	Bytes int
	// WriteUnits are those of the append, with its entry in the directory where it is
	// the first of its stream.
	WriteUnits int
}

// CostOf returns what a commit costs to append, without any request.
func CostOf(c eventstore.Commit) (Cost, error) {
	b, err := newBody(eventstore.Write{Stream: c.Stream, ID: c.ID, Digest: c.Digest, Metadata: c.Metadata, Events: c.Events})
	if err != nil {
		return Cost{}, err
	}
	s := Store{slices: defaultSlices}
	size := dynamotable.SizeOf(s.itemOf(&c, b))
	cost := Cost{Bytes: size, WriteUnits: dynamotable.WriteUnits(size)}
	for i, part := range b.parts {
		item := payloadKey(c.Stream, c.First, i)
		item[attrPart] = dynamotable.B(part)
		n := dynamotable.SizeOf(item)
		cost.Bytes += n
		cost.WriteUnits += dynamotable.WriteUnits(n)
	}
	if len(b.parts) > 0 { // a transaction
		cost.WriteUnits *= 2
	}
	if c.First == 1 {
		cost.WriteUnits++
	}
	return cost, nil
}
