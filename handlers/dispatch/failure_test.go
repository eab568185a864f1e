package dispatch_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/handlers/dispatch"
	"github.com/leftfold/leftfold/projection"
)

func TestEveryErrorOfTheLibraryHasItsClass(t *testing.T) {
	t.Parallel()
	stream, err := eventstore.NewStreamID("user", "1")
	require.NoError(t, err)
	unknown := &eventstore.OutcomeUnknownError{Write: eventstore.Write{Stream: stream}, Err: context.DeadlineExceeded}
	for _, c := range []struct {
		err    error
		class  dispatch.Class
		status int
		exit   int
		retry  bool
	}{
		{errors.New("sold out"), dispatch.Internal, 500, 1, false},
		{eventstore.ErrInvalid, dispatch.Invalid, 400, 2, false},
		{projection.ErrCursor, dispatch.Invalid, 400, 2, false},
		{dispatch.ErrUnauthenticated, dispatch.Unauthenticated, 401, 6, false},
		{dispatch.ErrForbidden, dispatch.Forbidden, 403, 6, false},
		{dispatch.ErrUnknown, dispatch.NotFound, 404, 3, false},
		{aggregate.ErrNotFound, dispatch.NotFound, 404, 3, false},
		{projection.ErrNotFound, dispatch.NotFound, 404, 3, false},
		{&eventstore.ConflictError{Stream: stream}, dispatch.Conflict, 503, 4, true},
		{&eventstore.ClaimError{Stream: stream}, dispatch.ClaimTaken, 409, 4, false},
		{&eventstore.IDReusedError{Stream: stream}, dispatch.IDReused, 422, 4, false},
		{&eventstore.LimitError{Stream: stream, What: "commit bytes", Size: 2, Limit: 1}, dispatch.TooLarge, 413, 2, false},
		{&projection.BehindError{Want: eventstore.EventID{Stream: stream}, Err: context.Canceled}, dispatch.Behind, 503, 1, true},
		{&projection.ParkedError{Stream: stream}, dispatch.Parked, 503, 1, false},
		{&projection.NotBuiltError{}, dispatch.NotBuilt, 503, 1, false},
		{unknown, dispatch.OutcomeUnknown, 503, 7, true},
		{&eventstore.CorruptError{Stream: stream, Err: eventstore.ErrInvalid}, dispatch.Internal, 500, 1, false},
		{context.DeadlineExceeded, dispatch.Timeout, 504, 1, true},
		{context.Canceled, dispatch.Cancelled, 499, 130, false},
	} {
		f := dispatch.Explain(fmt.Errorf("command: %w", c.err))
		assert.Equal(t, c.class, f.Class, "%v", c.err)
		assert.Equal(t, string(c.class), f.Code)
		assert.Equal(t, c.status, f.Class.Status(), c.class)
		assert.Equal(t, c.exit, f.Class.Exit(), c.class)
		assert.Equal(t, c.retry, f.Class.RetryAfter() > 0, c.class)
		assert.NotEmpty(t, f.Text, c.class)
		assert.ErrorIs(t, f, c.err)
	}
	assert.Nil(t, dispatch.Explain(nil))
	assert.Equal(t, 200, dispatch.OK.Status())
	assert.Zero(t, dispatch.OK.Exit())
}

func TestAFailureSaysWhatItsCallerMayKnow(t *testing.T) {
	t.Parallel()
	stream, err := eventstore.NewStreamID("user", "1")
	require.NoError(t, err)
	say := func(err error, refusals ...dispatch.Refusal) string {
		text, marshalErr := json.Marshal(dispatch.Explain(err, refusals...))
		require.NoError(t, marshalErr)
		return string(text)
	}
	limit := &eventstore.LimitError{Stream: stream, What: "commit bytes", Size: 2, Limit: 1}
	assert.JSONEq(t, `{"class":"too-large","code":"too-large","detail":"2 commit bytes, the limit is 1","stream":"user-1",
		"limit":{"what":"commit bytes","size":2,"limit":1}}`, say(limit))
	claim := &eventstore.ClaimError{Stream: stream, Claim: eventstore.Claim{Scope: "email", Key: "ada@example.org"}}
	assert.JSONEq(t, `{"class":"claim-taken","code":"claim-taken","detail":"somebody else has what must be unique","stream":"user-1"}`, say(claim))
	taken := dispatch.Refusal{Err: eventstore.ErrClaimTaken, Code: "email-taken", Text: "another customer has this address"}
	assert.JSONEq(t, `{"class":"refused","code":"email-taken","detail":"another customer has this address","stream":"user-1"}`, say(claim, taken))
	soldOut, noCustomer := errors.New("sold out"), errors.New("no customer 1")
	assert.JSONEq(t, `{"class":"refused","code":"refused","detail":"sold out: 8 of 10"}`,
		say(fmt.Errorf("%w: 8 of 10", soldOut), taken, dispatch.Refusal{Err: soldOut}))
	assert.JSONEq(t, `{"class":"not-found","code":"no-customer","detail":"no customer 1"}`,
		say(noCustomer, dispatch.Refusal{Err: noCustomer, Class: dispatch.NotFound, Code: "no-customer"}))
	assert.JSONEq(t, `{"class":"invalid","code":"invalid","detail":"a text is missing"}`, say(fmt.Errorf("%w: a text is missing", eventstore.ErrInvalid)))
	parked := &projection.ParkedError{Stream: stream, Parked: projection.Parked{Error: "row of the secret"}}
	assert.NotContains(t, say(parked), "secret")
}

// Nobody may take a command whose outcome is unknown for one that was refused.
func TestAFailureOfAHandlersOwnIsLeftAsItIs(t *testing.T) {
	t.Parallel()
	closed := &dispatch.Failure{Class: dispatch.Refused, Code: "closed", Text: "it is closed"}
	_, err := ask(t.Context(), dispatch.Options{}, func(context.Context, *dispatch.Request) (any, error) { return nil, closed }, `{"text":"a"}`)
	told, ok := errors.AsType[*dispatch.Failure](err)
	require.True(t, ok)
	assert.Equal(t, []string{"closed", "say"}, []string{told.Code, told.Name})
	assert.Empty(t, closed.Name, "other requests share it")
}

func TestNoRefusalHidesAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	soldOut := errors.New("sold out")
	err := &eventstore.OutcomeUnknownError{Err: soldOut}
	assert.Equal(t, dispatch.OutcomeUnknown, dispatch.Explain(err, dispatch.Refusal{Err: soldOut}).Class)
}

func TestTheTextOfTokensIsReadAgain(t *testing.T) {
	t.Parallel()
	var commits []eventstore.Commit
	for _, id := range []string{"1", "2"} {
		stream, err := eventstore.NewStreamID("user", id)
		require.NoError(t, err)
		commits = append(commits, eventstore.Commit{Stream: stream, First: 3, Events: []eventstore.Event{{Type: "MADE"}}},
			eventstore.Commit{Stream: stream, First: 4})
	}
	tokens := dispatch.TokensOf(commits)
	require.Len(t, tokens, 2, "nothing was written by a commit without events")
	text, err := tokens.MarshalText()
	require.NoError(t, err)
	var again dispatch.Tokens
	require.NoError(t, again.UnmarshalText(text))
	assert.Equal(t, tokens, again)
	require.NoError(t, again.UnmarshalText([]byte(" ")))
	assert.Empty(t, again)
	for _, wrong := range []string{"x", ",", string(text) + ","} {
		assert.ErrorIs(t, again.UnmarshalText([]byte(wrong)), eventstore.ErrInvalid, wrong)
	}
}
