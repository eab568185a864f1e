package main

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/sqlitestore"
	"github.com/leftfold/leftfold/internal/benchtest"
)

// keptCustomer is all of a customer's state. The shop itself keeps no snapshots: whoever
// loads a file again must meet the IDs of its commits.
type keptCustomer struct {
	Customer
	Left    map[string]int64   `json:"left"`
	Sold    map[string]Line    `json:"sold"`
	Version eventstore.Version `json:"version"`
}

var keptCustomers = &aggregate.StateCodec[Customer]{
	Schema:  1,
	Marshal: func(c Customer) ([]byte, error) { return json.Marshal(keptCustomer{c, c.Left, c.Sold, c.Version}) },
	Unmarshal: func(text []byte) (Customer, error) {
		var kept keptCustomer
		err := json.Unmarshal(text, &kept)
		kept.Customer.Left, kept.Customer.Sold, kept.Customer.Version = kept.Left, kept.Sold, kept.Version
		return kept.Customer, err
	},
}

// BenchmarkLoadFromSnapshot loads a customer with 10,000 events, who has given most of what
// was bought back, from a snapshot that is 200 events old. The limit reads all of the events.
func BenchmarkLoadFromSnapshot(b *testing.B) {
	const events, behind = 10_000, 200
	store, err := sqlitestore.Open(b.Context(), b.TempDir()+"/shop.db", sqlitestore.Options{})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, store.Close()) })
	keeping := Customers
	keeping.Snapshot = keptCustomers
	without := aggregate.NewRepository(store, Customers, aggregate.Options{CacheStreams: 1})
	for i := range events / 2 {
		c, err := without.Execute(b.Context(), "1", Purchase(fmt.Sprint(i), opening, []Line{{ProductID: "MUG-01", Quantity: 1, UnitPrice: assortment[0].UnitPrice}}))
		require.NoError(b, err)
		_, err = without.Execute(b.Context(), "1", Return(c.EventID(0).String(), 1, opening))
		require.NoError(b, err)
		if 2*i == events-behind {
			_, err = aggregate.NewRepository(store, keeping, aggregate.Options{Snapshots: store}).Execute(b.Context(), "1", SetEmail("ada@example.com"))
			require.NoError(b, err)
		}
	}
	with := aggregate.NewRepository(store, keeping, aggregate.Options{Snapshots: store})
	want, err := without.Load(b.Context(), "1")
	require.NoError(b, err)
	work := func(r *aggregate.Repository[Customer, CustomerEvent]) benchtest.Work {
		return func() benchtest.Usage {
			return benchtest.Measure(func() {
				loaded, err := r.Load(b.Context(), "1")
				require.NoError(b, err)
				require.Equal(b, want.Version, loaded.Version)
			})
		}
	}
	limit, ours := benchtest.Alternate(b, 15, work(without), work(with))
	loaded, err := with.Load(b.Context(), "1")
	require.NoError(b, err)
	require.Equal(b, want, loaded)
	b.ReportMetric(float64(limit.Time.Microseconds())/1000, "all-ms")
	b.ReportMetric(float64(ours.Time.Microseconds())/1000, "snapshot-ms")
}
