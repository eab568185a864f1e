package eventbridge_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
	"github.com/leftfold/leftfold/handlers/eventbridge"
	"github.com/leftfold/leftfold/handlers/eventbridge/eventbridgetest"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
)

// shop is a service that publishes what it stores.
type shop struct {
	store *memstore.Store
	views *memviews.Views
}

func newShop() *shop { return &shop{memstore.New(), memviews.New(memviews.Options{})} }

// buy appends so many events to a stream, up to three a commit.
func (s *shop) buy(tb testing.TB, stream string, n int) {
	tb.Helper()
	id, err := eventstore.ParseStreamID(stream)
	require.NoError(tb, err)
	for i := 0; i < n; {
		w := eventstore.Write{Stream: id, Revision: eventstore.Any}
		for range min(1+i%3, n-i) {
			i++
			e, err := shopEvents.Encode(PurchaseMade{"MUG-01", i})
			require.NoError(tb, err)
			w.Events = append(w.Events, e)
		}
		_, err := s.store.Append(tb.Context(), w)
		require.NoError(tb, err)
	}
}

// worker returns an engine whose reaction publishes everything from the beginning.
func (s *shop) worker(tb testing.TB, p *eventbridge.Publisher) *projection.Engine {
	tb.Helper()
	bus, err := projection.NewReaction("bus", shopEvents, projection.Follow("user"), projection.ReactAny(p.Publish))
	require.NoError(tb, err)
	if state, err := s.views.State(tb.Context(), "bus"); assert.NoError(tb, err) && state.Revision == 0 {
		require.NoError(tb, bus.Start(tb.Context(), s.views, time.Time{}))
	}
	e, err := projection.NewEngine(s.store, s.views, projection.Options{}, bus)
	require.NoError(tb, err)
	require.NoError(tb, e.Prepare(tb.Context()))
	return e
}

func (s *shop) parked(tb testing.TB) map[string]string {
	tb.Helper()
	found := map[string]string{}
	for c, err := range s.views.AllCheckpoints(tb.Context(), projection.GenerationID{Projection: "bus", Number: 1}, true) {
		require.NoError(tb, err)
		found[c.Stream.String()] = c.Parked.Error
	}
	return found
}

func TestAnEventThatTheBusRefusesParksItsStreamOnly(t *testing.T) {
	t.Parallel()
	refuse := "user-b@2"
	server := eventbridgetest.NewServer(t, eventbridgetest.Options{Reject: func(e eventbridgetest.Event) string {
		if idOf(t, e) == refuse {
			return "NotAuthorizedForDetailTypeException"
		}
		return ""
	}})
	s := newShop()
	s.buy(t, "user-a", 4)
	s.buy(t, "user-b", 4)
	e := s.worker(t, open(t, server, eventbridge.PublisherOptions{}))
	_, err := e.Sweep(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"user-b": `eventbridge: publish user-b@2 of type PURCHASE_MADE to bus "default": NotAuthorizedForDetailTypeException: refused by the test`}, s.parked(t))
	assert.Equal(t, map[string]int{"user-a@1": 1, "user-a@2": 1, "user-a@3": 1, "user-a@4": 1, "user-b@1": 1}, counts(t, server))

	refuse = "" // the policy was corrected
	id, err := eventstore.ParseStreamID("user-b")
	require.NoError(t, err)
	require.NoError(t, e.Retry(t.Context(), "bus", id))
	assert.Empty(t, s.parked(t))
	assert.Equal(t, 8, server.Accepted())
}

func TestWhileABusTakesNothingNoStreamIsParked(t *testing.T) {
	t.Parallel()
	for _, fault := range []eventbridgetest.Fault{eventbridgetest.Denied, eventbridgetest.Throttled} {
		closed := true
		server := eventbridgetest.NewServer(t, eventbridgetest.Options{Plan: func(eventbridgetest.Call) eventbridgetest.Fault {
			if closed {
				return fault
			}
			return eventbridgetest.None
		}})
		s := newShop()
		for i := range 20 {
			s.buy(t, fmt.Sprintf("user-%d", i), 2)
		}
		e := s.worker(t, open(t, server, eventbridge.PublisherOptions{Attempts: 2}))
		_, err := e.Sweep(t.Context(), nil)
		require.Error(t, err)
		assert.NotEmpty(t, failure(t, err).Code)
		assert.Empty(t, s.parked(t))
		assert.Zero(t, server.Accepted())

		closed = false
		_, err = e.Sweep(t.Context(), nil)
		require.NoError(t, err)
		assert.Equal(t, 40, server.Accepted())
	}
}

