package retail_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/examples/shop/retail"
)

const (
	malformed = "not,a,row"
	free      = "A,FREE,MUG,2,2010-12-01 08:26:00,0,17850.0,United Kingdom" // well formed, but no trade
)

func freeRow(invoice string) string { return invoice + strings.TrimPrefix(free, "A") }

func TestConsecutiveRowsOfOneInvoiceAreOnePart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rows  []string
		parts []string
	}{
		"two invoices": {
			[]string{purchase("1", "A"), purchase("1", "B"), purchase("2", "C")},
			[]string{"1-1 A B", "2-1 C"},
		},
		"an invoice that comes back": {
			[]string{purchase("1", "A"), purchase("2", "B"), purchase("1", "C"), purchase("2", "D"), purchase("1", "E")},
			[]string{"1-1 A", "2-1 B", "1-2 C", "2-2 D", "1-3 E"},
		},
		"malformed rows neither begin nor end a part": {
			[]string{malformed, purchase("1", "A"), malformed, "", purchase("1", "B"), `2,"`, purchase("1", "C"), malformed},
			[]string{"1-1 A B C"},
		},
		"a malformed row of another invoice does not end a part": {
			[]string{purchase("1", "A"), strings.Replace(purchase("2", "B"), ",2,", ",two,", 1), purchase("1", "C")},
			[]string{"1-1 A C"},
		},
		"a row that is no trade belongs to its part": {
			[]string{freeRow("1"), purchase("1", "A"), freeRow("1"), purchase("1", "B")},
			[]string{"1-1 A B"},
		},
		"a row that is no trade ends another invoice's part, and has a number": {
			[]string{purchase("1", "A"), freeRow("2"), purchase("1", "B"), purchase("2", "C")},
			[]string{"1-1 A", "1-2 B", "2-2 C"},
		},
		"a part without a purchase or return is not yielded": {
			[]string{freeRow("1"), freeRow("A2"), freeRow("3")},
			nil,
		},
		"a return is another invoice": {
			[]string{purchase("1", "A"), strings.Replace(purchase("C1", "A"), ",2,", ",-2,", 1)},
			[]string{"1-1 A", "C1-1 A"},
		},
		"invoices are told apart byte for byte": {
			[]string{purchase("1", "A"), purchase("01", "B"), purchase("1 ", "C")},
			[]string{"1-1 A", "01-1 B", "1 -1 C"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.parts, readRows(t, c.rows...).keys())
		})
	}
}

func TestAnotherUserWithinAnInvoiceBeginsItsNextPart(t *testing.T) {
	t.Parallel()
	other := strings.Replace(purchase("1", "B"), "17850.0", "13047.0", 1)
	guest := strings.Replace(purchase("1", "C"), "17850.0", "", 1)
	freeOfOther := strings.Replace(freeRow("1"), "17850.0", "13047.0", 1)
	got := readRows(t, freeOfOther, purchase("1", "A"), freeOfOther, purchase("1", "A"), other, guest, purchase("1", "D"))
	assert.Equal(t, []string{"1-1 A A", "1-2 B", "1-3 C", "1-4 D"}, got.keys())
	var users []string
	for _, p := range got.parts {
		users = append(users, p.User)
	}
	assert.Equal(t, []string{"17850", "13047", "guest-1", "17850"}, users)
}

func TestAnInvoiceOverTheLimitOfACommitGoesOnInItsNextPart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		description string
		lines       int
		parts       []int
	}{
		"by its lines": {"WHITE HANGING HEART T-LIGHT HOLDER", 2*retail.MaxPartLines + 1, []int{retail.MaxPartLines, retail.MaxPartLines, 1}},
		"by its bytes": {strings.Repeat("x", 60_000), 60, []int{25, 25, 10}},
	} {
		row := "536365,85123A," + c.description + ",6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom\n"
		got := read(strings.NewReader(header + strings.Repeat(row, c.lines)))
		require.NoError(t, got.err)
		var parts []int
		for i, p := range got.parts {
			parts = append(parts, len(p.Lines))
			assert.Equal(t, fmt.Sprintf("invoice-536365-%d", i+1), p.CommitID())
		}
		assert.Equal(t, c.parts, parts, name)
	}
}

