package dynamofeed

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/internal/dynamotable"
)

func (s *tables) leases(consumer string) *dynamoLeases {
	return &dynamoLeases{client: s.client, table: tableName(s.prefix), consumer: consumer, attempts: 3}
}

// keepsLeases holds a table of leases to the contract of leaseTable, so that the
// simulated one does what DynamoDB's does.
func keepsLeases(t *testing.T, table leaseTable) {
	ctx := t.Context()
	first := lease{shard: "shard00", parent: "p", place: "at 1", nonce: "1"}
	require.NoError(t, table.create(ctx, first))
	require.NoError(t, table.create(ctx, lease{shard: "shard00", place: lost, nonce: "x"}), "one that is there stays")
	require.NoError(t, table.create(ctx, lease{shard: "shard01", place: lost, ready: true, nonce: "9"}))
	all, err := table.list(ctx)
	require.NoError(t, err)
	assert.Equal(t, []lease{first, {shard: "shard01", place: lost, ready: true, nonce: "9"}}, all)

	taken := first
	taken.owner, taken.ready, taken.nonce = "me", true, "2"
	current, ok, err := table.write(ctx, taken, "1")
	require.NoError(t, err)
	assert.True(t, ok)
	assert.Equal(t, taken, current)

	late := first
	late.nonce, late.owner = "3", "other"
	current, ok, err = table.write(ctx, late, "1")
	require.NoError(t, err)
	assert.False(t, ok, "somebody was quicker")
	assert.Equal(t, taken, current)

	current, ok, err = table.write(ctx, taken, "1")
	require.NoError(t, err)
	assert.True(t, ok, "its own write, whose answer got lost")
	assert.Equal(t, taken, current)

	moved := taken
	moved.place, moved.nonce = "after 7", "4"
	_, ok, err = table.write(ctx, moved, "2")
	require.NoError(t, err)
	assert.True(t, ok)
	require.NoError(t, table.remove(ctx, taken), "it has changed, and stays")
	all, err = table.list(ctx)
	require.NoError(t, err)
	assert.Equal(t, moved, all[0])
	require.NoError(t, table.remove(ctx, moved))
	require.NoError(t, table.remove(ctx, moved), "again")
	current, ok, err = table.write(ctx, taken, "4")
	require.NoError(t, err)
	assert.False(t, ok, "there is none")
	assert.Equal(t, lease{}, current)
}

func TestLeasesInDynamoDBKeepTheContract(t *testing.T) {
	t.Parallel()
	keepsLeases(t, shared(t).leases(newCategory()))
}

func TestSimulatedLeasesKeepTheContract(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(0)
		w.healthy = true
		keepsLeases(t, &network{world: w, worker: "me"})
	})
}

func TestALeaseComesBackAsItWasWritten(t *testing.T) {
	t.Parallel()
	leases := dynamoLeases{consumer: "c"}
	for _, l := range []lease{
		{shard: "a", place: "at 1", nonce: "n"},
		{shard: "a", parent: "p", place: "after 49590726760756425157998356762744788985497854313259597826", ended: true, ready: true, owner: "o", nonce: "n"},
		{shard: "a", place: lost, nonce: "n"}, {shard: "a", place: end, nonce: "n"},
	} {
		again, err := leaseOf(leases.itemOf(l))
		require.NoError(t, err)
		assert.Equal(t, l, again)
		assert.Less(t, dynamotable.SizeOf(leases.itemOf(l)), 1024, "one unit")
	}
	for _, p := range []place{"horizon", "", "latest"} {
		_, err := leaseOf(leases.itemOf(lease{shard: "a", place: p, nonce: "n"}))
		assert.ErrorIs(t, err, eventstore.ErrCorrupt, p)
	}
	_, err := leaseOf(dynamotable.Item{"SK": dynamotable.S("a")})
	assert.ErrorIs(t, err, eventstore.ErrCorrupt)
}

func TestTheLeasesOfAConsumerAreListedPageByPage(t *testing.T) {
	t.Parallel()
	tables := shared(t)
	mine, other := tables.leases(newCategory()), tables.leases(newCategory())
	const n = 40
	long := make([]byte, 30_000)
	for i := range long {
		long[i] = 'x'
	}
	for i := range n {
		require.NoError(t, mine.create(t.Context(), lease{shard: fmt.Sprintf("%03d", i), parent: string(long), place: "at 1", nonce: "n"}))
	}
	require.NoError(t, other.create(t.Context(), lease{shard: "x", place: "at 1", nonce: "n"}))
	all, err := mine.list(t.Context())
	require.NoError(t, err)
	assert.Len(t, all, n)
}

func TestAWriteWhoseAnswerIsLostIsRecognised(t *testing.T) {
	t.Parallel()
	tables := shared(t)
	var cut atomic.Bool
	proxy := dynamotest.NewProxy(t, tables.endpoint, func(c dynamotest.Call) dynamotest.Fault {
		if c.Writes > 0 && cut.CompareAndSwap(true, false) {
			return dynamotest.CutAfter
		}
		return dynamotest.None
	})
	leases := tables.at(t, proxy.URL).leases(newCategory())
	require.NoError(t, leases.create(t.Context(), lease{shard: "a", place: "at 1", nonce: "1"}))
	cut.Store(true)
	_, ok, err := leases.write(t.Context(), lease{shard: "a", place: "after 1", owner: "me", nonce: "2"}, "1")
	require.NoError(t, err)
	assert.True(t, ok)
	assert.Equal(t, 1, proxy.Count(dynamotest.CutAfter))
}

func TestOpenSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	endpoint := server.Endpoint(t)
	client, streams := dynamotest.NewClient(t, endpoint), dynamotest.NewStreamsClient(t, endpoint)
	prefix := newCategory()
	open := func() error {
		_, err := Open(t.Context(), client, streams, prefix, "worker", Options{})
		return err
	}
	err := open()
	assert.ErrorIs(t, err, dynamostore.ErrMissing)
	assert.ErrorContains(t, err, "dynamofeed: ")
	require.NoError(t, dynamostore.Provision(t.Context(), client, prefix, dynamostore.ProvisionOptions{NoStream: true, Unprotected: true}))
	err = open()
	assert.ErrorIs(t, err, dynamostore.ErrForeign)
	assert.ErrorContains(t, err, "it has no DynamoDB Stream")
	require.NoError(t, dynamostore.Provision(t.Context(), client, prefix, dynamostore.ProvisionOptions{Unprotected: true}))
	err = open()
	assert.ErrorIs(t, err, dynamostore.ErrMissing)
	assert.ErrorContains(t, err, prefix+"-leases")
	require.NoError(t, Provision(t.Context(), client, prefix, ProvisionOptions{}))
	require.NoError(t, Provision(t.Context(), client, prefix, ProvisionOptions{}), "again")
	require.NoError(t, open())
	out, err := client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: new(prefix + "-leases")})
	require.NoError(t, err)
	assert.True(t, *out.Table.DeletionProtectionEnabled)

	for _, name := range []string{"", string(make([]byte, mostConsumerBytes+1))} {
		_, err := Open(t.Context(), client, streams, prefix, name, Options{})
		assert.ErrorIs(t, err, eventstore.ErrInvalid)
	}
	assert.ErrorIs(t, Provision(t.Context(), client, "a b", ProvisionOptions{}), eventstore.ErrInvalid)
}
