package retailtest

import (
	"encoding/csv"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"time"
)

const longestInvoice = 1_114 // lines; the real file's longest

// Generate writes a CSV of the retail file's shape with so many invoices, the
// same for the same seed. All rows are well formed, as in the real file; it has
// returns, missing customers, adjustments, prices of zero and below, invoices
// that come back, one very long invoice if there are 100 or more, and times in
// order.
func Generate(w io.Writer, seed uint64, invoices int) error {
	g := &generator{
		out:  csv.NewWriter(w),
		rand: rand.New(rand.NewPCG(seed, 0)),
		now:  time.Date(2010, 12, 1, 8, 26, 0, 0, time.UTC),
		next: 536_365,
	}
	for i := range 800 {
		g.products = append(g.products, g.product(i))
	}
	g.write("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
	for i := range invoices {
		g.invoice(i)
	}
	g.out.Flush()
	return g.out.Error()
}

type generator struct {
	out      *csv.Writer
	rand     *rand.Rand
	now      time.Time
	next     int // InvoiceNo
	products []product
}

type product struct{ code, description, price string }

// The stock codes and descriptions that are easily mistreated, as they are in the real file.
var oddProducts = []product{
	{"POST", "POSTAGE", "18"},
	{"DOT", "DOTCOM POSTAGE", "569.77"},
	{"M", "Manual", "1.25"},
	{"m", "Manual", "2.55"},
	{"BANK CHARGES", "Bank Charges", "15"},
	{"gift_0001_20", "Dotcomgiftshop Gift Voucher £20.00", "16.67"},
	{"82567", "AIRLINE LOUNGE,METAL SIGN", "2.1"},
	{"22041", `RECORD FRAME 7" SINGLE SIZE `, "2.55"},
	{"21506", "FANCY FONT BIRTHDAY CARD, ", "0.42"},
	{"15056bl", "EDWARDIAN PARASOL BLACK", "5.95"},
	{"15056BL", "EDWARDIAN PARASOL BLACK", "5.95"},
	{"PADS", "PADS TO MATCH ALL CUSHIONS", "0.001"},
}

func (g *generator) product(i int) product {
	if i < len(oddProducts) {
		return oddProducts[i]
	}
	code := strconv.Itoa(20_000 + g.rand.IntN(70_000))
	if g.rand.IntN(4) == 0 {
		code += string(rune('A' + g.rand.IntN(26)))
	}
	pence := 10 + g.rand.IntN(200)*(1+g.rand.IntN(8))
	return product{code, fmt.Sprintf("GIFT ARTICLE %d ", i), fmt.Sprintf("%d.%02d", pence/100, pence%100)}
}

// invoice writes one invoice: 14 % are returns, a few are adjustments or stock
// corrections, the others are sales.
func (g *generator) invoice(i int) {
	number := strconv.Itoa(g.next)
	g.next += 1 + g.rand.IntN(2)
	g.now = g.now.Add(time.Duration(g.rand.IntN(20)) * time.Minute)
	customer := ""
	if g.rand.IntN(100) < 85 {
		customer = strconv.Itoa(12_346+g.rand.IntN(1_000)) + ".0"
	}
	country := "United Kingdom"
	if g.rand.IntN(10) == 0 {
		country = []string{"France", "EIRE", "Germany", "Unspecified"}[g.rand.IntN(4)]
	}
	lines := 1 + g.rand.IntN(20)
	if g.rand.IntN(8) == 0 {
		lines += g.rand.IntN(120)
	}
	switch kind := g.rand.IntN(100); {
	case i == 99:
		g.lines(number, customer, country, longestInvoice, 1)
	case kind < 14:
		g.lines("C"+number, customer, country, 1+lines/8, -1)
	case kind == 14:
		g.row("A"+number, product{"B", "Adjust bad debt", []string{"-11062.06", "11062.06"}[g.rand.IntN(2)]}, 1, "", country)
	case kind < 18:
		p := g.products[g.rand.IntN(len(g.products))]
		g.row(number, product{p.code, "", "0"}, 1+g.rand.IntN(200)-100, "", country)
	case kind == 18: // comes back after a return
		g.lines(number, customer, country, lines, 1)
		g.lines("C"+strconv.Itoa(g.next), customer, country, 1, -1)
		g.next++
		g.lines(number, customer, country, 1+lines/2, 1)
	default:
		g.lines(number, customer, country, lines, 1)
	}
}

// lines writes rows of one invoice; sign is -1 for returns.
func (g *generator) lines(number, customer, country string, n, sign int) {
	for range n {
		if g.rand.IntN(400) == 0 {
			g.now = g.now.Add(time.Minute)
		}
		p := g.products[g.rand.IntN(len(g.products))]
		if g.rand.IntN(500) == 0 {
			p.price = "0"
		}
		quantity := 1 + g.rand.IntN(24)
		if g.rand.IntN(200) == 0 {
			quantity *= 100
		}
		g.row(number, p, sign*quantity, customer, country)
	}
}

func (g *generator) row(number string, p product, quantity int, customer, country string) {
	g.write(number, p.code, p.description, strconv.Itoa(quantity), g.now.Format(time.DateTime), p.price, customer, country)
}

// write leaves a failure to the writer's Error.
func (g *generator) write(fields ...string) { _ = g.out.Write(fields) }
