package dynamofeed

import (
	"bytes"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/internal/dynamotable"
)

// The server has one shard, so one of the workers reads it.
func TestThreeWorkersShareATableAndWhenTheOneThatReadsDiesAnotherGoesOn(t *testing.T) {
	t.Parallel()
	tables, category, heard := shared(t), newCategory(), newHeard()
	var dead [3]atomic.Bool
	var workers []*listener
	for i := range dead {
		proxy := dynamotest.NewProxy(t, tables.endpoint, func(dynamotest.Call) dynamotest.Fault {
			if dead[i].Load() {
				return dynamotest.CutBefore
			}
			return dynamotest.None
		})
		opts := quick
		opts.Attempts = 2 // it need not try for long when it is dead
		workers = append(workers, listen(t, tables.at(t, proxy.URL).feed(category, opts), category, heard))
	}
	tables.append(category, 0, 50)
	hear(t, heard, category, 0, 50)
	reads := func() (which []int) {
		for i, w := range workers {
			if !dead[i].Load() && w.feed.Status().Shards == 1 {
				which = append(which, i)
			}
		}
		return which
	}
	first := reads()
	require.Len(t, first, 1)
	dead[first[0]].Store(true)
	workers[first[0]].stop() // it can give nothing back
	tables.append(category, 50, 100)
	began := time.Now()
	hear(t, heard, category, 50, 100)
	assert.Len(t, reads(), 1)
	t.Logf("taken over after %v, with leases of %v", time.Since(began).Round(time.Millisecond), quick.LeaseFor)
	for i, w := range workers {
		if i != first[0] {
			w.stop()
			assert.Zero(t, w.losses.Load())
		}
	}
}

func TestALeaseThatIsGivenBackIsTakenAtOnceAndNothingIsRepeated(t *testing.T) {
	t.Parallel()
	tables, category, heard := shared(t), newCategory(), newHeard()
	opts := quick
	opts.LeaseFor = time.Hour
	first := listen(t, tables.feed(category, opts), category, heard)
	tables.append(category, 0, 20)
	hear(t, heard, category, 0, 20)
	first.stop()
	assert.Equal(t, Status{}, first.feed.Status(), "after the run")
	tables.append(category, 20, 40)
	second := listen(t, tables.feed(category, opts), category, heard)
	got := hear(t, heard, category, 20, 40)
	second.stop()
	assert.Len(t, got, 20)
	assert.Empty(t, heard)
}

// lies is a network on which every 7th write is carried out without an answer, every 5th
// call finds its iterator expired, and one in eight suffers something else.
func lies(seed uint64) dynamotest.Plan {
	expired := func(c dynamotest.Call) dynamotest.Fault {
		if c.N%5 == 0 {
			return dynamotest.Expired
		}
		return dynamotest.None
	}
	return dynamotest.Plans(dynamotest.Every(7, dynamotest.CutAfter), expired, dynamotest.Seeded(seed, 0.12, dynamotest.Throttled, dynamotest.Failed,
		dynamotest.FailedAfter, dynamotest.CutBefore, dynamotest.CutAfter, dynamotest.Slow))
}

func TestNothingIsLostOnANetworkThatLies(t *testing.T) {
	t.Parallel()
	tables, category, heard := shared(t), newCategory(), newHeard()
	const seed = 1
	t.Logf("seed %d", seed)
	proxy := dynamotest.NewProxy(t, tables.endpoint, lies(seed))
	behind := tables.at(t, proxy.URL)
	opts := quick
	opts.LeaseFor = 600 * time.Millisecond
	for i := range 4 {
		worker := listen(t, behind.feed(category, opts), category, heard)
		other := listen(t, behind.feed(category, opts), category, heard)
		tables.append(category, 50*i, 50*i+50)
		hear(t, heard, category, 50*i, 50*i+50)
		for _, w := range []*listener{worker, other} {
			w.stop()
			assert.Zero(t, w.losses.Load())
		}
	}
	for _, fault := range []dynamotest.Fault{dynamotest.Throttled, dynamotest.Failed, dynamotest.CutAfter, dynamotest.Expired} {
		assert.Positive(t, proxy.Count(fault), fault)
	}
}

