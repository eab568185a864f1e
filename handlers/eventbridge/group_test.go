package eventbridge_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/handlers/eventbridge"
	"github.com/leftfold/leftfold/handlers/eventbridge/eventbridgetest"
)

// held is a server whose first call waits until it is let go.
type held struct {
	*eventbridgetest.Server
	begun, goOn chan struct{}

	mu    sync.Mutex
	calls [][]string // the IDs of each
}

func hold(t *testing.T) *held {
	h := &held{begun: make(chan struct{}), goOn: make(chan struct{})}
	h.Server = eventbridgetest.NewServer(t, eventbridgetest.Options{Plan: func(c eventbridgetest.Call) eventbridgetest.Fault {
		h.mu.Lock()
		h.calls = append(h.calls, c.IDs)
		h.mu.Unlock()
		if c.N == 1 {
			close(h.begun)
			<-h.goOn
		}
		return eventbridgetest.None
	}})
	return h
}

func (h *held) sizes() (sizes []int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, ids := range h.calls {
		sizes = append(sizes, len(ids))
	}
	return sizes
}

// start publishes in a goroutine, and returns where its error comes.
func start(ctx context.Context, p *eventbridge.Publisher, e stored) <-chan error {
	ended := make(chan error, 1)
	go func() { ended <- p.Publish(ctx, e) }()
	return ended
}

func await(t *testing.T, p *eventbridge.Publisher, waiting int) {
	t.Helper()
	require.Eventually(t, func() bool { return p.Waiting() == waiting }, time.Minute, time.Millisecond)
}

func TestCallsThatWaitAtTheSameMomentShareARequest(t *testing.T) {
	t.Parallel()
	server := hold(t)
	p := open(t, server.Server, eventbridge.PublisherOptions{Requests: 1})
	first := start(t.Context(), p, purchase(t, "user-first", 1))
	<-server.begun
	others := make(chan []error)
	go func() { others <- publishAll(t.Context(), p, many(t, 23)...) }()
	await(t, p, 23)
	close(server.goOn)
	require.NoError(t, <-first)
	for _, err := range <-others {
		require.NoError(t, err)
	}
	assert.Equal(t, []int{1, 10, 10, 3}, server.sizes())
	assert.Len(t, counts(t, server.Server), 24)
	assert.Equal(t, 24, server.Accepted())
	assert.Zero(t, p.Waiting())
}

func TestARequestIsNotLargerThanTheLimit(t *testing.T) {
	t.Parallel()
	server := hold(t)
	p := open(t, server.Server, eventbridge.PublisherOptions{Requests: 1, MaxBytes: 20_000})
	first := start(t.Context(), p, purchase(t, "user-first", 1))
	<-server.begun
	var events []stored
	for _, e := range many(t, 5) {
		e.Data.Payload = full(t, "user-1", 7_000).Data.Payload // two fit, three do not
		events = append(events, e)
	}
	others := make(chan []error)
	go func() { others <- publishAll(t.Context(), p, events...) }()
	await(t, p, 5)
	close(server.goOn)
	require.NoError(t, <-first)
	for _, err := range <-others {
		require.NoError(t, err)
	}
	assert.Equal(t, []int{1, 2, 2, 1}, server.sizes())
}

// meeting lets a request go on when another one is on its way at the same time.
type meeting struct {
	http.RoundTripper
	first chan struct{} // closed by the first, which waits for the second
	once  sync.Once
	met   chan struct{}
}

