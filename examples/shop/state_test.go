package main

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestStateIsTheFoldOfTheEventsUpToAVersionOrATime(t *testing.T) {
	t.Parallel()
	s, want := openShop(t, 300)
	user := busiest(want).UserID
	var events []eventAnswer
	for line := range strings.Lines(s.must("events", "user-"+user, "--json")) {
		events = append(events, decode[eventAnswer](t, line))
	}
	check := func(n int, args ...string) {
		t.Helper()
		expect := foldEvents(t, user, events[:n])
		got := s.must(append([]string{"state", "user-" + user, "--json"}, args...)...)
		assert.Equal(t, parse[map[string]any](t, expect), parse[map[string]any](t, got), "state %v", args)
	}
	check(len(events))
	inside := 0 // how many versions lie inside a commit
	for n := 1; n <= len(events); n += 1 + len(events)/10 {
		check(n, "--version", fmt.Sprint(n))
		if n < len(events) && events[n].Commit == events[n-1].Commit {
			inside++
		}
	}
	assert.Positive(t, inside)
	for i, e := range events {
		if i+1 < len(events) && !events[i+1].Time.Equal(e.Time) {
			check(i+1, "--at", e.Time.Format("2006-01-02T15:04:05Z"))
			check(i+1, "--at", events[i+1].Time.Add(-1).Format("2006-01-02T15:04:05.999999999Z"))
		}
	}
	check(len(events), "--at", "2030-01-01")
	for _, args := range [][]string{
		{"user-" + user, "--version", fmt.Sprint(len(events) + 1)}, {"user-" + user, "--at", "2000-01-01"}, {"user-nobody"}, {"user-nobody", "--version", "1"},
	} {
		a := s.run(append([]string{"state"}, args...)...)
		assert.Equal(t, exitNotFound, a.code, "%v: %s", args, a.stderr)
	}
}

// foldEvents makes the JSON of a state in another way than the shop.
func foldEvents(tb testing.TB, user string, events []eventAnswer) string {
	tb.Helper()
	sums, counts := map[string]*big.Rat{}, map[string]int{}
	for _, e := range events {
		if sums[e.Type] == nil {
			sums[e.Type] = new(big.Rat)
		}
		amount, ok := new(big.Rat).SetString(string(parse[struct{ Amount json.Number }](tb, string(e.Payload)).Amount))
		require.True(tb, ok)
		sums[e.Type].Add(sums[e.Type], amount)
		counts[e.Type]++
	}
	number := func(typ string) json.Number {
		if sums[typ] == nil {
			return "0"
		}
		decimals, _ := sums[typ].FloatPrec()
		return json.Number(sums[typ].FloatString(decimals))
	}
	last := events[len(events)-1]
	state := map[string]any{"userId": user, "totalSpent": number("PURCHASE_MADE"), "totalReturned": number("PURCHASE_RETURNED"),
		"purchaseCount": counts["PURCHASE_MADE"], "returnCount": counts["PURCHASE_RETURNED"]}
	text, err := json.Marshal(map[string]any{"schema": 1, "stream": "user-" + user, "version": len(events), "time": last.Time, "state": state})
	require.NoError(tb, err)
	return string(text)
}
