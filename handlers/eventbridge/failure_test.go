package eventbridge_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/handlers/eventbridge"
	"github.com/leftfold/leftfold/handlers/eventbridge/eventbridgetest"
)

func TestWhatGoesAwayByItselfIsSentAgainUnderTheSameID(t *testing.T) {
	t.Parallel()
	for fault, arrivals := range map[eventbridgetest.Fault]int{
		eventbridgetest.Throttled: 1, eventbridgetest.Failed: 1, eventbridgetest.CutBefore: 1, eventbridgetest.Partial: 1,
		eventbridgetest.FailedAfter: 4, eventbridgetest.CutAfter: 4, eventbridgetest.Torn: 4,
	} {
		t.Run(fault.String(), func(t *testing.T) {
			t.Parallel()
			server := eventbridgetest.NewServer(t, eventbridgetest.Options{Plan: eventbridgetest.InTurn(fault, fault, fault)})
			p := open(t, server, eventbridge.PublisherOptions{Attempts: 4})
			require.NoError(t, p.Publish(t.Context(), purchase(t, "user-1", 1)))
			assert.Equal(t, map[string]int{"user-1@1": arrivals}, counts(t, server))
			assert.Equal(t, 4, server.Calls(), "the SDK repeats nothing by itself")
		})
	}
}

func TestOnlyTheEntriesThatFailedAreSentAgain(t *testing.T) {
	t.Parallel()
	server := eventbridgetest.NewServer(t, eventbridgetest.Options{Seed: 1, Plan: eventbridgetest.InTurn(eventbridgetest.Partial)})
	p := open(t, server, eventbridge.PublisherOptions{Requests: 1})
	release := p.Hold()
	ended := make(chan []error)
	go func() { ended <- publishAll(t.Context(), p, many(t, 10)...) }()
	await(t, p, 10)
	release()
	for _, err := range <-ended {
		require.NoError(t, err)
	}
	assert.Greater(t, server.Calls(), 1)
	assert.Equal(t, 10, server.Accepted())
	assert.Len(t, counts(t, server), 10)
}

func TestAnEventThatFailsAtEachAttemptIsTransient(t *testing.T) {
	t.Parallel()
	for fault, code := range map[eventbridgetest.Fault]string{eventbridgetest.Throttled: "ThrottlingException", eventbridgetest.Failed: "InternalException", eventbridgetest.CutAfter: ""} {
		server := eventbridgetest.NewServer(t, eventbridgetest.Options{Plan: eventbridgetest.InTurn(fault, fault, fault, fault)})
		p := open(t, server, eventbridge.PublisherOptions{Attempts: 3})
		err := p.Publish(t.Context(), purchase(t, "user-1", 1))
		assert.True(t, failure(t, err).Transient, fault)
		assert.Equal(t, code, failure(t, err).Code)
		assert.Equal(t, 3, server.Calls(), fault)
	}
}

func TestARequestThatIsNotAnsweredIsSentAgain(t *testing.T) {
	t.Parallel()
	server := eventbridgetest.NewServer(t, eventbridgetest.Options{Plan: eventbridgetest.InTurn(eventbridgetest.Slow), Delay: time.Hour})
	p := open(t, server, eventbridge.PublisherOptions{Timeout: 50 * time.Millisecond})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	require.NoError(t, p.Publish(ctx, purchase(t, "user-1", 1)))
	assert.Equal(t, 2, server.Calls())
	assert.Equal(t, 1, server.Accepted())
}

// answering gives these answers to the first requests, which it does not pass on.
type answering struct {
	http.RoundTripper
	bodies []string
}

