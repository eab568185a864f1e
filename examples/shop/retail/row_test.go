package retail_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/examples/shop/money"
	"github.com/leftfold/leftfold/examples/shop/retail"
)

func TestARowBecomesAPurchaseOrAReturnWithPositiveNumbers(t *testing.T) {
	t.Parallel()
	got := readRows(t,
		`536365,85123A ,"RECORD FRAME 7"" SINGLE, ",6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom`,
		`C536379,d,Discount,-3,2010-12-01 09:41:59,27.50,,`,
	)
	require.Empty(t, got.rejects)
	require.Len(t, got.parts, 2)

	made := got.parts[0]
	assert.Equal(t, "536365", made.Invoice)
	assert.Equal(t, 1, made.Number)
	assert.Equal(t, "17850", made.User)
	assert.Equal(t, "invoice-536365-1", made.CommitID())
	require.Len(t, made.Lines, 1)
	assert.Equal(t, retail.Line{
		ProductID: "85123A ", Description: `RECORD FRAME 7" SINGLE, `, Quantity: 6,
		UnitPrice: money.MustParse("2.55"), Date: time.Date(2010, 12, 1, 8, 26, 0, 0, time.UTC),
		Country: "United Kingdom", Number: 2,
		Raw: `536365,85123A ,"RECORD FRAME 7"" SINGLE, ",6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom`,
	}, made.Lines[0])
	assert.Equal(t, money.MustParse("15.3"), made.Lines[0].Amount())

	returned := got.parts[1]
	assert.Equal(t, "guest-C536379", returned.User)
	assert.True(t, returned.Lines[0].Returned)
	assert.EqualValues(t, 3, returned.Lines[0].Quantity)
	amount, err := json.Marshal(returned.Lines[0].Amount())
	require.NoError(t, err)
	assert.Equal(t, "82.5", string(amount))
}

