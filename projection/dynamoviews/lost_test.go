package dynamoviews_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/dynamoviews"
)

// losing is a view store of which the first write of an operation suffers a fault.
// Somebody else writes just before that request, or just before it comes again.
type losing struct {
	*dynamoviews.Views
	honest *dynamoviews.Views
	proxy  *dynamotest.Proxy
	before map[int]func() // the first, the second request
	count  int
}

func newLosing(t *testing.T, operation string, fault dynamotest.Fault) *losing {
	prefix := provisioned(t)
	l := &losing{honest: openViews(t, server.Endpoint(t), prefix), before: map[int]func(){}}
	l.proxy = dynamotest.NewProxy(t, server.Endpoint(t), func(c dynamotest.Call) dynamotest.Fault {
		if c.Operation != operation {
			return dynamotest.None
		}
		l.count++
		if before := l.before[l.count]; before != nil {
			before()
		}
		if l.count == 1 {
			return fault
		}
		return dynamotest.None
	})
	l.Views = openViews(t, l.proxy.URL, prefix)
	t.Cleanup(func() { assert.Equal(t, 1, l.proxy.Count(fault)) })
	return l
}

func (l *losing) checkpoint(t *testing.T, s eventstore.StreamID) projection.Checkpoint {
	found, err := l.honest.Checkpoints(t.Context(), generation, []eventstore.StreamID{s})
	require.NoError(t, err)
	return found[0]
}

var generation = projection.GenerationID{Projection: "totals", Number: 1}

func user(t *testing.T, id string) eventstore.StreamID {
	s, err := eventstore.NewStreamID("user", id)
	require.NoError(t, err)
	return s
}

// moving is a slice of a move alone.
func moving(s eventstore.StreamID, from, to eventstore.Version) projection.Slice {
	return projection.Slice{Generation: generation, Moves: []projection.Move{{Stream: s, From: from, To: to}}}
}

func TestAMoveAloneIsKnownByItsMarkWhenItsAnswerIsLost(t *testing.T) {
	t.Parallel()
	l, s := newLosing(t, "UpdateItem", dynamotest.CutAfter), user(t, "1")
	require.NoError(t, l.Apply(t.Context(), moving(s, 0, 3)))
	assert.Equal(t, eventstore.Version(3), l.checkpoint(t, s).Version)
	assert.ErrorIs(t, l.Apply(t.Context(), moving(s, 0, 3)), projection.ErrChanged)
}

func TestAMoveThatSomebodyElseHasMadeIsNotTakenForOurs(t *testing.T) {
	t.Parallel()
	l, s := newLosing(t, "UpdateItem", dynamotest.CutBefore), user(t, "1")
	l.before[1] = func() { assert.NoError(t, l.honest.Apply(t.Context(), moving(s, 0, 3))) }
	assert.ErrorIs(t, l.Apply(t.Context(), moving(s, 0, 3)), projection.ErrChanged)
}

func TestASliceWhoseAnswerIsLostIsAppliedOnce(t *testing.T) {
	t.Parallel()
	l, s := newLosing(t, "TransactWriteItems", dynamotest.CutAfter), user(t, "1")
	slice := moving(s, 0, 3)
	row := projection.Row{ID: projection.RowID{View: "totals", Key: projection.KeyOf("P")}, Rev: eventstore.EventID{Stream: s, Version: 3}, Content: []byte(`{"Sold":1}`)}
	slice.Writes = []projection.RowWrite{{Row: row, Conditional: true}}
	require.NoError(t, l.Apply(t.Context(), slice))
	assert.Equal(t, eventstore.Version(3), l.checkpoint(t, s).Version)
	rows, err := l.honest.Rows(t.Context(), generation, []projection.RowID{row.ID})
	require.NoError(t, err)
	assert.Equal(t, []projection.Row{row}, rows)
	assert.ErrorIs(t, l.Apply(t.Context(), slice), projection.ErrChanged)
}

func TestARepeatedParkDoesNotReplaceALaterOne(t *testing.T) {
	t.Parallel()
	l, s := newLosing(t, "TransactWriteItems", dynamotest.CutAfter), user(t, "1")
	later := &projection.Parked{Version: 1, Type: "SOLD", Attempts: 2}
	l.before[2] = func() { assert.NoError(t, l.honest.Park(t.Context(), generation, s, 0, later)) }
	require.NoError(t, l.Park(t.Context(), generation, s, 0, &projection.Parked{Version: 1, Type: "SOLD", Attempts: 1}))
	assert.Equal(t, 2, l.count)
	assert.Equal(t, later, l.checkpoint(t, s).Parked)
}

func TestAStateIsKnownByItsMarkWhenItsAnswerIsLost(t *testing.T) {
	t.Parallel()
	l := newLosing(t, "PutItem", dynamotest.CutAfter)
	put, err := l.PutState(t.Context(), projection.State{Projection: "totals"})
	require.NoError(t, err)
	stored, err := l.honest.State(t.Context(), "totals")
	require.NoError(t, err)
	assert.Equal(t, stored, put)
}

func TestAStateThatSomebodyElseHasPutIsNotTakenForOurs(t *testing.T) {
	t.Parallel()
	l := newLosing(t, "PutItem", dynamotest.CutBefore)
	same := projection.State{Projection: "totals"}
	l.before[1] = func() {
		_, err := l.honest.PutState(t.Context(), same)
		assert.NoError(t, err)
	}
	_, err := l.PutState(t.Context(), same)
	assert.ErrorIs(t, err, projection.ErrChanged)
}
