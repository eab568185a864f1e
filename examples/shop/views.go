package main

import (
	"fmt"
	"time"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/examples/shop/money"
	"github.com/leftfold/leftfold/projection"
)

// ProductStats is how a product sells: a row of the view product-stats.
type ProductStats struct {
	ProductID string `json:"productId"`
	// TotalSales and UnitsSold are all that was sold in version 1, and from version 2 on what
	// is left of that without what came back.
	TotalSales    money.Money `json:"totalSales"`
	PurchaseCount int         `json:"purchaseCount"`
	UnitsSold     int64       `json:"unitsSold"`
	TotalReturned money.Money `json:"totalReturned"`
	ReturnCount   int         `json:"returnCount"`
	UnitsReturned int64       `json:"unitsReturned"`
	LastUpdated   time.Time   `json:"lastUpdated"`
	// Days are the last ones with a sale or a return, of version 2.
	Days []DaySales `json:"days,omitempty"`
}

// Stats has one row a product, which the streams of all its buyers share.
var Stats = newStats()

func newStats() *projection.View[ProductStats] {
	return projection.Fold("product-stats",
		projection.On(productKey[PurchaseMade], func(s *ProductStats, e projection.Event[PurchaseMade]) error {
			s.seen(e.Data.Line)
			s.TotalSales = s.TotalSales.Add(e.Data.Amount)
			s.UnitsSold += e.Data.Quantity
			s.PurchaseCount++
			return nil
		}),
		projection.On(productKey[PurchaseReturned], func(s *ProductStats, e projection.Event[PurchaseReturned]) error {
			s.seen(e.Data.Line)
			s.TotalReturned = s.TotalReturned.Add(e.Data.Amount)
			s.UnitsReturned += e.Data.Quantity
			s.ReturnCount++
			return nil
		}),
	)
}

// seen takes the maximum of the dates: nothing is promised about the order of
// different customers' events.
func (s *ProductStats) seen(l Line) {
	s.ProductID = l.ProductID
	if l.Date.After(s.LastUpdated) {
		s.LastUpdated = l.Date
	}
}

// PurchaseHistory is what a customer bought, in sum: a row of the view purchase-history.
type PurchaseHistory struct {
	UserID        string      `json:"userId"`
	TotalSpent    money.Money `json:"totalSpent"`
	TotalReturned money.Money `json:"totalReturned"`
	PurchaseCount int         `json:"purchaseCount"`
	ReturnCount   int         `json:"returnCount"`
}

// History has one row a customer, which is a stream.
var History = newHistory()

func newHistory() *projection.View[PurchaseHistory] {
	return projection.PerStream("purchase-history",
		projection.When(func(h *PurchaseHistory, e projection.Event[PurchaseMade]) error {
			h.UserID = e.Stream.ID()
			h.TotalSpent = h.TotalSpent.Add(e.Data.Amount)
			h.PurchaseCount++
			return nil
		}),
		projection.When(func(h *PurchaseHistory, e projection.Event[PurchaseReturned]) error {
			h.UserID = e.Stream.ID()
			h.TotalReturned = h.TotalReturned.Add(e.Data.Amount)
			h.ReturnCount++
			return nil
		}),
		projection.When(func(h *PurchaseHistory, e projection.Event[GuestTaken]) error {
			h.UserID = e.Stream.ID()
			h.TotalSpent = h.TotalSpent.Add(e.Data.TotalSpent)
			h.TotalReturned = h.TotalReturned.Add(e.Data.TotalReturned)
			h.PurchaseCount += e.Data.PurchaseCount
			h.ReturnCount += e.Data.ReturnCount
			return nil
		}),
		projection.WhenDelete[PurchaseHistory, GuestMerged](),
	)
}

// PurchaseEntry is one purchase in a customer's history: a row of the view purchases.
type PurchaseEntry struct {
	PurchaseID string      `json:"purchaseId"`
	ProductID  string      `json:"productId"`
	Quantity   int64       `json:"quantity"`
	Amount     money.Money `json:"amount"`
	Date       time.Time   `json:"date"`
	// Returned is how many units of it came back.
	Returned int64 `json:"returned"`
}

// Purchases has the purchases of a customer under one partition key, in the order
// in which they were made.
var Purchases = newPurchases()

func newPurchases() *projection.View[PurchaseEntry] {
	return projection.Fold("purchases",
		projection.OnNew(func(e projection.Event[PurchaseMade]) projection.Key { return purchaseKey(e.Stream.ID(), e.Version) },
			func(p *PurchaseEntry, e projection.Event[PurchaseMade]) error {
				*p = entryOf(e.Data.Line)
				return nil
			}),
		projection.OnEach(returnedKeys, func(p *PurchaseEntry, e projection.Event[PurchaseReturned]) error {
			p.Returned += e.Data.Quantity
			return nil
		}),
		projection.OnEach(func(e projection.Event[PurchaseTaken]) []projection.Key {
			return entryKeys(e.Stream, e.Data.PurchaseID)
		},
			func(p *PurchaseEntry, e projection.Event[PurchaseTaken]) error {
				*p = entryOf(e.Data.Line)
				p.Returned = e.Data.Quantity - e.Data.Left
				return nil
			}),
		projection.OnEachDelete[PurchaseEntry](func(e projection.Event[PurchaseGiven]) []projection.Key {
			return entryKeys(e.Stream, e.Data.PurchaseID)
		}),
	)
}

func entryOf(l Line) PurchaseEntry {
	return PurchaseEntry{PurchaseID: l.PurchaseID, ProductID: l.ProductID, Quantity: l.Quantity, Amount: l.Amount, Date: l.Date}
}

// The projections, under the version of their code. netstats.go has the next one.
var (
	ProductStatsV1    = projection.MustNew("product-stats", 1, Events, projection.Follow(customerCategory), Stats)
	PurchaseHistoryV1 = projection.MustNew("purchase-history", 1, Events, projection.Follow(customerCategory), History, Purchases)
)

// HasLine is both facts.
type HasLine interface {
	PurchaseMade | PurchaseReturned
	line() Line
}

func (l Line) line() Line { return l }

func productKey[E HasLine](e projection.Event[E]) projection.Key {
	return projection.KeyOf(e.Data.line().ProductID)
}

// purchaseKey sorts a customer's purchases by version: by bytes, so with zeros.
func purchaseKey(user string, version eventstore.Version) projection.Key {
	return projection.Key{Partition: user, Sort: fmt.Sprintf("%012d", version)}
}

// returnedKeys returns the key of the purchase that came back, where it is known.
func returnedKeys(e projection.Event[PurchaseReturned]) []projection.Key {
	return entryKeys(e.Stream, e.Data.Returns)
}

// entryKeys returns the key that a purchase has in a customer's history, where it is known:
// it may have come from a guest.
func entryKeys(customer eventstore.StreamID, purchaseID string) []projection.Key {
	purchase, err := eventstore.ParseEventID(purchaseID)
	if err != nil {
		return nil
	}
	key := purchaseKey(customer.ID(), purchase.Version)
	if purchase.Stream != customer {
		key.Sort += " " + purchase.Stream.ID()
	}
	return []projection.Key{key}
}
