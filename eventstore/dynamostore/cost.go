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
	items := []dynamotable.Item{s.itemOf(&c, b)}
	for i, part := range b.parts {
		items = append(items, payloadItem(c.Stream, c.First, i, part))
	}
	cost := Cost{}
	for _, item := range items {
		cost.Bytes += dynamotable.SizeOf(item)
		cost.WriteUnits += dynamotable.PutUnits(item, len(items) > 1)
	}
	return cost, nil
}
