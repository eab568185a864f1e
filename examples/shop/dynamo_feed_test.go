package main

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamofeed"
	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamometer"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/dynamoviews"
)

// follower is a worker of the shop's views in this process, so that a test can count what
// it costs. It makes no sweep but the first and those that its feed asks for.
type follower struct {
	*projection.Worker
	store  *dynamostore.Store
	views  *dynamoviews.Views
	meter  dynamometer.Meter
	feed   *dynamofeed.Feed
	handed atomic.Int64 // announcements
	swept  chan projection.SweepReport
	cancel context.CancelFunc
	ended  chan error
}

// follow starts a worker on the tables of s, whose stream is read through an endpoint.
func follow(t testing.TB, s *shop, streams, consumer string, opts dynamofeed.Options) *follower {
	t.Helper()
	endpoint, prefix := server.Endpoint(t), s.prefix()
	f := &follower{swept: make(chan projection.SweepReport, 100), ended: make(chan error, 1)}
	client := dynamotest.NewClient(t, endpoint, f.meter.Attach)
	var err error
	f.store, err = dynamostore.Open(t.Context(), client, prefix, dynamostore.Options{})
	require.NoError(t, err)
	f.views, err = dynamoviews.Open(t.Context(), client, prefix, dynamoviews.Options{})
	require.NoError(t, err)
	f.feed, err = dynamofeed.Open(t.Context(), client, dynamotest.NewStreamsClient(t, streams), prefix, consumer, opts)
	require.NoError(t, err)
	heard := hearing{f.feed, &f.handed}
	f.Worker, err = projection.NewWorker(f.store, f.views, heard, projection.Options{Name: consumer, Logger: slog.New(sweepLog{slog.DiscardHandler, f.swept})}, firstEdition.consumers()...)
	require.NoError(t, err)
	var ctx context.Context
	ctx, f.cancel = context.WithCancel(t.Context())
	go func() { f.ended <- f.Run(ctx) }()
	return f
}

func (f *follower) stop(t testing.TB) {
	t.Helper()
	f.cancel()
	require.NoError(t, <-f.ended)
}

// units are those that were used, of reads and of writes.
func (f *follower) units() (read, write float64) {
	for _, o := range f.meter.Operations() {
		read, write = read+o.ReadUnits, write+o.WriteUnits
	}
	return read, write
}

// hearing counts what a feed hands over.
type hearing struct {
	eventstore.Feed
	handed *atomic.Int64
}

func (h hearing) Run(ctx context.Context, handle func(context.Context, eventstore.Batch) []eventstore.Announcement) error {
	return h.Feed.Run(ctx, func(ctx context.Context, b eventstore.Batch) []eventstore.Announcement {
		h.handed.Add(int64(len(b.Announcements)))
		return handle(ctx, b)
	})
}

// sweepLog passes on what a worker logs of its sweeps.
type sweepLog struct {
	slog.Handler
	swept chan<- projection.SweepReport
}

func (sweepLog) Enabled(context.Context, slog.Level) bool { return true }

func (l sweepLog) Handle(_ context.Context, r slog.Record) error {
	if r.Message != "sweep ended" {
		return nil
	}
	var report projection.SweepReport
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "streams":
			report.Streams = int(a.Value.Int64())
		case "behind":
			report.Behind = int(a.Value.Int64())
		case "events":
			report.Events = int(a.Value.Int64())
		case "took":
			report.Took = a.Value.Duration()
		}
		return true
	})
	l.swept <- report
	return nil
}

func (s *shop) prefix() string { return strings.TrimPrefix(s.store, "dynamodb:") }

// emptyStream gives the table of events another stream, without what was in the old one.
func (s *shop) emptyStream() {
	s.Helper()
	client := dynamotest.NewClient(s, server.Endpoint(s))
	for _, spec := range []types.StreamSpecification{{StreamEnabled: aws.Bool(false)}, {StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeNewImage}} {
		_, err := client.UpdateTable(s.Context(), &dynamodb.UpdateTableInput{TableName: aws.String(s.prefix() + "-events"), StreamSpecification: &spec})
		require.NoError(s, err)
	}
}

