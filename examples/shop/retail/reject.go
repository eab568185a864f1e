package retail

// Kind says what is wrong with a row, in a word or two to count by.
type Kind string

// The kinds of rejects. All but [KindNoTrade] are malformed rows: they neither
// begin nor end a part.
const (
	// KindLength: the line has more than [MaxLineBytes] bytes.
	KindLength Kind = "line length"
	// KindUTF8: the line is not UTF-8.
	KindUTF8 Kind = "UTF-8"
	// KindQuote: a quoted field is not closed on its line, has text after its
	// closing quote, or a quote stands inside a field that is not quoted.
	// Reading goes on at the next line.
	KindQuote Kind = "quote"
	// KindColumns: there are more or fewer than 8 columns; an empty line has none.
	KindColumns Kind = "column count"
	// KindInvoice: the InvoiceNo is empty, has more than [MaxInvoiceBytes] bytes
	// or a control character.
	KindInvoice Kind = "InvoiceNo"
	// KindStockCode: the StockCode is empty, has more than
	// [eventstore.MaxIDBytes] bytes or a control character.
	KindStockCode Kind = "StockCode"
	// KindQuantity: the quantity is not a whole number from -[MaxQuantity] to [MaxQuantity].
	KindQuantity Kind = "Quantity"
	// KindDate: the InvoiceDate is not like 2010-12-01 08:26:00, in the years 1 to 9999.
	KindDate Kind = "InvoiceDate"
	// KindPrice: [money.Parse] refuses the UnitPrice.
	KindPrice Kind = "UnitPrice"
	// KindCustomer: the CustomerID is neither empty nor a whole number such as
	// 17850 or 17850.0, or has more than [eventstore.MaxIDBytes] bytes. Only
	// digits make a user ID, so that no customer can be another one's guest.
	KindCustomer Kind = "CustomerID"
	// KindNoTrade: the row is well formed, but neither purchase nor return.
	KindNoTrade Kind = "no trade"
)

// Reject is a row that is no fact.
type Reject struct {
	// Line is the row's line number in the file; the header is line 1.
	Line int
	Kind Kind
	// Reason says what was found and what is expected.
	Reason string
	// Raw is the line byte for byte, without its line ending; of a line that is
	// too long only the first [MaxLineBytes] bytes.
	Raw string
}
