// Command lending is a library that lends books: a program of another module, in
// another domain, on Leftfold's embedded store.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/sqlitestore"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/sqliteviews"
)

type BookEvent interface{ bookEvent() }
type Lent struct{ Reader string }
type Returned struct{ Reader string }

func (Lent) bookEvent()     {}
func (Returned) bookEvent() {}

var Events = eventstore.MustRegistry(eventstore.Type[Lent]("LENT", 1), eventstore.Type[Returned]("RETURNED", 1))

// Books are in the hands of a reader, or of nobody.
var Books = aggregate.Decider[string, BookEvent]{Category: "book", Events: Events, Evolve: func(_ string, e BookEvent) string {
	lent, _ := e.(Lent)
	return lent.Reader
}}

func Lend(reader string) aggregate.Decision[string, BookEvent] {
	return func(holder string) ([]BookEvent, error) {
		if holder != "" {
			return nil, errors.New("lent to " + holder)
		}
		return []BookEvent{Lent{reader}}, nil
	}
}

func GiveBack(holder string) ([]BookEvent, error) { return []BookEvent{Returned{holder}}, nil }

var Loans = projection.Fold("loans",
	projection.On(func(e projection.Event[Lent]) projection.Key { return projection.KeyOf(e.Data.Reader) },
		func(n *int, _ projection.Event[Lent]) error { *n++; return nil }),
	projection.On(func(e projection.Event[Returned]) projection.Key { return projection.KeyOf(e.Data.Reader) },
		func(n *int, _ projection.Event[Returned]) error { *n--; return nil }))

func main() {
	ctx, stop := context.WithCancel(context.Background())
	store := must(sqlitestore.Open(ctx, "lending.db", sqlitestore.Options{}))
	views := must(sqliteviews.Open(ctx, "lending.db", sqliteviews.Options{}))
	readers := projection.MustNew("readers", 1, Events, projection.Follow("book"), Loans)
	worker := must(projection.NewWorker(store, views, store.Feed("lending"), projection.Options{}, readers))
	must(0, worker.Prepare(ctx))
	ended := make(chan error)
	go func() { ended <- worker.Run(ctx) }()

	books := aggregate.NewRepository(store, Books, aggregate.Options{CacheStreams: 100})
	must(books.Execute(ctx, "emma", Lend("Ada"), aggregate.CommandID("loan-1")))
	again := must(books.Execute(ctx, "emma", Lend("Ada"), aggregate.CommandID("loan-1")))
	_, refused := books.Execute(ctx, "emma", Lend("Bob"))
	must(books.Execute(ctx, "ulysses", Lend("Ada")))
	must(books.Execute(ctx, "emma", GiveBack))
	stop()
	must(0, <-ended)

	ctx = context.Background()
	must(worker.Sweep(ctx, nil)) // the worker may have been stopped before the last event
	fmt.Println("the loan that was sent twice is", again.EventID(0))
	fmt.Println("Bob was told:", refused)
	fmt.Println("Ada holds", must(Loans.Get(ctx, views, projection.KeyOf("Ada"))))
	fmt.Println("at first emma was with", must(books.LoadVersion(ctx, "emma", 1)).State)
	must(0, errors.Join(views.Close(), store.Close()))
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}
