package retailtest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"
)

// Expected is what a shop must have after loading a retail CSV. Rows are sorted
// by key in byte order.
type Expected struct {
	// Events counts purchases and returns, Rejected the rows that are neither.
	Events, Rejected int
	// RejectedLines are the line numbers of the rejected rows; the header is line 1.
	RejectedLines []int
	// Commits counts the parts that have an event. It knows no limit to the
	// bytes of a part.
	Commits int

	// ProductStats are those of version 1, NetStats those of version 2.
	ProductStats    []ProductStats
	NetStats        []NetStats
	PurchaseHistory []PurchaseHistory
}

// ProductStats is a row of the view product-stats, with its fields in the order
// in which the shop dumps them.
type ProductStats struct {
	ProductID     string      `json:"productId"`
	TotalSales    json.Number `json:"totalSales"`
	PurchaseCount int         `json:"purchaseCount"`
	UnitsSold     int64       `json:"unitsSold"`
	TotalReturned json.Number `json:"totalReturned"`
	ReturnCount   int         `json:"returnCount"`
	UnitsReturned int64       `json:"unitsReturned"`
	LastUpdated   string      `json:"lastUpdated"`
}

// NetStats is a row of version 2 of product-stats: sales are net of returns, and there are the
// last seven days on which anything happened.
type NetStats struct {
	ProductStats
	Days []DaySales `json:"days"`
}

// DaySales is what a product sold on a day, net of returns.
type DaySales struct {
	Day   string      `json:"day"`
	Sales json.Number `json:"sales"`
	Units int64       `json:"units"`
}

// PurchaseHistory is a row of the view purchase-history.
type PurchaseHistory struct {
	UserID        string      `json:"userId"`
	TotalSpent    json.Number `json:"totalSpent"`
	TotalReturned json.Number `json:"totalReturned"`
	PurchaseCount int         `json:"purchaseCount"`
	ReturnCount   int         `json:"returnCount"`
}

// Events is the number of events in the user's stream.
func (h PurchaseHistory) Events() int { return h.PurchaseCount + h.ReturnCount }

// Dump returns rows as `shop dump` prints them: one JSON object a line.
func Dump[Row any](rows []Row) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, row := range rows {
		if err := enc.Encode(row); err != nil {
			panic(err) // a strings.Builder takes everything, a number made here is one
		}
	}
	return b.String()
}

// totals is one side of a row: what was bought, or what was returned. The units
// are kept by price and multiplied at the end, unlike in any view.
type totals struct {
	count   int
	byPrice map[*big.Rat]int64
}

func (t *totals) add(s *sale) {
	if t.byPrice == nil {
		t.byPrice = make(map[*big.Rat]int64)
	}
	t.count++
	t.byPrice[s.price] += max(s.quantity, -s.quantity)
}

func (t *totals) units() int64 {
	var sum int64
	for _, n := range t.byPrice {
		sum += n
	}
	return sum
}

func (t *totals) sum() *big.Rat {
	sum := new(big.Rat)
	for price, n := range t.byPrice {
		sum.Add(sum, new(big.Rat).Mul(price, new(big.Rat).SetInt64(n)))
	}
	return sum
}

// number is written with as many decimals as it has.
func number(sum *big.Rat) json.Number {
	decimals, _ := sum.FloatPrec()
	return json.Number(sum.FloatString(decimals))
}

func (t *totals) amount() json.Number { return number(t.sum()) }

// net is what is left of what was sold without what was returned.
func net(sold, returned *totals) json.Number {
	return number(new(big.Rat).Sub(sold.sum(), returned.sum()))
}

// account is a product's or a user's row in the making.
type account struct {
	sold, returned totals
	last           time.Time
	days           map[string]*account // of a product, by date
}