func TestRejectsComeInTheOrderOfTheFileAndBeforeTheirPart(t *testing.T) {
	t.Parallel()
	text := header + strings.Join([]string{purchase("1", "A"), malformed, freeRow("1"), purchase("2", "B"), malformed}, "\n")
	var order []string
	for item, err := range parts(strings.NewReader(text)) {
		require.NoError(t, err)
		if item.Part != nil {
			order = append(order, item.Part.CommitID())
		} else {
			order = append(order, itoa(item.Reject.Line))
		}
	}
	assert.Equal(t, []string{"3", "4", "invoice-1-1", "6", "invoice-2-1"}, order)
}

func TestAnAbandonedIteratorStops(t *testing.T) {
	t.Parallel()
	text := header + strings.Join([]string{malformed, purchase("1", "A"), purchase("2", "B"), free}, "\n")
	for stop := range 4 {
		seen := 0
		for range parts(strings.NewReader(text)) {
			if seen++; seen > stop {
				break
			}
		}
		assert.Equal(t, stop+1, seen)
	}
}

func TestTheTimeOfAPartIsTheLatestOfItsLines(t *testing.T) {
	t.Parallel()
	got := readRows(t,
		"1,A,,1,2010-12-01 08:26:00,1,,",
		"1,A,,1,2010-12-01 08:28:00,1,,",
		"1,A,,1,2010-12-01 08:27:00,1,,")
	assert.Equal(t, time.Date(2010, 12, 1, 8, 28, 0, 0, time.UTC), got.parts[0].Time())
}

func TestTheDigestTellsEveryContentApartAndNothingElse(t *testing.T) {
	t.Parallel()
	digest := func(rows ...string) string {
		got := readRows(t, rows...)
		return fmt.Sprintf("%x", got.parts[len(got.parts)-1].Digest())
	}
	base := digest("1,A,MUG,2,2010-12-01 08:26:00,1.50,17850.0,France")
	assert.Equal(t, base, digest(malformed, `"1",A,"MUG",2,2010-12-01 08:26:00,1.5,17850,France`, malformed),
		"how it is written and where it stands is no content")
	for name, rows := range map[string][]string{
		"product":        {"1,B,MUG,2,2010-12-01 08:26:00,1.50,17850.0,France"},
		"description":    {"1,A,CUP,2,2010-12-01 08:26:00,1.50,17850.0,France"},
		"moved text":     {"1,AM,UG,2,2010-12-01 08:26:00,1.50,17850.0,France"},
		"quantity":       {"1,A,MUG,3,2010-12-01 08:26:00,1.50,17850.0,France"},
		"date":           {"1,A,MUG,2,2010-12-01 08:26:01,1.50,17850.0,France"},
		"price":          {"1,A,MUG,2,2010-12-01 08:26:00,1.51,17850.0,France"},
		"user":           {"1,A,MUG,2,2010-12-01 08:26:00,1.50,17851.0,France"},
		"country":        {"1,A,MUG,2,2010-12-01 08:26:00,1.50,17850.0,Franc"},
		"invoice":        {"2,A,MUG,2,2010-12-01 08:26:00,1.50,17850.0,France"},
		"return":         {"C1,A,MUG,-2,2010-12-01 08:26:00,1.50,17850.0,France"},
		"number of part": {"1,A,,1,2010-12-01 08:26:00,1,,", "2,A,,1,2010-12-01 08:26:00,1,,", "1,A,MUG,2,2010-12-01 08:26:00,1.50,17850.0,France"},
		"twice":          {"1,A,MUG,2,2010-12-01 08:26:00,1.50,17850.0,France", "1,A,MUG,2,2010-12-01 08:26:00,1.50,17850.0,France"},
	} {
		assert.NotEqual(t, base, digest(rows...), name)
	}
}
