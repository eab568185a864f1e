package dynamoviews_test

import (
	"fmt"
	"strings"
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
	c, d := user(t, "c"), user(t, "d")
	fill := func(f projection.Filling) func() error {
		return func() error { return views.Fill(t.Context(), generation, f) }
	}
	large := row("totals", "S", 1).Row
	large.Content = []byte(`"` + strings.Repeat("x", 2500) + `"`)
	gone, again := row("totals", "R", 2), row("totals", "R", 3)
	gone.Delete, gone.Row.Origin, gone.Conditional, gone.Expect = true, true, true, row("totals", "R", 1).Row.Rev
	again.Conditional = true
	heads := make([]projection.Head, 240)
	for i := range heads {
		heads[i] = projection.Head{Stream: user(t, fmt.Sprintf("%03d", i)), Version: 17}
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
		{"a row that is filled in", fill(projection.Filling{Rows: []projection.Row{row("totals", "R", 1).Row}}), 1, 1, 0},
		{"checkpoints that are filled in, one with the row that lies in it", fill(projection.Filling{
			Checkpoints: []projection.Checkpoint{{Stream: c, Version: 1}, {Stream: d, Version: 1}}, Rows: []projection.Row{row("@own", c.String(), 1).Row}}), 2, 2, 0},
		{"a large row that is filled in", fill(projection.Filling{Rows: []projection.Row{large}}), 1, 3, 0},
		{"the same once more: a refusal is charged like it", fill(projection.Filling{Rows: []projection.Row{large}}), 1, 3, 0},
		{"the put of a row over a tombstone, and the deletion that leaves one", func() error {
			err := views.Apply(t.Context(), projection.Slice{Generation: generation, Writes: []projection.RowWrite{gone}})
			if err == nil {
				err = views.Apply(t.Context(), projection.Slice{Generation: generation, Writes: []projection.RowWrite{again}})
			}
			return err
		}, 2, 4, 0},
		{"a part of a manifest put", func() error { return views.PutManifest(t.Context(), generation, "one", 0, heads) }, 1, 9, 0},
		{"a part of a manifest read", func() error {
			found, err := views.Manifest(t.Context(), generation, "one", 0)
			assert.Equal(t, heads, found)
			return err
		}, 1, 0, 3},
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

func TestWhatItCostsToClearAGeneration(t *testing.T) {
	t.Parallel()
	var meter dynamometer.Meter
	views, err := dynamoviews.Open(t.Context(), dynamotest.NewClient(t, server.Endpoint(t), meter.Attach), provisioned(t), dynamoviews.Options{})
	require.NoError(t, err)
	var f projection.Filling
	for i := range 60 {
		stream := user(t, fmt.Sprint(i))
		f.Checkpoints = append(f.Checkpoints, projection.Checkpoint{Stream: stream, Version: 1})
		f.Rows = append(f.Rows, projection.Row{ID: projection.RowID{View: "totals", Key: projection.Key{Partition: "P", Sort: fmt.Sprintf("%02d", i)}},
			Rev: eventstore.EventID{Stream: stream, Version: 1}, Content: []byte(`{"Sold":1}`)})
	}
	require.NoError(t, views.Fill(t.Context(), generation, f))
	meter.Reset()
	require.NoError(t, views.Clear(t.Context(), generation, []string{"totals"}))
	counted := meter.Operations()
	assert.InDelta(t, len(f.Checkpoints)+len(f.Rows), counted["BatchWriteItem"].WriteUnits, 0)
	assert.GreaterOrEqual(t, counted["Query"].Requests, 1+2*16)
	assert.Less(t, counted["Query"].ReadUnits, 60.0, "many items for a unit")
	meter.Reset()
	require.NoError(t, views.Clear(t.Context(), generation, []string{"totals"}))
	assert.Equal(t, 1+2*16, meter.Total().Requests, "of what is empty")
}
