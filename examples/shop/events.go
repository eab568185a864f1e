package main

import (
	"time"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/examples/shop/money"
)

// CustomerEvent is a fact about a customer. The interface is sealed: these are all.
type CustomerEvent interface{ customerEvent() }

// PurchaseMade: a customer bought some of one product.
type PurchaseMade struct{ Line }

// PurchaseReturned: some of a product came back.
type PurchaseReturned struct {
	Line
	// Returns is the ID of the purchase that is given back, where it is known:
	// imported returns do not say.
	Returns string `json:"returns,omitempty"`
}

// Line is what both facts say. Quantity and amount are above zero, for a return too.
type Line struct {
	// PurchaseID is the ID of the event itself, "stream@version".
	PurchaseID  string      `json:"purchaseId"`
	InvoiceID   string      `json:"invoiceId"`
	ProductID   string      `json:"productId"`
	Description string      `json:"description"`
	Quantity    int64       `json:"quantity"`
	UnitPrice   money.Money `json:"unitPrice"`
	Amount      money.Money `json:"amount"`
	Country     string      `json:"country"`
	Date        time.Time   `json:"date"`
}

func (PurchaseMade) customerEvent()     {}
func (PurchaseReturned) customerEvent() {}

// Events are the types under the names by which they are stored.
var Events = eventstore.MustRegistry(
	eventstore.Type[PurchaseMade]("PURCHASE_MADE", 1),
	eventstore.Type[PurchaseReturned]("PURCHASE_RETURNED", 1),
)
