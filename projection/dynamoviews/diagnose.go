package dynamoviews

import (
	"context"
	"strings"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/dynamotable"
)

var _ eventstore.Diagnoser = (*Views)(nil)

// Diagnose implements [eventstore.Diagnoser]: it looks at the table PREFIX-views, the clock,
// and the rights of these credentials. It costs a few units.
func (v *Views) Diagnose(ctx context.Context) []eventstore.Finding {
	return dynamotable.Diagnosis{Client: v.client, Spec: spec(strings.TrimSuffix(v.table, tableName("")), ProvisionOptions{}),
		Reads:  []string{"GetItem", "BatchGetItem", "Query"},
		Writes: []string{"PutItem", "UpdateItem", "DeleteItem", "ConditionCheckItem", "BatchWriteItem"}}.Run(ctx)
}
