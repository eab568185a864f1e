package dynamoviews_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamometer"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/eventstore/memstore"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/dynamoviews"
)

const (
	hotWorkers = 6
	hotStreams = 24
	hotCommits = 10 // of each stream, one event each
	hotBatch   = 4  // announcements at once; each commit is announced to two workers
)

// all is one row for everything that was ever sold.
var all = projection.Fold("all", projection.On(func(projection.Event[sold]) projection.Key { return projection.KeyOf("all") },
	func(row *total, e projection.Event[sold]) error {
		row.Sold += e.Data.Quantity
		return nil
	}))

var hot = projection.MustNew("hot", 1, registry, projection.Follow("user"), all)

// counting counts slices. A worker has one under way at a time.
type counting struct {
	projection.ViewStore
	applied, changed atomic.Int64
}

func (c *counting) Apply(ctx context.Context, s projection.Slice) error {
	err := c.ViewStore.Apply(ctx, s)
	if err == nil {
		c.applied.Add(1)
	} else if errors.Is(err, projection.ErrChanged) {
		c.changed.Add(1)
	}
	return err
}

// heat lets all workers fold into one row at once, and returns what it took.
func heat(t *testing.T, endpoint string) (slices *counting, transactions, again int) {
	var meter dynamometer.Meter
	views, err := dynamoviews.Open(t.Context(), dynamotest.NewClient(t, endpoint, meter.Attach), provisioned(t), dynamoviews.Options{})
	require.NoError(t, err)
	slices = &counting{ViewStore: views}
	store := memstore.New()
	workers := make([]*projection.Engine, hotWorkers)
	for i := range workers {
		workers[i], err = projection.NewEngine(store, slices, projection.Options{}, hot)
		require.NoError(t, err)
		require.NoError(t, workers[i].Prepare(t.Context()))
	}
	queues, sum := announced(t, store)
	meter.Reset()
	var group sync.WaitGroup
	var returned atomic.Int64
	for i, worker := range workers {
		group.Go(func() {
			for queue := queues[i]; len(queue) > 0; { // what is given back comes again, at the end
				n := min(hotBatch, len(queue))
				failed := worker.Handle(t.Context(), eventstore.Batch{Announcements: queue[:n]})
				if returned.Add(int64(len(failed))); t.Context().Err() != nil {
					return
				}
				queue = append(queue[n:], failed...)
			}
		})
	}
	group.Wait()
	row, err := all.Get(t.Context(), views, projection.KeyOf("all"))
	require.NoError(t, err)
	assert.Equal(t, total{Sold: sum}, row)
	streams := 0
	for c, err := range views.AllCheckpoints(t.Context(), projection.GenerationID{Projection: "hot", Number: 1}, false) {
		require.NoError(t, err)
		assert.Equal(t, eventstore.Version(hotCommits), c.Version, c.Stream)
		streams++
	}
	assert.Equal(t, hotStreams, streams)
	return slices, meter.Operations()["TransactWriteItems"].Requests, int(returned.Load())
}

// announced fills the store, and returns what each worker is told of, in the order in
// which it took place, and the sum of the row.
func announced(t *testing.T, store *memstore.Store) (queues [hotWorkers][]eventstore.Announcement, sum int) {
	heads := make([]eventstore.Revision, hotStreams)
	for n := range hotCommits {
		for user := range hotStreams {
			stream, err := eventstore.NewStreamID("user", fmt.Sprint(user))
			require.NoError(t, err)
			e, err := registry.Encode(sold{Product: "P", Quantity: 1 + user*n})
			require.NoError(t, err)
			c, err := store.Append(t.Context(), eventstore.Write{Stream: stream, Revision: heads[user], Events: []eventstore.Event{e}})
			require.NoError(t, err)
			heads[user], sum = c.Revision, sum+1+user*n
			for _, worker := range []int{user % hotWorkers, (user + 1) % hotWorkers} {
				queues[worker] = append(queues[worker], eventstore.Announce(&c))
			}
		}
	}
	return queues, sum
}

// A slice fails because another one came through between its reads and its write. Each
// that comes through can so make one of every other worker fail, and no more: if more
// fail, workers try again without looking, and might do so for ever.
func TestWorkersThatFoldIntoOneRowAllComeForward(t *testing.T) {
	t.Parallel()
	slices, transactions, again := heat(t, server.Endpoint(t))
	applied, changed := int(slices.applied.Load()), int(slices.changed.Load())
	t.Logf("%d events, %d workers: %d transactions, of which %d were applied and %d met another; %d announcements came again",
		hotStreams*hotCommits, hotWorkers, transactions, applied, changed, again)
	assert.Equal(t, applied+changed, transactions)
	assert.LessOrEqual(t, changed, (hotWorkers-1)*applied)
	assert.Greater(t, changed, applied/2, "otherwise the row was not hot")
}

// DynamoDB also refuses a transaction while another one holds the item.
func TestWorkersThatFoldIntoOneRowComeForwardWhereTransactionsAreInEachOthersWay(t *testing.T) {
	t.Parallel()
	proxy := dynamotest.NewProxy(t, server.Endpoint(t), dynamotest.Plans(dynamotest.Every(9, dynamotest.CutAfter),
		dynamotest.Seeded(1, 0.3, dynamotest.Conflicted, dynamotest.Conflicted, dynamotest.Conflicted, dynamotest.Throttled)))
	slices, transactions, again := heat(t, proxy.URL)
	t.Logf("%d events, %d workers: %d transactions, of which %d were applied, %d met another, %d were in the way and %d lost their answers; %d announcements came again",
		hotStreams*hotCommits, hotWorkers, transactions, slices.applied.Load(), slices.changed.Load(),
		proxy.Count(dynamotest.Conflicted), proxy.Count(dynamotest.CutAfter), again)
	assert.Positive(t, proxy.Count(dynamotest.Conflicted))
	assert.Positive(t, proxy.Count(dynamotest.CutAfter))
}
