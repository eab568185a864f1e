package dynamostore_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
)

// The store tries once, so each fault is the answer: to a commit of one item, and to one
// of several in a transaction.
func TestWhatNobodyCanKnowIsAnUnknownOutcomeAndARefusalIsNone(t *testing.T) {
	t.Parallel()
	client, prefix := provisioned(t)
	honest := openStore(t, client, prefix)
	for _, test := range []struct {
		fault           dynamotest.Fault
		unknown, stored bool
	}{
		{dynamotest.Throttled, false, false},
		{dynamotest.Conflicted, false, false},
		{dynamotest.Failed, true, false},
		{dynamotest.FailedAfter, true, true},
		{dynamotest.CutBefore, true, false},
		{dynamotest.CutAfter, true, true},
	} {
		for size, events := range map[string][]eventstore.Event{"small": events(1, 100), "large": {noise(600_000)}} {
			t.Run(size+" "+test.fault.String(), func(t *testing.T) {
				t.Parallel()
				proxy := dynamotest.NewProxy(t, server.Endpoint(t), dynamotest.Every(1, test.fault))
				s, err := dynamostore.Open(t.Context(), dynamotest.NewClient(t, proxy.URL), prefix, dynamostore.Options{Attempts: 1})
				require.NoError(t, err)
				id := fmt.Sprintf("%s-%d", size, test.fault)
				_, err = s.Append(t.Context(), eventstore.Write{Stream: stream(t, id), Events: events})
				require.Error(t, err)
				require.Equal(t, 1, proxy.Count(test.fault))
				assert.Equal(t, test.stored, len(readAll(t, honest, id)) == 1)
				unknown, ok := errors.AsType[*eventstore.OutcomeUnknownError](err)
				require.Equal(t, test.unknown, ok, err)
				if !ok {
					return
				}
				c, err := honest.Append(t.Context(), unknown.Write)
				require.NoError(t, err)
				assert.True(t, assert.ObjectsAreEqual([]eventstore.Commit{c}, readAll(t, honest, id)), "it is there once")
			})
		}
	}
}
