package dynamotest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/internal/dynamotable"
)

func TestWithoutAFaultARequestAndItsAnswerAreUnchanged(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, always(None))
	require.NoError(t, n.put("a"))
	assert.Equal(t, []string{"a"}, n.stored())
	_, err := n.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &n.table, Item: key("a"), ConditionExpression: new("attribute_not_exists(PK)"),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld})
	failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err)
	require.True(t, ok, err)
	assert.Equal(t, key("a"), failed.Item)
}

// refused sends each kind of request, and expects the same code for all, and no effect.
func refused(t *testing.T, fault Fault, code string) {
	n := newNetwork(t, always(fault))
	_, ofBatch := n.batchPut("a", "b")
	_, _, ofGet := n.batchGet("a", "b")
	_, ofQuery := n.query(n.client)
	for i, err := range []error{n.put("a"), n.transact("a", "b"), ofBatch, ofGet, ofQuery} {
		require.Error(t, err, i)
		assert.Equal(t, code, codeOf(err), err)
	}
	assert.Empty(t, n.stored())
	assert.Equal(t, 5, n.proxy.Count(fault))
}

func TestAThrottledRequestIsRefusedAndNotCarriedOut(t *testing.T) {
	t.Parallel()
	refused(t, Throttled, "ProvisionedThroughputExceededException")
}

func TestAFailedRequestIsAnsweredWithAFaultAndNotCarriedOut(t *testing.T) {
	t.Parallel()
	refused(t, Failed, "InternalServerError")
}

func TestARequestThatIsCutBeforeHasNoAnswerAndIsNotCarriedOut(t *testing.T) {
	t.Parallel()
	refused(t, CutBefore, "")
}

// doubtful sends each kind of write, and expects the same code for all, and their effects.
func doubtful(t *testing.T, fault Fault, code string) {
	n := newNetwork(t, always(fault))
	_, ofBatch := n.batchPut("d", "e")
	for i, err := range []error{n.put("a"), n.transact("b", "c"), ofBatch} {
		require.Error(t, err, i)
		assert.Equal(t, code, codeOf(err), err)
	}
	assert.Equal(t, []string{"a", "b", "c", "d", "e"}, n.stored())
	assert.Equal(t, 3, n.proxy.Count(fault))
}

func TestARequestThatFailsAfterwardsIsAnsweredWithAFaultAndCarriedOut(t *testing.T) {
	t.Parallel()
	doubtful(t, FailedAfter, "InternalServerError")
}

func TestARequestThatIsCutAfterwardsHasNoAnswerAndIsCarriedOut(t *testing.T) {
	t.Parallel()
	doubtful(t, CutAfter, "")
}

func TestAWriteThatMeetsATransactionIsRefusedAndNotCarriedOut(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, always(Conflicted))
	assert.Equal(t, "TransactionConflictException", codeOf(n.put("a")))
	canceled, ok := errors.AsType[*types.TransactionCanceledException](n.transact("a", "b"))
	require.True(t, ok)
	require.Len(t, canceled.CancellationReasons, 2)
	assert.Equal(t, "None", aws.ToString(canceled.CancellationReasons[0].Code))
	assert.Equal(t, "TransactionConflict", aws.ToString(canceled.CancellationReasons[1].Code))
	assert.Empty(t, n.stored())

	left, err := n.batchPut("c", "d")
	assert.NoError(t, err, "a batch meets no transaction")
	assert.Empty(t, left)
	found, err := n.query(n.client)
	assert.NoError(t, err, "nor does a read")
	assert.Equal(t, []string{"c", "d"}, found)
	assert.Equal(t, 2, n.proxy.Count(Conflicted), "what did not happen is not counted")
}

func TestAPartialBatchIsHalfCarriedOutAndNamesTheRest(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, always(Partial))
	left, err := n.batchPut("a", "b", "c", "d", "e")
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "b", "c"}, n.stored())
	require.Len(t, left, 2)
	assert.Equal(t, []string{"d", "e"}, names([]dynamotable.Item{left[0].PutRequest.Item, left[1].PutRequest.Item}))

	found, keys, err := n.batchGet("a", "b", "c")
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{"a", "b"}, names(found))
	assert.Equal(t, []dynamotable.Item{key("c")}, keys)

	left, err = n.batchPut("d")
	require.NoError(t, err)
	assert.Empty(t, left, "one element has no half")
	require.NoError(t, n.put("e"), "nor has another request")
	assert.Equal(t, []string{"a", "b", "c", "d", "e"}, n.stored())
	assert.Equal(t, 2, n.proxy.Count(Partial))
}

func TestASlowRequestIsCarriedOutAfterTheDelayUnlessItsClientHasGone(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, always(Slow))
	begun := time.Now()
	require.NoError(t, n.put("a"))
	assert.GreaterOrEqual(t, time.Since(begun), n.proxy.Delay)
	assert.Equal(t, []string{"a"}, n.stored())

	gone := newNetwork(t, always(Slow))
	gone.proxy.Delay = time.Hour
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := gone.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &gone.table, Item: key("a")})
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Empty(t, gone.stored())
}

func TestReadsBesideAHalfVisibleTransactionMissEverySecondOfItsItems(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, always(HalfVisible))
	n.proxy.Delay = time.Hour // until its client goes
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	put := func(sk string) types.TransactWriteItem {
		return types.TransactWriteItem{Put: &types.Put{TableName: &n.table, Item: key(sk)}}
	}
	answered := make(chan error, 1)
	go func() {
		_, err := n.client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{put("a"), put("b"), put("c"), put("d")}})
		answered <- err
	}()
	for len(n.stored()) == 0 {
		require.Empty(t, answered)
	}
	assert.Equal(t, []string{"a", "b", "c", "d"}, n.stored(), "the server shows all")
	found, err := n.query(n.client)
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "c"}, found)
	scan, err := n.client.Scan(t.Context(), &dynamodb.ScanInput{TableName: &n.table, ConsistentRead: new(true)})
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "c"}, names(scan.Items))
	assert.Equal(t, int32(2), scan.Count)
	items, left, err := n.batchGet("a", "b", "c", "d")
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{"a", "c"}, names(items))
	assert.Empty(t, left, "they are taken for absent")
	one, err := n.client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &n.table, Key: key("b"), ConsistentRead: new(true)})
	require.NoError(t, err)
	assert.Equal(t, key("b"), one.Item, "a read of one item sees it")

	cancel()
	assert.ErrorIs(t, <-answered, context.Canceled)
	assert.Eventually(t, func() bool {
		found, err := n.query(n.client)
		return err == nil && len(found) == 4
	}, 10*time.Second, time.Millisecond, "afterwards all is there")
	assert.Equal(t, 1, n.proxy.Count(HalfVisible))
}
