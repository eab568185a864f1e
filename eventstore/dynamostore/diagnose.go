package dynamostore

import (
	"context"
	"strings"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/dynamotable"
)

var _ eventstore.Diagnoser = (*Store)(nil)

// Diagnose implements [eventstore.Diagnoser]: it looks at the table PREFIX-events, the clock,
// and the rights of these credentials. It costs a few read units, and two write units
// where they may write: a request whose condition fails is charged.
func (s *Store) Diagnose(ctx context.Context) []eventstore.Finding {
	spec := spec(strings.TrimSuffix(s.table, tableName("")), ProvisionOptions{DirectorySlices: s.slices})
	return dynamotable.Diagnosis{Client: s.client, Spec: spec,
		Reads:  []string{"GetItem", "BatchGetItem", "Query", "Scan"},
		Writes: []string{"PutItem", "ConditionCheckItem"}}.Run(ctx)
}
