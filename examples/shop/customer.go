package main

import (
	"errors"
	"fmt"
	"strings"
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
	Email         string      `json:"email,omitempty"`
	// MergedInto is the user who has what this guest bought.
	MergedInto string `json:"mergedInto,omitempty"`
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
	Claims: addresses,
}

// addresses says that no two customers have the same e-mail address.
func addresses(e CustomerEvent) (takes, releases []eventstore.Claim) {
	changed, ok := e.(EmailChanged)
	if !ok {
		return nil, nil
	}
	claim := func(email string) []eventstore.Claim {
		if email == "" {
			return nil
		}
		return []eventstore.Claim{{Scope: "email", Key: strings.ToLower(email)}}
	}
	return claim(changed.Email), claim(changed.Before)
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
	case EmailChanged:
		c.Email = e.Email
	case PurchaseGiven:
		delete(c.Left, e.PurchaseID)
		delete(c.Sold, e.PurchaseID)
	case PurchaseTaken:
		c.Left[e.PurchaseID], c.Sold[e.PurchaseID] = e.Left, e.Line
	case GuestMerged:
		c.TotalSpent, c.TotalReturned, c.PurchaseCount, c.ReturnCount = money.Money{}, money.Money{}, 0, 0
		c.MergedInto = e.Into
	case GuestTaken:
		c.TotalSpent = c.TotalSpent.Add(e.TotalSpent)
		c.TotalReturned = c.TotalReturned.Add(e.TotalReturned)
		c.PurchaseCount += e.PurchaseCount
		c.ReturnCount += e.ReturnCount
	}
	return c
}

// Reasons to refuse a command.
var (
	ErrNothingToBuy    = errors.New("a purchase needs lines with a quantity and a price above zero")
	ErrUnknownPurchase = errors.New("nothing is left of this purchase, or there was none")
	ErrTooManyReturned = errors.New("more than what is left of the purchase")
	ErrMerged          = errors.New("the guest is a user by now")
	ErrNoAddress       = errors.New("this is no e-mail address")
)

// Purchase is the command to buy some lines, of which product, description,
// quantity, price and country are given.
func Purchase(invoice string, at time.Time, lines []Line) aggregate.Decision[Customer, CustomerEvent] {
	return func(c Customer) ([]CustomerEvent, error) {
		if c.MergedInto != "" {
			return nil, fmt.Errorf("purchase of %s, who is %s: %w", c.UserID, c.MergedInto, ErrMerged)
		}
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

// SetEmail is the command to reach a customer elsewhere. An address that another customer
// has fails it with an [eventstore.ErrClaimTaken].
func SetEmail(email string) aggregate.Decision[Customer, CustomerEvent] {
	return func(c Customer) ([]CustomerEvent, error) {
		name, host, ok := strings.Cut(email, "@")
		if !ok || name == "" || host == "" || strings.ContainsAny(email, " \t\n") {
			return nil, fmt.Errorf("%q: %w", email, ErrNoAddress)
		}
		if c.Email == email {
			return nil, nil
		}
		return []CustomerEvent{EmailChanged{Email: email, Before: c.Email}}, nil
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
