// Command quickstart books seats for a concert: one event, one rule, one view.
// Run it again and it goes on where it was, until the seats are gone.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/sqlitestore"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/sqliteviews"
)

// Booked is an event: a fact.
type Booked struct {
	Guest string
	Seats int
}

var events = eventstore.MustRegistry(eventstore.Type[Booked]("BOOKED", 1))

// The state of a concert is the number of seats taken, folded from its events.
var concerts = aggregate.Decider[int, Booked]{Category: "concert", Events: events,
	Evolve: func(taken int, e Booked) int { return taken + e.Seats }}

// book is a command: a function from state to new events, or a refusal.
func book(guest string, seats int) aggregate.Decision[int, Booked] {
	return func(taken int) ([]Booked, error) {
		if taken+seats > 10 {
			return nil, fmt.Errorf("%d of 10 seats are taken", taken)
		}
		return []Booked{{guest, seats}}, nil
	}
}

// The view has a row a guest: its key, and what an event does to it.
var guests = projection.Fold("guests", projection.On(
	func(e projection.Event[Booked]) projection.Key { return projection.KeyOf(e.Data.Guest) },
	func(seats *int, e projection.Event[Booked]) error { *seats += e.Data.Seats; return nil }))

var guestsV1 = projection.MustNew("guests", 1, events, projection.Follow("concert"), guests)

func main() {
	ctx := context.Background()
	store := must(sqlitestore.Open(ctx, "concerts.db", sqlitestore.Options{}))
	views := must(sqliteviews.Open(ctx, "concerts.db", sqliteviews.Options{}))
	defer func() { must(0, errors.Join(views.Close(), store.Close())) }()
	box := aggregate.NewRepository(store, concerts, aggregate.Options{})
	engine := must(projection.NewEngine(store, views, projection.Options{}, guestsV1))

	commit := must(box.Execute(ctx, "opera", book("Ada", 4)))
	must(0, engine.Prepare(ctx))
	must(engine.Sweep(ctx, nil)) // a service runs a projection.Worker
	fmt.Println(commit.EventID(0), "Ada has", must(guests.Get(ctx, views, projection.KeyOf("Ada"))), "seats")
}

func must[T any](v T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		if hint := eventstore.Hint(err); hint != "" {
			fmt.Fprintln(os.Stderr, "hint:", hint)
		}
		os.Exit(1)
	}
	return v
}
