package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/sqlitestore"
	"github.com/leftfold/leftfold/internal/retailtest"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

// append stores an event of any type at the end of a user's stream.
func (s *shop) append(user, typ, payload string) eventstore.Commit {
	s.Helper()
	return appendTo(s, s.path("shop.db"), user, typ, payload)
}

func appendTo(tb testing.TB, path, user, typ, payload string) eventstore.Commit {
	tb.Helper()
	store, err := sqlitestore.Open(tb.Context(), path, sqlitestore.Options{MustExist: true})
	require.NoError(tb, err)
	defer func() { require.NoError(tb, store.Close()) }()
	stream, err := eventstore.NewStreamID(customerCategory, user)
	require.NoError(tb, err)
	c, err := store.Append(tb.Context(), eventstore.Write{Stream: stream, Revision: eventstore.Any,
		Events: []eventstore.Event{{Type: typ, Schema: 1, Payload: []byte(payload)}}})
	require.NoError(tb, err)
	return c
}

// An event of a type that this program does not know stops its stream there, and
// nothing else. It is said, listed, and found by verify.
func TestAnEventOfAnUnknownTypeParksItsStreamOnly(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	data := retailtest.Open(t).First(t, 300)
	want := expect(t, data)
	s.must("load", data.Path)
	user := busiest(want).UserID
	bad := s.append(user, "LOYALTY_JOINED", `{"tier":"gold"}`)
	s.append(user, "PURCHASE_MADE", `{"purchaseId":"x","invoiceId":"x","productId":"x","description":"","quantity":1,"unitPrice":1,"amount":1,"country":"","date":"2026-01-01T00:00:00Z"}`)
	for range 2 {
		a := s.run("project")
		require.Equal(t, 0, a.code, a.stderr)
		assert.Contains(t, a.stderr, "warning: streams that wait on an event that failed: 2; see: shop parked list\n")
		s.requireViews(want)
	}

	var parked []parkedStream
	for line := range strings.Lines(s.must("parked", "--json")) {
		require.Equal(t, "schema projection generation stream version type schema_version error unknown build attempts since", strings.Join(fields(t, line), " "))
		parked = append(parked, decode[parkedStream](t, line))
	}
	require.Len(t, parked, 2)
	for i, name := range []string{"product-stats", "purchase-history"} {
		p := parked[i]
		assert.Equal(t, operator.Parked{Projection: name, Generation: 1, Stream: bad.Stream, Version: bad.First, Type: "LOYALTY_JOINED", SchemaVersion: 1, Unknown: true,
			Error: fmt.Sprintf("event %s of type LOYALTY_JOINED (schema 1): event type not registered", bad.EventID(0)),
			Build: p.Build, Attempts: 1, Since: p.Since}, p.Parked)
		assert.NotZero(t, p.Since)
	}
	table := strings.Split(s.must("parked"), "\n")
	assert.Regexp(t, `^ERROR +EVENT +PROJECTION +STREAMS +SINCE +CODE$`, table[0])
	assert.Regexp(t, `^event type not registered  LOYALTY_JOINED v1  product-stats#1 +1  `, table[1])
	assert.Contains(t, s.must("parked", "show", "product-stats", "user-"+user), bad.EventID(0).String())

	a := s.run("verify", "--json")
	assert.Equal(t, exitCheck, a.code)
	report := decode[verifyReport](t, a.stdout)
	assert.Equal(t, []string{parked[0].Error}, report.faults())
	assert.Equal(t, 2, report.Parked)
	assert.Empty(t, a.stderr)
}

// loyaltyJoined is what a newer program knows.
type loyaltyJoined struct {
	Tier string `json:"tier"`
}

// An older program parks what it does not know. A newer one goes on by itself, whatever
// fed it: nobody has to retry anything.
func TestANewerProgramAppliesByItselfWhatAnOlderOneDidNotKnow(t *testing.T) {
	t.Parallel()
	s := sample(t)
	s.must("project")
	before := s.must("stats", "MUG-01", "--json")
	s.append("20001", "LOYALTY_JOINED", `{"tier":"gold"}`)
	s.append("20001", "PURCHASE_MADE", `{"purchaseId":"x","invoiceId":"x","productId":"MUG-01","description":"","quantity":1,"unitPrice":1,"amount":1,"country":"","date":"2026-01-01T00:00:00Z"}`)
	s.must("project")
	assert.Equal(t, before, s.must("stats", "MUG-01", "--json"), "what is behind the event waits")
	assert.Equal(t, exitCheck, s.run("status", "--check").code)
	assert.Equal(t, exitCheck, s.run("parked", "try", "product-stats").code, "this program knows it no better")

	events := eventstore.MustRegistry(append(eventTypes(), eventstore.Type[loyaltyJoined]("LOYALTY_JOINED", 1))...)
	service, err := openService(t.Context(), "sqlite:"+s.path("shop.db"), true, firstEdition)
	require.NoError(t, err)
	newer, err := projection.NewEngine(service.Store, service.Views, projection.Options{Build: "shop@newer"},
		projection.MustNew("product-stats", 1, events, projection.Follow(customerCategory), newStats()),
		projection.MustNew("purchase-history", 1, events, projection.Follow(customerCategory), newHistory(), newPurchases()))
	require.NoError(t, err)
	require.NoError(t, newer.Prepare(t.Context()))
	report, err := newer.Sweep(t.Context(), nil)
	require.NoError(t, err)
	assert.Zero(t, report.Parked)
	require.NoError(t, service.Close())

	assert.Zero(t, s.run("status", "--check").code)
	assert.Equal(t, answer{0, "", "no stream is parked\n"}, s.run("parked"))
	assert.NotEqual(t, before, s.must("stats", "MUG-01", "--json"))
	assert.Equal(t, answer{0, "", "nothing was done by an operator yet\n"}, s.run("activity"))
}