// A row is given as its fields, of which a case changes one.
func TestEveryOtherRowIsARejectThatSaysWhy(t *testing.T) {
	t.Parallel()
	const good = "536365,85123A,MUG,6,2010-12-01 08:26:00,2.55,17850.0,France"
	with := func(column int, value string) string {
		fields := strings.Split(good, ",")
		fields[column] = value
		return strings.Join(fields, ",")
	}
	for name, c := range map[string]struct {
		row  string
		kind retail.Kind
		says string
	}{
		"an empty line":                  {"", retail.KindColumns, "0 columns, expected 8"},
		"a line of spaces":               {"  ", retail.KindColumns, "1 columns, expected 8"},
		"seven columns":                  {strings.TrimSuffix(good, ",France"), retail.KindColumns, "7 columns, expected 8"},
		"nine columns":                   {good + ",", retail.KindColumns, "9 columns, expected 8"},
		"a comma that is not quoted":     {with(2, "MUG, RED"), retail.KindColumns, "9 columns, expected 8"},
		"a semicolon file's row":         {strings.ReplaceAll(good, ",", ";"), retail.KindColumns, "1 columns"},
		"a quote that is not closed":     {with(2, `"MUG`), retail.KindQuote, "column 3 has a quote that is not closed on its line"},
		"a quote in the last column":     {with(7, `"`), retail.KindQuote, "column 8 has a quote that is not closed"},
		"only a doubled quote":           {with(2, `"MUG""`), retail.KindQuote, "not closed"},
		"text after a closing quote":     {with(2, `"MUG"S`), retail.KindQuote, "column 3 has text after its closing quote"},
		"a quote inside a bare field":    {with(2, `12" RULER`), retail.KindQuote, "column 3 has a quote inside, but is not quoted"},
		"bytes that are not UTF-8":       {with(2, "CAF\xc9"), retail.KindUTF8, "not UTF-8"},
		"an overlong UTF-8 encoding":     {with(2, "\xc0\xaf"), retail.KindUTF8, "not UTF-8"},
		"an empty InvoiceNo":             {with(0, ""), retail.KindInvoice, "InvoiceNo is empty"},
		"an InvoiceNo of 101 bytes":      {with(0, strings.Repeat("5", 101)), retail.KindInvoice, "InvoiceNo has 101 bytes, the limit is 100"},
		"an InvoiceNo with a NUL":        {with(0, "5\x00"), retail.KindInvoice, `InvoiceNo "5\x00" has a control character`},
		"an empty StockCode":             {with(1, ""), retail.KindStockCode, "StockCode is empty"},
		"an empty quoted StockCode":      {with(1, `""`), retail.KindStockCode, "StockCode is empty"},
		"a StockCode of 257 bytes":       {with(1, strings.Repeat("x", 257)), retail.KindStockCode, "StockCode has 257 bytes, the limit is 256"},
		"a StockCode with a tab":         {with(1, "a\tb"), retail.KindStockCode, "control character"},
		"no quantity":                    {with(3, ""), retail.KindQuantity, `Quantity "" is not a whole number`},
		"a quantity in words":            {with(3, "six"), retail.KindQuantity, `Quantity "six" is not a whole number`},
		"a quantity with decimals":       {with(3, "6.0"), retail.KindQuantity, `"6.0"`},
		"a quantity with a plus":         {with(3, "+6"), retail.KindQuantity, `"+6"`},
		"a quantity with a space":        {with(3, " 6"), retail.KindQuantity, `" 6"`},
		"a quantity over the limit":      {with(3, "1000000001"), retail.KindQuantity, "from -1000000000 to 1000000000"},
		"the smallest int64":             {with(3, "-9223372036854775808"), retail.KindQuantity, "from -1000000000"},
		"a quantity of 40 digits":        {with(3, strings.Repeat("9", 40)), retail.KindQuantity, "not a whole number"},
		"no date":                        {with(4, ""), retail.KindDate, `InvoiceDate "" is not a date`},
		"a date that does not exist":     {with(4, "2011-02-29 08:26:00"), retail.KindDate, "2011-02-29"},
		"an American date":               {with(4, "12/1/2010 8:26"), retail.KindDate, "such as 2010-12-01 08:26:00"},
		"a date without a time":          {with(4, "2010-12-01"), retail.KindDate, "2010-12-01"},
		"an hour of one digit":           {with(4, "2010-12-01 8:26:00"), retail.KindDate, "8:26"},
		"the year 0":                     {with(4, "0000-12-31 23:59:59"), retail.KindDate, "0000"},
		"fractions of a second":          {with(4, "2010-12-01 08:26:00.5"), retail.KindDate, "00.5"},
		"one digit, and a fraction":      {with(4, "2010-12-01 8:26:00."), retail.KindDate, "8:26"},
		"a space for a digit":            {with(4, "2010-12-01  8:26:00"), retail.KindDate, " 8:26"},
		"the zero time":                  {with(4, "0001-01-01 00:00:00"), retail.KindDate, "0001"},
		"no price":                       {with(5, ""), retail.KindPrice, "UnitPrice: money"},
		"a price in words":               {with(5, "free"), retail.KindPrice, `"free": not an amount`},
		"a price with an exponent":       {with(5, "1e3"), retail.KindPrice, "an exponent is refused"},
		"a price that is not a number":   {with(5, "NaN"), retail.KindPrice, "NaN"},
		"a price of 31 digits":           {with(5, strings.Repeat("1", 31)), retail.KindPrice, "31 digits, the limit is 30 digits"},
		"a CustomerID in words":          {with(6, "guest-536365"), retail.KindCustomer, `"guest-536365" is not a whole number`},
		"half a customer":                {with(6, "17850.5"), retail.KindCustomer, `"17850.5" is not a whole number`},
		"a negative customer":            {with(6, "-1.0"), retail.KindCustomer, `"-1.0"`},
		"a customer with only decimals":  {with(6, ".0"), retail.KindCustomer, `".0"`},
		"a customer with two points":     {with(6, "1.0.0"), retail.KindCustomer, `"1.0.0"`},
		"a CustomerID of 257 digits":     {with(6, strings.Repeat("1", 257)), retail.KindCustomer, "257 bytes, the limit is 256"},
		"the header again":               {strings.TrimSpace(header), retail.KindQuantity, `"Quantity"`},
		"an adjustment":                  {with(0, "A563185"), retail.KindNoTrade, `InvoiceNo "A563185" begins neither with a digit`},
		"a small c":                      {with(0, "c536365"), retail.KindNoTrade, "nor with C"},
		"another script's digit":         {with(0, "٥36365"), retail.KindNoTrade, "begins neither with a digit"},
		"a purchase of nothing":          {with(3, "0"), retail.KindNoTrade, "a purchase has a quantity above zero, this row has 0"},
		"a purchase below zero":          {with(3, "-6"), retail.KindNoTrade, "a purchase has a quantity above zero, this row has -6"},
		"a price of zero":                {with(5, "0.00"), retail.KindNoTrade, "the price must be above zero, this row has 0.00"},
		"a price below zero":             {with(5, "-11062.06"), retail.KindNoTrade, "this row has -11062.06"},
		"a return above zero":            {with(0, "C536365"), retail.KindNoTrade, "a return has a quantity below zero, this row has 6"},
		"a return of nothing":            {"C1,x,,0,2010-12-01 08:26:00,1,,", retail.KindNoTrade, "a return has a quantity below zero, this row has 0"},
		"a return at a price of zero":    {"C1,x,,-1,2010-12-01 08:26:00,0,,", retail.KindNoTrade, "the price must be above zero"},
		"a return at a price below zero": {"C1,x,,-1,2010-12-01 08:26:00,-1,,", retail.KindNoTrade, "the price must be above zero"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := readRows(t, good, c.row, good)
			require.Len(t, got.rejects, 1)
			reject := got.rejects[0]
			assert.Equal(t, 3, reject.Line)
			assert.Equal(t, c.kind, reject.Kind)
			assert.Contains(t, reject.Reason, c.says)
			assert.Equal(t, c.row, reject.Raw)
			assert.Less(t, len(reject.Reason), 300, "a reason must stay readable")
			lines := 0
			for _, p := range got.parts {
				lines += len(p.Lines)
			}
			assert.Equal(t, 2, lines, "reading goes on at the next line")
		})
	}
}

