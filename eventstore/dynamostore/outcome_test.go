package dynamostore_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/middleware"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/internal/dynamotable"
)

// The store tries once, so each fault is the answer: to a commit of one item, and to one
// of several in a transaction.
func TestWhatNobodyCanKnowIsAnUnknownOutcomeAndARefusalIsNone(t *testing.T) {
	t.Parallel()
	client, prefix := provisioned(t)
	honest := openStore(t, client, prefix)
	for _, test := range []struct {
		fault           dynamotest.Fault
		unknown, stored bool
	}{
		{dynamotest.Throttled, false, false},
		{dynamotest.Conflicted, false, false},
		{dynamotest.Failed, true, false},
		{dynamotest.FailedAfter, true, true},
		{dynamotest.CutBefore, true, false},
		{dynamotest.CutAfter, true, true},
	} {
		for size, events := range map[string][]eventstore.Event{"small": events(1, 100), "large": {noise(600_000)}} {
			t.Run(size+" "+test.fault.String(), func(t *testing.T) {
				t.Parallel()
				proxy := dynamotest.NewProxy(t, server.Endpoint(t), dynamotest.Every(1, test.fault))
				s, err := dynamostore.Open(t.Context(), dynamotest.NewClient(t, proxy.URL), prefix, dynamostore.Options{Attempts: 1})
				require.NoError(t, err)
				id := fmt.Sprintf("%s-%d", size, test.fault)
				_, err = s.Append(t.Context(), eventstore.Write{Stream: stream(t, id), Events: events})
				require.Error(t, err)
				require.Equal(t, 1, proxy.Count(test.fault))
				assert.Equal(t, test.stored, len(readAll(t, honest, id)) == 1)
				unknown, ok := errors.AsType[*eventstore.OutcomeUnknownError](err)
				require.Equal(t, test.unknown, ok, err)
				if !ok {
					return
				}
				c, err := honest.Append(t.Context(), unknown.Write)
				require.NoError(t, err)
				assert.True(t, assert.ObjectsAreEqual([]eventstore.Commit{c}, readAll(t, honest, id)), "it is there once")
			})
		}
	}
}

func TestTheSlotOfADamagedCommitIsKnownByItsID(t *testing.T) {
	t.Parallel()
	client, prefix := provisioned(t)
	s := openStore(t, client, prefix)
	_, err := s.Append(t.Context(), eventstore.Write{Stream: stream(t, "1"), ID: "first", Events: events(1, 100)})
	require.NoError(t, err)
	item := remove(t, client, prefix, "user-1", 1)
	item["frame"] = dynamotable.B([]byte("nonsense"))
	put := func() {
		_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: new(prefix + "-events"), Item: item})
		require.NoError(t, err)
	}
	put()
	_, err = s.Append(t.Context(), eventstore.Write{Stream: stream(t, "1"), ID: "second", Events: events(1, 100)})
	assert.EqualError(t, err, `append to "user-1": user-1@1: store is corrupt: the frame is of no known format`)
	assert.NotErrorIs(t, err, eventstore.ErrOutcomeUnknown)
	_, err = s.Append(t.Context(), eventstore.Write{Stream: stream(t, "1"), ID: "first", Events: events(1, 100)})
	assert.ErrorIs(t, err, eventstore.ErrOutcomeUnknown, "it may have the same content")
	delete(item, "id")
	put()
	_, err = s.Append(t.Context(), eventstore.Write{Stream: stream(t, "1"), ID: "second", Events: events(1, 100)})
	assert.ErrorIs(t, err, eventstore.ErrOutcomeUnknown, "it may be this one")
}

// A context that ends when the answer is there can not make it unknown.
func TestAnAnswerThatIsThereWhenItsContextEndsCounts(t *testing.T) {
	t.Parallel()
	client, prefix := provisioned(t)
	small := eventstore.Write{Stream: stream(t, "small"), ID: "first", Events: events(1, 100)}
	large := eventstore.Write{Stream: stream(t, "large"), ID: "first", Events: []eventstore.Event{noise(600_000)}}
	honest := openStore(t, client, prefix)
	stored := map[string]eventstore.Commit{}
	for _, w := range []eventstore.Write{small, large} {
		c, err := honest.Append(t.Context(), w)
		require.NoError(t, err)
		stored[w.Stream.ID()] = c
	}
	appended := func(w eventstore.Write, id string) (eventstore.Commit, error) {
		errGone := errors.New("the caller has gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		s := openStore(t, dynamotest.NewClient(t, server.Endpoint(t), afterWrites(func() { cancel(errGone) })), prefix)
		w.ID = id
		c, err := s.Append(ctx, w)
		require.Equal(t, errGone, context.Cause(ctx))
		return c, err
	}
	c, err := appended(small, "first")
	require.NoError(t, err)
	assert.Equal(t, stored["small"], c)
	_, err = appended(small, "second")
	conflict, ok := errors.AsType[*eventstore.ConflictError](err)
	require.True(t, ok, err)
	assert.Equal(t, stored["small"], conflict.Winner)
	_, err = appended(large, "second")
	assert.EqualError(t, err, "the caller has gone", "its winner could not be fetched any more, but it is another")
	_, err = appended(large, "first")
	assert.ErrorIs(t, err, eventstore.ErrOutcomeUnknown)
}

// afterWrites calls do when a write has its answer.
func afterWrites(do func()) func(*dynamodb.Options) {
	return func(o *dynamodb.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("AfterWrites",
				func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
					if name := middleware.GetOperationName(ctx); name == "PutItem" || name == "TransactWriteItems" {
						defer do()
					}
					return next.HandleInitialize(ctx, in)
				}), middleware.Before)
		})
	}
}

