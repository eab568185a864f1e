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

// EmailChanged: a customer can be reached elsewhere. Email is empty where nowhere.
type EmailChanged struct {
	Email  string `json:"email"`
	Before string `json:"before,omitempty"`
}

// PurchaseGiven: a purchase of a guest is a user's.
type PurchaseGiven struct {
	PurchaseID string `json:"purchaseId"`
	To         string `json:"to"`
}

// PurchaseTaken: a user has a purchase that a guest made.
type PurchaseTaken struct {
	Line
	// Left is how many units of it have not come back.
	Left int64 `json:"left"`
}

// GuestMerged: a guest turned out to be a user, and buys nothing any more.
type GuestMerged struct {
	Into string `json:"into"`
}

// GuestTaken: a user turned out to have been a guest, who bought and returned so much.
type GuestTaken struct {
	Guest         string      `json:"guest"`
	TotalSpent    money.Money `json:"totalSpent"`
	TotalReturned money.Money `json:"totalReturned"`
	PurchaseCount int         `json:"purchaseCount"`
	ReturnCount   int         `json:"returnCount"`
}

func (PurchaseMade) customerEvent()     {}
func (PurchaseReturned) customerEvent() {}
func (EmailChanged) customerEvent()     {}
func (PurchaseGiven) customerEvent()    {}
func (PurchaseTaken) customerEvent()    {}
func (GuestMerged) customerEvent()      {}
func (GuestTaken) customerEvent()       {}

// Events are the types under the names by which they are stored.
var Events = eventstore.MustRegistry(eventTypes()...)

func eventTypes() []eventstore.Registration {
	return []eventstore.Registration{
		eventstore.Type[PurchaseMade]("PURCHASE_MADE", 1),
		eventstore.Type[PurchaseReturned]("PURCHASE_RETURNED", 1),
		eventstore.Type[EmailChanged]("EMAIL_CHANGED", 1),
		eventstore.Type[PurchaseGiven]("PURCHASE_GIVEN", 1),
		eventstore.Type[PurchaseTaken]("PURCHASE_TAKEN", 1),
		eventstore.Type[GuestMerged]("GUEST_MERGED", 1),
		eventstore.Type[GuestTaken]("GUEST_TAKEN", 1),
	}
}
