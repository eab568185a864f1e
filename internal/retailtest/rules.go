package retailtest

import (
	"bufio"
	"encoding/csv"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"

// The rules for a row's fields. \p{Cc} is the control characters.
var (
	idRule       = regexp.MustCompile(`^[^\p{Cc}]+$`)
	quantityRule = regexp.MustCompile(`^-?[0-9]+$`)
	priceRule    = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)
	customerRule = regexp.MustCompile(`^([0-9]+)(\.0*)?$`)
)

// sale is a well-formed row.
type sale struct {
	invoice, product, user string
	quantity               int64
	price                  *big.Rat
	date                   time.Time
}

// made and returned tell what kind of fact a row is; it may be neither.
func (s *sale) made() bool {
	return strings.IndexByte("0123456789", s.invoice[0]) >= 0 && s.quantity > 0 && s.price.Sign() > 0
}

func (s *sale) returned() bool {
	return s.invoice[0] == 'C' && s.quantity < 0 && s.price.Sign() > 0
}

// rowReader decodes single lines with encoding/csv. It remembers what it made of
// a field's text, since most repeat: the race detector makes rules expensive.
type rowReader struct {
	line   strings.Reader
	buffer *bufio.Reader // csv.NewReader uses it as it is, instead of a new one a line
	ids    map[string]bool
	dates  map[string]time.Time
	prices map[string]*big.Rat
	users  map[string]string
}

func newRowReader() *rowReader {
	return &rowReader{
		buffer: bufio.NewReader(nil),
		ids:    make(map[string]bool),
		dates:  make(map[string]time.Time),
		prices: make(map[string]*big.Rat),
		users:  make(map[string]string),
	}
}

// read returns nil for a malformed line.
func (r *rowReader) read(line string) *sale {
	if len(line) > 65_536 || !utf8.ValidString(line) {
		return nil
	}
	r.line.Reset(line + "\n")
	r.buffer.Reset(&r.line)
	reader := csv.NewReader(r.buffer)
	reader.FieldsPerRecord = -1
	fields, err := reader.Read()
	if err != nil || len(fields) != 8 {
		return nil
	}
	s := &sale{
		invoice: fields[0],
		product: fields[1],
		date:    remember(r.dates, fields[4], dateOf),
		price:   remember(r.prices, fields[5], priceOf),
	}
	isID := func(text string) bool { return remember(r.ids, text, idRule.MatchString) }
	if len(s.invoice) > 100 || !isID(s.invoice) || len(s.product) > 256 || !isID(s.product) {
		return nil
	}
	if s.user = remember(r.users, fields[6], userOf); fields[6] == "" {
		s.user = "guest-" + s.invoice
	}
	if s.date.IsZero() || s.price == nil || s.user == "" || !quantityRule.MatchString(fields[3]) {
		return nil
	}
	s.quantity, err = strconv.ParseInt(fields[3], 10, 64)
	if err != nil || s.quantity > 1e9 || s.quantity < -1e9 {
		return nil
	}
	return s
}

func remember[T any](known map[string]T, text string, parse func(string) T) T {
	value, ok := known[text]
	if !ok {
		value = parse(text)
		known[strings.Clone(text)] = value
	}
	return value
}

// dateOf returns the zero time for what is no date.
func dateOf(text string) time.Time {
	date, err := time.Parse(time.DateTime, text)
	if err != nil || date.Year() < 1 || date.Format(time.DateTime) != text {
		return time.Time{}
	}
	return date
}

// priceOf returns nil for what is no price.
func priceOf(text string) *big.Rat {
	if !priceRule.MatchString(text) || len(strings.NewReplacer("-", "", ".", "").Replace(text)) > 30 {
		return nil
	}
	price, _ := new(big.Rat).SetString(text)
	return price
}

// userOf returns "" for what is no customer's ID.
func userOf(text string) string {
	parts := customerRule.FindStringSubmatch(text)
	if parts == nil || len(parts[1]) > 256 {
		return ""
	}
	return parts[1]
}
