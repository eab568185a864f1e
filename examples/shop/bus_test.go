package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
	"github.com/leftfold/leftfold/eventstore/sqlitestore"
	"github.com/leftfold/leftfold/handlers/eventbridge"
	"github.com/leftfold/leftfold/handlers/eventbridge/eventbridgetest"
	"github.com/leftfold/leftfold/internal/retailtest"
	"github.com/leftfold/leftfold/projection"
)

// publishTo makes a shop's commands talk to a bus.
func (s *shop) publishTo(bus *eventbridgetest.Server) {
	s.env = append(s.env, "AWS_ENDPOINT_URL_EVENTBRIDGE="+bus.URL, "AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"AWS_EC2_METADATA_DISABLED=true")
}

// heads returns the last version of each stream.
func (s *shop) heads() map[string]int {
	s.Helper()
	store, err := sqlitestore.Open(s.Context(), s.path("shop.db"), sqlitestore.Options{MustExist: true})
	require.NoError(s, err)
	defer func() { require.NoError(s, store.Close()) }()
	heads := map[string]int{}
	for scanned, err := range store.ReadAll(s.Context(), eventstore.Cursor{}) {
		require.NoError(s, err)
		heads[scanned.Commit.Stream.String()] += len(scanned.Commit.Events)
	}
	return heads
}

// requirePublished checks that every event of the shop is on the bus: the first arrivals of
// each stream in the order of its versions, and what came again with the same content.
func (s *shop) requirePublished(bus *eventbridgetest.Server) (events, again int) {
	s.Helper()
	return requirePublished(s, bus, s.heads())
}

func requirePublished(t testing.TB, bus *eventbridgetest.Server, heads map[string]int) (events, again int) {
	t.Helper()
	next, seen := map[string]int{}, map[string]string{}
	for _, e := range bus.Events() {
		d := parse[struct {
			ID     string
			Stream string
		}](t, string(e.Detail))
		if content, before := seen[d.ID]; before {
			require.Equal(t, content, string(e.Detail), "another content under the same ID")
			again++
			continue
		}
		seen[d.ID] = string(e.Detail)
		next[d.Stream]++
		require.Equal(t, fmt.Sprintf("%s@%d", d.Stream, next[d.Stream]), d.ID, "an event has come before those in front of it")
	}
	require.Equal(t, heads, next)
	return len(seen), again
}

// Two processes publish at once and are killed again and again, over a network that lies.
func TestEveryPurchaseComesToTheBusInItsStreamsOrderWhenPublishersAreKilled(t *testing.T) {
	t.Parallel()
	random := newRandom(t)
	invoices, rounds := 150, 4
	if soak() {
		invoices, rounds = 4_700, 40
	}
	data := retailtest.Open(t).First(t, invoices)
	bus := eventbridgetest.NewServer(t, eventbridgetest.Options{Buses: []string{"orders"}, Seed: random.Uint64(), Plan: busLies(random.Uint64())})
	s := newShop(t)
	s.publishTo(bus)
	s.must("publish", "--bus", "orders") // fixes the start: the store is empty
	all := s.load(data.Path).Events
	began, killed := time.Now(), 0
	for round := range rounds {
		processes := []*process{s.start("publish", "--bus", "orders"), s.start("publish", "--bus", "orders")}
		ended := make(chan answer, len(processes))
		for _, p := range processes {
			go func() { ended <- p.wait() }()
		}
		enough := all*round/rounds + random.IntN(max(1, all/rounds))
		require.Eventually(t, func() bool { return bus.Accepted() >= enough || len(ended) == len(processes) }, 10*time.Minute, 5*time.Millisecond)
		for _, p := range processes {
			_ = p.Process.Kill()
		}
		for range processes {
			if a := <-ended; a.code == -1 {
				killed++
			}
		}
	}
	s.must("publish", "--bus", "orders")
	took := time.Since(began)
	events, again := s.requirePublished(bus)
	require.Equal(t, all, events)
	assert.Contains(t, s.must("publish", "--bus", "orders"), "went through 0 events")
	t.Logf("killed %d of %d processes; %d events arrived, %d of them again, in %s: %d calls, of which partial %d, throttled %d, failed %d, cut before %d and after %d, torn %d",
		killed, 2*rounds, events, again, took.Round(time.Millisecond), bus.Calls(), bus.Count(eventbridgetest.Partial), bus.Count(eventbridgetest.Throttled),
		bus.Count(eventbridgetest.Failed)+bus.Count(eventbridgetest.FailedAfter), bus.Count(eventbridgetest.CutBefore), bus.Count(eventbridgetest.CutAfter), bus.Count(eventbridgetest.Torn))
	require.Greater(t, killed, rounds/2)
	for _, fault := range []eventbridgetest.Fault{eventbridgetest.Partial, eventbridgetest.Throttled, eventbridgetest.CutAfter} {
		require.Positive(t, bus.Count(fault))
	}
	require.Positive(t, again, "a lost answer is an event that comes again")
}

// busLies strikes one call in twenty with a partial answer, and as many with another fault.
func busLies(seed uint64) eventbridgetest.Plan {
	partial := eventbridgetest.Seeded(seed, 0.05, eventbridgetest.Partial)
	others := eventbridgetest.Seeded(seed+1, 0.05, eventbridgetest.Throttled, eventbridgetest.Failed, eventbridgetest.FailedAfter,
		eventbridgetest.CutBefore, eventbridgetest.CutAfter, eventbridgetest.Torn)
	return func(c eventbridgetest.Call) eventbridgetest.Fault {
		if fault := partial(c); fault != eventbridgetest.None {
			return fault
		}
		return others(c)
	}
}

func TestSomebodyHasToSayWhereTheFirstPublishingOfAnOldStoreBegins(t *testing.T) {
	t.Parallel()
	bus := eventbridgetest.NewServer(t, eventbridgetest.Options{Buses: []string{"orders"}})
	s := newShop(t)
	s.publishTo(bus)
	require.NoError(t, os.WriteFile(s.path("sales.csv"), []byte(csvRows), 0o600))
	s.must("load", "sales.csv")
	a := s.run("publish", "--bus", "orders")
	assert.Equal(t, 2, a.code)
	assert.Equal(t, "error: shop publish: sqlite:shop.db has events already, and has published none\n"+
		"hint: say where to begin: shop publish --bus orders --from beginning publishes all of them, --from now only what comes\n", a.stderr)
	assert.Zero(t, bus.Accepted())
	assert.Equal(t, 2, s.run("publish", "--bus", "orders", "--from", "yesterday").code)

	other := newShop(t)
	other.publishTo(bus)
	copyFile(t, s.path("shop.db"), other.path("shop.db"))
	other.must("publish", "--bus", "orders", "--from", "now")
	assert.Zero(t, bus.Accepted())

	assert.Contains(t, s.must("publish", "--bus", "orders", "--from", "beginning"), "2 of 2 streams were behind; went through 4 events, ")
	assert.Equal(t, 4, bus.Accepted())
	s.requirePublished(bus)
	assert.Equal(t, 0, decode[projectAnswer](t, s.must("publish", "--bus", "orders", "--json")).Events)

	a = s.run("publish", "--bus", "orders", "--from", "beginning")
	assert.Equal(t, 2, a.code)
	assert.Contains(t, a.stderr, "it has started already, from the beginning\nhint: leave out --from")
}

func TestPublishingSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	bus := eventbridgetest.NewServer(t, eventbridgetest.Options{Buses: []string{"orders"}})
	s := newShop(t)
	s.env = []string{"AWS_REGION=", "AWS_DEFAULT_REGION=", "AWS_CONFIG_FILE=/nowhere"}
	a := s.run("publish", "--bus", "orders")
	assert.Equal(t, 2, a.code)
	assert.Equal(t, "error: there is no AWS Region\nhint: export AWS_REGION=eu-central-1, or where your bus is\n", a.stderr)
	s.env = nil
	s.publishTo(bus)
	a = s.run("publish")
	assert.Equal(t, 2, a.code)
	assert.Contains(t, a.stderr, "error: shop publish: --bus is missing\n")
	a = s.run("publish", "--bus", "ordres")
	assert.Equal(t, 3, a.code)
	assert.Contains(t, a.stderr, `error: eventbridge: publisher: bus "ordres": the bus does not exist`)
	assert.Contains(t, a.stderr, "hint: create it, in this account and Region, or correct its name\n")
	assert.NoFileExists(t, s.path("shop.db"), "what can be refused is, before there is a store")
}

