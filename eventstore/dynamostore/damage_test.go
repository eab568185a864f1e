package dynamostore_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/internal/dynamotable"
)

func keyOf(pk string, sk int) dynamotable.Item {
	return dynamotable.Item{dynamotable.PK: dynamotable.S(pk), dynamotable.SK: dynamotable.N(sk)}
}

// remove takes an item out of the table, which no program of ours does, and returns it.
func remove(t *testing.T, client *dynamodb.Client, prefix, pk string, sk int) dynamotable.Item {
	t.Helper()
	out, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: new(prefix + "-events"), Key: keyOf(pk, sk), ConsistentRead: new(true)})
	require.NoError(t, err)
	require.NotEmpty(t, out.Item)
	_, err = client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: new(prefix + "-events"), Key: keyOf(pk, sk)})
	require.NoError(t, err)
	return out.Item
}

// read returns the commits before the error, if there is one.
func read(t *testing.T, s *dynamostore.Store, id string, from eventstore.Version) (firsts []eventstore.Version, err error) {
	for c, err := range s.Read(t.Context(), stream(t, id), from) {
		if err != nil {
			return firsts, err
		}
		firsts = append(firsts, c.First)
	}
	return firsts, nil
}

func TestAPartThatDoesNotComeIsDamage(t *testing.T) {
	t.Parallel()
	m := newMetered(t, nil)
	m.must(eventstore.Write{Stream: stream(t, "1"), Events: []eventstore.Event{noise(1 << 20)}})
	remove(t, m.client, m.prefix, "!payload|1|user-1", 1)
	m.meter.Reset()
	_, err := read(t, m.Store, "1", 0)
	assert.EqualError(t, err, "user-1@1: store is corrupt: 1 of its 3 payload items are missing")
	assert.ErrorIs(t, err, eventstore.ErrCorrupt)
	asked := m.meter.Operations()["BatchGetItem"]
	assert.Equal(t, 9, asked.Requests, "it may have been under way")
	assert.Less(t, asked.ReadUnits, 250.0, "what is there is read once")
	_, err = m.Append(t.Context(), eventstore.Write{Stream: stream(t, "1"), Events: events(1, 10)})
	assert.ErrorIs(t, err, eventstore.ErrCorrupt)
	assert.NotErrorIs(t, err, eventstore.ErrOutcomeUnknown, "whoever has the slot, it is not this write")
}

func TestAPartThatIsLeftOutForWantOfCapacityIsNoDamage(t *testing.T) {
	t.Parallel()
	client, prefix := provisioned(t)
	_, err := openStore(t, client, prefix).Append(t.Context(), eventstore.Write{Stream: stream(t, "1"), Events: []eventstore.Event{noise(1 << 20)}})
	require.NoError(t, err)
	behind := func(fault dynamotest.Fault) *dynamostore.Store {
		proxy := dynamotest.NewProxy(t, server.Endpoint(t), func(c dynamotest.Call) dynamotest.Fault {
			if c.Operation == "BatchGetItem" {
				return fault
			}
			return dynamotest.None
		})
		s, err := dynamostore.Open(t.Context(), dynamotest.NewClient(t, proxy.URL), prefix, dynamostore.Options{Attempts: 2})
		require.NoError(t, err)
		return s
	}
	firsts, err := read(t, behind(dynamotest.Partial), "1", 0)
	assert.NoError(t, err)
	assert.Equal(t, []eventstore.Version{1}, firsts)
	for _, fault := range []dynamotest.Fault{dynamotest.Throttled, dynamotest.Unprocessed} {
		_, err = read(t, behind(fault), "1", 0)
		assert.ErrorIs(t, err, dynamostore.ErrThrottled, fault)
		assert.NotErrorIs(t, err, eventstore.ErrCorrupt, fault)
	}
}

