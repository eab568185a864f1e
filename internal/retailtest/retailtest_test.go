package retailtest_test

import (
	"bytes"
	"encoding/csv"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/internal/plaintest"
	"github.com/leftfold/leftfold/internal/retailtest"
)

const header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"

func TestTheWholeFileHasItsKnownTotals(t *testing.T) {
	t.Parallel()
	if plaintest.Run(t) {
		return
	}
	data := retailtest.Open(t)
	e := data.Expect(t)
	t.Logf("%d events, %d rejected, %d commits, %d products, %d users",
		e.Events, e.Rejected, e.Commits, len(e.ProductStats), len(e.PurchaseHistory))
	if data.Whole {
		assert.Equal(t, retailtest.WholeEvents, e.Events)
		assert.Equal(t, retailtest.WholeRejected, e.Rejected)
	}
	events := 0
	for _, h := range e.PurchaseHistory {
		events += h.Events()
	}
	assert.Equal(t, e.Events, events)
	for _, s := range e.ProductStats {
		events -= s.PurchaseCount + s.ReturnCount
	}
	assert.Zero(t, events)
}

func TestTheOracleWritesExactlyTheseRows(t *testing.T) {
	t.Parallel()
	e, err := retailtest.Fold(strings.NewReader("\ufeff" + header +
		`1,b,"A ""B"", C",6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom` + "\r\n" +
		`C2,b,,-1,2011-12-01 08:26:00,2.5500,17850.0,United Kingdom` + "\n" +
		`3,<&é>,,2,2010-12-02 00:00:00,50,,France` + "\n" +
		`4,B,,1,2010-12-02 00:00:00,90071992547409.93,17850,France` + "\n" +
		`4,B,,1,2010-12-01 00:00:00,0.01,17850,France` + "\n" +
		`5,B,,0,2010-12-02 00:00:00,1,17850,France` + "\n" +
		`5,B,,-1,2010-12-02 00:00:00,1,17850,France` + "\n" +
		`C5,B,,1,2010-12-02 00:00:00,1,17850,France` + "\n" +
		`C5,B,,-1,2010-12-02 00:00:00,0,17850,France` + "\n" +
		`A5,B,,1,2010-12-02 00:00:00,1,17850,France` + "\n" +
		`6,B,"open,1,2010-12-02 00:00:00,1,17850,France` + "\n" +
		`7,B,,1,2010-12-02 00:00:00,1,17850`))
	require.NoError(t, err)
	assert.Equal(t, 5, e.Events)
	assert.Equal(t, 4, e.Commits)
	assert.Equal(t, []int{7, 8, 9, 10, 11, 12, 13}, e.RejectedLines)
	assert.Equal(t, `{"productId":"<&é>","totalSales":100,"purchaseCount":1,"unitsSold":2,"totalReturned":0,"returnCount":0,"unitsReturned":0,"lastUpdated":"2010-12-02T00:00:00Z"}
{"productId":"B","totalSales":90071992547409.94,"purchaseCount":2,"unitsSold":2,"totalReturned":0,"returnCount":0,"unitsReturned":0,"lastUpdated":"2010-12-02T00:00:00Z"}
{"productId":"b","totalSales":15.3,"purchaseCount":1,"unitsSold":6,"totalReturned":2.55,"returnCount":1,"unitsReturned":1,"lastUpdated":"2011-12-01T08:26:00Z"}
`, retailtest.Dump(e.ProductStats))
	assert.Equal(t, `{"userId":"17850","totalSpent":90071992547425.24,"totalReturned":2.55,"purchaseCount":3,"returnCount":1}
{"userId":"guest-3","totalSpent":100,"totalReturned":0,"purchaseCount":1,"returnCount":0}
`, retailtest.Dump(e.PurchaseHistory))
}

func TestTheOracleRefusesAnotherHeader(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "a,b\n1,2\n"} {
		_, err := retailtest.Fold(strings.NewReader(text))
		require.ErrorContains(t, err, "expected")
	}
}

func TestTheGeneratorHasTheShapeOfTheFile(t *testing.T) {
	t.Parallel()
	data := retailtest.Generated(t, 7, 1_000)
	rows, err := csv.NewReader(data.Reader(t)).ReadAll()
	require.NoError(t, err)
	seen := make(map[string]int)
	ended := make(map[string]bool)
	run, last := 0, []string{"", "", "", "", "", "", "", ""}
	for _, r := range rows[1:] {
		if run++; r[0] != last[0] {
			ended[last[0]] = true
			run = 1
			if ended[r[0]] {
				seen["an invoice that comes back"]++
			}
		} else if r[4] != last[4] {
			seen["another minute in one invoice"]++
		}
		require.LessOrEqual(t, last[4], r[4], "times are in order")
		for what, is := range map[string]bool{
			"a return":             r[0][0] == 'C',
			"an adjustment":        r[0][0] == 'A',
			"no customer":          r[6] == "",
			"no description":       r[2] == "",
			"a price of zero":      r[5] == "0",
			"a negative price":     r[5][0] == '-',
			"a negative sale":      r[0][0] != 'C' && r[3][0] == '-',
			"over 1,000 lines":     run > 1_000,
			"a quoted description": strings.ContainsAny(r[2], `,"`),
			"a row":                true,
		} {
			if is {
				seen[what]++
			}
		}
		last = r
	}
	t.Log(seen)
	assert.Len(t, seen, 12)
	e := data.Expect(t)
	assert.Equal(t, len(rows)-1, e.Events+e.Rejected)
	assert.Less(t, e.Rejected*20, e.Events)
}

func TestTheGeneratorRepeatsItselfForTheSameSeed(t *testing.T) {
	t.Parallel()
	var a, b, c bytes.Buffer
	require.NoError(t, retailtest.Generate(&a, 7, 50))
	require.NoError(t, retailtest.Generate(&b, 7, 50))
	require.NoError(t, retailtest.Generate(&c, 8, 50))
	assert.Equal(t, a.String(), b.String())
	assert.NotEqual(t, a.String(), c.String())
}

func TestFirstTakesTheRowsBeforeTheNextInvoice(t *testing.T) {
	t.Parallel()
	data := retailtest.Open(t)
	first, err := io.ReadAll(data.First(t, 3).Reader(t))
	require.NoError(t, err)
	begin := make([]byte, len(first))
	_, err = io.ReadFull(data.Reader(t), begin)
	require.NoError(t, err)
	require.Equal(t, string(begin), string(first))
	invoices := make(map[string]bool)
	for _, line := range strings.Split(strings.TrimSpace(string(first)), "\n")[1:] {
		invoices[strings.SplitN(line, ",", 2)[0]] = true
	}
	assert.Len(t, invoices, 3)
	assert.False(t, data.First(t, 3).Whole)
}

// Not parallel: they set the environment.
func TestOpenTakesTheFileThatTheEnvironmentNames(t *testing.T) {
	path := filepath.Join(t.TempDir(), "other.csv")
	require.NoError(t, os.WriteFile(path, []byte(header), 0o600))
	t.Setenv("LEFTFOLD_RETAIL", path)
	assert.Equal(t, path, retailtest.Open(t).Path)
}
