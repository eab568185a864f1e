package main

import (
	"slices"
	"strings"

	"github.com/leftfold/leftfold/examples/shop/money"
	"github.com/leftfold/leftfold/projection"
)

// Version 2 of product-stats: sales are net of what came back, and each product has a figure
// for each of its last days.

// DaySales is what a product sold on a day, net of what came back on it.
type DaySales struct {
	Day   string      `json:"day"`
	Sales money.Money `json:"sales"`
	Units int64       `json:"units"`
}

// mostDays is how many days a row has. A list that grows with every day would be rows of its
// own: a row has to stay small, since it is written as a whole.
const mostDays = 7

// NetStats has the rows of version 2. Where readers still use version 1 it shows them net, and
// without days.
var NetStats = newNetStats()

func newNetStats() *projection.View[ProductStats] {
	return projection.Fold("product-stats",
		projection.On(productKey[PurchaseMade], func(s *ProductStats, e projection.Event[PurchaseMade]) error {
			s.seen(e.Data.Line)
			s.PurchaseCount++
			s.sold(e.Data.Line, e.Data.Amount, e.Data.Quantity)
			return nil
		}),
		projection.On(productKey[PurchaseReturned], func(s *ProductStats, e projection.Event[PurchaseReturned]) error {
			s.seen(e.Data.Line)
			s.TotalReturned = s.TotalReturned.Add(e.Data.Amount)
			s.UnitsReturned += e.Data.Quantity
			s.ReturnCount++
			s.sold(e.Data.Line, money.Money{}.Sub(e.Data.Amount), -e.Data.Quantity)
			return nil
		}),
	)
}

// sold adds to what was sold, on the whole and on the day.
func (s *ProductStats) sold(l Line, amount money.Money, units int64) {
	s.TotalSales = s.TotalSales.Add(amount)
	s.UnitsSold += units
	day := l.Date.Format("2006-01-02")
	i, there := slices.BinarySearchFunc(s.Days, day, func(d DaySales, day string) int { return strings.Compare(day, d.Day) })
	if !there {
		s.Days = slices.Insert(s.Days, i, DaySales{Day: day})
	}
	s.Days[i].Sales = s.Days[i].Sales.Add(amount)
	s.Days[i].Units += units
	// A day that is dropped has so many later ones, and those stay: so the order of the events
	// does not matter.
	s.Days = s.Days[:min(len(s.Days), mostDays)]
}

// net is a row of version 1 as version 2 says it.
func (s ProductStats) net() ProductStats {
	s.TotalSales = s.TotalSales.Sub(s.TotalReturned)
	s.UnitsSold -= s.UnitsReturned
	return s
}

// ProductStatsV2 replaces version 1. As long as that is read, or can be gone back to, programs
// carry both.
var ProductStatsV2 = projection.MustNew("product-stats", 2, Events, projection.Follow(customerCategory),
	projection.Replaces(ProductStatsV1, projection.Shows(NetStats, Stats, ProductStats.net)), NetStats)
