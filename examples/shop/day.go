package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/examples/shop/money"
)

// order is a command of the simulated day: a purchase, or a return.
type order struct {
	ID      string
	User    string
	At      time.Time
	Lines   []Line // of a purchase
	Returns string // the purchase that is given back
	Units   int64
}

// decision returns the command.
func (o order) decision() aggregate.Decision[Customer, CustomerEvent] {
	if o.Returns != "" {
		return Return(o.Returns, o.Units, o.At)
	}
	return Purchase(o.ID, o.At, o.Lines)
}

// events is how many events the order leads to.
func (o order) events() int { return max(len(o.Lines), 1) }

var opening = time.Date(2026, time.November, 27, 9, 0, 0, 0, time.UTC)

// assortment is sorted from the most to the least liked.
var assortment = []Line{
	{ProductID: "MUG-01", Description: "Stoneware mug", UnitPrice: money.Pence(1250)},
	{ProductID: "TEA-07", Description: "Earl Grey, 100 g", UnitPrice: money.Pence(695)},
	{ProductID: "CDL-03", Description: "Beeswax candle", UnitPrice: money.Pence(899)},
	{ProductID: "LMP-11", Description: "Paper lantern", UnitPrice: money.Pence(1575)},
	{ProductID: "BAG-02", Description: "Canvas bag", UnitPrice: money.Pence(1999)},
	{ProductID: "CRD-40", Description: "Letterpress card", UnitPrice: money.Pence(325)},
	{ProductID: "CLK-05", Description: "Bakelike alarm clock", UnitPrice: money.Pence(2450)},
	{ProductID: "TIN-09", Description: "Biscuit tin", UnitPrice: money.Pence(1140)},
	{ProductID: "THR-01", Description: "Wool throw", UnitPrice: money.Pence(6900)},
	{ProductID: "VAS-06", Description: "Recycled glass vase", UnitPrice: money.Pence(3380)},
	{ProductID: "BIR-12", Description: "Bird house", UnitPrice: money.Pence(2795)},
	{ProductID: "PEN-08", Description: "Fountain pen", UnitPrice: money.Pence(4525)},
}

const (
	dayOrders    = 2400
	dayCustomers = 180
	daySeed      = 20261127
)

// simulateDay returns the orders of a day, the same at every call. One in twelve is
// the return of something bought before.
func simulateDay() []order {
	d := day{random: rand.New(rand.NewPCG(daySeed, 0)), next: map[string]eventstore.Version{}}
	gap := 8 * time.Hour / dayOrders
	orders := make([]order, dayOrders)
	for i := range orders {
		at := opening.Add(time.Duration(i) * gap)
		orders[i] = d.order(fmt.Sprintf("order-%04d", i+1), at)
	}
	return orders
}

// day remembers what can be given back.
type day struct {
	random *rand.Rand
	next   map[string]eventstore.Version // the events of each customer so far
	sold   []soldUnits
}

type soldUnits struct {
	user     string
	purchase string
	units    int64
}

func (d *day) order(id string, at time.Time) order {
	if len(d.sold) > 40 && d.random.IntN(12) == 0 {
		i := d.random.IntN(len(d.sold))
		s := d.sold[i]
		d.sold = append(d.sold[:i], d.sold[i+1:]...)
		d.next[s.user]++
		return order{ID: id, User: s.user, At: at, Returns: s.purchase, Units: 1 + d.random.Int64N(s.units)}
	}
	o := order{ID: id, User: fmt.Sprintf("%d", 10001+d.skewed(dayCustomers)), At: at}
	for range 1 + d.skewed(4) {
		line := assortment[d.skewed(len(assortment))]
		line.Quantity, line.Country = int64(1+d.skewed(6)), "United Kingdom"
		d.next[o.User]++
		o.Lines = append(o.Lines, line)
		d.sold = append(d.sold, soldUnits{o.User, fmt.Sprintf("%s-%s@%d", customerCategory, o.User, d.next[o.User]), line.Quantity})
	}
	return o
}

// skewed returns a number below n, small ones more often.
func (d *day) skewed(n int) int { return min(d.random.IntN(n), d.random.IntN(n)) }
