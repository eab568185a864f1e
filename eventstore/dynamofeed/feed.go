// Package dynamofeed is the feed of a DynamoDB event store for long-lived workers: it
// reads the DynamoDB Stream of the table PREFIX-events, and shares the work with the
// other workers of the same consumer by leases in the table PREFIX-leases.
//
//	feed, err := dynamofeed.Open(ctx, client, dynamofeed.NewClient(settings), "shop", "worker", dynamofeed.Options{})
//	worker, err := projection.NewWorker(store, views, feed, projection.Options{}, …)
//
// A DynamoDB Stream is divided into shards, which close every few hours and are
// followed by others. Each shard is read by the worker that holds its lease; the lease
// keeps the position. How leases go from hand to hand is in docs/adr/0015.
//
// # What it promises
//
// Each commit that the stream holds is announced to some worker of the consumer, until
// one has taken care of it. A shard is handed over in its order, and before those that
// follow it. That orders the changes of an item, and a commit is one: commits of a stream
// may come in any order. When a worker dies, or a lease goes to another one, announcements
// are repeated; each commit comes with its content, except a large one, whose payloads lie
// in items of their own, and what comes again after a failure.
//
// A stream keeps a record for 24 hours. What is trimmed before it was read is reported by
// Batch.Trimmed, in doubt once too often. A consumer's first run begins with the oldest
// record that is left, so what is appended between its start and its first read is not
// lost; what was trimmed before, or appended before the stream was switched on, is never
// announced.
//
// # What it costs
//
// Of each shard that is read: up to 14,400 GetRecords an hour with records, and 7,200
// without, at the default pace; each is a streams read request unit. 360 write units an
// hour renew its lease and save the position. Of each worker: one Query of all leases
// every five seconds, a read unit for each 4 KB, about 16 leases; DescribeTable and
// DescribeStream every minute, which cost nothing.
//
// # Limits
//
// GetRecords returns 1,000 records or 1 MB, an iterator is good for 15 minutes, and
// DescribeStream may be called ten times a second in an account: API reference of DynamoDB
// Streams. More than two readers of a shard at once may be throttled: "Quotas in Amazon
// DynamoDB", DynamoDB Streams. So a table feeds two consumers, or one beside a Lambda
// function. For calls a second of a shard Amazon names a number only for Kinesis, five;
// Lambda calls four times, and so does a Feed.
package dynamofeed

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/google/uuid"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/internal/dynamotable"
)

// Options says how a feed works. The zero value works.
type Options struct {
	// Name tells the worker from others in leases and logs, for people. Defaults to nothing.
	Name string
	// Logger gets what an operator should know. Defaults to discarding it.
	Logger *slog.Logger
	// Attempts is how often a request is sent before it has failed, except GetRecords,
	// which the next poll repeats. Defaults to 10.
	Attempts int
	// PollEvery is the time from one read of a shard to the next, IdleEvery where the
	// reads find nothing: it is approached by doubling. Default to 250 ms and 500 ms.
	PollEvery, IdleEvery time.Duration
	// LeaseFor is how long a lease may go without being renewed before another worker
	// takes it. It is renewed three times in that time. Defaults to 30 s.
	LeaseFor time.Duration
	// ListEvery is how often all shards are listed; the shards that follow a closed one
	// are asked for at once. For streams of thousands of shards, or dozens of workers,
	// it should be longer. Defaults to one minute.
	ListEvery time.Duration
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Attempts < 1 {
		o.Attempts = dynamotable.DefaultAttempts
	}
	for _, d := range []struct {
		option    *time.Duration
		otherwise time.Duration
	}{{&o.PollEvery, 250 * time.Millisecond}, {&o.IdleEvery, 500 * time.Millisecond}, {&o.LeaseFor, 30 * time.Second}, {&o.ListEvery, time.Minute}} {
		if *d.option <= 0 {
			*d.option = d.otherwise
		}
	}
	o.IdleEvery = max(o.IdleEvery, o.PollEvery)
	return o
}

// Feed announces the commits of a table to the workers of one consumer. It is made by
// [Open] and safe for concurrent use; each Run is a worker.
type Feed struct {
	source source
	leases leaseTable
	opts   Options
	kept   time.Duration // for which the stream keeps a record

	trimmed, corrupt atomic.Int64
	current          atomic.Pointer[run]
}

var _ eventstore.Feed = (*Feed)(nil)

// NewClient returns a client of DynamoDB Streams whose connections are kept, and whose
// attempts end when a connection hangs.
func NewClient(config aws.Config, options ...func(*dynamodbstreams.Options)) *dynamodbstreams.Client {
	return dynamodbstreams.NewFromConfig(dynamotable.WithHTTPClient(config), options...)
}

// Open returns the feed of a consumer. The workers that have the same consumer share the
// table's shards; each consumer sees every commit. It looks at the tables PREFIX-events,
// which needs its stream, and PREFIX-leases, with a few DescribeTable; what Provision has
// to make first is refused with an error that carries a hint.
func Open(ctx context.Context, client *dynamodb.Client, streams *dynamodbstreams.Client, prefix, consumer string, opts Options) (*Feed, error) {
	fail := func(err error) (*Feed, error) { return nil, fmt.Errorf("dynamofeed: %w", err) }
	if err := checkConsumer(consumer); err != nil {
		return fail(err)
	}
	opts = opts.withDefaults()
	store, err := dynamostore.Open(ctx, client, prefix, dynamostore.Options{Attempts: opts.Attempts})
	if err != nil {
		return fail(err)
	}
	source, err := openStream(ctx, client, streams, store, opts.Attempts)
	if err != nil {
		return fail(err)
	}
	table := tableName(prefix)
	if _, err := dynamotable.Inspect(ctx, client, table, types.ScalarAttributeTypeS); err != nil {
		return fail(err)
	}
	return newFeed(source, &dynamoLeases{client: client, table: table, consumer: consumer, attempts: opts.Attempts}, opts), nil
}

func newFeed(source source, leases leaseTable, opts Options) *Feed {
	return &Feed{source: source, leases: leases, opts: opts.withDefaults(), kept: 24 * time.Hour}
}

// Run implements [eventstore.Feed]: it is a worker of the consumer until ctx ends. Then it
// waits for handle, saves how far it has come and gives its leases back, for up to five
// seconds, and all its goroutines have ended.
//
// It begins by taking leases that nobody has, and a fair share of the others' one after
// the other; those of a worker that died are free after Options.LeaseFor. Where a request
// fails it goes on with what is left to do, logs, and tries again; it returns an error
// if it can not begin, and where a table is missing or an action is not allowed.
func (f *Feed) Run(ctx context.Context, handle func(context.Context, eventstore.Batch) []eventstore.Announcement) error {
	if ctx.Err() != nil {
		return nil
	}
	r := newRun(f)
	f.current.Store(r)
	return r.run(ctx, handle)
}

// newWorker returns a name that no worker ever had.
func newWorker(name string) string {
	if name == "" {
		return uuid.NewString()
	}
	return name + "/" + uuid.NewString()
}
