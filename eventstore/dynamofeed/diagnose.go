package dynamofeed

import (
	"context"
	"slices"
	"strings"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/dynamotable"
)

var (
	_ eventstore.Diagnoser = (*Feed)(nil)
	_ eventstore.Diagnoser = (*Tailer)(nil)
)

// Diagnose implements [eventstore.Diagnoser]: it looks at the table PREFIX-leases, the clock,
// and the rights of these credentials on it and on the stream. It costs a few units.
func (f *Feed) Diagnose(ctx context.Context) []eventstore.Finding {
	var found []eventstore.Finding
	if leases, ok := f.leases.(*dynamoLeases); ok {
		found = dynamotable.Diagnosis{Client: leases.client, Spec: spec(strings.TrimSuffix(leases.table, tableName("")), ProvisionOptions{}),
			Reads: []string{"Query"}, Writes: []string{"PutItem", "DeleteItem"}}.Run(ctx)
	}
	return append(found, diagnoseStream(ctx, f.source))
}

// Diagnose implements [eventstore.Diagnoser]: it looks whether the stream can be read.
func (t *Tailer) Diagnose(ctx context.Context) []eventstore.Finding {
	return []eventstore.Finding{diagnoseStream(ctx, t.source)}
}

// diagnoseStream reads once, from the end of an open shard on.
func diagnoseStream(ctx context.Context, s source) eventstore.Finding {
	const check = "the stream of changes can be read"
	shards, err := s.shards(ctx)
	open := slices.DeleteFunc(shards, func(s shard) bool { return s.closed })
	if err == nil && len(open) == 0 {
		return eventstore.Finding{Check: check, Detail: "it has no open shard", Hint: "a stream that was just switched on has some in a moment; else see whether it is switched on"}
	}
	var iterator string
	if err == nil {
		iterator, err = s.iterator(ctx, open[0].id, latest)
	}
	if err == nil {
		_, _, err = s.records(ctx, iterator)
	}
	return dynamotable.Finding(check, "DescribeStream, GetShardIterator, GetRecords", err)
}
