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

func TestWithoutAParkedStreamThereIsNothingToList(t *testing.T) {
	t.Parallel()
	s, _ := openShop(t, 5)
	assert.Equal(t, answer{0, "", "no stream is parked\n"}, s.run("parked"))
	assert.True(t, slices.Contains(strings.Fields(s.must("help")), "parked"))
}