// The stream can not be read while invoices are written, and then it has forgotten them,
// as it forgets what is 24 hours old.
func TestOnDynamoDBAFeedThatHasLostADayIsRepairedByTheSweepThatItAsksFor(t *testing.T) {
	t.Parallel()
	data := fewData(t)
	want := expect(t, data)
	endpoint := server.Endpoint(t)
	s := onDynamoDB(t, endpoint)
	var out, back, switched atomic.Bool
	var old string // the shard that was read first: the new stream does not have it
	proxy := dynamotest.NewProxy(t, endpoint, func(c dynamotest.Call) dynamotest.Fault {
		if c.Shard != "" && old == "" {
			old = c.Shard
		}
		reads := c.Operation == "GetRecords" || c.Operation == "GetShardIterator"
		switch {
		case reads && out.Load():
			return dynamotest.Failed
		case c.Operation == "GetRecords" && back.Load():
			return dynamotest.Expired // until the old shard was asked for
		case c.Shard != "" && c.Shard == old && switched.Load():
			back.Store(false)
			return dynamotest.Gone // DynamoDB Local would still read it
		}
		return dynamotest.None
	})
	f := follow(t, s, proxy.URL, "worker", dynamofeed.Options{ListEvery: time.Second})
	<-f.swept
	before := data.First(t, 10)
	read := expect(t, before)
	require.Equal(t, read.Events, s.load(before.Path).Events)
	s.requireSoon(read)

	out.Store(true)
	require.Equal(t, want.Events-read.Events, s.load(data.Path).Events)
	f.meter.Reset()
	began := time.Now()
	s.emptyStream()
	switched.Store(true)
	assert.Eventually(t, func() bool { return f.meter.Operations()["DescribeTable"].Requests > 1 }, time.Minute, 10*time.Millisecond, "the feed sees the new stream")
	handed := f.handed.Load()
	back.Store(true)
	out.Store(false)
	report := <-f.swept
	took := time.Since(began)
	reads, writes := f.units()
	s.requireViews(want)
	assert.Equal(t, handed, f.handed.Load(), "announced by the stream, which was to have lost them")
	assert.Equal(t, want.Events-read.Events, report.Events)
	assert.GreaterOrEqual(t, f.feed.Status().Trimmed, 1)
	f.stop(t)
	t.Logf("%s after the stream had forgotten: a sweep of %s found %d of %d streams behind, and applied %d events; %.0f read units and %.0f write units: %.2f and %.2f an event",
		took.Round(100*time.Millisecond), report.Took.Round(100*time.Millisecond), report.Behind, report.Streams, report.Events, reads, writes,
		reads/float64(report.Events), writes/float64(report.Events))
}

// Two workers that know nothing of each other read the same shard at the same time, and
// feed the same views.
func TestOnDynamoDBTwoWorkersOnOneShardAreHarmless(t *testing.T) {
	t.Parallel()
	data := fewData(t)
	want := expect(t, data)
	endpoint := server.Endpoint(t)
	s := onDynamoDB(t, endpoint)
	both := []*follower{follow(t, s, endpoint, "one", dynamofeed.Options{}), follow(t, s, endpoint, "other", dynamofeed.Options{})}
	for _, f := range both {
		<-f.swept
	}
	require.Equal(t, want.Events, s.load(data.Path).Events)
	s.requireSoon(want)
	commits := int64(want.Commits)
	for _, f := range both {
		assert.Eventually(t, func() bool { return f.handed.Load() >= commits }, time.Minute, 10*time.Millisecond, "each reads all")
	}
	var units []float64
	for _, f := range both {
		f.stop(t)
		reads, writes := f.units()
		units = append(units, reads, writes)
	}
	s.requireViews(want)
	n := float64(want.Events)
	t.Logf("units an event: one %.2f read, %.2f write; the other %.2f read, %.2f write", units[0]/n, units[1]/n, units[2]/n, units[3]/n)
}
