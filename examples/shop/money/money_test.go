package money_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/leftfold/leftfold/examples/shop/money"
)

func TestMoneyIsTheShortestExactJSONNumberAndReadsWellForPeople(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, json, people string }{
		{"15.30", "15.3", "15.30"},
		{"100", "100", "100.00"},
		{"100.000", "100", "100.00"},
		{"0", "0", "0.00"},
		{"-0.00", "0", "0.00"},
		{"-1.50", "-1.5", "-1.50"},
		{"0.001", "0.001", "0.001"},
		{"-0.05", "-0.05", "-0.05"},
		{"007.10", "7.1", "7.10"},
		{"90071992547409.93", "90071992547409.93", "90071992547409.93"},
		{"123456789012345678901234567890", "123456789012345678901234567890", "123456789012345678901234567890.00"},
		{"0.00000000000000000000000000001", "0.00000000000000000000000000001", "0.00000000000000000000000000001"},
		{"1000000000000000000000000000", "1000000000000000000000000000", "1000000000000000000000000000.00"},
	} {
		t.Run(c.text, func(t *testing.T) {
			m, err := money.Parse(c.text)
			require.NoError(t, err)
			out, err := json.Marshal(m)
			require.NoError(t, err)
			assert.Equal(t, c.json, string(out))
			assert.Equal(t, c.people, m.String())
			assert.Equal(t, c.people, fmt.Sprint(m))
		})
	}
}

func TestParseRefusesWhatIsNotAPlainDecimalNumber(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, says string }{
		"nothing":            {"", "expected digits"},
		"only a sign":        {"-", "expected digits"},
		"two signs":          {"--1", "expected digits"},
		"a plus":             {"+1", "expected digits"},
		"an exponent":        {"1e5", "exponent"},
		"a large exponent":   {"1E-999999999", "exponent"},
		"not a number":       {"NaN", "expected digits"},
		"infinity":           {"-Inf", "expected digits"},
		"words":              {"free", "expected digits"},
		"a point first":      {".5", "expected digits"},
		"a point last":       {"5.", "expected digits"},
		"two points":         {"1.2.3", "expected digits"},
		"a sign inside":      {"1.-5", "expected digits"},
		"a comma":            {"1,5", "expected digits"},
		"a space":            {" 1", "expected digits"},
		"an underscore":      {"1_000", "expected digits"},
		"hexadecimal":        {"0x10", "expected digits"},
		"a Unicode minus":    {"\u22125", "expected digits"},
		"another digit":      {"١", "expected digits"},
		"31 digits":          {strings.Repeat("1", 31), "31 digits, the limit is 30 digits"},
		"31 with a point":    {"1." + strings.Repeat("1", 30), "31 digits, the limit is 30 digits"},
		"31 zeros":           {strings.Repeat("0", 31), "31 digits, the limit is 30 digits"},
		"a million digits":   {strings.Repeat("9", 1_000_000), "1000000 digits, the limit is 30 digits"},
		"a million letters":  {strings.Repeat("x", 1_000_000), "1000000 characters with 0 digits"},
		"a fraction of 4 KB": {"0." + strings.Repeat("0", 4096) + "1", "4098 digits"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := money.Parse(c.text)
			require.ErrorIs(t, err, money.ErrInvalid)
			assert.ErrorContains(t, err, c.says)
			assert.Less(t, len(err.Error()), 200, "an error must stay readable")
		})
	}
}

func TestJSONRefusesWhatIsNotANumber(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`null`, `"15.30"`, `true`, `{}`, `[1]`, `1e2`, `1E2`, `-1.5e-3`,
		strings.Repeat("1", money.MaxSumDigits+1), "0." + strings.Repeat("1", money.MaxSumDigits),
	} {
		var m money.Money
		require.ErrorIs(t, json.Unmarshal([]byte(text), &m), money.ErrInvalid, text)
		assert.True(t, m.IsZero())
	}
}

func TestWhatIsTooLongToBeReadAgainIsNotWritten(t *testing.T) {
	t.Parallel()
	m := money.MustParse(strings.Repeat("9", 30))
	for range 4 {
		m = m.Mul(1_000_000_000_000_000_003)
	}
	_, err := json.Marshal(m)
	require.ErrorIs(t, err, money.ErrInvalid)
	assert.ErrorContains(t, err, "103 digits, the limit is 100 digits")
}