func TestAStreamThatTheBusRefusesIsListedAsParked(t *testing.T) {
	t.Parallel()
	bus := eventbridgetest.NewServer(t, eventbridgetest.Options{Reject: func(e eventbridgetest.Event) string {
		if e.DetailType == "PURCHASE_RETURNED" {
			return "NotAuthorizedForDetailTypeException"
		}
		return ""
	}})
	s := newShop(t)
	s.publishTo(bus)
	require.NoError(t, os.WriteFile(s.path("sales.csv"), []byte(csvRows), 0o600))
	s.must("load", "sales.csv")
	a := s.run("publish", "--bus", "default", "--from", "beginning")
	assert.Equal(t, 0, a.code)
	assert.Contains(t, a.stderr, "warning: streams that wait on an event that failed: 1; see: shop parked list\n")
	parked := decode[parkedStream](t, s.must("parked", "--json"))
	assert.Equal(t, "bus", parked.Projection)
	assert.Equal(t, "PURCHASE_RETURNED", parked.Type)
	assert.Contains(t, parked.Error, "NotAuthorizedForDetailTypeException")
}

// The warehouse publishes on a bus that delivers in any order and more than once; the shop
// receives.
func TestAReturnThatTheWarehouseReportsIsBookedOnce(t *testing.T) {
	t.Parallel()
	bus := eventbridgetest.NewServer(t, eventbridgetest.Options{Buses: []string{"orders"}, Plan: eventbridgetest.Seeded(1, 0.5, eventbridgetest.CutAfter)})
	s := newShop(t)
	require.NoError(t, os.WriteFile(s.path("sales.csv"), []byte(csvRows), 0o600))
	s.must("load", "sales.csv")
	s.must("project")

	warehouse := memstore.New()
	publisher, err := eventbridge.OpenPublisher(t.Context(), bus.Client(t), warehouseSource, eventbridge.PublisherOptions{Bus: "orders"})
	require.NoError(t, err)
	report := func(parcel string, e ParcelReturned) {
		stream, err := eventstore.NewStreamID("parcel", parcel)
		require.NoError(t, err)
		event, err := WarehouseEvents.Encode(e)
		require.NoError(t, err)
		c, err := warehouse.Append(t.Context(), eventstore.Write{Stream: stream, Revision: eventstore.NoStream, Events: []eventstore.Event{event}})
		require.NoError(t, err)
		require.NoError(t, publisher.Publish(t.Context(), projection.Event[eventstore.Event]{Stream: stream, Version: 1, Time: c.Time, Data: event}))
	}
	for i := range 4 {
		report(fmt.Sprint(i), ParcelReturned{PurchaseID: "user-17850@1", Quantity: 1})
	}
	require.Greater(t, bus.Accepted(), 4)

	write := func(name string, events ...eventbridgetest.Event) {
		var text strings.Builder
		for _, e := range events {
			text.Write(e.Message())
			text.WriteByte('\n')
		}
		require.NoError(t, os.WriteFile(s.path(name), []byte(text.String()), 0o600))
	}
	write("events.json", append(bus.Events(), bus.Events()...)...)
	assert.Equal(t, fmt.Sprintf("took %d events\n", 2*bus.Accepted()), s.must("receive", "events.json"))
	assert.Equal(t, 2*bus.Accepted(), decode[receiveAnswer](t, s.must("receive", "events.json", "--json")).Events)
	s.must("project")
	assert.Contains(t, s.must("state", "user-17850"), "returnCount    5\n", "one was there before")
	assert.Contains(t, s.must("events", "user-17850"), "PURCHASE_RETURNED")

	before := bus.Accepted()
	report("too-many", ParcelReturned{PurchaseID: "user-17850@1", Quantity: 100})
	write("refused.json", bus.Events()[before])
	a := s.run("receive", "refused.json")
	assert.Equal(t, 1, a.code)
	assert.Contains(t, a.stderr, `refused.json, event 1: eventbridge: receiver "shop": event "parcel-too-many@1" of type "PARCEL_RETURNED" from "warehouse": return of 100 units`)
}

func TestAFileThatHoldsNoBusEventsIsRefused(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	require.NoError(t, os.WriteFile(s.path("sales.csv"), []byte(csvRows), 0o600))
	s.must("load", "sales.csv")
	for content, says := range map[string]string{
		"InvoiceNo,": "invalid character",
		"[]":         "it is no event of a bus",
		`{"source":"elsewhere","detail-type":"X","detail":{}}`: `source is not expected: expected is ["warehouse"]`,
	} {
		require.NoError(t, os.WriteFile(s.path("events.json"), []byte(content), 0o600))
		a := s.run("receive", "events.json")
		assert.NotZero(t, a.code)
		assert.Contains(t, a.stderr, "events.json, event 1: ")
		assert.Contains(t, a.stderr, says)
	}
	assert.Equal(t, 3, s.run("receive", "nowhere.json").code)
	require.NoError(t, os.WriteFile(s.path("events.json"), nil, 0o600))
	assert.Equal(t, "took 0 events\n", s.must("receive", "events.json"))
}
