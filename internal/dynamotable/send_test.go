package dynamotable_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
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

// The SDK then counts the attempts from 0.
func TestARequestIsSentAgainInTheSDKsModeOf2026(t *testing.T) {
	t.Setenv("AWS_NEW_RETRIES_2026", "true")
	calls, err := put(t, t.Context(), dynamotest.Throttled, dynamotest.Failed, dynamotest.CutBefore)
	require.Error(t, err)
	assert.Equal(t, 3, calls)
}

func TestAnAnswerThatBreaksOffIsAskedForAgain(t *testing.T) {
	t.Parallel()
	s := aSpec()
	require.NoError(t, dynamotable.Provision(t.Context(), dynamotest.NewClient(t, server.Endpoint(t)), s))
	item := dynamotable.Item{"PK": dynamotable.S("x"), "SK": dynamotable.S("y"), "large": dynamotable.S(strings.Repeat("z", 300_000))}
	var breaks atomic.Int32 // of the next answers
	proxy := dynamotest.NewProxy(t, server.Endpoint(t), func(dynamotest.Call) dynamotest.Fault {
		if breaks.Add(-1) >= 0 {
			return dynamotest.CutInside
		}
		return dynamotest.None
	})
	client := dynamotest.NewClient(t, proxy.URL)
	for _, n := range []int32{1, 2} { // of 3 allowed
		breaks.Store(n)
		_, err := dynamotable.Send(t.Context(), 3, "PutItem", client.PutItem, &dynamodb.PutItemInput{TableName: &s.Name, Item: item})
		require.NoError(t, err)
		breaks.Store(n)
		out, err := dynamotable.Send(t.Context(), 3, "GetItem", client.GetItem,
			&dynamodb.GetItemInput{TableName: &s.Name, Key: dynamotable.Item{"PK": item["PK"], "SK": item["SK"]}, ConsistentRead: new(true)})
		require.NoError(t, err)
		assert.Equal(t, item, out.Item)
		// A refusal breaks off as well. What it says, the item with it, comes with the next.
		breaks.Store(n)
		_, err = dynamotable.Send(t.Context(), 3, "PutItem", client.PutItem, &dynamodb.PutItemInput{TableName: &s.Name, Item: item,
			ConditionExpression: new("attribute_not_exists(PK)"), ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld})
		var failed *types.ConditionalCheckFailedException
		require.ErrorAs(t, err, &failed)
		assert.Equal(t, item, failed.Item)
	}
	assert.Equal(t, 9, proxy.Count(dynamotest.CutInside))
}

func TestAnAnswerThatIsNoneIsAskedForAgain(t *testing.T) {
	t.Parallel()
	a := newAnswers(t, func(_ string, n int) (int, string) {
		if n == 1 {
			return http.StatusOK, "<html>"
		}
		return http.StatusOK, "{}"
	})
	client := dynamotest.NewClient(t, a.URL)
	_, err := dynamotable.Send(t.Context(), 2, "PutItem", client.PutItem, &dynamodb.PutItemInput{TableName: new("t"), Item: dynamotable.Item{"PK": dynamotable.S("x")}})
	require.NoError(t, err)
	assert.Len(t, a.asked("PutItem"), 2)
}
