package dynamostore_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/eventstore/storetest"
)

const writers = 16

// rounds is how many appends have to succeed: many more where LEFTFOLD_SOAK is set.
func rounds(n int) int {
	if os.Getenv("LEFTFOLD_SOAK") != "" {
		return 2000
	}
	return n
}

func TestSixteenWritersOfOneStreamAreLinearizable(t *testing.T) {
	t.Parallel()
	client, prefix := provisioned(t)
	assert.Zero(t, storetest.Contend(t, openStore(t, client, prefix), writers, rounds(100)))
}

// The store gives up after two attempts, so that outcomes are unknown and requests fail.
func TestSixteenWritersOfOneStreamAreLinearizableBehindANetworkThatLies(t *testing.T) {
	t.Parallel()
	_, prefix := provisioned(t)
	proxy := dynamotest.NewProxy(t, server.Endpoint(t), dynamotest.Plans(lies(1), dynamotest.Seeded(2, 0.1, dynamotest.Throttled)))
	s, err := dynamostore.Open(t.Context(), dynamotest.NewClient(t, proxy.URL), prefix, dynamostore.Options{Attempts: 2})
	require.NoError(t, err)
	storetest.Contend(t, s, writers, rounds(50))
	for _, fault := range []dynamotest.Fault{dynamotest.Throttled, dynamotest.CutBefore, dynamotest.CutAfter} {
		t.Logf("%s: %d of %d calls", fault, proxy.Count(fault), proxy.Calls())
		assert.Positive(t, proxy.Count(fault), fault)
	}
}
