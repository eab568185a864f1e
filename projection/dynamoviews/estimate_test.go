package dynamoviews_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamometer"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/eventstore/memstore"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/dynamoviews"
	"github.com/leftfold/leftfold/projection/memviews"
)

type sold struct {
	Product  string
	Quantity int
}

var registry = eventstore.MustRegistry(eventstore.Type[sold]("SOLD", 1))

type total struct {
	Product string
	Sold    int
}

func newTotals() *projection.Projection {
	return projection.MustNew("totals", 1, registry, projection.Follow("user"),
		projection.Fold("totals", projection.On(func(e projection.Event[sold]) projection.Key { return projection.KeyOf(e.Data.Product) },
			func(row *total, e projection.Event[sold]) error {
				row.Product = e.Data.Product
				row.Sold += e.Data.Quantity
				return nil
			})),
		projection.Inserts("sales", projection.Emit(func(e projection.Event[sold], changes *projection.Changes[sold]) error {
			changes.Put(projection.Key{Partition: e.Stream.ID(), Sort: fmt.Sprintf("%06d", e.Version)}, e.Data)
			return nil
		})))
}

type buyer struct{ Bought int }

// newBuyers returns a projection whose rows lie with their checkpoints.
func newBuyers() *projection.Projection {
	return projection.MustNew("buyers", 1, registry, projection.Follow("user"),
		projection.PerStream("buyers", projection.When(func(row *buyer, e projection.Event[sold]) error {
			row.Bought += e.Data.Quantity
			return nil
		})))
}

// A store of 40 users who buy of 30 products.
func sales(t *testing.T) *memstore.Store {
	store := memstore.New()
	for user := range 40 {
		stream, err := eventstore.NewStreamID("user", fmt.Sprint(user))
		require.NoError(t, err)
		at := eventstore.NoStream
		for n := range 1 + user%5 {
			var events []eventstore.Event
			for line := range 1 + (user+n)%7 {
				e, err := registry.Encode(sold{Product: fmt.Sprintf("P%02d", (user*n+line)%30), Quantity: 1 + line})
				require.NoError(t, err)
				events = append(events, e)
			}
			c, err := store.Append(t.Context(), eventstore.Write{Stream: stream, Revision: at, Events: events})
			require.NoError(t, err)
			at = c.Revision
		}
	}
	return store
}

func sweep(t *testing.T, store *memstore.Store, views projection.ViewStore, meter *dynamometer.Meter, p *projection.Projection) {
	engine, err := projection.NewEngine(store, views, projection.Options{}, p)
	require.NoError(t, err)
	require.NoError(t, engine.Prepare(t.Context()))
	if meter != nil {
		meter.Reset()
	}
	_, err = engine.Sweep(t.Context(), nil)
	require.NoError(t, err)
}

func TestWhatIsEstimatedIsWhatTheMeterCounts(t *testing.T) {
	t.Parallel()
	estimate, _ := estimateAndCount(t, newTotals)
	assert.Positive(t, estimate.Inserts)
	assert.Positive(t, estimate.Rows)
	assert.Zero(t, estimate.OwnRows)
	assert.Zero(t, estimate.Alone)
	assert.InDelta(t, 2*estimate.Checkpoints, estimate.CheckpointUnits, 0, "in transactions")
	assert.InDelta(t, 2*estimate.Rows, estimate.RowUnits, 0)
	assert.InDelta(t, estimate.Inserts, estimate.InsertUnits, 0)
	assert.InDelta(t, estimate.CheckpointUnits+estimate.RowUnits+estimate.InsertUnits, estimate.WriteUnits, 0)
}

func TestARowThatLiesWithItsCheckpointIsWrittenForOneUnit(t *testing.T) {
	t.Parallel()
	estimate, counted := estimateAndCount(t, newBuyers)
	assert.Equal(t, 40, estimate.Slices)
	assert.InDelta(t, 40, estimate.WriteUnits, 0)
	assert.Equal(t, []int{40, 40, 40, 0, 0}, []int{estimate.Alone, estimate.Checkpoints, estimate.OwnRows, estimate.Rows, estimate.Inserts})
	assert.InDelta(t, 40, estimate.CheckpointUnits, 0)
	assert.Equal(t, 40, counted["UpdateItem"].Requests)
	assert.InDelta(t, 40, counted["UpdateItem"].WriteUnits, 0)
	assert.Zero(t, counted["TransactWriteItems"].Requests)
}

// estimateAndCount sweeps the sales into views in memory, and into DynamoDB.
func estimateAndCount(t *testing.T, newProjection func() *projection.Projection) (dynamoviews.Estimate, map[string]dynamometer.Usage) {
	store := sales(t)
	estimator := dynamoviews.NewEstimator(memviews.New(memviews.Options{}))
	sweep(t, store, estimator, nil, newProjection())
	estimate := estimator.Estimate()

	var meter dynamometer.Meter
	client := dynamotest.NewClient(t, server.Endpoint(t), meter.Attach)
	views, err := dynamoviews.Open(t.Context(), client, provisioned(t), dynamoviews.Options{})
	require.NoError(t, err)
	sweep(t, store, views, &meter, newProjection())
	counted := meter.Operations()
	t.Logf("estimated %+v, counted %+v", estimate, counted)

	writes := counted["TransactWriteItems"].WriteUnits + counted["BatchWriteItem"].WriteUnits + counted["UpdateItem"].WriteUnits
	assert.InEpsilon(t, estimate.WriteUnits, writes, 0.05)
	assert.InEpsilon(t, estimate.ReadUnits, counted["BatchGetItem"].ReadUnits, 0.05)
	return estimate, counted
}
