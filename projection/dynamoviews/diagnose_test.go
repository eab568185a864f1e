package dynamoviews_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/projection"
)

func TestADiagnosisOfTheViewsWritesNothing(t *testing.T) {
	t.Parallel()
	prefix := provisioned(t)
	views := openViews(t, server.Endpoint(t), prefix)
	for _, f := range views.Diagnose(t.Context()) {
		assert.Equal(t, f.Check != prefix+"-views is protected from deletion", f.OK, "%+v", f)
	}
	out, err := dynamotest.NewClient(t, server.Endpoint(t)).Scan(t.Context(), &dynamodb.ScanInput{TableName: new(prefix + "-views")})
	require.NoError(t, err)
	assert.Empty(t, out.Items)
}

func TestWhatIsLookedAtNeedsNoRightToWrite(t *testing.T) {
	t.Parallel()
	prefix := provisioned(t)
	writing := openViews(t, server.Endpoint(t), prefix)
	a, row := user(t, "a"), projection.RowID{View: "totals", Key: projection.KeyOf("P")}
	require.NoError(t, writing.Apply(t.Context(), projection.Slice{Generation: generation, Moves: []projection.Move{{Stream: a, To: 2}}, Writes: []projection.RowWrite{
		{Row: projection.Row{ID: row, Rev: eventstore.EventID{Stream: a, Version: 2}, Content: []byte(`1`)}}}}))
	require.NoError(t, writing.Park(t.Context(), generation, a, 2, &projection.Parked{Version: 3}))
	_, err := writing.PutState(t.Context(), projection.State{Projection: "totals"})
	require.NoError(t, err)
	require.NoError(t, writing.Beat(t.Context(), projection.Heartbeat{Projection: "totals", Worker: "w", At: time.Now()}))
	proxy := dynamotest.NewProxy(t, server.Endpoint(t), dynamotest.DenyWrites)
	views := openViews(t, proxy.URL, prefix)

	count := map[string]int{}
	found, err := views.Checkpoints(t.Context(), generation, []eventstore.StreamID{a})
	require.NoError(t, err)
	assert.True(t, found[0].Waits())
	for _, parked := range []bool{false, true} {
		for _, err := range views.AllCheckpoints(t.Context(), generation, parked) {
			require.NoError(t, err)
			count["checkpoints"]++
		}
	}
	rows, err := views.Rows(t.Context(), generation, []projection.RowID{row})
	require.NoError(t, err)
	page, err := views.Page(t.Context(), generation, projection.PageQuery{View: "totals", Partition: "P", Limit: 10})
	require.NoError(t, err)
	for _, err := range views.ScanRows(t.Context(), generation, "totals") {
		require.NoError(t, err)
		count["rows"]++
	}
	for _, err := range views.States(t.Context()) {
		require.NoError(t, err)
		count["states"]++
	}
	s, err := views.State(t.Context(), "totals")
	require.NoError(t, err)
	beats, err := views.Heartbeats(t.Context(), "totals")
	require.NoError(t, err)
	assert.Equal(t, []int{1, 1, 1, 1}, []int{len(rows), len(page), int(s.Revision), len(beats)})
	assert.Equal(t, map[string]int{"checkpoints": 2, "rows": 1, "states": 1}, count)
	require.Zero(t, proxy.Count(dynamotest.Denied), "no write was tried")
	_, err = views.PutState(t.Context(), s)
	require.Error(t, err)
	assert.Positive(t, proxy.Count(dynamotest.Denied))
	for _, f := range views.Diagnose(t.Context()) {
		if f.Check == prefix+"-views may be written" {
			assert.Equal(t, eventstore.Finding{Check: f.Check, OK: true, Detail: "not by these credentials, which may only read"}, f)
		}
	}
}
