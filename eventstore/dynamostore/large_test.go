package dynamostore_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/internal/plaintest"
)

// noise returns an event that hardly gets smaller when it is packed.
func noise(bytes int) eventstore.Event {
	raw := make([]byte, bytes)
	random := rand.NewChaCha8([32]byte{byte(bytes)})
	_, _ = random.Read(raw) // never fails
	text := base64.RawStdEncoding.EncodeToString(raw)[:bytes-2]
	return eventstore.Event{Type: "BIG", Schema: 1, Payload: []byte(`"` + text + `"`)}
}

func readAll(t *testing.T, s *dynamostore.Store, id string) (commits []eventstore.Commit) {
	t.Helper()
	for c, err := range s.Read(t.Context(), stream(t, id), 0) {
		require.NoError(t, err)
		commits = append(commits, c)
	}
	return commits
}

func TestACommitOf1114EventsAndOneOfTwoMegabytesGoInAtOnce(t *testing.T) {
	t.Parallel()
	m := newMetered(t, nil)
	many := m.must(eventstore.Write{Stream: stream(t, "1"), Events: events(1114, 250_000)})
	assert.Equal(t, eventstore.Version(1114), many.Last())
	big := m.must(eventstore.Write{Stream: stream(t, "1"), Revision: many.Revision, Events: []eventstore.Event{noise(1 << 20), noise(1<<20 - 1)}})
	got := readAll(t, m.Store, "1")
	require.Len(t, got, 2)
	assert.True(t, assert.ObjectsAreEqual([]eventstore.Commit{many, big}, got), "they are read as they were written")
	assert.Equal(t, 1, m.meter.Operations()["TransactWriteItems"].Requests)
	assert.Equal(t, 1, m.meter.Operations()["PutItem"].Requests)

	again := m.must(eventstore.Write{Stream: stream(t, "1"), Revision: many.Revision, ID: big.ID, Time: big.Time, Events: big.Events})
	assert.True(t, assert.ObjectsAreEqual(big, again), "sent again it is the same")
	_, err := m.Append(t.Context(), eventstore.Write{Stream: stream(t, "1"), Revision: many.Revision, Events: []eventstore.Event{noise(1 << 20)}})
	conflict, ok := errors.AsType[*eventstore.ConflictError](err)
	require.True(t, ok, err)
	assert.True(t, assert.ObjectsAreEqual(big, conflict.Winner), "the winner comes whole")
}

// Names, frame and metadata stay in the commit's own item.
func TestWhatIsTooLargeForAnItemEvenWithoutItsPayloadsIsRefusedBeforeTheCall(t *testing.T) {
	t.Parallel()
	m := newMetered(t, nil)
	w := eventstore.Write{Stream: stream(t, "1"), Events: make([]eventstore.Event, eventstore.MaxCommitEvents)}
	for i := range w.Events {
		w.Events[i] = eventstore.Event{Type: fmt.Sprintf("%0*d", eventstore.MaxEventTypeBytes, i%eventstore.MaxCommitTypes), Schema: 1, Payload: []byte(strings.Repeat("1", 130))}
	}
	m.must(w)
	w.Stream = stream(t, "2")
	w.Metadata.Extra = map[string]string{}
	for i := range eventstore.MaxMetadataBytes / 3 { // JSON writes each such character with six
		w.Metadata.Extra[string([]byte{byte(1 + i/900), byte(1 + i/30%30), byte(1 + i%30)})] = ""
	}
	m.cost("a limit", func() {
		_, err := m.Append(t.Context(), w)
		assert.ErrorIs(t, err, eventstore.ErrTooLarge)
		limit, ok := errors.AsType[*eventstore.LimitError](err)
		require.True(t, ok, err)
		assert.Equal(t, 400<<10, limit.Limit)
		assert.Greater(t, limit.Size, limit.Limit)
	}, 0, 0, 0)
}

func TestAStreamOfThousandsOfCommitsAndMegabytesIsReadWhole(t *testing.T) {
	t.Parallel()
	if plaintest.Run(t, atEndpoint(t)) {
		return
	}
	client, prefix := provisioned(t)
	s := openStore(t, client, prefix)
	const commits = 1_200
	at := eventstore.NoStream
	for range commits {
		c, err := s.Append(t.Context(), eventstore.Write{Stream: stream(t, "1"), Revision: at, Events: []eventstore.Event{noise(3_000)}})
		require.NoError(t, err)
		at = c.Revision
	}
	size, next := 0, eventstore.Version(1)
	for c, err := range s.Read(t.Context(), stream(t, "1"), 0) {
		require.NoError(t, err)
		require.Equal(t, next, c.First)
		size += len(c.Events[0].Payload)
		next++
	}
	assert.Equal(t, at.Version()+1, next)
	assert.Greater(t, size, 3<<20)
	for c, err := range s.ReadBackward(t.Context(), stream(t, "1"), 0) {
		require.NoError(t, err)
		next--
		require.Equal(t, next, c.First)
	}
	assert.Equal(t, eventstore.Version(1), next)
}

func TestAReaderWaitsForThePartsOfACommitUnderWay(t *testing.T) {
	t.Parallel()
	client, prefix := provisioned(t)
	proxy := dynamotest.NewProxy(t, server.Endpoint(t), func(dynamotest.Call) dynamotest.Fault { return dynamotest.HalfVisible })
	proxy.Delay = time.Second // long enough for a read, and shorter than a reader asks
	s := openStore(t, dynamotest.NewClient(t, proxy.URL), prefix)
	w := eventstore.Write{Stream: stream(t, "1"), Events: []eventstore.Event{noise(1 << 20)}}
	appended := make(chan error, 1)
	go func() {
		_, err := s.Append(t.Context(), w)
		appended <- err
	}()
	for { // without the proxy the commit is seen as soon as it is there
		out, err := client.Query(t.Context(), &dynamodb.QueryInput{TableName: new(prefix + "-events"), ConsistentRead: new(true),
			KeyConditionExpression: new("PK = :pk"), ExpressionAttributeValues: map[string]types.AttributeValue{":pk": &types.AttributeValueMemberS{Value: "user-1"}}})
		require.NoError(t, err)
		if len(out.Items) > 0 {
			break
		}
	}
	before := proxy.Calls()
	got := readAll(t, s, "1")
	require.Len(t, got, 1)
	assert.True(t, assert.ObjectsAreEqual(w.Events, got[0].Events))
	assert.Greater(t, proxy.Calls()-before, 2, "it has asked again")
	require.NoError(t, <-appended)
}
