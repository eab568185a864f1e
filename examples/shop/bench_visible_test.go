package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore/dynamofeed"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/projection"
)

// BenchmarkVisible measures how long after a purchase was acknowledged a reader sees it in
// a row of product-stats, which a worker keeps on DynamoDB Local. The limit is the bare
// delay of the stream: the SDK alone reads the same shard meanwhile, at the same pace.
func BenchmarkVisible(b *testing.B) {
	for name, c := range map[string]struct {
		opts  dynamofeed.Options
		pace  time.Duration // of the bare reader
		apart time.Duration // the purchases, at the most
		least int           // purchases
	}{
		"without pauses": {dynamofeed.Options{PollEvery: time.Millisecond, IdleEvery: time.Millisecond}, time.Millisecond, 100 * time.Millisecond, 200},
		"default pace":   {dynamofeed.Options{}, 250 * time.Millisecond, 1500 * time.Millisecond, 60},
	} {
		b.Run(name, func(b *testing.B) {
			endpoint := server.Endpoint(b)
			s := onDynamoDB(b, endpoint)
			f := follow(b, s, endpoint, "worker", c.opts)
			<-f.swept
			customers := aggregate.NewRepository(f.store, Customers, aggregate.Options{})
			ctx, cancel := context.WithCancel(b.Context())
			bare := make(chan time.Time, 1)
			var group sync.WaitGroup
			random := rand.New(rand.NewPCG(1, 0))
			var ours, limit []time.Duration
			measure := func(i int) {
				line := assortment[i%len(assortment)]
				line.Quantity = 1
				_, err := customers.Execute(ctx, fmt.Sprint(i%10), Purchase(fmt.Sprint("order-", i), opening, []Line{line}))
				require.NoError(b, err)
				began := time.Now()
				seen := f.sees(b, line.ProductID, i/len(assortment)+1)
				if i == 0 {
					group.Go(func() { readBare(ctx, b, endpoint, s.prefix(), c.pace, bare) })
				}
				ours, limit = append(ours, seen.Sub(began)), append(limit, (<-bare).Sub(began))
				<-time.After(time.Duration(random.Int64N(int64(c.apart))))
			}
			measure(0) // when both are there
			ours, limit = nil, nil
			n := 0
			for b.Loop() {
				n++
				measure(n)
			}
			for ; n < c.least; n++ {
				measure(n + 1)
			}
			f.stop(b)
			cancel()
			group.Wait()
			slices.Sort(ours)
			slices.Sort(limit)
			b.ReportMetric(0, "ns/op") // of a purchase: mostly waiting
			for p, unit := range map[float64]string{0.5: "p50-ms", 0.99: "p99-ms"} {
				b.ReportMetric(at(ours, p), unit)
				b.ReportMetric(at(limit, p), "limit-"+unit)
			}
			b.ReportMetric(at(limit, 0.5)/at(ours, 0.5), "ratio")
		})
	}
}

// at returns the time below which a share of all lies, in milliseconds.
func at(sorted []time.Duration, share float64) float64 {
	return float64(sorted[int(share*float64(len(sorted)-1))].Microseconds()) / 1000
}

// sees returns when the row of a product shows so many purchases.
func (f *follower) sees(b *testing.B, product string, purchases int) time.Time {
	b.Helper()
	for {
		row, err := Stats.Get(b.Context(), f.views, projection.KeyOf(product))
		now := time.Now()
		if !errors.Is(err, projection.ErrNotFound) {
			require.NoError(b, err)
		}
		if row.PurchaseCount == purchases {
			return now
		}
		require.Less(b, row.PurchaseCount, purchases)
		<-time.After(time.Millisecond)
	}
}

// readBare tells when each record of the table of events comes.
func readBare(ctx context.Context, b *testing.B, endpoint, prefix string, pace time.Duration, heard chan<- time.Time) {
	client := dynamotest.NewStreamsClient(b, endpoint)
	table := prefix + "-events"
	streams, err := client.ListStreams(ctx, &dynamodbstreams.ListStreamsInput{TableName: &table})
	require.NoError(b, err)
	stream, err := client.DescribeStream(ctx, &dynamodbstreams.DescribeStreamInput{StreamArn: streams.Streams[0].StreamArn})
	require.NoError(b, err)
	shards := stream.StreamDescription.Shards
	first, err := client.GetShardIterator(ctx, &dynamodbstreams.GetShardIteratorInput{StreamArn: streams.Streams[0].StreamArn,
		ShardId: shards[len(shards)-1].ShardId, ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
	require.NoError(b, err)
	for iterator := first.ShardIterator; ctx.Err() == nil; {
		next := time.After(pace)
		out, err := client.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: iterator})
		if ctx.Err() != nil {
			return
		}
		require.NoError(b, err)
		for range out.Records {
			heard <- time.Now()
		}
		iterator = out.NextShardIterator
		<-next
	}
}
