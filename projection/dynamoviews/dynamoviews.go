// Package dynamoviews keeps views, checkpoints and the states of projections in a
// DynamoDB table. A slice is one transaction of its rows and checkpoints.
//
// What each operation costs is in docs/dynamodb.md.
package dynamoviews

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leftfold/leftfold/internal/dynamotable"
	"github.com/leftfold/leftfold/projection"
)

// Options says how to use the views. The zero value works.
type Options struct {
	// Attempts is how often a request is sent, whatever it meets, before it has failed; a
	// batch, how often without coming forward. Between them are pauses of up to 25 ms,
	// 50 ms, … 2 s. Defaults to 10; the SDK's own number and its budget of retries are
	// not used.
	Attempts int
}

// Views implements [projection.ViewStore] on the table PREFIX-views. It is made by
// [Open] and safe for concurrent use. It holds nothing to close.
type Views struct {
	client   *dynamodb.Client
	table    string
	attempts int
}

var _ projection.ViewStore = (*Views)(nil)

// limits are those of a transaction, with room for what is around rows and checkpoints:
// keys, revisions, conditions.
var limits = projection.Limits{Items: dynamotable.MaxTransactionItems, Bytes: dynamotable.MaxTransactionBytes - dynamotable.MaxTransactionItems*4096, Apart: true}

// Open looks at the table PREFIX-views, with one DescribeTable. One that is missing, of
// another program, or replicated to another Region is refused with an error that carries
// a hint.
func Open(ctx context.Context, client *dynamodb.Client, prefix string, opts Options) (*Views, error) {
	if err := dynamotable.CheckPrefix(prefix); err != nil {
		return nil, fmt.Errorf("dynamoviews: %w", err)
	}
	v := &Views{client: client, table: tableName(prefix), attempts: opts.Attempts}
	if v.attempts < 1 {
		v.attempts = dynamotable.DefaultAttempts
	}
	table, err := dynamotable.Inspect(ctx, client, v.table, types.ScalarAttributeTypeS)
	if err == nil {
		err = checkTable(table)
	}
	if err != nil {
		return nil, fmt.Errorf("dynamoviews: %w", err)
	}
	return v, nil
}

// ProvisionOptions says how the table is made. The zero value is right for production.
type ProvisionOptions struct {
	// Unprotected leaves out deletion protection and point-in-time recovery, and leaves
	// both as they are on a table that exists: for tests.
	Unprotected bool
}

// Provision makes the table PREFIX-views, if it does not exist, and waits until it is
// ready: on demand, protected from deletion, with point-in-time recovery, and so that
// DynamoDB removes the heartbeats of workers that are gone.
//
// To a table that exists it adds what of this is off, protection and recovery only unless
// Unprotected is set. It changes nothing else of it and switches nothing off. A table of
// another program is an error, with a hint, and not changed at all. So Provision may be
// repeated, also after one that died halfway, and run by several processes at once.
func Provision(ctx context.Context, client *dynamodb.Client, prefix string, opts ProvisionOptions) error {
	err := dynamotable.CheckPrefix(prefix)
	if err == nil {
		err = dynamotable.Provision(ctx, client, spec(prefix, opts))
	}
	if err != nil {
		return fmt.Errorf("dynamoviews: %w", err)
	}
	return nil
}

// Limits implements [projection.SliceStore].
func (v *Views) Limits() projection.Limits { return limits }

// wrap names the table in an error; the end of ctx is its cause.
func (v *Views) wrap(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fmt.Errorf("%s %s: %w", op, v.table, err)
}

func changed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", projection.ErrChanged, fmt.Sprintf(format, args...))
}

// kept is how long DynamoDB keeps the heartbeat of a worker that leaves no more. It
// removes late, so reading passes over what is too old.
const kept = projection.HeartbeatsKept + time.Hour
