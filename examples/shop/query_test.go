package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/internal/retailtest"
	"github.com/leftfold/leftfold/projection"
)

// openShop returns a shop with the first invoices loaded and projected.
func openShop(tb testing.TB, invoices int) (*shop, expected) {
	tb.Helper()
	data := retailtest.Open(tb).First(tb, invoices)
	s := newShop(tb)
	s.must("load", data.Path)
	s.must("project")
	return s, expect(tb, data)
}

// busiest returns the user with the most events.
func busiest(want expected) retailtest.PurchaseHistory {
	return slices.MaxFunc(want.PurchaseHistory, func(a, b retailtest.PurchaseHistory) int { return a.Events() - b.Events() })
}

// fields returns the names in a JSON object, in their order.
func fields(tb testing.TB, text string) (names []string) {
	tb.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	_, err := d.Token()
	require.NoError(tb, err, text)
	for d.More() {
		name, err := d.Token()
		require.NoError(tb, err)
		names = append(names, name.(string))
		require.NoError(tb, d.Decode(new(json.RawMessage)))
	}
	return names
}

func TestEveryCommandPrintsJSONWithItsFieldsInOrder(t *testing.T) {
	t.Parallel()
	s, want := openShop(t, 100)
	user, product := busiest(want).UserID, want.ProductStats[0].ProductID
	stats := "productId totalSales purchaseCount unitsSold totalReturned returnCount unitsReturned lastUpdated"
	summary := "userId totalSpent totalReturned purchaseCount returnCount"
	purchase := "purchaseId productId quantity amount date returned"
	for _, test := range []struct{ command, fields string }{
		{"load " + s.data(100), "parts events known rejected reasons seconds"},
		{"project", "streams behind events seconds"},
		{"history " + user, summary + " purchases next"},
		{"stats " + product, stats},
		{"top", stats},
		{"state user-" + user, "schema stream version time state"},
		{"state user-" + user + " --version 1 --diff", "schema stream version time state changes"},
		{"dump product-stats", stats},
		{"dump purchase-history", summary},
		{"dump purchases", purchase},
		{"streams", "schema stream"},
		{"events user-" + user, "schema id stream version type schema_version time commit payload"},
		{"verify", "schema streams commits events faults parked skipped"},
	} {
		out := s.must(append(strings.Fields(test.command), "--json")...)
		require.NotEmpty(t, out, test.command)
		for line := range strings.Lines(out) {
			require.Equal(t, test.fields, strings.Join(fields(t, line), " "), test.command)
		}
	}
	page := parse[struct{ Purchases []json.RawMessage }](t, s.must("history", user, "--json"))
	assert.Equal(t, purchase, strings.Join(fields(t, string(page.Purchases[0])), " "))
	event, _, _ := strings.Cut(s.must("events", "user-"+user, "--json"), "\n")
	payload := decode[eventAnswer](t, event).Payload
	assert.Equal(t, "purchaseId invoiceId productId description quantity unitPrice amount country date", strings.Join(fields(t, string(payload)), " "))
	assert.Empty(t, s.must("parked", "--json"))
}

func (s *shop) data(invoices int) string { return retailtest.Open(s).First(s, invoices).Path }

func TestHistoryPagesShowEveryPurchaseOnceNewestFirst(t *testing.T) {
	t.Parallel()
	s, want := openShop(t, 300)
	user := busiest(want)
	var all []string
	for line := range strings.Lines(s.must("dump", "purchases")) {
		if strings.Contains(line, `"user-`+user.UserID+`@`) {
			all = append(all, strings.TrimSpace(line))
		}
	}
	slices.Reverse(all)
	require.Len(t, all, user.PurchaseCount)
	for _, limit := range []int{1, 7, len(all) - 1, len(all), len(all) + 1} {
		limit = min(limit, projection.MaxPage)
		var seen []string
		after := ""
		for pages := 1; pages == 1 || after != ""; pages++ {
			page := decode[struct {
				retailtest.PurchaseHistory
				Purchases []json.RawMessage
				Next      string
			}](t, s.must("history", user.UserID, "--limit", fmt.Sprint(limit), "--after", after, "--json"))
			assert.Equal(t, user, page.PurchaseHistory)
			for _, p := range page.Purchases {
				seen = append(seen, string(p))
			}
			require.LessOrEqual(t, len(page.Purchases), limit)
			after = page.Next
			if limit == 1 && pages == 20 {
				break // one at a time it would take long
			}
		}
		require.Equal(t, all[:len(seen)], seen)
		if limit > 1 {
			require.Len(t, seen, len(all), "pages of %d", limit)
		}
	}
}

func TestACursorIsRefusedWhereItDoesNotBelong(t *testing.T) {
	t.Parallel()
	s, want := openShop(t, 100)
	user, other := busiest(want).UserID, want.PurchaseHistory[0].UserID
	require.NotEqual(t, user, other)
	cursor := decode[historyAnswer](t, s.must("history", user, "--limit", "1", "--json")).Next
	for reason, args := range map[string][]string{
		"it belongs to another query":             {other, "--after", cursor},
		"it is damaged; start again from":         {user, "--after", cursor[1:]},
		"it is damaged; start again from the fir": {user, "--after", "user-17850@3"},
	} {
		a := s.run(append([]string{"history"}, args...)...)
		assert.Equal(t, exitUsage, a.code)
		assert.Empty(t, a.stdout)
		assert.Contains(t, a.stderr, "error: cursor can not be used: "+reason)
	}
}

func TestStreamsAreListedInPages(t *testing.T) {
	t.Parallel()
	s, want := openShop(t, 100)
	all := s.must("streams")
	var users []string
	for _, h := range want.PurchaseHistory {
		users = append(users, "user-"+h.UserID+"\n")
	}
	require.Equal(t, strings.Join(users, ""), all)
	var walked strings.Builder
	last := ""
	for range users {
		a := s.run("streams", "--limit", "7", "--after", last)
		require.Equal(t, 0, a.code, a.stderr)
		walked.WriteString(a.stdout)
		names := strings.Fields(a.stdout)
		last = names[len(names)-1]
		if a.stderr == "" {
			break
		}
		require.Equal(t, "next: shop streams --limit 7 --after "+last+"\n", a.stderr)
	}
	assert.Equal(t, all, walked.String())
}
