package dynamotable_test

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/internal/dynamotable"
)

// nobody listens there.
const nobody = "http://127.0.0.1:1"

// put sends a PutItem into a network that does nothing but fail, in this order.
func put(t *testing.T, ctx context.Context, faults ...dynamotest.Fault) (calls int, err error) {
	t.Helper()
	proxy := dynamotest.NewProxy(t, nobody, func(c dynamotest.Call) dynamotest.Fault { return faults[min(c.N, len(faults))-1] })
	client := dynamotest.NewClient(t, proxy.URL)
	_, err = dynamotable.Send(ctx, len(faults), "PutItem", client.PutItem, &dynamodb.PutItemInput{TableName: new("t"), Item: dynamotable.Item{"PK": dynamotable.S("x")}})
	return proxy.Calls(), err
}

func TestARequestIsSentAsOftenAsAllowed(t *testing.T) {
	t.Parallel()
	for _, fault := range []dynamotest.Fault{dynamotest.Throttled, dynamotest.Conflicted, dynamotest.Failed, dynamotest.CutBefore} {
		calls, err := put(t, t.Context(), fault, fault, fault)
		require.Error(t, err, fault)
		assert.Equal(t, 3, calls, fault)
	}
}

func TestAnErrorKnowsWhetherOneOfTheAttemptsMayHaveBeenCarriedOut(t *testing.T) {
	t.Parallel()
	const throttled, conflicted, failed, cut = dynamotest.Throttled, dynamotest.Conflicted, dynamotest.Failed, dynamotest.CutBefore
	for _, test := range []struct {
		faults  []dynamotest.Fault
		unknown bool
	}{
		{[]dynamotest.Fault{throttled}, false},
		{[]dynamotest.Fault{throttled, conflicted, throttled}, false},
		{[]dynamotest.Fault{cut}, true},
		{[]dynamotest.Fault{failed}, true},
		{[]dynamotest.Fault{cut, throttled, throttled}, true},
		{[]dynamotest.Fault{throttled, failed, conflicted}, true},
	} {
		_, err := put(t, t.Context(), test.faults...)
		var e *dynamotable.Error
		require.ErrorAs(t, err, &e, test.faults)
		assert.Equal(t, test.unknown, e.Unknown, test.faults)
		assert.Equal(t, "PutItem", e.Operation)
	}
}

func TestWithoutAConnectionNothingWasCarriedOut(t *testing.T) {
	t.Parallel()
	client := dynamotest.NewClient(t, nobody)
	_, err := dynamotable.Send(t.Context(), 2, "PutItem", client.PutItem, &dynamodb.PutItemInput{TableName: new("t"), Item: dynamotable.Item{"PK": dynamotable.S("x")}})
	var e *dynamotable.Error
	require.ErrorAs(t, err, &e)
	assert.False(t, e.Unknown)
}

func TestTheEndOfAContextIsItsCauseUnlessTheRequestMayHaveBeenCarriedOut(t *testing.T) {
	t.Parallel()
	errGone := errors.New("the caller has gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errGone)
	_, err := put(t, ctx, dynamotest.Throttled)
	assert.Equal(t, errGone, err, "before it was sent")

	ctx, cancel = context.WithCancelCause(t.Context())
	proxy := dynamotest.NewProxy(t, nobody, func(c dynamotest.Call) dynamotest.Fault {
		if c.N == 2 {
			cancel(errGone)
		}
		return dynamotest.CutBefore
	})
	client := dynamotest.NewClient(t, proxy.URL)
	_, err = dynamotable.Send(ctx, 9, "PutItem", client.PutItem, &dynamodb.PutItemInput{TableName: new("t"), Item: dynamotable.Item{"PK": dynamotable.S("x")}})
	var e *dynamotable.Error
	require.ErrorAs(t, err, &e)
	assert.True(t, e.Unknown)
	assert.ErrorIs(t, err, errGone)
}

func TestErrorsHaveAClassAndAHint(t *testing.T) {
	t.Parallel()
	_, err := put(t, t.Context(), dynamotest.Throttled)
	assert.ErrorIs(t, err, dynamotable.ErrThrottled)
	assert.Contains(t, eventstore.Hint(err), "capacity")
}

func TestATransactionThatOthersAreInTheWayOfIsSentAgain(t *testing.T) {
	t.Parallel()
	proxy := dynamotest.NewProxy(t, nobody, func(dynamotest.Call) dynamotest.Fault { return dynamotest.Conflicted })
	client := dynamotest.NewClient(t, proxy.URL)
	item := types.TransactWriteItem{Put: &types.Put{TableName: new("t"), Item: dynamotable.Item{"PK": dynamotable.S("x")}}}
	err := dynamotable.Transact(t.Context(), 4, client, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{item, item}})
	var canceled *types.TransactionCanceledException
	require.ErrorAs(t, err, &canceled)
	assert.Equal(t, 4, proxy.Calls())
	var e *dynamotable.Error
	require.ErrorAs(t, err, &e)
	assert.False(t, e.Unknown)
}
