package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/retailtest"
	"github.com/leftfold/leftfold/projection"
)

// past is all events of a store, folded by plain code as far as asked.
type past struct {
	streams map[string][]any
	first   map[string]eventstore.Version // the first event of each stream on which the code fails
	bad     int
}

func readPast(t *testing.T, s *Service, fails func(eventstore.EventID) bool) past {
	t.Helper()
	p := past{streams: map[string][]any{}, first: map[string]eventstore.Version{}}
	for scanned, err := range s.Store.ReadAll(t.Context(), eventstore.Cursor{}) {
		require.NoError(t, err)
		c := scanned.Commit
		stream := c.Stream.String()
		require.EqualValues(t, len(p.streams[stream])+1, c.First, "a scan of a file is in order")
		for i := range c.Events {
			e, err := Events.Decode(&c, i)
			require.NoError(t, err)
			p.streams[stream] = append(p.streams[stream], e)
			if id := c.EventID(i); fails(id) {
				p.bad++
				if p.first[stream] == 0 {
					p.first[stream] = id.Version
				}
			}
		}
	}
	return p
}

// applied reports whether an event lies before the first one of its stream that fails.
func (p past) applied(id eventstore.EventID) bool {
	first, waits := p.first[id.Stream.String()]
	return !waits || id.Version < first
}

// fold returns what the views must show of the events that take says, as dumps.
func (p past) fold(take func(id eventstore.EventID) bool) (stats, history, entries string) {
	products, users := map[string]*ProductStats{}, map[string]*PurchaseHistory{}
	purchases := map[string][]*PurchaseEntry{}
	for name, events := range p.streams {
		stream, _ := eventstore.ParseStreamID(name)
		for i, e := range events {
			id := eventstore.EventID{Stream: stream, Version: eventstore.Version(i) + 1}
			if !take(id) {
				continue
			}
			line := lineOf(e)
			product, user := rowOf(products, line.ProductID), rowOf(users, stream.ID())
			product.ProductID, user.UserID = line.ProductID, stream.ID()
			if line.Date.After(product.LastUpdated) {
				product.LastUpdated = line.Date
			}
			switch e.(type) {
			case PurchaseMade:
				product.TotalSales, user.TotalSpent = product.TotalSales.Add(line.Amount), user.TotalSpent.Add(line.Amount)
				product.PurchaseCount, user.PurchaseCount = product.PurchaseCount+1, user.PurchaseCount+1
				product.UnitsSold += line.Quantity
				purchases[stream.ID()] = append(purchases[stream.ID()], &PurchaseEntry{PurchaseID: line.PurchaseID, ProductID: line.ProductID,
					Quantity: line.Quantity, Amount: line.Amount, Date: line.Date})
			case PurchaseReturned:
				product.TotalReturned, user.TotalReturned = product.TotalReturned.Add(line.Amount), user.TotalReturned.Add(line.Amount)
				product.ReturnCount, user.ReturnCount = product.ReturnCount+1, user.ReturnCount+1
				product.UnitsReturned += line.Quantity
			}
		}
	}
	return dumpSorted(products), dumpSorted(users), retailtest.Dump(slices.Concat(sortedValues(purchases)...))
}

func lineOf(e any) Line {
	switch e := e.(type) {
	case PurchaseMade:
		return e.Line
	case PurchaseReturned:
		return e.Line
	}
	panic(fmt.Sprintf("%T is no event of the retail year", e))
}

func rowOf[R any](rows map[string]*R, key string) *R {
	if rows[key] == nil {
		rows[key] = new(R)
	}
	return rows[key]
}

func sortedValues[V any](m map[string]V) (values []V) {
	for _, key := range slices.SortedFunc(maps.Keys(m), cmp.Compare[string]) {
		values = append(values, m[key])
	}
	return values
}

func dumpSorted[R any](rows map[string]*R) string { return retailtest.Dump(sortedValues(rows)) }

// dumpOf returns the rows of a view in the order of their keys.
func dumpOf[R any](t *testing.T, s *Service, view *projection.View[R]) string {
	t.Helper()
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for row, err := range view.All(t.Context(), s.Views) {
		require.NoError(t, err)
		require.NoError(t, enc.Encode(row))
	}
	return b.String()
}

// requireFold holds all views against the fold of some events.
func (p past) requireFold(t *testing.T, s *Service, code *fragile, take func(eventstore.EventID) bool) {
	t.Helper()
	stats, history, entries := p.fold(take)
	requireSame(t, "product-stats", stats, dumpOf(t, s, code.stats))
	requireSame(t, "purchase-history", history, dumpOf(t, s, code.history))
	requireSame(t, "purchases", entries, dumpOf(t, s, code.purchases))
}
