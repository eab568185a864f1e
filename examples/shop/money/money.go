// Package money is an exact amount of money: a decimal number, never a float.
//
// A [Money] is an immutable value whose zero value is 0. It has one form for each
// amount: two Money of the same amount are deeply equal, print the same and have
// the same JSON, however they were computed.
package money

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/shopspring/decimal"
)

// The limits of an amount written out, in digits on both sides of the point
// together. They keep a hostile text from costing memory and time: adding 1e-9
// to a number of a million digits is a million digits of work.
const (
	// MaxDigits is what [Parse] takes: an amount that people and files state.
	MaxDigits = 30
	// MaxSumDigits is what JSON takes and gives. It is wider, because JSON also
	// holds what was computed: no sum of 10^18 products of a parsed amount (at
	// most 30 digits on either side of the point) and an int64 (19 digits)
	// exceeds it, so that whatever a view adds up can be read again.
	MaxSumDigits = 100
)

// ErrInvalid: a text is not an amount, or an amount is too long to be written.
var ErrInvalid = errors.New("not an amount of money")

// Money is an amount. Compare with [Money.Equal] or [Money.Cmp]; the compiler
// refuses ==, which would compare pointers. Safe for concurrent use.
type Money struct {
	_ [0]func() // no ==
	d decimal.Decimal
}

// Parse reads digits with an optional minus sign and an optional point between
// digits, such as "15.30" or "-2": at most [MaxDigits] digits, no exponent, no
// space. The error wraps [ErrInvalid].
func Parse(text string) (Money, error) { return parse(text, MaxDigits) }

// MustParse is [Parse] for constants of a program. Panics if text is no amount.
func MustParse(text string) Money {
	m, err := Parse(text)
	if err != nil {
		panic(err)
	}
	return m
}

// Pence returns n hundredths: Pence(1530) is 15.30.
func Pence(n int64) Money { return wrap(decimal.New(n, -2)) }

// Add returns m + n.
func (m Money) Add(n Money) Money { return wrap(m.d.Add(n.d)) }

// Sub subtracts.
func (m Money) Sub(n Money) Money { return wrap(m.d.Sub(n.d)) }

// Mul returns m times n, exact.
func (m Money) Mul(n int64) Money { return wrap(m.d.Mul(decimal.NewFromInt(n))) }

// Cmp returns -1, 0 or 1 as m is below, equal to or above n.
func (m Money) Cmp(n Money) int { return m.d.Cmp(n.d) }

// Equal reports whether m and n are the same amount.
func (m Money) Equal(n Money) bool { return m.Cmp(n) == 0 }

// Sign returns -1, 0 or 1.
func (m Money) Sign() int { return m.d.Sign() }

// IsPositive reports whether m is above zero.
func (m Money) IsPositive() bool { return m.Sign() > 0 }

// IsZero reports whether m is 0.
func (m Money) IsZero() bool { return m.Sign() == 0 }

// String is for people: at least two decimals, and never rounded.
func (m Money) String() string {
	if m.d.Exponent() < -2 {
		return m.d.String()
	}
	return m.d.StringFixed(2)
}

// MarshalJSON returns the shortest number that is exactly m, without an exponent:
// 15.3 and not 15.30, 100 and not 1e2. It fails on an amount of more than
// [MaxSumDigits] digits, which UnmarshalJSON would refuse.
func (m Money) MarshalJSON() ([]byte, error) {
	text := m.d.String()
	if len(text) > MaxSumDigits { // rarely: only then count
		if n := countDigits(text); n > MaxSumDigits {
			return nil, tooLong(text, n, MaxSumDigits)
		}
	}
	return []byte(text), nil
}

// UnmarshalJSON takes a JSON number without an exponent and of at most
// [MaxSumDigits] digits. It refuses everything else, null and strings too.
func (m *Money) UnmarshalJSON(text []byte) error {
	parsed, err := parse(string(text), MaxSumDigits)
	if err != nil {
		return err
	}
	*m = parsed
	return nil
}

var (
	_ json.Marshaler   = Money{}
	_ json.Unmarshaler = (*Money)(nil)
	_ fmt.Stringer     = Money{}
)

// wrap keeps the one form of an amount: no zeros at the end of the coefficient,
// and nothing at all for 0.
func wrap(d decimal.Decimal) Money { return Money{d: d.Normalize()} }

func parse(text string, limit int) (Money, error) {
	if err := check(text, limit); err != nil {
		return Money{}, err
	}
	d, err := decimal.NewFromString(text)
	if err != nil {
		return Money{}, fmt.Errorf("money: %q: %w: %w", clip(text), ErrInvalid, err)
	}
	return wrap(d), nil
}

// check holds the grammar, since the library takes more: exponents, "+1", ".5",
// a Unicode minus. It stops at the first byte over the limit.
func check(text string, limit int) error {
	if len(text) > limit+2 { // sign and point
		return tooLong(text, countDigits(text), limit)
	}
	rest := strings.TrimPrefix(text, "-")
	whole, fraction, point := strings.Cut(rest, ".")
	switch {
	case onlyDigits(whole) && (!point || onlyDigits(fraction)):
		if n := len(whole) + len(fraction); n > limit {
			return tooLong(text, n, limit)
		}
		return nil
	case strings.ContainsAny(rest, "eE") && strings.Trim(rest, "0123456789.eE+-") == "":
		return fmt.Errorf("money: %q: %w: an exponent is refused, write the number out", text, ErrInvalid)
	}
	return fmt.Errorf("money: %q: %w: expected digits such as 15.30", text, ErrInvalid)
}

func onlyDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func countDigits(text string) int {
	n := 0
	for i := range len(text) {
		if text[i] >= '0' && text[i] <= '9' {
			n++
		}
	}
	return n
}

func tooLong(text string, digits, limit int) error {
	return fmt.Errorf("money: %q: %w: %d characters with %d digits, the limit is %d digits",
		clip(text), ErrInvalid, len(text), digits, limit)
}

// clip keeps an error readable when the text is far too long.
func clip(text string) string {
	const most = 40
	if len(text) <= most {
		return text
	}
	return text[:most] + "…"
}
