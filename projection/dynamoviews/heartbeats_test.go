package dynamoviews_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/projection"
)

func TestAWorkerWhoseClockIsAheadHidesNoOther(t *testing.T) {
	t.Parallel()
	views := openViews(t, server.Endpoint(t), provisioned(t))
	now := time.Now().UTC().Truncate(time.Millisecond)
	for worker, at := range map[string]time.Time{"ahead": now.Add(48 * time.Hour), "right": now, "gone": now.Add(-projection.HeartbeatsKept - time.Minute)} {
		require.NoError(t, views.Beat(t.Context(), projection.Heartbeat{Projection: "p", Worker: worker, At: at}))
	}
	beats, err := views.Heartbeats(t.Context(), "p")
	require.NoError(t, err)
	var workers []string
	for _, b := range beats {
		workers = append(workers, b.Worker)
	}
	assert.Equal(t, []string{"ahead", "right"}, workers)
}