func TestWhatIsAtItsLimitIsAccepted(t *testing.T) {
	t.Parallel()
	price := strings.Repeat("9", 30)
	got := readRows(t,
		strings.Repeat("5", 100)+","+strings.Repeat("x", 256)+",,1000000000,0001-01-01 00:00:01,"+price+",,",
		"C"+strings.Repeat("5", 99)+`,"a""b",,-1000000000,9999-12-31 23:59:59,0.`+price[1:]+","+strings.Repeat("1", 256)+".000,",
		"1,é,,1,2010-12-01 08:26:00,1,17850,",
		"2,é,,1,2010-12-01 08:26:00,1,17850.,",
	)
	require.Empty(t, got.rejects)
	require.Len(t, got.parts, 4)
	assert.Len(t, got.parts[0].CommitID(), 100+len("invoice--1"))
	assert.Equal(t, `a"b`, got.parts[1].Lines[0].ProductID)
	assert.Len(t, got.parts[1].User, 256)
	assert.Equal(t, "17850", got.parts[2].User)
	assert.Equal(t, "17850", got.parts[3].User)
	_, err := json.Marshal(got.parts[0].Lines[0].Amount())
	require.NoError(t, err)
}

func TestALineThatIsTooLongIsARejectWithBothNumbers(t *testing.T) {
	t.Parallel()
	row := func(size int) string {
		frame := len(purchase("1", "A"))
		return strings.Replace(purchase("1", "A"), "MUG", strings.Repeat("M", size-frame+3), 1)
	}
	fits := row(retail.MaxLineBytes)
	for name, ending := range map[string]string{"LF": "\n", "CRLF": "\r\n"} {
		for _, size := range []int{1, 2, 3, 4, 65_536, 1_000_000} {
			long := row(retail.MaxLineBytes + size)
			got := read(strings.NewReader(header + fits + ending + long + ending + fits + ending + long))
			require.NoError(t, got.err, name)
			require.Len(t, got.rejects, 2)
			for i, reject := range got.rejects {
				assert.Equal(t, 3+2*i, reject.Line)
				assert.Equal(t, retail.KindLength, reject.Kind)
				assert.Equal(t, "the line has "+itoa(retail.MaxLineBytes+size)+" bytes, the limit is 65536", reject.Reason)
				assert.Equal(t, long[:retail.MaxLineBytes], reject.Raw)
			}
			assert.Equal(t, []string{"1-1 A A"}, got.keys(), "a malformed line does not end a part")
		}
	}
}