// Fold folds the CSV text, which is not compressed. An error is one of r, or that
// the header is wrong.
func Fold(r io.Reader) (*Expected, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<30)
	if !lines.Scan() && lines.Err() != nil {
		return nil, lines.Err()
	}
	if strings.TrimPrefix(lines.Text(), "\ufeff") != header {
		return nil, fmt.Errorf("the first line is %q, expected %q", lines.Text(), header)
	}
	var (
		e        Expected
		rows     = newRowReader()
		products = make(map[string]*account)
		users    = make(map[string]*account)
		commits  commitCounter
	)
	for n := 2; lines.Scan(); n++ {
		s := rows.read(lines.Text())
		fact := s != nil && (s.made() || s.returned())
		if s != nil {
			commits.row(s, fact)
		}
		if !fact {
			e.RejectedLines = append(e.RejectedLines, n)
			continue
		}
		e.Events++
		enter(products, s.product, s)
		if products[s.product].days == nil {
			products[s.product].days = make(map[string]*account)
		}
		enter(products[s.product].days, s.date.Format(time.DateOnly), s)
		enter(users, s.user, s)
	}
	if lines.Err() != nil {
		return nil, lines.Err()
	}
	e.Commits = commits.n
	e.Rejected = len(e.RejectedLines)
	e.ProductStats = productRows(products)
	e.NetStats = netRows(e.ProductStats, products)
	e.PurchaseHistory = userRows(users)
	return &e, nil
}

func enter(accounts map[string]*account, key string, s *sale) {
	a := accounts[key]
	if a == nil {
		a = new(account)
		accounts[strings.Clone(key)] = a
	}
	if s.made() {
		a.sold.add(s)
	} else {
		a.returned.add(s)
	}
	if s.date.After(a.last) || a.sold.count+a.returned.count == 1 {
		a.last = s.date
	}
}

// commitCounter counts the runs of one invoice and, within it, of one user.
type commitCounter struct {
	n       int
	invoice string
	user    string
	events  int // of the run
}

func (c *commitCounter) row(s *sale, fact bool) {
	if s.invoice != c.invoice {
		*c = commitCounter{n: c.n, invoice: s.invoice}
	}
	if !fact {
		return
	}
	if c.events == 0 || c.user != s.user || c.events == 5_000 {
		c.n++
		c.user, c.events = s.user, 0
	}
	c.events++
}

func productRows(accounts map[string]*account) []ProductStats {
	var rows []ProductStats
	for _, id := range slices.Sorted(maps.Keys(accounts)) {
		a := accounts[id]
		rows = append(rows, ProductStats{
			ProductID:  id,
			TotalSales: a.sold.amount(), PurchaseCount: a.sold.count, UnitsSold: a.sold.units(),
			TotalReturned: a.returned.amount(), ReturnCount: a.returned.count, UnitsReturned: a.returned.units(),
			LastUpdated: a.last.Format(time.RFC3339),
		})
	}
	return rows
}

// netRows are the rows of version 2, made of those of version 1.
func netRows(rows []ProductStats, accounts map[string]*account) []NetStats {
	var nets []NetStats
	for _, row := range rows {
		a := accounts[row.ProductID]
		row.TotalSales, row.UnitsSold = net(&a.sold, &a.returned), row.UnitsSold-row.UnitsReturned
		n := NetStats{ProductStats: row}
		for _, day := range slices.Backward(slices.Sorted(maps.Keys(a.days))) {
			if len(n.Days) == 7 {
				break
			}
			d := a.days[day]
			n.Days = append(n.Days, DaySales{Day: day, Sales: net(&d.sold, &d.returned), Units: d.sold.units() - d.returned.units()})
		}
		nets = append(nets, n)
	}
	return nets
}

func userRows(accounts map[string]*account) []PurchaseHistory {
	var rows []PurchaseHistory
	for _, id := range slices.Sorted(maps.Keys(accounts)) {
		a := accounts[id]
		rows = append(rows, PurchaseHistory{
			UserID: id, TotalSpent: a.sold.amount(), TotalReturned: a.returned.amount(),
			PurchaseCount: a.sold.count, ReturnCount: a.returned.count,
		})
	}
	return rows
}