// requirePublished checks that every event of every stream has arrived, the first arrivals
// of a stream in the order of its versions, and duplicates with the same content.
func requirePublished(tb testing.TB, server *eventbridgetest.Server, streams map[string]int) (duplicates int) {
	tb.Helper()
	next, seen := map[string]int{}, map[string]string{}
	for _, e := range server.Events() {
		id, err := eventstore.ParseEventID(idOf(tb, e))
		require.NoError(tb, err)
		if content, again := seen[id.String()]; again {
			require.Equal(tb, content, string(e.Detail), "another content under the same ID")
			duplicates++
			continue
		}
		seen[id.String()] = string(e.Detail)
		next[id.Stream.String()]++
		require.EqualValues(tb, next[id.Stream.String()], id.Version, "%s came before those in front of it", id)
	}
	require.Equal(tb, streams, next)
	return duplicates
}

// Workers that are cancelled at random moments, two at a time, over a network that lies.
func TestEveryEventArrivesAndTheFirstArrivalsOfAStreamAreInOrder(t *testing.T) {
	t.Parallel()
	seed, err := strconv.ParseUint(os.Getenv("LEFTFOLD_SEED"), 10, 64)
	if err != nil {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("run it again with LEFTFOLD_SEED=%d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	const rounds = 10
	server := eventbridgetest.NewServer(t, eventbridgetest.Options{Seed: seed, Plan: lies(seed)})
	s, streams, all := newShop(), map[string]int{}, 0
	for i := range 40 {
		name := fmt.Sprintf("user-%d", i)
		streams[name] = 1 + random.IntN(50)
		all += streams[name]
		s.buy(t, name, streams[name])
	}
	for round := range rounds {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{}, 2)
		for range cap(ended) {
			e := s.worker(t, open(t, server, eventbridge.PublisherOptions{}))
			go func() {
				_, _ = e.Sweep(ctx, nil)
				ended <- struct{}{}
			}()
		}
		require.Eventually(t, func() bool { return server.Accepted() >= all*(round+1)/(rounds+1) || len(ended) == cap(ended) }, time.Minute, time.Millisecond)
		cancel()
		for range cap(ended) {
			<-ended
		}
	}
	left := server.Accepted()
	_, err = s.worker(t, open(t, server, eventbridge.PublisherOptions{})).Sweep(t.Context(), nil)
	require.NoError(t, err)
	duplicates := requirePublished(t, server, streams)
	t.Logf("%d arrivals before the last worker began, %d in all, %d of them again, in %d calls", left, server.Accepted(), duplicates, server.Calls())
	for _, fault := range []eventbridgetest.Fault{eventbridgetest.Partial, eventbridgetest.Throttled, eventbridgetest.CutAfter} {
		require.Positive(t, server.Count(fault))
	}
}

// lies is a network in which one call in ten is answered for a part only, and as many are
// throttled, fail or lose their answers.
func lies(seed uint64) eventbridgetest.Plan {
	partial := eventbridgetest.Seeded(seed, 0.1, eventbridgetest.Partial)
	others := eventbridgetest.Seeded(seed+1, 0.1, eventbridgetest.Throttled, eventbridgetest.Failed, eventbridgetest.FailedAfter,
		eventbridgetest.CutBefore, eventbridgetest.CutAfter, eventbridgetest.Torn)
	return func(c eventbridgetest.Call) eventbridgetest.Fault {
		if fault := partial(c); fault != eventbridgetest.None {
			return fault
		}
		return others(c)
	}
}

func TestWhatIsPublishedIsReceived(t *testing.T) {
	t.Parallel()
	server := eventbridgetest.NewServer(t, eventbridgetest.Options{Plan: lies(1)})
	s := newShop()
	for i := range 20 {
		s.buy(t, fmt.Sprintf("user-%d", i), 5)
	}
	_, err := s.worker(t, open(t, server, eventbridge.PublisherOptions{})).Sweep(t.Context(), nil)
	require.NoError(t, err)

	got := map[string]int{}
	r, err := eventbridge.NewReceiver("loyalty", eventbridge.ReceiverOptions{}, eventbridge.From("shop", shopEvents,
		eventbridge.On(func(_ context.Context, e eventbridge.Received[PurchaseMade]) error {
			got[e.CommandID()] = e.Data.Amount
			return nil
		})))
	require.NoError(t, err)
	d := server.Deliver(t.Context(), r.HandleMessage)
	assert.Equal(t, server.Accepted(), d.Delivered)
	assert.Greater(t, d.Calls, d.Delivered)
	assert.Empty(t, d.Dead)
	assert.Len(t, got, 100, "however often they came")

	for _, e := range server.Events() {
		var d struct {
			Version int
			Payload json.RawMessage
		}
		require.NoError(t, json.Unmarshal(e.Detail, &d))
		assert.JSONEq(t, fmt.Sprintf(`{"Product":"MUG-01","Amount":%d}`, d.Version), string(d.Payload))
	}
}
