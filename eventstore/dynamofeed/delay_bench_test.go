package dynamofeed

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
)

// BenchmarkDelay measures how long after an append has returned its commit is handled.
// The limit reads the same shard at the same time with the SDK alone, at the same pace.
func BenchmarkDelay(b *testing.B) {
	for name, c := range map[string]struct {
		opts  Options
		limit time.Duration // the pace of the bare reader
		apart time.Duration // the commits, at the most
		least int           // commits
	}{
		"without limits": {Options{PollEvery: time.Millisecond, IdleEvery: time.Millisecond}, time.Millisecond, 40 * time.Millisecond, 200},
		"default pace":   {Options{}, 250 * time.Millisecond, 1500 * time.Millisecond, 40},
	} {
		b.Run(name, func(b *testing.B) { measureDelay(b, c.opts, c.limit, c.apart, c.least) })
	}
}

func measureDelay(b *testing.B, opts Options, pace, apart time.Duration, least int) {
	tables, category, heard := shared(b), newCategory(), make(chan time.Time, 1)
	ctx, cancel := context.WithCancel(b.Context())
	var group sync.WaitGroup
	group.Go(func() {
		require.NoError(b, tables.feed(category, opts).Run(ctx, func(_ context.Context, batch eventstore.Batch) []eventstore.Announcement {
			for _, a := range batch.Announcements {
				if a.Stream.Category() == category {
					heard <- time.Now()
				}
			}
			return nil
		}))
	})
	bare := make(chan time.Time, 1)
	group.Go(func() { readBare(ctx, b, tables, category, pace, bare) })

	random := rand.New(rand.NewPCG(1, 0))
	var ours, limit []time.Duration
	measure := func(i int) {
		c := tables.append(category, i, i+1)
		began := time.Now()
		require.Len(b, c, 1)
		ours, limit = append(ours, (<-heard).Sub(began)), append(limit, (<-bare).Sub(began))
		<-time.After(upTo(apart, random))
	}
	measure(0) // when both are there
	ours, limit = nil, nil
	n := 0
	for b.Loop() {
		n++
		measure(n)
	}
	for ; n < least; n++ {
		measure(n + 1)
	}
	cancel()
	group.Wait()
	b.ReportMetric(0, "ns/op") // of a commit: mostly waiting
	for _, p := range []struct {
		name  string
		share float64
	}{{"p50", 0.5}, {"p99", 0.99}} {
		b.ReportMetric(ms(percentile(ours, p.share)), p.name+"-ms")
		b.ReportMetric(ms(percentile(limit, p.share)), "limit-"+p.name+"-ms")
	}
	b.ReportMetric(ms(percentile(limit, 0.5))/ms(percentile(ours, 0.5)), "ratio")
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func percentile(all []time.Duration, share float64) time.Duration {
	slices.Sort(all)
	return all[int(share*float64(len(all)-1))]
}

// readBare reads the newest shard from its end on.
func readBare(ctx context.Context, b *testing.B, tables *tables, category string, pace time.Duration, heard chan<- time.Time) {
	client := dynamotest.NewStreamsClient(b, tables.endpoint)
	stream, err := openStream(ctx, tables.client, client, tables.store, 3)
	require.NoError(b, err)
	shards, err := stream.shards(ctx)
	require.NoError(b, err)
	first, err := client.GetShardIterator(ctx, &dynamodbstreams.GetShardIteratorInput{StreamArn: stream.arn.Load(),
		ShardId: &shards[len(shards)-1].id, ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
	require.NoError(b, err)
	for iterator := first.ShardIterator; ctx.Err() == nil; {
		began := time.Now()
		out, err := client.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: iterator})
		if ctx.Err() != nil {
			return
		}
		require.NoError(b, err)
		for _, r := range out.Records {
			pk := r.Dynamodb.Keys["PK"].(*types.AttributeValueMemberS)
			if id, err := eventstore.ParseStreamID(pk.Value); err == nil && id.Category() == category {
				heard <- time.Now()
			}
		}
		iterator = out.NextShardIterator
		sleep(ctx, pace-time.Since(began))
	}
}
