package dynamoviews_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamometer"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/dynamoviews"
)

// The rows of the unit table in docs/dynamodb.md that views have. A read that is only
// eventually consistent would cost half.
func TestUnits(t *testing.T) {
	t.Parallel()
	var meter dynamometer.Meter
	views, err := dynamoviews.Open(t.Context(), dynamotest.NewClient(t, server.Endpoint(t), meter.Attach), provisioned(t), dynamoviews.Options{})
	require.NoError(t, err)
	a, b := user(t, "a"), user(t, "b")
	row := func(view, key string, version eventstore.Version) projection.RowWrite {
		return projection.RowWrite{Row: projection.Row{ID: projection.RowID{View: view, Key: projection.KeyOf(key)},
			Rev: eventstore.EventID{Stream: a, Version: version}, Content: []byte(`{"Sold":1}`)}}
	}
	apply := func(s projection.Slice, writes ...projection.RowWrite) func() error {
		s.Writes = writes
		return func() error { return views.Apply(t.Context(), s) }
	}
	inserted := row("sales", "1", 1)
	inserted.Insert = true
	for _, test := range []struct {
		what              string
		work              func() error
		requests          int
		writeUnits, reads float64
	}{
		{"a slice of a row and a checkpoint", apply(moving(a, 0, 1), row("totals", "P", 1)), 1, 4, 0},
		{"a slice of two rows and a checkpoint", apply(moving(a, 1, 2), row("totals", "P", 2), row("totals", "Q", 2)), 1, 6, 0},
		{"a checkpoint alone", apply(moving(a, 2, 3)), 1, 1, 0},
		{"a checkpoint with the row that lies in it", apply(moving(b, 0, 1), row("@own", b.String(), 1)), 1, 1, 0},
		{"a row that is inserted, and a checkpoint", apply(moving(b, 1, 2), inserted), 2, 2, 0},
		{"rows that a slice folds into", func() error {
			rows, err := views.Rows(t.Context(), generation, []projection.RowID{row("totals", "P", 0).Row.ID, row("totals", "Q", 0).Row.ID, row("totals", "none", 0).Row.ID})
			assert.Len(t, rows, 2)
			return err
		}, 1, 0, 3},
		{"checkpoints", func() error {
			_, err := views.Checkpoints(t.Context(), generation, []eventstore.StreamID{a, b})
			return err
		}, 1, 0, 2},
		{"a page", func() error {
			rows, err := views.Page(t.Context(), generation, projection.PageQuery{View: "totals", Partition: "P", Limit: 10})
			assert.Len(t, rows, 1)
			return err
		}, 1, 0, 1},
		{"a state put for the first time, with its entry in the index", func() error {
			_, err := views.PutState(t.Context(), projection.State{Projection: "totals"})
			return err
		}, 1, 2, 0},
		{"a state put", func() error {
			_, err := views.PutState(t.Context(), projection.State{Projection: "totals", Revision: 1})
			return err
		}, 1, 1, 0},
		{"all states", func() error {
			for s, err := range views.States(t.Context()) {
				require.NoError(t, err)
				assert.Equal(t, "totals", s.Projection)
			}
			return nil
		}, 2, 0, 1.5},
		{"a state read", func() error {
			_, err := views.State(t.Context(), "totals")
			return err
		}, 1, 0, 1},
		{"a heartbeat", func() error {
			return views.Beat(t.Context(), projection.Heartbeat{Projection: "totals", Worker: "w", At: time.Now()})
		}, 1, 1, 0},
		{"heartbeats", func() error {
			_, err := views.Heartbeats(t.Context(), "totals")
			return err
		}, 1, 0, 1},
	} {
		meter.Reset()
		require.NoError(t, test.work(), test.what)
		assert.Equal(t, dynamometer.Usage{Requests: test.requests, WriteUnits: test.writeUnits, ReadUnits: test.reads}, meter.Total(), test.what)
	}
}