func TestTheLargestSumsAreWrittenAndReadAgain(t *testing.T) {
	t.Parallel()
	large := money.MustParse(strings.Repeat("9", 30)).Mul(1<<63 - 1)
	small := money.MustParse("0." + strings.Repeat("0", 28) + "1").Mul(-(1<<63 - 1))
	sum := large.Mul(1e18).Add(small)
	out, err := json.Marshal(sum)
	require.NoError(t, err)
	var back money.Money
	require.NoError(t, json.Unmarshal(out, &back))
	assert.True(t, sum.Equal(back))
}

func TestTheZeroValueIsZero(t *testing.T) {
	t.Parallel()
	var zero money.Money
	out, err := json.Marshal(struct {
		Total money.Money `json:"total"`
	}{zero})
	require.NoError(t, err)
	assert.Equal(t, `{"total":0}`, string(out))
	assert.True(t, zero.IsZero())
	assert.False(t, zero.IsPositive())
	assert.Equal(t, "7.25", zero.Add(money.Pence(725)).String())
	assert.Equal(t, "-7.25", zero.Add(money.Pence(-725)).String())
	assert.True(t, zero.Mul(5).Equal(money.MustParse("0.000")))
}

// draw returns an amount and the same number by other means.
func draw(t *rapid.T, label string) (money.Money, *big.Rat) {
	text := rapid.StringMatching(`-?[0-9]{1,15}(\.[0-9]{1,15})?`).Draw(t, label)
	m, err := money.Parse(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		t.Fatalf("%q is no rational number", text)
	}
	return m, r
}

// requireSame compares a result with the rational number it must be, through
// its JSON and back.
func requireSame(t *rapid.T, want *big.Rat, got money.Money) {
	out, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	decimals, exact := want.FloatPrec()
	if !exact || string(out) != want.FloatString(decimals) {
		t.Fatalf("JSON is %s, want %s", out, want.FloatString(decimals))
	}
	var back money.Money
	if err := json.Unmarshal(out, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, back) {
		t.Fatalf("%#v came back as %#v", got, back)
	}
}

func TestArithmeticAgreesWithRationalNumbers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, ra := draw(t, "a")
		b, rb := draw(t, "b")
		c, rc := draw(t, "c")
		n := rapid.Int64().Draw(t, "n")
		requireSame(t, ra, a)
		requireSame(t, new(big.Rat).Add(ra, rb), a.Add(b))
		requireSame(t, new(big.Rat).Sub(ra, rb), a.Add(b.Mul(-1)))
		requireSame(t, new(big.Rat).Mul(ra, new(big.Rat).SetInt64(n)), a.Mul(n))
		if a.Cmp(b) != ra.Cmp(rb) || a.Sign() != ra.Sign() || a.IsPositive() != (ra.Sign() > 0) {
			t.Fatalf("order of %s and %s", a, b)
		}
		sum := new(big.Rat).Add(ra, rb)
		requireSame(t, sum.Add(sum, rc), a.Add(b).Add(c))
		if left, right := a.Add(b).Add(c), a.Add(b.Add(c)); !reflect.DeepEqual(left, right) {
			t.Fatalf("(a+b)+c is %s, a+(b+c) is %s", left, right)
		}
	})
}

func TestEqualAmountsAreDeeplyEqualHoweverTheyCameAbout(t *testing.T) {
	t.Parallel()
	want := money.MustParse("15.3")
	for name, got := range map[string]money.Money{
		"parsed with a zero": money.MustParse("15.30"),
		"multiplied":         money.MustParse("2.55").Mul(6),
		"added":              money.Pence(1045).Add(money.Pence(485)),
		"from pence":         money.Pence(1530),
	} {
		assert.Equal(t, want, got, name)
	}
	assert.Equal(t, money.Money{}, want.Add(want.Mul(-1)))
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"15.30", "-0", "1e9", "00.10", "9.", "NaN"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := money.Parse(text)
		if err != nil {
			require.ErrorIs(t, err, money.ErrInvalid)
			return
		}
		want, ok := new(big.Rat).SetString(text)
		require.True(t, ok)
		out, err := json.Marshal(m)
		require.NoError(t, err)
		decimals, exact := want.FloatPrec()
		require.True(t, exact)
		require.Equal(t, want.FloatString(decimals), string(out))
	})
}

// What an event costs a projection: read a price, multiply, add to a total, and
// for each row written once more: write the total.
func BenchmarkParseMulAddMarshal(b *testing.B) {
	b.ReportAllocs()
	total := money.MustParse("206248.77")
	for b.Loop() {
		price, err := money.Parse("2.55")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := total.Add(price.Mul(6)).MarshalJSON(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAdd(b *testing.B) {
	b.ReportAllocs()
	total, amount := money.MustParse("206248.77"), money.MustParse("15.3")
	for b.Loop() {
		_ = total.Add(amount)
	}
}
