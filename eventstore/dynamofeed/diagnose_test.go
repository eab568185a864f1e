package dynamofeed

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
)

func TestADiagnosisLooksAtTheLeasesAndTheStream(t *testing.T) {
	t.Parallel()
	s := shared(t)
	for _, f := range s.feed("consumer", quick).Diagnose(t.Context()) {
		assert.Equal(t, f.Check != s.prefix+"-leases is protected from deletion", f.OK, "%+v", f)
	}
	proxy := dynamotest.NewProxy(t, s.endpoint, func(c dynamotest.Call) dynamotest.Fault {
		if c.Operation == "GetRecords" || c.Writes > 0 {
			return dynamotest.Denied
		}
		return dynamotest.None
	})
	found := NewTailer(s.client, dynamotest.NewStreamsClient(t, proxy.URL), s.store, quick).Diagnose(t.Context())
	require.Len(t, found, 1)
	assert.False(t, found[0].OK)
	assert.Contains(t, found[0].Detail, "access denied")
	assert.Contains(t, found[0].Hint, "docs/dynamodb.md")
}
