package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/examples/shop/money"
	"github.com/leftfold/leftfold/examples/shop/retail"
)

const customerCategory = "user"

// Customer is what commands need to know of a customer.
type Customer struct {
	UserID        string      `json:"userId"`
	TotalSpent    money.Money `json:"totalSpent"`
	TotalReturned money.Money `json:"totalReturned"`
	PurchaseCount int         `json:"purchaseCount"`
	ReturnCount   int         `json:"returnCount"`
	// Left is how many units of each purchase have not come back, by purchase ID.
	Left map[string]int64 `json:"-"`
	// Sold is what each purchase was, as far as units of it are left.
	Sold map[string]Line `json:"-"`
	// Version counts the events, so that a decision knows the IDs of its own.
	Version eventstore.Version `json:"-"`
}

// Customers says how a customer follows from events.
var Customers = aggregate.Decider[Customer, CustomerEvent]{
	Category: customerCategory,
	Events:   Events,
	Initial: func(id string) Customer {
		return Customer{UserID: id, Left: map[string]int64{}, Sold: map[string]Line{}}
	},
	Evolve: evolve,
}

func evolve(c Customer, e CustomerEvent) Customer {
	c.Version++
	switch e := e.(type) {
	case PurchaseMade:
		c.TotalSpent = c.TotalSpent.Add(e.Amount)
		c.PurchaseCount++
		c.Left[e.PurchaseID] = e.Quantity
		c.Sold[e.PurchaseID] = e.Line
	case PurchaseReturned:
		c.TotalReturned = c.TotalReturned.Add(e.Amount)
		c.ReturnCount++
		if e.Returns != "" {
			c.Left[e.Returns] -= e.Quantity
		}
		if c.Left[e.Returns] <= 0 {
			delete(c.Left, e.Returns)
			delete(c.Sold, e.Returns)
		}
	}
	return c
}

// Reasons to refuse a command.
var (
	ErrNothingToBuy    = errors.New("a purchase needs lines with a quantity and a price above zero")
	ErrUnknownPurchase = errors.New("nothing is left of this purchase, or there was none")
	ErrTooManyReturned = errors.New("more than what is left of the purchase")
)

// Purchase is the command to buy some lines, of which product, description,
// quantity, price and country are given.
func Purchase(invoice string, at time.Time, lines []Line) aggregate.Decision[Customer, CustomerEvent] {
	return func(c Customer) ([]CustomerEvent, error) {
		var events []CustomerEvent
		for _, l := range lines {
			if l.Quantity <= 0 || !l.UnitPrice.IsPositive() {
				return nil, fmt.Errorf("product %q: %w", l.ProductID, ErrNothingToBuy)
			}
			l.InvoiceID, l.Date = invoice, at
			events = append(events, PurchaseMade{c.number(l, len(events))})
		}
		if len(events) == 0 {
			return nil, ErrNothingToBuy
		}
		return events, nil
	}
}

// Return is the command to give back some units of a purchase: at most what is
// left of it.
func Return(purchaseID string, quantity int64, at time.Time) aggregate.Decision[Customer, CustomerEvent] {
	return func(c Customer) ([]CustomerEvent, error) {
		line, known := c.Sold[purchaseID]
		if !known {
			return nil, fmt.Errorf("return of %s: %w", purchaseID, ErrUnknownPurchase)
		}
		if left := c.Left[purchaseID]; quantity < 1 || quantity > left {
			return nil, fmt.Errorf("return of %d units of %s, %d are left: %w", quantity, purchaseID, left, ErrTooManyReturned)
		}
		line.Quantity, line.Date = quantity, at
		return []CustomerEvent{PurchaseReturned{Line: c.number(line, 0), Returns: purchaseID}}, nil
	}
}

// Import is the command to record a part of an invoice as it happened. Facts are
// not refused.
func Import(part *retail.Part) aggregate.Decision[Customer, CustomerEvent] {
	return func(c Customer) ([]CustomerEvent, error) {
		events := make([]CustomerEvent, len(part.Lines))
		for i, l := range part.Lines {
			line := c.number(Line{
				InvoiceID: part.Invoice, ProductID: l.ProductID, Description: l.Description,
				Quantity: l.Quantity, UnitPrice: l.UnitPrice, Country: l.Country, Date: l.Date,
			}, i)
			events[i] = PurchaseMade{line}
			if l.Returned {
				events[i] = PurchaseReturned{Line: line}
			}
		}
		return events, nil
	}
}

// number gives a line the ID of the event that it becomes, the i-th of a decision,
// and its amount.
func (c Customer) number(l Line, i int) Line {
	l.PurchaseID = fmt.Sprintf("%s-%s@%d", customerCategory, c.UserID, int(c.Version)+1+i)
	l.Amount = l.UnitPrice.Mul(l.Quantity)
	return l
}