func (m *meeting) Do(r *http.Request) (*http.Response, error) {
	if r.Header.Get("X-Amz-Target") == "AWSEvents.PutEvents" {
		m.once.Do(func() { close(m.first) })
		select {
		case m.met <- struct{}{}:
		case <-m.met:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	return m.RoundTrip(r)
}

// What waits goes with the next request, but where enough wait they go beside it.
func TestEnoughEventsDoNotWaitForTheRequestThatIsOnItsWay(t *testing.T) {
	t.Parallel()
	server := eventbridgetest.NewServer(t, eventbridgetest.Options{})
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	two := &meeting{RoundTripper: transport, first: make(chan struct{}), met: make(chan struct{})}
	p := open(t, server, eventbridge.PublisherOptions{Timeout: 20 * time.Second, Attempts: 1}, func(o *sdk.Options) {
		o.HTTPClient = two
	})
	first := start(t.Context(), p, purchase(t, "user-first", 1))
	<-two.first
	for _, err := range publishAll(t.Context(), p, many(t, 5)...) {
		require.NoError(t, err)
	}
	require.NoError(t, <-first)
	assert.Equal(t, 2, server.Calls())
}

var errGone = errors.New("the caller has gone")

func TestACallerThatGivesUpWhileItWaitsIsNotSent(t *testing.T) {
	t.Parallel()
	server := hold(t)
	p := open(t, server.Server, eventbridge.PublisherOptions{Requests: 1})
	first := start(t.Context(), p, purchase(t, "user-first", 1))
	<-server.begun
	stays := start(t.Context(), p, purchase(t, "user-stays", 1))
	await(t, p, 1)
	ctx, cancel := context.WithCancelCause(t.Context())
	goes := start(ctx, p, purchase(t, "user-goes", 1))
	await(t, p, 2)
	cancel(errGone)
	err := <-goes
	require.ErrorIs(t, err, errGone)
	require.ErrorContains(t, err, "publish user-goes@1")
	close(server.goOn)
	require.NoError(t, <-first)
	require.NoError(t, <-stays)
	assert.Equal(t, map[string]int{"user-first@1": 1, "user-stays@1": 1}, counts(t, server.Server))
}

// pair publishes two events in one request, and calls sent when it is on its way: with
// who leads it, who follows, and what does carry it out.
type pair struct {
	http.RoundTripper
	once   sync.Once
	sent   func(leads, follows *caller, carryOut func())
	by     map[string]*caller
	server *eventbridgetest.Server
}

type caller struct {
	id     string
	cancel context.CancelCauseFunc
	ended  <-chan error
}

type callerKey struct{}

func (p *pair) Do(r *http.Request) (*http.Response, error) {
	who, _ := r.Context().Value(callerKey{}).(string)
	var answer *http.Response
	var err error
	carryOut := func() { answer, err = p.RoundTrip(r) }
	first := false
	if who != "" {
		p.once.Do(func() {
			first = true
			follows := p.by["user-0@1"]
			if follows == p.by[who] {
				follows = p.by["user-1@1"]
			}
			p.sent(p.by[who], follows, carryOut)
		})
	}
	if !first {
		carryOut()
	}
	return answer, err
}

func publishPair(t *testing.T, sent func(leads, follows *caller, carryOut func())) *pair {
	server := eventbridgetest.NewServer(t, eventbridgetest.Options{})
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	two := &pair{RoundTripper: transport, sent: sent, by: map[string]*caller{}, server: server}
	p := open(t, server, eventbridge.PublisherOptions{Requests: 1}, func(o *sdk.Options) { o.HTTPClient = two })
	release := p.Hold()
	for _, e := range many(t, 2) {
		c := &caller{id: e.ID().String()}
		var ctx context.Context
		ctx, c.cancel = context.WithCancelCause(context.WithValue(t.Context(), callerKey{}, c.id))
		c.ended = start(ctx, p, e)
		two.by[c.id] = c
	}
	await(t, p, 2)
	release()
	return two
}

func TestACallerThatGivesUpInAnothersRequestReturnsAtOnceAndDoesNotEndIt(t *testing.T) {
	t.Parallel()
	leading := make(chan *caller, 1)
	two := publishPair(t, func(leads, follows *caller, carryOut func()) {
		follows.cancel(errGone)
		assert.ErrorIs(t, <-follows.ended, errGone)
		carryOut()
		leading <- leads
	})
	require.NoError(t, <-(<-leading).ended)
	assert.Equal(t, map[string]int{"user-0@1": 1, "user-1@1": 1}, counts(t, two.server))
	assert.Equal(t, 1, two.server.Calls())
}

func TestWhenWhoLeadsGivesUpTheOthersAreSentAgain(t *testing.T) {
	t.Parallel()
	for name, accepted := range map[string]bool{"before the bus has them": false, "when the bus has them": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			led, followed := make(chan *caller, 1), make(chan *caller, 1)
			two := publishPair(t, func(leads, follows *caller, carryOut func()) {
				if accepted {
					carryOut() // nobody reads the answer
				}
				leads.cancel(errGone)
				carryOut()
				led <- leads
				followed <- follows
			})
			require.ErrorIs(t, <-(<-led).ended, errGone)
			follower := <-followed
			require.NoError(t, <-follower.ended)
			want := 1
			if accepted {
				want = 2
			}
			assert.Equal(t, want, counts(t, two.server)[follower.id])
		})
	}
}

// panicking is an SDK with a middleware that panics, once.
type panicking struct {
	http.RoundTripper
	once sync.Once
}

func (p *panicking) Do(r *http.Request) (*http.Response, error) {
	if r.Header.Get("X-Amz-Target") == "AWSEvents.PutEvents" {
		p.once.Do(func() { panic("middleware") })
	}
	return p.RoundTrip(r)
}

func TestAPanicOfWhoLeadsLeavesTheOthersUnharmed(t *testing.T) {
	t.Parallel()
	server := eventbridgetest.NewServer(t, eventbridgetest.Options{})
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	p := open(t, server, eventbridge.PublisherOptions{Requests: 1}, func(o *sdk.Options) { o.HTTPClient = &panicking{RoundTripper: transport} })
	release := p.Hold()
	panics := make(chan any, 5)
	var group sync.WaitGroup
	for _, e := range many(t, 5) {
		group.Go(func() {
			defer func() { panics <- recover() }()
			assert.NoError(t, p.Publish(t.Context(), e))
		})
	}
	await(t, p, 5)
	release()
	group.Wait()
	close(panics)
	met := 0
	for panicked := range panics {
		if panicked != nil {
			met++
		}
	}
	assert.Equal(t, 1, met)
	assert.Equal(t, 4, server.Accepted())
}
