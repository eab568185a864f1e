package operator_test

import (
	"context"
	"iter"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/dynamocost"
	"github.com/leftfold/leftfold/projection"
)

// sized is a store that says of each commit that it takes 8 KB, which are two read units, and
// counts them.
type sized struct {
	memory
	read *atomic.Int64
}

func (s sized) ReadAll(ctx context.Context, from eventstore.Cursor) iter.Seq2[eventstore.ScannedCommit, error] {
	return func(yield func(eventstore.ScannedCommit, error) bool) {
		for c, err := range s.memory.ReadAll(ctx, from) {
			c.Bytes = 8192
			s.read.Add(2)
			if !yield(c, err) {
				return
			}
		}
	}
}

func TestWhatARebuildAndItsSwitchCostIsSaidBeforeAndAfter(t *testing.T) {
	t.Parallel()
	s := newService(t)
	for _, id := range []string{"1", "2", "3"} {
		s.order(id, "tea", 1)
	}
	s.sweep()
	var read atomic.Int64
	told := s.told()
	told.Consumers = []projection.Consumer{next(projection.Replaces(s.totals))}
	told.Store, told.Costs = sized{s.store, &read}, dynamocost.Model{}
	told.Usage = func() operator.Usage { return operator.Usage{ReadUnits: float64(read.Load())} }
	o, err := operator.New(told)
	require.NoError(t, err)
	by := operator.By{Actor: "anna@ops", Reason: "orders are counted"}

	once := operator.RebuildOptions{RebuildOptions: projection.RebuildOptions{Readers: 1}}
	plan, err := o.PlanRebuild(t.Context(), "totals", once)
	require.NoError(t, err)
	require.NotNil(t, plan.Units)
	assert.EqualValues(t, 3*8192, plan.Bytes)
	row := float64(100 + len("totals") + len("tea") + len(`{"count":1}`))
	assert.InDelta(t, 2*6+4*row/4096, plan.CompareReadUnits, 0.01, "the log twice, and the one row four times")
	assert.Equal(t, &operator.Usage{ReadUnits: float64(read.Load())}, plan.Used, "a plan reads the log itself")
	assert.Positive(t, read.Load())

	_, err = o.StartRebuild(t.Context(), by, "totals", once)
	require.NoError(t, err)
	_, err = o.PlanRebuild(t.Context(), "totals", once)
	require.ErrorIs(t, err, projection.ErrRebuilding, "what a start would be refused for a plan is, too")
	fresh, err := o.PlanSwitch(t.Context(), "totals")
	require.NoError(t, err)
	assert.False(t, fresh.Sweep)

	state, err := s.views.State(t.Context(), "totals")
	require.NoError(t, err)
	state.Rebuilding().Rebuild.Swept = time.Now().Add(-2 * time.Hour)
	_, err = s.views.PutState(t.Context(), state)
	require.NoError(t, err)
	old, err := o.PlanSwitch(t.Context(), "totals")
	require.NoError(t, err)
	assert.True(t, old.Sweep)
	assert.InDelta(t, 6, old.SweepReadUnits, 0.01)

	opts := operator.SwitchOptions{SwitchOptions: old.Meant()}
	var last projection.RebuildProgress
	opts.Sweep.Progress = func(p projection.RebuildProgress) { last = p }
	moved, err := o.SwitchRebuild(t.Context(), by, "totals", opts)
	require.NoError(t, err)
	assert.Equal(t, projection.PhaseCatchUp, last.Phase)
	require.NotNil(t, moved.Used)
	assert.GreaterOrEqual(t, moved.Used.ReadUnits, 6.0)
	assert.Positive(t, *moved.Dollars)
	_, err = o.SwitchRebuild(t.Context(), by, "totals", opts)
	require.ErrorIs(t, err, projection.ErrChanged, "of two that have seen the same plan one is done")
}