// The walk of docs/howto/find-and-fix-a-parked-event.md, on more data.
func TestAParkedEventIsFoundTriedAndRetried(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.env = []string{"LEFTFOLD_ACTOR=anna@ops"}
	data := retailtest.Open(t).First(t, 300)
	want := expect(t, data)
	s.must("load", data.Path)
	product := slices.MaxFunc(want.ProductStats, func(a, b retailtest.ProductStats) int { return a.PurchaseCount - b.PurchaseCount }).ProductID
	a := s.run("project", "--break", product)
	require.Zero(t, a.code, a.stderr)
	assert.Equal(t, mostAlike, strings.Count(a.stderr, `msg="projection parked a stream"`), "the first few")
	assert.Contains(t, s.run("status").stdout, "▲ product-stats: ")
	assert.Equal(t, exitCheck, s.run("status", "--check").code)
	groups := s.must("parked", "list")
	assert.Contains(t, groups, "this program was told to fail on product")
	streams := strings.Fields(s.must("parked", "list", "product-stats", "--quiet"))
	require.Greater(t, len(streams), mostAlike)
	assert.Contains(t, a.stderr, fmt.Sprintf("warning: projection parked a stream: %d more\nwarning: streams that wait on an event that failed: %d; see: ", len(streams)-mostAlike, len(streams)))
	first, err := eventstore.ParseEventID(streams[0])
	require.NoError(t, err)
	assert.Contains(t, s.must("parked", "show", "product-stats", first.Stream.String()), streams[0])
	assert.Equal(t, len(streams), strings.Count(s.must("parked", "try", "product-stats", "--json"), `"ok":true`))
	assert.Equal(t, exitCheck, s.run("status", "--check").code, "a try writes nothing")

	a = s.run("parked", "retry", "product-stats", "--all", "--reason", "mended", "--json")
	assert.Equal(t, int(terminal.Refused), a.code, "nobody is there to confirm it")
	a = s.run("parked", "retry", "product-stats", "--all", "--reason", "mended", "--json", "--yes")
	require.Zero(t, a.code, a.stderr)
	assert.Len(t, parse[operator.Retried](t, a.stdout).Retried, len(streams))
	assert.Zero(t, s.run("status", "--check").code)
	s.requireViews(want)
	assert.Contains(t, s.must("activity"), "anna@ops  retry product-stats")
	assert.Contains(t, s.must("verify", "--views"), ", 0 faults")
}

func TestWithoutAParkedStreamThereIsNothingToList(t *testing.T) {
	t.Parallel()
	s, _ := openShop(t, 5)
	assert.Equal(t, answer{0, "", "no stream is parked\n"}, s.run("parked"))
	assert.True(t, slices.Contains(strings.Fields(s.must("help")), "parked"))
}

// What a switch asks is asked of the generation that readers get.
func TestAMistakeIsInEveryVersionThatTheProgramCarriesAndKeepsReadersFromTheNewOne(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	next := s.next()
	s.must("load", retailtest.Open(t).First(t, 5).Path)
	s.must("project")
	next.act("start")
	s.must("send", "purchase", `{"user":"20009","lines":[{"product":"MUG-01","quantity":1,"price":"12.50"}]}`, "--id", "order-1")
	next.must("project", "--break", "MUG-01")
	parked := next.must("parked", "list")
	assert.Contains(t, parked, "product-stats#1  user-20009")
	assert.Contains(t, parked, "product-stats#2  user-20009")

	a := next.run("rebuild", "switch", "product-stats", "--reason", "a test", "--confirm", "product-stats")
	assert.Equal(t, int(terminal.Refused), a.code, a.stderr)
	assert.Contains(t, a.stderr, "1 stream is parked in it")
	next.must("parked", "retry", "product-stats", "--all", "--reason", "mended", "--yes")
	next.act("switch")
	assert.Contains(t, next.must("stats", "MUG-01"), "12.50")
}