func TestACommitThatIsMissingIsDamageInBothDirections(t *testing.T) {
	t.Parallel()
	m := newMetered(t, nil)
	at := eventstore.NoStream
	for range 6 { // versions 1, 3, … 11
		at = m.must(eventstore.Write{Stream: stream(t, "1"), Revision: at, Events: events(2, 100)}).Revision
	}
	remove(t, m.client, m.prefix, "user-1", 5)
	for from, before := range map[eventstore.Version][]eventstore.Version{0: {1, 3}, 3: {3}, 4: {3}, 5: nil, 7: {7, 9, 11}} {
		firsts, err := read(t, m.Store, "1", from)
		assert.Equal(t, before, firsts, "from %d", from)
		if from == 7 {
			assert.NoError(t, err)
			continue
		}
		assert.EqualError(t, err, "user-1@5: store is corrupt: versions 5 to 6 are missing or doubled", "from %d", from)
	}
	_, err := read(t, m.Store, "1", 6)
	assert.EqualError(t, err, "user-1@6: store is corrupt: versions 6 to 6 are missing or doubled", "nobody has looked further")
	for from, before := range map[eventstore.Version]int{0: 3, 12: 3, 8: 1, 6: 0, 5: 0, 4: 2} {
		n := 0
		var err error
		for _, e := range m.ReadBackward(t.Context(), stream(t, "1"), from) {
			if err = e; err == nil {
				n++
			}
		}
		assert.Equal(t, before, n, "from %d", from)
		if from == 4 {
			assert.NoError(t, err)
			continue
		}
		assert.EqualError(t, err, "user-1@5: store is corrupt: versions 5 to 6 are missing or doubled", "from %d", from)
	}
	remove(t, m.client, m.prefix, "user-1", 1)
	for _, err := range m.ReadBackward(t.Context(), stream(t, "1"), 4) {
		if err != nil {
			assert.EqualError(t, err, "user-1@1: store is corrupt: versions 1 to 2 are missing or doubled")
			return
		}
	}
	t.Error("a stream without its beginning is whole")
}

// A Query that has passed the place of an append before it is there may still meet its
// successor: what looks like a hole is none.
func TestACommitThatAQueryHasPassedIsAskedForAgain(t *testing.T) {
	t.Parallel()
	client, prefix := provisioned(t)
	s := openStore(t, client, prefix)
	at := eventstore.NoStream
	for range 5 {
		c, err := s.Append(t.Context(), eventstore.Write{Stream: stream(t, "1"), Revision: at, Events: events(1, 100)})
		require.NoError(t, err)
		at = c.Revision
	}
	passed := []dynamotable.Item{remove(t, client, prefix, "user-1", 2), remove(t, client, prefix, "user-1", 4)}
	queries := 0
	proxy := dynamotest.NewProxy(t, server.Endpoint(t), func(c dynamotest.Call) dynamotest.Fault {
		if c.Operation != "Query" {
			return dynamotest.None
		}
		if queries++; queries > 1 && len(passed) > 0 { // one more is there
			_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: new(prefix + "-events"), Item: passed[0]})
			assert.NoError(t, err)
			passed = passed[1:]
		}
		return dynamotest.None
	})
	firsts, err := read(t, openStore(t, dynamotest.NewClient(t, proxy.URL), prefix), "1", 0)
	assert.NoError(t, err)
	assert.Equal(t, []eventstore.Version{1, 2, 3, 4, 5}, firsts)
	assert.Equal(t, 3, queries, "once for each")
}

func TestAScanOfADamagedCommitHasNoPlace(t *testing.T) {
	t.Parallel()
	client, prefix := provisioned(t)
	s := openStore(t, client, prefix)
	_, err := s.Append(t.Context(), eventstore.Write{Stream: stream(t, "1"), Events: events(2, 100)})
	require.NoError(t, err)
	item := remove(t, client, prefix, "user-1", 1)
	item["frame"] = dynamotable.B([]byte("nonsense"))
	_, err = client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: new(prefix + "-events"), Item: item})
	require.NoError(t, err)
	n := 0
	for scanned, err := range s.ReadAll(t.Context(), eventstore.Cursor{}) {
		n++
		assert.ErrorIs(t, err, eventstore.ErrCorrupt)
		assert.Equal(t, eventstore.ScannedCommit{}, scanned)
		for _, err := range s.ReadAll(t.Context(), scanned.Cursor) {
			assert.ErrorIs(t, err, eventstore.ErrCorrupt, "it begins again")
		}
		for range s.ReadAll(t.Context(), scanned.Cursor.Past(stream(t, "1"))) {
			t.Error("nothing lies behind it")
		}
	}
	assert.Equal(t, 1, n)
}
