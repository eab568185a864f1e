package dynamostore_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
)

// diagnosed returns the findings by their checks, without the name of the table.
func diagnosed(t *testing.T, s *dynamostore.Store) map[string]eventstore.Finding {
	t.Helper()
	found := map[string]eventstore.Finding{}
	for _, f := range s.Diagnose(t.Context()) {
		assert.True(t, f.OK || f.Hint != "", "what to do about: %+v", f)
		f.Check = strings.ReplaceAll(f.Check, s.Table()+" ", "")
		assert.NotContains(t, found, f.Check)
		found[f.Check] = f
	}
	return found
}

func storeThrough(t *testing.T, prefix, endpoint string, options ...func(*dynamodb.Options)) *dynamostore.Store {
	t.Helper()
	s, err := dynamostore.Open(t.Context(), dynamotest.NewClient(t, endpoint, options...), prefix, dynamostore.Options{Attempts: 2})
	require.NoError(t, err)
	return s
}

func TestADiagnosisSaysOfEachSettingWhetherItIsRight(t *testing.T) {
	t.Parallel()
	_, prefix := provisioned(t)
	s := storeThrough(t, prefix, server.Endpoint(t))
	found := diagnosed(t, s)
	for _, check := range []string{"is there", "has our keys and index", "is in one Region", "has a billing mode", "can be restored to any second",
		"nothing in expires", "this machine's clock agrees with DynamoDB's", "may be read", "may be written"} {
		assert.True(t, found[check].OK, "%s: %+v", check, found[check])
	}
	assert.Equal(t, "on demand", found["has a billing mode"].Detail)
	assert.Equal(t, eventstore.Finding{Check: "is protected from deletion", Detail: "deletion protection is off", Hint: "provision it again, which switches it on"},
		found["is protected from deletion"])
	client := dynamotest.NewClient(t, server.Endpoint(t))
	out, err := client.Scan(t.Context(), &dynamodb.ScanInput{TableName: new(s.Table())})
	require.NoError(t, err)
	assert.Empty(t, out.Items, "nothing is written")
	_, err = client.DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: new(s.Table())})
	require.NoError(t, err)
	found = diagnosed(t, s)
	assert.Len(t, found, 1)
	assert.Contains(t, found["is there"].Hint, "create the tables with Provision")
}

func TestADiagnosisKnowsWhoMayOnlyReadFromWhoIsDeniedSomething(t *testing.T) {
	t.Parallel()
	_, prefix := provisioned(t)
	deny := func(denied ...string) map[string]eventstore.Finding {
		proxy := dynamotest.NewProxy(t, server.Endpoint(t), func(c dynamotest.Call) dynamotest.Fault {
			if slices.Contains(denied, c.Operation) {
				return dynamotest.Denied
			}
			return dynamotest.None
		})
		return diagnosed(t, storeThrough(t, prefix, proxy.URL))
	}
	looking := deny("PutItem", "TransactWriteItems")
	assert.Equal(t, eventstore.Finding{Check: "may be written", OK: true, Detail: "not by these credentials, which may only read"}, looking["may be written"])
	assert.True(t, looking["may be read"].OK)
	some := deny("TransactWriteItems", "Scan", "DescribeTimeToLive")
	assert.Equal(t, eventstore.Finding{Check: "may be written", Detail: "denied: ConditionCheckItem", Hint: "allow what the role needs: docs/dynamodb.md, rights"}, some["may be written"])
	assert.Equal(t, "denied: Scan", some["may be read"].Detail)
	assert.Contains(t, some["nothing in expires"].Detail, "access denied")
}

// late answers as a server does whose clock is behind.
type late struct{ by time.Duration }

func (l late) Do(r *http.Request) (*http.Response, error) {
	response, err := http.DefaultClient.Do(r)
	if err == nil {
		response.Header.Set("Date", time.Now().Add(-l.by).UTC().Format(http.TimeFormat))
	}
	return response, err
}

func TestADiagnosisTellsHowFarTheClockIsOff(t *testing.T) {
	t.Parallel()
	_, prefix := provisioned(t)
	s := storeThrough(t, prefix, server.Endpoint(t), func(o *dynamodb.Options) { o.HTTPClient = late{time.Minute} })
	found := diagnosed(t, s)["this machine's clock agrees with DynamoDB's"]
	assert.False(t, found.OK)
	assert.Regexp(t, `^it is (59s|1m0s|1m1s) ahead$`, found.Detail)
}

func TestWhatIsLookedAtNeedsNoRightToWrite(t *testing.T) {
	t.Parallel()
	_, prefix := provisioned(t)
	writing := storeThrough(t, prefix, server.Endpoint(t))
	stream := streamOf(t, "user-1")
	large := []eventstore.Event{{Type: "A", Schema: 1, Payload: []byte(`"` + strings.Repeat("x", 500_000) + `"`)}}
	claim := eventstore.Claim{Scope: "email", Key: "a@example.com"}
	c, err := writing.Append(t.Context(), eventstore.Write{Stream: stream, Events: large, Claims: []eventstore.Claim{claim}})
	require.NoError(t, err)
	proxy := dynamotest.NewProxy(t, server.Endpoint(t), dynamotest.DenyWrites)
	s := storeThrough(t, prefix, proxy.URL)

	for _, read := range []func() (eventstore.Commit, error){
		func() (c eventstore.Commit, err error) {
			for c, err = range s.Read(t.Context(), stream, 0) {
			}
			return c, err
		},
		func() (c eventstore.Commit, err error) {
			for c, err = range s.ReadBackward(t.Context(), stream, 0) {
			}
			return c, err
		},
		func() (c eventstore.Commit, err error) {
			for scanned, failed := range s.ReadAll(t.Context(), eventstore.Cursor{}) {
				c, err = scanned.Commit, failed
			}
			return c, err
		},
	} {
		got, err := read()
		require.NoError(t, err)
		assert.Equal(t, c, got)
	}
	head, err := s.Head(t.Context(), stream)
	require.NoError(t, err)
	assert.Equal(t, c.Revision, head)
	for listed, err := range s.Streams(t.Context(), "user", eventstore.StreamID{}) {
		require.NoError(t, err)
		assert.Equal(t, stream, listed)
	}
	holder, err := s.Claimed(t.Context(), claim)
	require.NoError(t, err)
	assert.Equal(t, c.EventID(0), holder)
	_, _, err = s.Snapshot(t.Context(), stream, 1)
	require.NoError(t, err)
	require.Zero(t, proxy.Count(dynamotest.Denied), "no write was tried")
	_, err = s.Append(t.Context(), eventstore.Write{Stream: stream, Revision: head, Events: large[:1]})
	assert.ErrorIs(t, err, dynamostore.ErrDenied)
	assert.NotErrorIs(t, err, eventstore.ErrOutcomeUnknown)
}

func streamOf(t *testing.T, name string) eventstore.StreamID {
	t.Helper()
	s, err := eventstore.ParseStreamID(name)
	require.NoError(t, err)
	return s
}