func TestTrimmedRecordsAreReportedAndTheOthersAnnounced(t *testing.T) {
	t.Parallel()
	tables, heard := shared(t), newHeard()
	for name, faults := range map[string][]dynamotest.Fault{
		"at the next read":                         {dynamotest.Trimmed},
		"after the iterator expired":               {dynamotest.Expired, dynamotest.Trimmed},
		"again, at the oldest record that is left": {dynamotest.Trimmed, dynamotest.Trimmed},
	} {
		t.Run(name, func(t *testing.T) {
			category := newCategory()
			var mu sync.Mutex
			var coming []dynamotest.Fault
			proxy := dynamotest.NewProxy(t, tables.endpoint, func(c dynamotest.Call) dynamotest.Fault {
				mu.Lock()
				defer mu.Unlock()
				if len(coming) == 0 || c.Operation != "GetRecords" && (coming[0] != dynamotest.Trimmed || c.Operation != "GetShardIterator") {
					return dynamotest.None
				}
				fault := coming[0]
				coming = coming[1:]
				return fault
			})
			l := listen(t, tables.at(t, proxy.URL).feed(category, quick), category, heard)
			tables.append(category, 0, 10)
			hear(t, heard, category, 0, 10)
			mu.Lock()
			coming = slices.Clone(faults)
			mu.Unlock()
			losses := 0
			for _, fault := range faults {
				if fault == dynamotest.Trimmed {
					losses++
				}
			}
			eventually(t, func() bool { return l.losses.Load() == int64(losses) }, "reported")
			tables.append(category, 10, 20)
			hear(t, heard, category, 10, 20)
			assert.Equal(t, losses, l.feed.Status().Trimmed)
			l.stop()
		})
	}
}

func TestAStreamThatWasSwitchedOffMeanwhileIsReportedAsTrimmed(t *testing.T) {
	t.Parallel()
	tables, category, heard := provision(t), newCategory(), newHeard()
	tables.append(category, 0, 10)
	l := listen(t, tables.feed(category, quick), category, heard)
	hear(t, heard, category, 0, 10)
	l.stop()

	_, err := tables.client.UpdateTable(t.Context(), &dynamodb.UpdateTableInput{TableName: aws.String(tables.store.Table()),
		StreamSpecification: &types.StreamSpecification{StreamEnabled: aws.Bool(false)}})
	require.NoError(t, err)
	_, err = Open(t.Context(), tables.client, dynamotest.NewStreamsClient(t, tables.endpoint), tables.prefix, category, quick)
	assert.ErrorIs(t, err, dynamostore.ErrForeign)
	assert.ErrorContains(t, err, "it has no DynamoDB Stream")
	assert.Equal(t, "Provision switches it on", eventstore.Hint(err))
	tables.append(category, 10, 20) // nobody will ever announce these

	require.NoError(t, dynamostore.Provision(t.Context(), tables.client, tables.prefix, dynamostore.ProvisionOptions{Unprotected: true}))
	tables.append(category, 20, 30)
	l = listen(t, tables.feed(category, quick), category, heard)
	hear(t, heard, category, 20, 30)
	eventually(t, func() bool { return l.losses.Load() > 0 }, "the sweep is asked for")
	l.stop()
}

func TestARunEndsWhenTheStreamIsSwitchedOff(t *testing.T) {
	t.Parallel()
	tables, category, heard := provision(t), newCategory(), newHeard()
	opts := quick
	opts.LeaseFor, opts.ListEvery = 600*time.Millisecond, 50*time.Millisecond
	l := listen(t, tables.feed(category, opts), category, heard)
	tables.append(category, 0, 1)
	hear(t, heard, category, 0, 1)
	_, err := tables.client.UpdateTable(t.Context(), &dynamodb.UpdateTableInput{TableName: aws.String(tables.store.Table()),
		StreamSpecification: &types.StreamSpecification{StreamEnabled: aws.Bool(false)}})
	require.NoError(t, err)
	select {
	case err := <-l.ended:
		assert.ErrorIs(t, err, dynamostore.ErrForeign)
	case <-time.After(patience):
		require.Fail(t, "it goes on, and announces nothing")
	}
}

// incompressible returns JSON of so many bytes that no packing makes smaller.
func incompressible(n int) []byte {
	random := rand.New(rand.NewPCG(1, 0))
	text := make([]byte, n)
	for i := range text {
		text[i] = byte('#' + random.IntN(57))
	}
	text[0], text[n-1] = '"', '"'
	return text
}

