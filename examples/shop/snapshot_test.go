package main

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/eventstore/sqlitestore"
)

// keepsSnapshots is a store with snapshots beside it.
type keepsSnapshots interface {
	Store
	eventstore.Snapshots
}

// Another process loads from the snapshot that one has left, and is not misled by one that
// is not of this stream's past.
func TestASnapshotIsASnapshotOnEachStore(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(*testing.T) (open func() keepsSnapshots){
		"in a file": func(t *testing.T) func() keepsSnapshots {
			path := t.TempDir() + "/shop.db"
			return func() keepsSnapshots {
				store, err := sqlitestore.Open(t.Context(), path, sqlitestore.Options{})
				require.NoError(t, err)
				t.Cleanup(func() { require.NoError(t, store.Close()) })
				return store
			}
		},
		"on DynamoDB": func(t *testing.T) func() keepsSnapshots {
			client, prefix := dynamotest.NewClient(t, server.Endpoint(t)), dynamotest.NewPrefix()
			require.NoError(t, dynamostore.Provision(t.Context(), client, prefix, dynamostore.ProvisionOptions{NoStream: true, Unprotected: true}))
			return func() keepsSnapshots {
				store, err := dynamostore.Open(t.Context(), client, prefix, dynamostore.Options{})
				require.NoError(t, err)
				return store
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			open := begin(t)
			keeping := Customers
			keeping.Snapshot = keptCustomers
			var told []error
			// customers is what another process would have.
			customers := func() *aggregate.Repository[Customer, CustomerEvent] {
				store := open()
				return aggregate.NewRepository(store, keeping, aggregate.Options{Snapshots: store, SnapshotEvents: 10,
					SnapshotFailed: func(_ eventstore.StreamID, err error) { told = append(told, err) }})
			}
			var last eventstore.Commit
			for i := range 25 {
				var err error
				last, err = customers().Execute(t.Context(), "1", Purchase(fmt.Sprint(i), opening, []Line{{ProductID: "MUG-01", Quantity: 1, UnitPrice: assortment[0].UnitPrice}}))
				require.NoError(t, err)
			}
			store := open()
			snapshot, ok, err := store.Snapshot(t.Context(), last.Stream, keptCustomers.Schema)
			require.NoError(t, err)
			require.True(t, ok)
			assert.EqualValues(t, 20, snapshot.Last, "every ten events")
			all, err := aggregate.NewRepository(store, Customers, aggregate.Options{}).Load(t.Context(), "1")
			require.NoError(t, err)
			loaded, err := customers().Load(t.Context(), "1")
			require.NoError(t, err)
			assert.Equal(t, all, loaded)
			assert.Empty(t, told)

			snapshot.First, snapshot.Last, snapshot.CommitID = 90, 90, "of a past that was restored away"
			require.NoError(t, store.SaveSnapshot(t.Context(), snapshot))
			loaded, err = customers().Load(t.Context(), "1")
			require.NoError(t, err)
			assert.Equal(t, all, loaded)
			require.Len(t, told, 1)
			assert.ErrorIs(t, told[0], aggregate.ErrSnapshot)
		})
	}
}
