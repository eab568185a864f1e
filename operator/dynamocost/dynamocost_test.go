package dynamocost_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamometer"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/eventstore/memstore"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/dynamocost"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/dynamoviews"
)

var server dynamotest.Server

func TestMain(m *testing.M) { server.Main(m) }

type sold struct {
	Product string
	Count   int
}

type total struct{ Count int }

var registry = eventstore.MustRegistry(eventstore.Type[sold]("SOLD", 1))

// consumers are a view whose rows streams share, one that has an own row for each, and a
// reaction.
func consumers() []projection.Consumer {
	byProduct := projection.Fold("products", projection.On(func(e projection.Event[sold]) projection.Key { return projection.KeyOf(e.Data.Product) },
		func(t *total, e projection.Event[sold]) error { t.Count += e.Data.Count; return nil }))
	byStream := projection.PerStream("customers", projection.When(func(t *total, e projection.Event[sold]) error { t.Count++; return nil }))
	return []projection.Consumer{
		projection.MustNew("products", 1, registry, projection.Follow("user"), byProduct),
		projection.MustNew("customers", 1, registry, projection.Follow("user"), byStream),
		projection.MustNewReaction("mails", registry, projection.Follow("user"), projection.React(func(context.Context, projection.Event[sold]) error { return nil })),
	}
}

// full returns a store with some sales.
func full(t *testing.T) *memstore.Store {
	t.Helper()
	store := memstore.New()
	for i := range 24 {
		stream, err := eventstore.NewStreamID("user", fmt.Sprint(i%6))
		require.NoError(t, err)
		var events []eventstore.Event
		for j := range 1 + i%3 {
			e, err := registry.Encode(sold{Product: fmt.Sprint("product", (i*j)%7), Count: i})
			require.NoError(t, err)
			events = append(events, e)
		}
		_, err = store.Append(t.Context(), eventstore.Write{Stream: stream, Revision: eventstore.Any, Events: events})
		require.NoError(t, err)
	}
	return store
}

func explained(t *testing.T, store *memstore.Store, name string) operator.Explained {
	t.Helper()
	o, err := operator.New(operator.Service{Events: registry, Store: store, Consumers: consumers(), Costs: dynamocost.Model{}})
	require.NoError(t, err)
	e, err := o.Explain(t.Context(), name, 1000)
	require.NoError(t, err)
	return e
}

// What explain says of each consumer, fed in each way, is what the same work takes on
// DynamoDB by the meter.
func TestWhatExplainSaysIsWhatTheMeterCounts(t *testing.T) {
	t.Parallel()
	endpoint := server.Endpoint(t)
	store := full(t)
	said := explained(t, store, "")
	require.Len(t, said.Consumers, 6)
	for i, way := range []func(*projection.Engine) error{
		func(e *projection.Engine) error { return oneByOne(t.Context(), e, store) },
		func(e *projection.Engine) error { _, err := e.Sweep(t.Context(), nil); return err },
	} {
		var meter dynamometer.Meter
		client, prefix := dynamotest.NewClient(t, endpoint, meter.Attach), dynamotest.NewPrefix()
		require.NoError(t, dynamoviews.Provision(t.Context(), client, prefix, dynamoviews.ProvisionOptions{Unprotected: true}))
		views, err := dynamoviews.Open(t.Context(), client, prefix, dynamoviews.Options{})
		require.NoError(t, err)
		for j, c := range consumers() {
			if r, ok := c.(*projection.Reaction); ok {
				require.NoError(t, r.Start(t.Context(), views, time.Time{}))
			}
			engine, err := projection.NewEngine(store, views, projection.Options{}, c)
			require.NoError(t, err)
			require.NoError(t, engine.Prepare(t.Context()))
			meter.Reset()
			require.NoError(t, way(engine))
			used, n := meter.Operations(), float64(said.Events)
			says := said.Consumers[2*j+i]
			require.Equal(t, c.Name(), says.Consumer)
			writes := (used["TransactWriteItems"].WriteUnits + used["UpdateItem"].WriteUnits + used["BatchWriteItem"].WriteUnits) / n // what is put by itself are states
			t.Logf("%s, %s: said %.3f and %.3f units an event, counted %.3f and %.3f", c.Name(), says.Way, says.WriteUnits, says.ReadUnits, writes, used["BatchGetItem"].ReadUnits/n)
			assert.InEpsilon(t, writes, says.WriteUnits, 0.02)
			assert.InEpsilon(t, used["BatchGetItem"].ReadUnits/n, says.ReadUnits, 0.02)
		}
	}
}

func oneByOne(ctx context.Context, engine *projection.Engine, store *memstore.Store) error {
	for s, err := range store.ReadAll(ctx, eventstore.Cursor{}) {
		if err != nil {
			return err
		}
		if failed := engine.Handle(ctx, eventstore.Batch{Announcements: []eventstore.Announcement{eventstore.Announce(&s.Commit)}}); len(failed) > 0 {
			return errors.New("not applied")
		}
	}
	return nil
}

func TestThePartsOfACostAddUp(t *testing.T) {
	t.Parallel()
	e := explained(t, full(t), "customers")
	require.Len(t, e.Consumers, 2)
	for _, c := range e.Consumers {
		sum := 0.0
		for _, p := range c.Cost.Parts {
			sum += p.WriteUnits
			assert.NotEmpty(t, p.For)
		}
		assert.InDelta(t, c.Cost.WriteUnits, sum, 1e-9)
		assert.InDelta(t, c.Cost.WriteUnits/float64(e.Events), c.WriteUnits, 1e-9)
		assert.InDelta(t, c.WriteUnits*0.625+c.ReadUnits*0.125, c.Dollars, 1e-9)
	}
	assert.GreaterOrEqual(t, e.WriteUnits, float64(e.Commits))
	assert.Positive(t, e.Bytes)
}

func TestPricesCanBeThoseOfAnotherRegion(t *testing.T) {
	t.Parallel()
	assert.Equal(t, 0.625, dynamocost.Model{}.Prices().Write)
	p := dynamocost.Model{Of: "eu-central-1", Write: 0.7625, Read: 0.1525}.Prices()
	assert.Equal(t, []any{"eu-central-1", 0.7625, 0.1525}, []any{p.Of, p.Write, p.Read})
}

func TestEachPriceHasItsDefault(t *testing.T) {
	t.Parallel()
	p := dynamocost.Model{Of: "eu-central-1", Write: 0.7}.Prices()
	assert.Equal(t, []any{"eu-central-1", 0.7, 0.125}, []any{p.Of, p.Write, p.Read})
}