func (a *answering) Do(r *http.Request) (*http.Response, error) {
	if r.Header.Get("X-Amz-Target") != "AWSEvents.PutEvents" || len(a.bodies) == 0 {
		return a.RoundTrip(r)
	}
	body := a.bodies[0]
	a.bodies = a.bodies[1:]
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func TestAnAnswerThatDoesNotFitTheRequestIsNone(t *testing.T) {
	t.Parallel()
	server := eventbridgetest.NewServer(t, eventbridgetest.Options{})
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	strange := &answering{transport, []string{`{"FailedEntryCount":0,"Entries":[]}`, `{"Entries":[{}]}`, `{"Entries":[{"EventId":"x"},{"EventId":"y"}]}`, `{}`}}
	p := open(t, server, eventbridge.PublisherOptions{}, func(o *sdk.Options) { o.HTTPClient = strange })
	require.NoError(t, p.Publish(t.Context(), purchase(t, "user-1", 1)))
	assert.Empty(t, strange.bodies)
	assert.Equal(t, 1, server.Accepted())
}

func TestAnEntryThatIsRefusedIsNotSentAgainAndLeavesTheOthersUnharmed(t *testing.T) {
	t.Parallel()
	const code = "NotAuthorizedForDetailTypeException"
	server := eventbridgetest.NewServer(t, eventbridgetest.Options{Reject: func(e eventbridgetest.Event) string {
		if idOf(t, e) == "user-3@1" {
			return code
		}
		return ""
	}})
	p := open(t, server, eventbridge.PublisherOptions{})
	for i, err := range publishAll(t.Context(), p, many(t, 10)...) {
		if i != 3 {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, `eventbridge: publish user-3@1 of type PURCHASE_MADE to bus "default": NotAuthorizedForDetailTypeException: refused by the test`)
		assert.Equal(t, code, failure(t, err).Code)
		assert.False(t, failure(t, err).Transient)
		assert.Contains(t, eventstore.Hint(err), "policy of the bus")
	}
	assert.Equal(t, 9, server.Accepted())
	assert.LessOrEqual(t, server.Calls(), 10)
}

// Nothing is wrong with the events, so none of their streams may be parked.
func TestAProgramThatMayNotPublishGivesUpAtOnceAndBlamesNoEvent(t *testing.T) {
	t.Parallel()
	server := eventbridgetest.NewServer(t, eventbridgetest.Options{Plan: eventbridgetest.InTurn(eventbridgetest.Denied)})
	p := open(t, server, eventbridge.PublisherOptions{})
	err := p.Publish(t.Context(), purchase(t, "user-1", 1))
	assert.True(t, failure(t, err).Transient)
	assert.Equal(t, "AccessDeniedException", failure(t, err).Code)
	assert.Contains(t, eventstore.Hint(err), "docs/eventbridge.md")
	assert.Equal(t, 1, server.Calls())
}

// In a Region with a lower limit than was configured a request is refused as a whole.
func TestWhatOneEventDidWrongIsFoundBySendingEachAlone(t *testing.T) {
	t.Parallel()
	server := eventbridgetest.NewServer(t, eventbridgetest.Options{MaxBytes: 256 << 10})
	p := open(t, server, eventbridge.PublisherOptions{Requests: 1})
	release := p.Hold()
	events := many(t, 6)
	events[2].Data.Payload = full(t, "user-1", 300_000).Data.Payload
	ended := make(chan []error)
	go func() { ended <- publishAll(t.Context(), p, events...) }()
	await(t, p, 6)
	release()
	for i, err := range <-ended {
		if i != 2 {
			require.NoError(t, err)
			continue
		}
		assert.Equal(t, "ValidationException", failure(t, err).Code)
		assert.False(t, failure(t, err).Transient)
		assert.Contains(t, eventstore.Hint(err), "256 KB")
	}
	assert.Equal(t, 5, server.Accepted())
	assert.Equal(t, 7, server.Calls(), "one for all, then one for each")
}

func TestThePublisherIsOpenedDespiteFaults(t *testing.T) {
	t.Parallel()
	server := eventbridgetest.NewServer(t, eventbridgetest.Options{})
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	broken := &unreliable{RoundTripper: transport, failures: 3}
	client := server.Client(t, func(o *sdk.Options) { o.HTTPClient = broken })
	_, err := eventbridge.OpenPublisher(t.Context(), client, "shop", eventbridge.PublisherOptions{})
	require.NoError(t, err)

	broken.failures = 3
	_, err = eventbridge.OpenPublisher(t.Context(), client, "shop", eventbridge.PublisherOptions{Attempts: 3})
	require.ErrorIs(t, err, errCut)

	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errGone)
	_, err = eventbridge.OpenPublisher(ctx, client, "shop", eventbridge.PublisherOptions{})
	require.ErrorIs(t, err, errGone)
}

var errCut = errors.New("connection cut")

// unreliable is a network that fails for the first requests.
type unreliable struct {
	http.RoundTripper
	failures int
}

func (u *unreliable) Do(r *http.Request) (*http.Response, error) {
	if u.failures > 0 {
		u.failures--
		return nil, errCut
	}
	return u.RoundTrip(r)
}

func TestWithoutTheRightToLookAtTheBusTheHintSaysSo(t *testing.T) {
	t.Parallel()
	server := eventbridgetest.NewServer(t, eventbridgetest.Options{})
	client := server.Client(t, func(o *sdk.Options) { o.HTTPClient = refusing("AccessDeniedException") })
	_, err := eventbridge.OpenPublisher(t.Context(), client, "shop", eventbridge.PublisherOptions{})
	require.Error(t, err)
	assert.Contains(t, eventstore.Hint(err), "events:DescribeEventBus")
}

// An endpoint that is set for every service may be that of a server with only one.
func TestAServerWithoutEventBridgeIsSaid(t *testing.T) {
	t.Parallel()
	server := eventbridgetest.NewServer(t, eventbridgetest.Options{})
	for _, code := range []string{"InvalidAction", "UnknownOperationException"} {
		client := server.Client(t, func(o *sdk.Options) { o.HTTPClient = refusing(code) })
		_, err := eventbridge.OpenPublisher(t.Context(), client, "shop", eventbridge.PublisherOptions{})
		require.Error(t, err)
		assert.Contains(t, eventstore.Hint(err), "is no EventBridge")
		p, err := eventbridge.OpenPublisher(t.Context(), client, "shop", eventbridge.PublisherOptions{Unchecked: true})
		require.NoError(t, err)
		err = p.Publish(t.Context(), purchase(t, "user-1", 1))
		require.Error(t, err)
		assert.Contains(t, eventstore.Hint(err), "is no EventBridge")
	}
}

// refusing answers every request as EventBridge does where a right is missing, or another
// server: with a code.
type refusing string

func (code refusing) Do(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusBadRequest, Header: http.Header{"X-Amzn-Errortype": {string(code)}}, Body: http.NoBody, Request: r}, nil
}