func TestALargeCommitIsAnnouncedOnceWithoutContentAndWhatLiesBesideItIsPassedOver(t *testing.T) {
	t.Parallel()
	tables, category, heard := shared(t), newCategory(), newHeard()
	opts := quick
	var logged bytes.Buffer
	opts.Logger = slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelError}))
	l := listen(t, tables.feed(category, opts), category, heard)
	c, err := tables.store.Append(t.Context(), eventstore.Write{Stream: streamOf(t, category, 0), Events: []eventstore.Event{
		{Type: "A", Schema: 1, Payload: incompressible(500_000)}, {Type: "B", Schema: 1, Payload: incompressible(500_000)}}})
	require.NoError(t, err)
	table := tables.store.Table()
	for _, key := range []dynamotable.Item{
		{"PK": dynamotable.S("!claim|email|a@b"), "SK": dynamotable.N(0)},
		{"PK": dynamotable.S(c.Stream.String()), "SK": dynamotable.N(-1)},
	} {
		for _, value := range []string{"inserted", "changed"} {
			item := dynamotable.Item{"PK": key["PK"], "SK": key["SK"], "x": dynamotable.S(value)}
			_, err := tables.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: item})
			require.NoError(t, err)
		}
		_, err := tables.client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &table, Key: key})
		require.NoError(t, err)
	}
	tables.append(category, 1, 2)
	got := hear(t, heard, category, 0, 2)
	l.stop()
	assert.Equal(t, eventstore.Announcement{Stream: c.Stream, First: 1, Last: 2, Time: c.Time}, got[c.Stream])
	assert.Empty(t, heard)
	assert.Zero(t, l.feed.Status().Corrupt)
	assert.Empty(t, logged.String())
}

func TestACommitThatIsChangedOrRemovedIsReportedAndNeverAnnounced(t *testing.T) {
	t.Parallel()
	tables, category, heard := provision(t), newCategory(), newHeard()
	opts := quick
	var logged bytes.Buffer // the feed's, until it has stopped
	opts.Logger = slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelError}))
	l := listen(t, tables.feed(category, opts), category, heard)
	c := tables.append(category, 0, 1)[0]
	hear(t, heard, category, 0, 1)
	table := tables.store.Table()
	key := dynamotable.Item{"PK": dynamotable.S(c.Stream.String()), "SK": dynamotable.N(1)}
	_, err := tables.client.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{TableName: &table, Key: key, UpdateExpression: aws.String("SET x = :x"),
		ExpressionAttributeValues: dynamotable.Item{":x": dynamotable.S("forged")}})
	require.NoError(t, err)
	_, err = tables.client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &table, Key: key})
	require.NoError(t, err)
	_, err = tables.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table,
		Item: dynamotable.Item{"PK": dynamotable.S("of somebody else"), "SK": dynamotable.N(1)}})
	require.NoError(t, err)
	tables.append(category, 1, 2)
	hear(t, heard, category, 1, 2)
	l.stop()
	assert.Equal(t, 3, l.feed.Status().Corrupt)
	assert.Empty(t, heard)
	for _, text := range []string{c.Stream.String() + "@1: store is corrupt: its commit was changed", "its commit was removed", "the key of an item"} {
		assert.Contains(t, logged.String(), text)
	}
}

// What docs/operations.md says of a commit that was changed or removed: its item is put
// back as it was.
func TestACommitThatIsPutBackIsWholeAgain(t *testing.T) {
	t.Parallel()
	tables, category, heard := provision(t), newCategory(), newHeard()
	l := listen(t, tables.feed(category, quick), category, heard)
	c := tables.append(category, 0, 1)[0]
	hear(t, heard, category, 0, 1)
	table := tables.store.Table()
	key := dynamotable.Item{"PK": dynamotable.S(c.Stream.String()), "SK": dynamotable.N(1)}
	kept, err := tables.client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &table, Key: key, ConsistentRead: aws.Bool(true)})
	require.NoError(t, err)
	corrupt := func(n int) {
		t.Helper()
		eventually(t, func() bool { return l.feed.Status().Corrupt == n }, "told")
	}
	whole := func() {
		t.Helper()
		for read, err := range tables.store.Read(t.Context(), c.Stream, 0) {
			require.NoError(t, err)
			require.Equal(t, c.Events, read.Events)
			return
		}
		require.Fail(t, "there is nothing")
	}

	_, err = tables.client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &table, Key: key})
	require.NoError(t, err)
	corrupt(1)
	_, err = tables.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: kept.Item, ConditionExpression: aws.String("attribute_not_exists(PK)")})
	require.NoError(t, err)
	hear(t, heard, category, 0, 1)
	whole()

	_, err = tables.client.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{TableName: &table, Key: key, UpdateExpression: aws.String("SET events = :x"),
		ExpressionAttributeValues: dynamotable.Item{":x": dynamotable.S("[]")}})
	require.NoError(t, err)
	corrupt(2)
	_, err = tables.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: kept.Item})
	require.NoError(t, err)
	corrupt(3)
	whole()
	l.stop()
	assert.Empty(t, heard)
}
