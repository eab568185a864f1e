package dynamotable_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamometer"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/internal/dynamotable"
)

// canceled is the answer to a transaction of two items, of which only the second one had a
// reason against it.
func canceled(reason string) (int, string) {
	return http.StatusBadRequest, `{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","Message":"Transaction cancelled [None, ` + reason + `]",` +
		`"CancellationReasons":[{"Code":"None"},{"Code":"` + reason + `","Message":"m"}]}`
}

func transaction() *dynamodb.TransactWriteItemsInput {
	item := types.TransactWriteItem{Put: &types.Put{TableName: new("t"), Item: dynamotable.Item{"PK": dynamotable.S("x")}}}
	return &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{item, item}}
}

// tokens returns those of the transactions that a server was sent, in order.
func (a *answers) tokens(t *testing.T) (tokens []string) {
	for _, body := range a.asked("TransactWriteItems") {
		var in struct{ ClientRequestToken string }
		require.NoError(t, json.Unmarshal([]byte(body), &in))
		tokens = append(tokens, in.ClientRequestToken)
	}
	return tokens
}

func TestATransactionThatOthersAreInTheWayOfIsSentAgain(t *testing.T) {
	t.Parallel()
	proxy := dynamotest.NewProxy(t, nobody, func(dynamotest.Call) dynamotest.Fault { return dynamotest.Conflicted })
	err := dynamotable.Transact(t.Context(), 4, dynamotest.NewClient(t, proxy.URL), transaction())
	var canceled *types.TransactionCanceledException
	require.ErrorAs(t, err, &canceled)
	assert.Equal(t, 4, proxy.Calls())
	var e *dynamotable.Error
	require.ErrorAs(t, err, &e)
	assert.False(t, e.Unknown)
}

// half is the answer to a transaction of two items, of which the first one's condition has
// failed.
func half(reason string) (int, string) {
	status, body := canceled(reason)
	return status, strings.Replace(body, `{"Code":"None"}`, `{"Code":"ConditionalCheckFailed","Message":"m"}`, 1)
}

func TestATransactionThatIsToldByHalfIsSentAgainForWhoHasToKnow(t *testing.T) {
	t.Parallel()
	for reason, requests := range map[string]int{"TransactionConflict": 3, "ThrottlingError": 3, "ConditionalCheckFailed": 1, "None": 1, "ValidationError": 1} {
		answer := func(_ string, n int) (int, string) {
			if n < 3 {
				return half(reason)
			}
			return half("ConditionalCheckFailed")
		}
		a := newAnswers(t, answer)
		var known *types.TransactionCanceledException
		require.ErrorAs(t, dynamotable.TransactToTheEnd(t.Context(), 5, dynamotest.NewClient(t, a.URL), transaction()), &known, reason)
		assert.Len(t, a.asked("TransactWriteItems"), requests, reason)
		a = newAnswers(t, answer)
		require.ErrorAs(t, dynamotable.Transact(t.Context(), 5, dynamotest.NewClient(t, a.URL), transaction()), &known, reason)
		assert.Len(t, a.asked("TransactWriteItems"), 1, reason)
	}
}

func TestWhatATransactionIsToldByHalfIsNotForgottenWhenItsContextEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	a := newAnswers(t, func(string, int) (int, string) { return half("TransactionConflict") })
	err := dynamotable.TransactToTheEnd(ctx, 5, dynamotest.NewClient(t, a.URL, ending(cancel)), transaction())
	var known *types.TransactionCanceledException
	require.ErrorAs(t, err, &known)
	assert.Len(t, a.asked("TransactWriteItems"), 1)
}

func TestATransactionIsNotSentMoreOftenThanAllowedWhateverIsInItsWay(t *testing.T) {
	t.Parallel()
	proxy := dynamotest.NewProxy(t, nobody, func(c dynamotest.Call) dynamotest.Fault {
		if c.N%3 == 0 {
			return dynamotest.Conflicted
		}
		return dynamotest.Throttled
	})
	require.Error(t, dynamotable.Transact(t.Context(), 5, dynamotest.NewClient(t, proxy.URL), transaction()))
	assert.Equal(t, 5, proxy.Calls())
}

func TestATransactionHasATokenOfItsOwnUntilOneMayHaveBeenCarriedOut(t *testing.T) {
	t.Parallel()
	in := transaction()
	a := newAnswers(t, func(_ string, n int) (int, string) {
		if n == 3 {
			return http.StatusInternalServerError, `{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"m"}`
		}
		return canceled("TransactionConflict")
	})
	err := dynamotable.Transact(t.Context(), 6, dynamotest.NewClient(t, a.URL), in)
	var e *dynamotable.Error
	require.ErrorAs(t, err, &e)
	assert.True(t, e.Unknown)
	tokens := a.tokens(t)
	require.Len(t, tokens, 6)
	assert.Len(t, slices.Compact(slices.Sorted(slices.Values(tokens))), 3, tokens)
	assert.Equal(t, slices.Repeat(tokens[2:3], 4), tokens[2:], "it may have been carried out under that one")
	assert.NotContains(t, tokens, "")
	assert.Nil(t, in.ClientRequestToken, "what is the caller's is not changed")
}

func TestATransactionThatOnlyCapacityCanceledIsAThrottle(t *testing.T) {
	t.Parallel()
	for reason, throttled := range map[string]bool{"ThrottlingError": true, "ProvisionedThroughputExceeded": true, "TransactionConflict": false, "ConditionalCheckFailed": false, "ValidationError": false} {
		a := newAnswers(t, func(string, int) (int, string) { return canceled(reason) })
		var meter dynamometer.Meter
		err := dynamotable.Transact(t.Context(), 2, dynamotest.NewClient(t, a.URL, meter.Attach), transaction())
		assert.Equal(t, throttled, errors.Is(err, dynamotable.ErrThrottled), reason)
		assert.Equal(t, throttled, meter.Total().Throttles == 2, reason)
		if throttled {
			assert.Contains(t, eventstore.Hint(err), "capacity")
		}
	}
}

// ending ends a context when a request has its answer.
func ending(end func()) func(*dynamodb.Options) {
	return func(o *dynamodb.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("End", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				defer end()
				return next.HandleInitialize(ctx, in)
			}), middleware.Before)
		})
	}
}

func TestAContextThatEndsBetweenTransactionsIsItsCauseUnlessOneMayHaveBeenCarriedOut(t *testing.T) {
	t.Parallel()
	errGone := errors.New("the caller has gone")
	for _, first := range []dynamotest.Fault{dynamotest.Conflicted, dynamotest.Failed} {
		ctx, cancel := context.WithCancelCause(t.Context())
		proxy := dynamotest.NewProxy(t, nobody, func(c dynamotest.Call) dynamotest.Fault {
			if c.N == 1 {
				return first
			}
			return dynamotest.Conflicted
		})
		err := dynamotable.Transact(ctx, 9, dynamotest.NewClient(t, proxy.URL, ending(func() { cancel(errGone) })), transaction())
		if first == dynamotest.Conflicted {
			assert.Equal(t, errGone, err)
			continue
		}
		var e *dynamotable.Error
		require.ErrorAs(t, err, &e)
		assert.True(t, e.Unknown)
		assert.ErrorIs(t, err, errGone)
	}
}
