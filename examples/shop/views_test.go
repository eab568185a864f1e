package main

import (
	"fmt"
	"iter"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/examples/shop/money"
	"github.com/leftfold/leftfold/internal/plaintest"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/projectiontest"
)

// The projections under a feed that repeats, reorders and loses, with several workers
// that crash.
func TestTheProjectionsStandAHostileWorld(t *testing.T) {
	t.Parallel()
	if plaintest.Run(t) {
		return
	}
	for _, p := range []*projection.Projection{ProductStatsV1, ProductStatsV2, PurchaseHistoryV1} {
		for name, lossy := range map[string]bool{"a feed that repeats and reorders": false, "a feed that loses": true} {
			t.Run(fmt.Sprintf("%s v%d, %s", p.Name(), p.Version(), name), func(t *testing.T) {
				t.Parallel()
				schedules := 300
				if soak() {
					schedules *= 20
				}
				projectiontest.Run(t, projectiontest.Options{Projection: p, Events: Events, History: history2010, Schedules: schedules, Lossy: lossy})
			})
		}
	}
}

// history2010 is a short trade of three customers, who buy the same products, with
// returns that name their purchase and returns that do not.
var history2010 = []projectiontest.Commit{
	{Stream: "user-1", Events: []any{bought("user-1@1", "MUG", 6, 1), bought("user-1@2", "TEA", 2, 1)}},
	{Stream: "user-2", Events: []any{bought("user-2@1", "MUG", 1, 2)}},
	{Stream: "user-1", Events: []any{returned("user-1@3", "MUG", 2, 3, "user-1@1")}},
	{Stream: "user-guest-536365", Events: []any{returned("user-guest-536365@1", "MUG", 1, 1, ""), bought("user-guest-536365@2", "POST", 1, 1)}},
	{Stream: "user-2", Events: []any{bought("user-2@2", "TEA", 3, 5), returned("user-2@3", "TEA", 1, 5, "user-2@2"), returned("user-2@4", "MUG", 1, 4, "user-2@1")}},
	{Stream: "user-1", Events: []any{returned("user-1@4", "MUG", 4, 9, "user-1@1")}},
	{Stream: "user-1", Events: []any{bought("user-1@5", "MUG", 1, 9), bought("user-1@6", "MUG", 1, 8)}},
	{Stream: "user-2", Events: []any{bought("user-2@5", "POST", 1, 2)}},
	{Stream: "user-guest-536365", Events: []any{returned("user-guest-536365@3", "POST", 1, 7, "user-guest-536365@2")}},
}

func TestTheViewsSayWhatWasBoughtAndWhatCameBack(t *testing.T) {
	t.Parallel()
	missing := maps.Clone(rows2010)
	for _, p := range []*projection.Projection{ProductStatsV1, PurchaseHistoryV1} {
		rows, err := projection.Replay(p, commitsOf(t, history2010))
		require.NoError(t, err)
		for _, row := range rows {
			id := strings.TrimRight(fmt.Sprintf("%s %s %s", row.ID.View, row.ID.Key.Partition, row.ID.Key.Sort), " ")
			if want, ok := rows2010[id]; ok {
				assert.Equal(t, want, string(row.Content), id)
				delete(missing, id)
			}
		}
	}
	assert.Empty(t, missing)
}

var rows2010 = map[string]string{
	"product-stats MUG":                   `{"productId":"MUG","totalSales":22.95,"purchaseCount":4,"unitsSold":9,"totalReturned":20.4,"returnCount":4,"unitsReturned":8,"lastUpdated":"2010-12-09T09:30:00Z"}`,
	"@purchase-history user-2":            `{"userId":"2","totalSpent":12.75,"totalReturned":5.1,"purchaseCount":3,"returnCount":2}`,
	"@purchase-history user-guest-536365": `{"userId":"guest-536365","totalSpent":2.55,"totalReturned":5.1,"purchaseCount":1,"returnCount":2}`,
	"purchases 1 000000000001":            `{"purchaseId":"user-1@1","productId":"MUG","quantity":6,"amount":15.3,"date":"2010-12-01T09:30:00Z","returned":6}`,
	"purchases 1 000000000005":            `{"purchaseId":"user-1@5","productId":"MUG","quantity":1,"amount":2.55,"date":"2010-12-09T09:30:00Z","returned":0}`,
	"purchases 2 000000000002":            `{"purchaseId":"user-2@2","productId":"TEA","quantity":3,"amount":7.65,"date":"2010-12-05T09:30:00Z","returned":1}`,
	"purchases guest-536365 000000000002": `{"purchaseId":"user-guest-536365@2","productId":"POST","quantity":1,"amount":2.55,"date":"2010-12-01T09:30:00Z","returned":1}`,
}

// commitsOf numbers the events of a history as a store would.
func commitsOf(tb testing.TB, history []projectiontest.Commit) iter.Seq2[eventstore.Commit, error] {
	tb.Helper()
	next := map[string]eventstore.Version{}
	return func(yield func(eventstore.Commit, error) bool) {
		for _, h := range history {
			stream, err := eventstore.ParseStreamID(h.Stream)
			require.NoError(tb, err)
			c := eventstore.Commit{Stream: stream, First: next[h.Stream] + 1}
			for _, e := range h.Events {
				event, err := Events.Encode(e)
				require.NoError(tb, err)
				c.Events = append(c.Events, event)
			}
			next[h.Stream] = c.Last()
			if !yield(c, nil) {
				return
			}
		}
	}
}

// bought is what a customer bought on a day, for 2.55 apiece.
func bought(id, product string, quantity int64, day int) PurchaseMade {
	price := money.Pence(255)
	return PurchaseMade{Line{PurchaseID: id, InvoiceID: "536365", ProductID: product, Description: "", Quantity: quantity,
		UnitPrice: price, Amount: price.Mul(quantity), Country: "France", Date: december(day)}}
}

func returned(id, product string, quantity int64, day int, purchase string) PurchaseReturned {
	return PurchaseReturned{Line: bought(id, product, quantity, day).Line, Returns: purchase}
}

func december(day int) time.Time { return time.Date(2010, time.December, day, 9, 30, 0, 0, time.UTC) }
