package retail_test

import (
	"io"
	"iter"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/examples/shop/retail"
)

const header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"

// result is all that a text yields.
type result struct {
	parts   []*retail.Part
	rejects []retail.Reject
	err     error
}

func read(r io.Reader) (got result) {
	for item, err := range parts(r) {
		switch {
		case got.err != nil:
			panic("something was yielded after an error")
		case err != nil:
			got.err = err
		case item.Part != nil && item.Reject == nil:
			got.parts = append(got.parts, item.Part)
		case item.Reject != nil && item.Part == nil:
			got.rejects = append(got.rejects, *item.Reject)
		default:
			panic("an item is either a part or a reject")
		}
	}
	return got
}

// parts opens a file and yields what it holds.
func parts(r io.Reader) iter.Seq2[retail.Item, error] {
	file, err := retail.Open(r)
	if err != nil {
		return func(yield func(retail.Item, error) bool) { yield(retail.Item{}, err) }
	}
	return file.Parts()
}

// readRows reads rows under the right header.
func readRows(t *testing.T, rows ...string) result {
	t.Helper()
	got := read(strings.NewReader(header + strings.Join(rows, "\n")))
	require.NoError(t, got.err)
	return got
}

// purchase is a good row of an invoice.
func purchase(invoice, product string) string {
	return invoice + "," + product + ",MUG,2,2010-12-01 08:26:00,1.50,17850.0,United Kingdom"
}

// keys lists the parts with their products: "1/1 A B" is the first part of invoice 1.
func (r result) keys() []string {
	var keys []string
	for _, p := range r.parts {
		key := []string{strings.TrimPrefix(p.CommitID(), "invoice-")}
		for _, l := range p.Lines {
			key = append(key, l.ProductID)
		}
		keys = append(keys, strings.Join(key, " "))
	}
	return keys
}
