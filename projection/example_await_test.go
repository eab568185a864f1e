package projection_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore/memstore"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
)

// The state of a concert is the number of seats taken.
var concerts = aggregate.Decider[int, Booked]{Category: "concert", Events: events,
	Evolve: func(taken int, e Booked) int { return taken + e.Seats }}

// seatsOf answers with the seats of a guest, in which a commit is counted that the caller
// knows of. Where that takes too long it says so, and answers with what there is.
func seatsOf(ctx context.Context, views projection.Reader, guest string, seen projection.Token) (seats int, current bool, err error) {
	key := projection.KeyOf(guest)
	seats, err = guests.Get(ctx, views, key, projection.AtLeast(seen), projection.Within(time.Second))
	if !errors.Is(err, projection.ErrBehind) && !errors.Is(err, projection.ErrParked) {
		return seats, true, err
	}
	seats, err = guests.Get(ctx, views, key)
	return seats, false, err
}

// A reader of the same process is woken by the worker; one of another process looks again
// and again.
func ExampleAtLeast() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	store, views := memstore.New(), projection.Notifying(memviews.New(memviews.Options{}))
	worker, err := projection.NewWorker(store, views, store.Feed("views"), projection.Options{}, guestsV1)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := worker.Prepare(ctx); err != nil { // so that the views are there before the first read
		fmt.Println(err)
		return
	}
	ended := make(chan error, 1)
	go func() { ended <- worker.Run(ctx) }()

	box := aggregate.NewRepository(store, concerts, aggregate.Options{})
	for range 2 {
		commit, err := box.Execute(ctx, "opera", func(int) ([]Booked, error) { return []Booked{{"Ada", 2}}, nil })
		if err != nil {
			fmt.Println(err)
		}
		fmt.Println(seatsOf(ctx, views, "Ada", projection.TokenOf(commit)))
	}
	stop()
	fmt.Println(<-ended)

	// Output:
	// 2 true <nil>
	// 4 true <nil>
	// <nil>
}
