package dynamoviews_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/internal/dynamotable"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/dynamoviews"
)

func TestAFillingThatFailsSaysSoAndBeginsNothingMore(t *testing.T) {
	t.Parallel()
	proxy := dynamotest.NewProxy(t, server.Endpoint(t), func(c dynamotest.Call) dynamotest.Fault {
		if c.Operation == "PutItem" {
			return dynamotest.Throttled
		}
		return dynamotest.None
	})
	views, err := dynamoviews.Open(t.Context(), dynamotest.NewClient(t, proxy.URL), provisioned(t), dynamoviews.Options{Attempts: 1})
	require.NoError(t, err)
	var f projection.Filling
	for i := range 500 {
		f.Checkpoints = append(f.Checkpoints, projection.Checkpoint{Stream: user(t, fmt.Sprint(i)), Version: 1})
	}
	err = views.Fill(t.Context(), generation, f)
	require.ErrorIs(t, err, dynamotable.ErrThrottled)
	assert.NotEmpty(t, eventstore.Hint(err))
	assert.LessOrEqual(t, proxy.Count(dynamotest.Throttled), 32, "as many as are under way")
}
