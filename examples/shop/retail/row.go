package retail

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/examples/shop/money"
)

const (
	// MaxInvoiceBytes leaves room in a commit ID (128 bytes) for what is put
	// around the InvoiceNo.
	MaxInvoiceBytes = 100
	// MaxQuantity keeps the units of nine billion lines countable in an int64.
	MaxQuantity = 1_000_000_000

	dateLayout = "2006-01-02 15:04:05"
)

// The columns of the file, in their order.
const (
	colInvoice = iota
	colStockCode
	colDescription
	colQuantity
	colDate
	colPrice
	colCustomer
	colCountry
	columns
)

var header = [columns]string{
	"InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country",
}

// row is a well-formed line. noTrade says why it is neither purchase nor return,
// and is nil if it is one.
type row struct {
	invoice string
	user    string
	line    Line
	noTrade *fault
}

// decodeRow decodes a line: exactly one of row and fault is meaningful. fields is
// scratch space.
func decodeRow(raw string, fields []string) (row, *fault) {
	if !utf8.ValidString(raw) {
		return row{}, faultf(KindUTF8, "the line is not UTF-8")
	}
	fields, flt := splitLine(raw, fields)
	if flt != nil {
		return row{}, flt
	}
	if len(fields) != columns {
		return row{}, faultf(KindColumns, "the line has %d columns, expected %d", len(fields), columns)
	}
	if flt := checkID(KindInvoice, fields[colInvoice], MaxInvoiceBytes); flt != nil {
		return row{}, flt
	}
	if flt := checkID(KindStockCode, fields[colStockCode], eventstore.MaxIDBytes); flt != nil {
		return row{}, flt
	}
	quantity, flt := parseQuantity(fields[colQuantity])
	if flt != nil {
		return row{}, flt
	}
	date, flt := parseDate(fields[colDate])
	if flt != nil {
		return row{}, flt
	}
	price, err := money.Parse(fields[colPrice])
	if err != nil {
		return row{}, faultf(KindPrice, "UnitPrice: %v", err)
	}
	user, flt := userOf(fields[colCustomer], fields[colInvoice])
	if flt != nil {
		return row{}, flt
	}
	r := row{invoice: fields[colInvoice], user: user, line: Line{
		ProductID: fields[colStockCode], Description: fields[colDescription], Quantity: max(quantity, -quantity),
		UnitPrice: price, Date: date, Country: fields[colCountry], Returned: quantity < 0, Raw: raw,
	}}
	r.noTrade = judge(r.invoice, quantity, price)
	return r, nil
}

// judge returns nil for a purchase or return, else why the row is neither.
func judge(invoice string, quantity int64, price money.Money) *fault {
	switch first := invoice[0]; {
	case first >= '0' && first <= '9':
		if quantity <= 0 {
			return faultf(KindNoTrade, "a purchase has a quantity above zero, this row has %d", quantity)
		}
	case first == 'C':
		if quantity >= 0 {
			return faultf(KindNoTrade, "a return has a quantity below zero, this row has %d", quantity)
		}
	default:
		return faultf(KindNoTrade, "InvoiceNo %s begins neither with a digit (purchase) nor with C (return)", clip(invoice))
	}
	if !price.IsPositive() {
		return faultf(KindNoTrade, "the price must be above zero, this row has %s", price)
	}
	return nil
}

// checkID holds for what becomes part of a commit ID, a stream's ID or a row's key.
func checkID(kind Kind, id string, limit int) *fault {
	switch {
	case id == "":
		return faultf(kind, "%s is empty", kind)
	case len(id) > limit:
		return faultf(kind, "%s has %d bytes, the limit is %d", kind, len(id), limit)
	case strings.ContainsFunc(id, unicode.IsControl):
		return faultf(kind, "%s %s has a control character", kind, clip(id))
	}
	return nil
}

func parseQuantity(text string) (int64, *fault) {
	// ParseInt would also take a plus sign.
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || text[0] == '+' || n > MaxQuantity || n < -MaxQuantity {
		return 0, faultf(KindQuantity, "Quantity %s is not a whole number from -%d to %d", clip(text), MaxQuantity, MaxQuantity)
	}
	return n, nil
}

func parseDate(text string) (time.Time, *fault) {
	// Parse would also take fractions of a second, an hour of one digit and more
	// spaces. A commit's time must be after the zero time, which means now.
	var again [len(dateLayout)]byte
	date, err := time.Parse(dateLayout, text)
	if err != nil || string(date.AppendFormat(again[:0], dateLayout)) != text || !date.After(time.Time{}) {
		return time.Time{}, faultf(KindDate, "InvoiceDate %s is not a date such as 2010-12-01 08:26:00", clip(text))
	}
	return date, nil
}

// userOf returns the ID of the customer's stream.
func userOf(customer, invoice string) (string, *fault) {
	if customer == "" {
		return "guest-" + invoice, nil
	}
	whole, decimals, point := strings.Cut(customer, ".")
	if !isNumber(whole) || point && strings.Trim(decimals, "0") != "" {
		return "", faultf(KindCustomer, "CustomerID %s is not a whole number such as 17850 or 17850.0", clip(customer))
	}
	if flt := checkID(KindCustomer, whole, eventstore.MaxIDBytes); flt != nil {
		return "", flt
	}
	return whole, nil
}

func isNumber(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// clip quotes a field for a reason, and keeps the reason readable.
func clip(text string) string {
	const most = 60
	if len(text) <= most {
		return strconv.Quote(text)
	}
	return fmt.Sprintf("%q… (%d bytes)", text[:most], len(text))
}
