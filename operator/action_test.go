package operator_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/operator"
)

func TestTheActivityStreamHasAName(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "leftfold-operator", operator.ActivityStream.String())
}

func TestAnActionWithoutAReasonOrAnActorIsRefused(t *testing.T) {
	t.Parallel()
	s := newService(t)
	for reason, a := range map[string]operator.Action{
		"a reason of 5 letters or more": {Action: "retry", Reason: " why  ", Actor: "anna"},
		"who asks for it":               {Action: "retry", Reason: "it is mended"},
		"the reason has 1001 bytes":     {Action: "retry", Reason: strings.Repeat("x", 1001), Actor: "anna"},
	} {
		_, err := s.operator().Act(t.Context(), a, func(context.Context) (string, error) {
			t.Error("it was done")
			return "", nil
		})
		require.ErrorIs(t, err, operator.ErrRefused)
		assert.ErrorContains(t, err, reason)
	}
	head, err := s.store.Head(t.Context(), operator.ActivityStream)
	require.NoError(t, err)
	assert.Zero(t, head.Version(), "and nothing is recorded")
	require.NoError(t, operator.Action{Action: "rebuild diff", Actor: "anna", Unasked: true}.Check(), "one that asks nothing may do without a reason")
	require.ErrorIs(t, operator.Action{Action: "rebuild diff", Actor: "anna", Reason: "no", Unasked: true}.Check(), operator.ErrRefused)
}

func TestAnActionIsRecordedBeforeItIsDoneAndWithWhatBecameOfIt(t *testing.T) {
	t.Parallel()
	s := newService(t)
	o := s.operator()
	activity := func(q operator.ActivityQuery) operator.ActivityPage {
		t.Helper()
		page, err := o.Activity(t.Context(), q)
		require.NoError(t, err)
		return page
	}
	act := func(ctx context.Context, name string, do func(context.Context) (string, error)) (eventstore.EventID, error) {
		recorded, err := o.Act(ctx, operator.Action{Action: name, Target: "totals", Reason: " it is mended ", Actor: "anna@ops"}, do)
		assert.Empty(t, recorded.Warning)
		return recorded.Record, err
	}
	id, err := act(t.Context(), "retry", func(context.Context) (string, error) {
		first := activity(operator.ActivityQuery{}).Actions[0]
		assert.Zero(t, first.Ended, "it is known while it goes on")
		return "3 retried", nil
	})
	require.NoError(t, err)
	assert.Equal(t, "leftfold-operator@1", id.String(), "by which activity names it")

	failure := errors.New("it does not answer")
	ctx, cancel := context.WithCancel(t.Context())
	_, err = act(ctx, "pause", func(context.Context) (string, error) {
		cancel() // what became of it is recorded all the same
		return "", failure
	})
	require.ErrorIs(t, err, failure)

	page := activity(operator.ActivityQuery{})
	require.Len(t, page.Actions, 2)
	assert.Zero(t, page.Next)
	assert.Equal(t, []string{"pause", "", failure.Error()}, []string{page.Actions[0].Action, page.Actions[0].Result, page.Actions[0].Error})
	retried := page.Actions[1]
	assert.NotZero(t, retried.Time)
	assert.NotZero(t, retried.Ended)
	retried.Time = retried.Ended
	assert.Equal(t, operator.Activity{ID: "leftfold-operator@1", Time: retried.Ended, Actor: "anna@ops", Action: "retry", Target: "totals",
		Reason: "it is mended", Build: "orders@1", Ended: retried.Ended, Result: "3 retried"}, retried)

	newest := activity(operator.ActivityQuery{Limit: 1})
	assert.Equal(t, page.Actions[:1], newest.Actions)
	assert.Equal(t, page.Actions[1:], activity(operator.ActivityQuery{Limit: 1, Before: newest.Next}).Actions)

	report, err := o.Verify(t.Context(), operator.VerifyOptions{})
	require.NoError(t, err)
	assert.Empty(t, report.Faults, "the operator's events are known, though the service does not register them")
}
