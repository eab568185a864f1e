package operator_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
)

// The service of these tests takes orders.

type orderEvent interface{ orderEvent() }

type ordered struct {
	Item  string `json:"item"`
	Count int    `json:"count"`
}

type cancelled struct {
	Item string `json:"item"`
}

func (ordered) orderEvent()   {}
func (cancelled) orderEvent() {}

var registry = eventstore.MustRegistry(eventstore.Type[ordered]("ORDERED", 1), eventstore.Type[cancelled]("CANCELLED", 1))

type order struct {
	Items map[string]int `json:"items"`
	Open  bool           `json:"open"`
}

var orders = aggregate.Decider[order, orderEvent]{
	Category: "order", Events: registry,
	Initial: func(string) order { return order{Items: map[string]int{}} },
	Evolve: func(o order, e orderEvent) order {
		switch e := e.(type) {
		case ordered:
			o.Items[e.Item] += e.Count
		case cancelled:
			delete(o.Items, e.Item)
		}
		o.Open = len(o.Items) > 0
		return o
	},
}

type total struct {
	Count int `json:"count"`
}

// newTotals returns a projection, anew for each test, of an item a row. It fails on an order
// of none.
func newTotals() *projection.Projection {
	item := projection.On(func(e projection.Event[ordered]) projection.Key { return projection.KeyOf(e.Data.Item) },
		func(t *total, e projection.Event[ordered]) error {
			if e.Data.Count <= 0 {
				return fmt.Errorf("count: %d of %q is no number of items", e.Data.Count, e.Data.Item)
			}
			t.Count += e.Data.Count
			return nil
		})
	return projection.MustNew("totals", 1, registry, projection.Follow("order"), projection.Fold("totals", item))
}

func newMails() *projection.Reaction {
	return projection.MustNewReaction("mails", registry, projection.Follow("order"),
		projection.React(func(context.Context, projection.Event[ordered]) error { return nil }))
}

// memory is all that a store in memory is.
type memory interface {
	eventstore.Store
	eventstore.Transactor
	eventstore.Directory
	eventstore.Scanner
}

type service struct {
	testing.TB
	store  memory
	views  projection.ViewStore
	totals *projection.Projection
	engine *projection.Engine
	orders *aggregate.Repository[order, orderEvent]
}

func newService(tb testing.TB) *service {
	s := &service{TB: tb, store: memstore.New(), views: memviews.New(memviews.Options{}), totals: newTotals()}
	s.orders = aggregate.NewRepository(s.store, orders, aggregate.Options{})
	var err error
	s.engine, err = projection.NewEngine(s.store, s.views, projection.Options{Build: "orders@1"}, s.totals)
	require.NoError(tb, err)
	return s
}

// told is what the service tells an operator.
func (s *service) told() operator.Service {
	return operator.Service{Name: "orders", Build: "orders@1", Events: registry, Consumers: []projection.Consumer{s.totals, newMails()},
		Store: s.store, Views: s.views, States: []operator.Folder{operator.StateOf(s.orders)}}
}

func (s *service) operator() *operator.Operator {
	s.Helper()
	o, err := operator.New(s.told())
	require.NoError(s, err)
	return o
}

// order takes one.
func (s *service) order(id, item string, count int) eventstore.Commit {
	s.Helper()
	c, err := s.orders.Execute(s.Context(), id, func(order) ([]orderEvent, error) { return []orderEvent{ordered{item, count}}, nil })
	require.NoError(s, err)
	return c
}

// sweep brings the views up to date.
func (s *service) sweep() {
	s.Helper()
	require.NoError(s, s.engine.Prepare(s.Context()))
	_, err := s.engine.Sweep(s.Context(), nil)
	require.NoError(s, err)
}

// beat leaves a heartbeat of some time ago.
func (s *service) beat(b projection.Heartbeat, ago time.Duration) {
	s.Helper()
	b.Projection, b.At = "totals", time.Now().Add(-ago).UTC()
	require.NoError(s, s.views.Beat(s.Context(), b))
}

// stream returns the name of an order's.
func (s *service) stream(id string) eventstore.StreamID {
	s.Helper()
	stream, err := eventstore.NewStreamID("order", id)
	require.NoError(s, err)
	return stream
}
