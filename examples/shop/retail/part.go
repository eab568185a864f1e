package retail

import (
	"encoding/binary"
	"strconv"
	"time"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/examples/shop/money"
)

// Part is the purchases and returns of consecutive rows of one invoice: what one
// commit holds. A part belongs to the caller.
type Part struct {
	Invoice string
	// Number is 1 for the first part of the invoice in the file. A part without
	// a purchase or return has a number too, but is not yielded.
	Number int
	// User is the CustomerID without its decimals, or guest-<InvoiceNo>. It is
	// the ID of a stream.
	User string
	// Lines are in the order of the file; there is at least one.
	Lines []Line
}

// Line is one purchase or return.
type Line struct {
	// ProductID is the StockCode byte for byte.
	ProductID   string
	Description string
	// Quantity is above zero, also for a return.
	Quantity  int64
	UnitPrice money.Money
	// Date is the InvoiceDate, taken as UTC.
	Date    time.Time
	Country string
	// Returned tells a return from a purchase.
	Returned bool

	// Number is the line's number in the file, and Raw the line itself: for the
	// report when the part is refused as a whole. They are no content.
	Number int
	Raw    string
}

// Amount is quantity times unit price, exact, and above zero for a return too.
func (l Line) Amount() money.Money { return l.UnitPrice.Mul(l.Quantity) }

// CommitID names the part for ever: "invoice-536365-1" is the first part of
// invoice 536365. The same part of the same file always has the same ID.
func (p *Part) CommitID() string {
	return "invoice-" + p.Invoice + "-" + strconv.Itoa(p.Number)
}

// Time is the latest date of the part's lines.
func (p *Part) Time() time.Time {
	latest := p.Lines[0].Date
	for _, l := range p.Lines[1:] {
		if l.Date.After(latest) {
			latest = l.Date
		}
	}
	return latest
}

// Digest tells parts of the same ID and other content apart. It covers
// everything that becomes an event, and not where it stood in the file. A
// price is its amount: 2.50 and 2.5 are the same content.
func (p *Part) Digest() eventstore.Digest {
	content := make([]byte, 0, 96*(len(p.Lines)+1))
	text := func(s string) { // with its length, so that no two contents run together
		content = binary.AppendUvarint(content, uint64(len(s)))
		content = append(content, s...)
	}
	text(p.Invoice)
	content = binary.AppendUvarint(content, uint64(p.Number))
	text(p.User)
	for _, l := range p.Lines {
		text(l.ProductID)
		text(l.Description)
		content = binary.AppendVarint(content, l.Quantity)
		text(l.UnitPrice.String())
		content = binary.AppendVarint(content, l.Date.Unix())
		text(l.Country)
		content = strconv.AppendBool(content, l.Returned)
	}
	return eventstore.DigestOf(content)
}
