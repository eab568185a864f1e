package retail_test

import (
	"cmp"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/examples/shop/money"
	"github.com/leftfold/leftfold/examples/shop/retail"
	"github.com/leftfold/leftfold/internal/plaintest"
	"github.com/leftfold/leftfold/internal/retailtest"
)

func TestTheWholeFileIsReadAsTheOracleReadsIt(t *testing.T) {
	t.Parallel()
	if plaintest.Run(t) {
		return
	}
	data := retailtest.Open(t)
	file, err := os.Open(data.Path)
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	got := read(file)
	requireOracle(t, data.Expect(t), got)
	ids := make(map[string]bool)
	events := 0
	for _, part := range got.parts {
		require.False(t, ids[part.CommitID()], "%s is there twice", part.CommitID())
		ids[part.CommitID()] = true
		events += len(part.Lines)
	}
	kinds := make(map[retail.Kind]int)
	for _, r := range got.rejects {
		kinds[r.Kind]++
	}
	t.Logf("%d parts, %d events, rejects %v", len(got.parts), events, kinds)
	if data.Whole {
		assert.Equal(t, retailtest.WholeEvents, events)
		assert.Len(t, got.rejects, retailtest.WholeRejected)
		assert.Equal(t, 2, countParts(got.parts, "542806"), "the one invoice that comes back")
	}
}

func countParts(parts []*retail.Part, invoice string) int {
	n := 0
	for _, p := range parts {
		if p.Invoice == invoice {
			n++
		}
	}
	return n
}

// side is one half of a row, with the amount as the shop adds it up.
type side struct {
	amount money.Money
	count  int
	units  int64
}

func (s *side) add(l retail.Line) {
	s.amount = s.amount.Add(l.Amount())
	s.count++
	s.units += l.Quantity
}

func (s *side) number() json.Number {
	text, err := json.Marshal(s.amount)
	if err != nil {
		panic(err)
	}
	return json.Number(text)
}

type account struct {
	sides [2]side // purchases, returns
	last  time.Time
}

func (a *account) add(l retail.Line) {
	if l.Returned {
		a.sides[1].add(l)
	} else {
		a.sides[0].add(l)
	}
	if a.last.IsZero() || l.Date.After(a.last) {
		a.last = l.Date
	}
}

// fold makes the rows of both views from parts alone.
func fold(parts []*retail.Part) (products []retailtest.ProductStats, users []retailtest.PurchaseHistory) {
	byProduct, byUser := make(map[string]*account), make(map[string]*account)
	at := func(m map[string]*account, key string) *account {
		m[key] = cmp.Or(m[key], new(account))
		return m[key]
	}
	for _, p := range parts {
		for _, l := range p.Lines {
			at(byProduct, l.ProductID).add(l)
			at(byUser, p.User).add(l)
		}
	}
	for _, id := range slices.SortedFunc(maps.Keys(byProduct), strings.Compare) {
		a := byProduct[id]
		products = append(products, retailtest.ProductStats{
			ProductID:  id,
			TotalSales: a.sides[0].number(), PurchaseCount: a.sides[0].count, UnitsSold: a.sides[0].units,
			TotalReturned: a.sides[1].number(), ReturnCount: a.sides[1].count, UnitsReturned: a.sides[1].units,
			LastUpdated: a.last.Format(time.RFC3339),
		})
	}
	for _, id := range slices.SortedFunc(maps.Keys(byUser), strings.Compare) {
		a := byUser[id]
		users = append(users, retailtest.PurchaseHistory{
			UserID: id, TotalSpent: a.sides[0].number(), TotalReturned: a.sides[1].number(),
			PurchaseCount: a.sides[0].count, ReturnCount: a.sides[1].count,
		})
	}
	return products, users
}