func TestAnUnknownOutcomeAtAnyNamesItsSlotWhereItMayBeSentAgain(t *testing.T) {
	t.Parallel()
	client, prefix := provisioned(t)
	honest := openStore(t, client, prefix)
	before, err := honest.Append(t.Context(), eventstore.Write{Stream: stream(t, "1"), Events: events(2, 100)})
	require.NoError(t, err)
	proxy := dynamotest.NewProxy(t, server.Endpoint(t), dynamotest.Every(1, dynamotest.CutAfter))
	s, err := dynamostore.Open(t.Context(), dynamotest.NewClient(t, proxy.URL), prefix, dynamostore.Options{Attempts: 1})
	require.NoError(t, err)
	_, err = s.Append(t.Context(), eventstore.Write{Stream: stream(t, "1"), Revision: eventstore.Any, Events: events(1, 100)})
	unknown, ok := errors.AsType[*eventstore.OutcomeUnknownError](err)
	require.True(t, ok, err)
	assert.Equal(t, before.Revision, unknown.Write.Revision)
	_, err = honest.Append(t.Context(), eventstore.Write{Stream: stream(t, "1"), Revision: eventstore.Any, Events: events(1, 100)})
	require.NoError(t, err)
	c, err := honest.Append(t.Context(), unknown.Write)
	require.NoError(t, err)
	assert.Equal(t, eventstore.Version(3), c.First)
	assert.Len(t, readAll(t, honest, "1"), 3)
}

// A transaction of which DynamoDB tells some failed conditions, and of the rest that others
// were in the way, may be our own: what is told by half looks like the claim or the slot of
// somebody else.
func TestATransactionOfWhichNotAllIsToldIsSentAgain(t *testing.T) {
	t.Parallel()
	client, prefix := provisioned(t)
	honest := openStore(t, client, prefix)
	claim := eventstore.Claim{Scope: "email", Key: "a@b"}
	two := eventstore.Transaction{Writes: []eventstore.Write{
		{Stream: stream(t, "1"), ID: "two", Events: events(1, 100)}, {Stream: stream(t, "2"), ID: "two", Events: events(1, 100)}}}
	claiming := eventstore.Transaction{Writes: []eventstore.Write{{Stream: stream(t, "3"), ID: "claiming", Claims: []eventstore.Claim{claim}, Events: events(1, 100)}}}
	for name, tx := range map[string]eventstore.Transaction{"two streams": two, "a claim": claiming} {
		stored, err := honest.AppendAll(t.Context(), tx)
		require.NoError(t, err)
		for _, never := range []bool{false, true} {
			proxy := dynamotest.NewProxy(t, server.Endpoint(t), func(c dynamotest.Call) dynamotest.Fault {
				if c.Writes == 1 || never {
					return dynamotest.HalfKnown
				}
				return dynamotest.None
			})
			s, err := dynamostore.Open(t.Context(), dynamotest.NewClient(t, proxy.URL), prefix, dynamostore.Options{Attempts: 2})
			require.NoError(t, err)
			again, err := s.AppendAll(t.Context(), tx)
			if never {
				assert.ErrorIs(t, err, eventstore.ErrOutcomeUnknown, name)
				continue
			}
			require.NoError(t, err, name)
			assert.Equal(t, stored, again)
			assert.Equal(t, 1, proxy.Count(dynamotest.HalfKnown))
		}
	}
	proxy := dynamotest.NewProxy(t, server.Endpoint(t), func(dynamotest.Call) dynamotest.Fault { return dynamotest.HalfKnown })
	s, err := dynamostore.Open(t.Context(), dynamotest.NewClient(t, proxy.URL), prefix, dynamostore.Options{Attempts: 2})
	require.NoError(t, err)
	two.Writes[0].ID, two.Writes[1].ID = "others", "others"
	_, err = s.AppendAll(t.Context(), two)
	assert.ErrorIs(t, err, eventstore.ErrConflict, "one slot that another has is enough to know")
}
