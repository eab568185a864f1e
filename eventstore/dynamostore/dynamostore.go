// Package dynamostore keeps an event store in a DynamoDB table: the store for
// production. A commit is one immutable item, an append one conditional PutItem, and a
// lost answer is told from a conflict by what the condition returns.
//
// What each operation costs, and what DynamoDB promises and does not, is in
// docs/dynamodb.md.
package dynamostore

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/dynamotable"
)

// The classes of errors that are the same for all of Leftfold's tables.
var (
	// ErrMissing: there is no such table.
	ErrMissing = dynamotable.ErrMissing
	// ErrForeign: the table is not one of ours, or can not be used.
	ErrForeign = dynamotable.ErrForeign
	// ErrThrottled: DynamoDB refused a request, each time, for want of capacity.
	ErrThrottled = dynamotable.ErrThrottled
	// ErrDenied: the credentials do not allow the action.
	ErrDenied = dynamotable.ErrDenied
)

// Options says how to use a store. The zero value works.
type Options struct {
	// Attempts is how often a request is sent, whatever it meets, before it has failed; a
	// batch, how often without coming forward. Between them are pauses of up to 25 ms,
	// 50 ms, … 2 s. Defaults to 10; the SDK's own number and its budget of retries are
	// not used.
	Attempts int
}

// Store implements the interfaces of eventstore on the table PREFIX-events. It is made
// by [Open] and safe for concurrent use. It holds nothing to close.
type Store struct {
	client   *dynamodb.Client
	table    string
	index    string // of the directory
	slices   int
	identity string
	attempts int
}

var (
	_ eventstore.Store      = (*Store)(nil)
	_ eventstore.Transactor = (*Store)(nil)
	_ eventstore.Snapshots  = (*Store)(nil)
	_ eventstore.Directory  = (*Store)(nil)
	_ eventstore.Scanner    = (*Store)(nil)
)

// Open looks at the table PREFIX-events, with one DescribeTable. The table's ID is the
// store's identity: a copy restored from a backup has another, and refuses revisions of
// the original.
//
// A table that is missing, of another program, or replicated to another Region is
// refused with an error that carries a hint.
func Open(ctx context.Context, client *dynamodb.Client, prefix string, opts Options) (*Store, error) {
	if err := dynamotable.CheckPrefix(prefix); err != nil {
		return nil, fmt.Errorf("dynamostore: %w", err)
	}
	s := &Store{client: client, table: tableName(prefix), attempts: opts.Attempts}
	if s.attempts < 1 {
		s.attempts = dynamotable.DefaultAttempts
	}
	table, err := dynamotable.Inspect(ctx, client, s.table, types.ScalarAttributeTypeN)
	if err == nil {
		s.index, s.slices, err = slicesOf(table)
	}
	if err != nil {
		return nil, fmt.Errorf("dynamostore: %w", err)
	}
	s.identity = dynamotable.IdentityOf(table)
	return s, nil
}

// Table returns the name of its table.
func (s *Store) Table() string { return s.table }

// ProvisionOptions says how the table is made. The zero value is right for production.
type ProvisionOptions struct {
	// DirectorySlices is among how many partitions of the directory's index the streams
	// of a category are divided; a table that exists keeps its number. Each takes about
	// 1,000 new streams a second, and a listing asks each. Defaults to 16, at the most 256.
	DirectorySlices int
	// NoStream leaves out the DynamoDB Stream, which feeds live projections, and leaves
	// an existing table's stream as it is.
	NoStream bool
	// Unprotected leaves out deletion protection and point-in-time recovery, and leaves
	// both as they are on a table that exists: for tests.
	Unprotected bool
}

// Provision makes the table PREFIX-events, if it does not exist, and waits until it is
// ready: on demand, with its stream, protected from deletion, with point-in-time
// recovery.
//
// To a table that exists it adds a stream, unless NoStream is set, and protection from
// deletion and point-in-time recovery, unless Unprotected is, where they are off. It
// changes nothing else of it and switches nothing off. A table of another program is an
// [ErrForeign], and not changed at all; so is a stream that shows no new images, since it
// may be somebody else's. So Provision may be repeated, also after one that died halfway,
// and run by several processes at once.
func Provision(ctx context.Context, client *dynamodb.Client, prefix string, opts ProvisionOptions) error {
	if opts.DirectorySlices == 0 {
		opts.DirectorySlices = defaultSlices
	}
	if opts.DirectorySlices < 1 || opts.DirectorySlices > mostSlices {
		return fmt.Errorf("dynamostore: %w: %d slices of the directory, allowed are 1 to %d", eventstore.ErrInvalid, opts.DirectorySlices, mostSlices)
	}
	if err := dynamotable.CheckPrefix(prefix); err != nil {
		return fmt.Errorf("dynamostore: %w", err)
	}
	if err := dynamotable.Provision(ctx, client, spec(prefix, opts)); err != nil {
		return fmt.Errorf("dynamostore: %w", err)
	}
	return nil
}
