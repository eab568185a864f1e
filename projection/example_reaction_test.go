package projection_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
)

// Booked is a booking for a concert.
type Booked struct {
	Guest string
	Seats int
}

var events = eventstore.MustRegistry(eventstore.Type[Booked]("BOOKED", 1))

func send(_ context.Context, id, guest string) error {
	_, err := fmt.Printf("mail %s: thank you, %s\n", id, guest)
	return err
}

// A guest is thanked for each booking. The ID goes with the mail.
var thanks = projection.MustNewReaction("thanks", events, projection.Follow("concert"), projection.React(
	func(ctx context.Context, e projection.Event[Booked]) error {
		return send(ctx, e.ID().String(), e.Data.Guest)
	}))

// The view has a row a guest.
var (
	guests = projection.Fold("guests", projection.On(
		func(e projection.Event[Booked]) projection.Key { return projection.KeyOf(e.Data.Guest) },
		func(seats *int, e projection.Event[Booked]) error { *seats += e.Data.Seats; return nil }))
	guestsV1 = projection.MustNew("guests", 1, events, projection.Follow("concert"), guests)
)

// follow keeps the view up to date and thanks, until ctx ends or one of both fails. Each
// has a worker, and each worker a feed of its own name.
func follow(ctx context.Context, store *memstore.Store, views projection.ViewStore) error {
	viewing, err := projection.NewWorker(store, views, store.Feed("views"), projection.Options{}, guestsV1)
	if err != nil {
		return err
	}
	thanking, err := projection.NewWorker(store, views, store.Feed("thanks"), projection.Options{}, thanks)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 2) // from both, once each
	for _, worker := range []*projection.Worker{viewing, thanking} {
		go func() { defer stop(); ended <- worker.Run(ctx) }()
	}
	return errors.Join(<-ended, <-ended)
}

func ExampleReaction_Start() {
	ctx, stop := context.WithCancel(context.Background())
	store, views := memstore.New(), memviews.New(memviews.Options{})
	begin := func(reaction *projection.Reaction) error {
		// From the beginning, also in an old store. If it has a start already, that holds.
		err := reaction.Start(ctx, views, time.Time{})
		if err != nil && !errors.Is(err, projection.ErrChanged) {
			return err
		}
		return nil
	}
	for range 2 {
		if err := begin(thanks); err != nil {
			panic(err)
		}
	}
	stop()
	fmt.Println(follow(ctx, store, views))
	// Output:
	// <nil>
}

func ExampleReaction() {
	ctx := context.Background()
	store, views := memstore.New(), memviews.New(memviews.Options{})
	engine, err := projection.NewEngine(store, views, projection.Options{}, thanks)
	if err != nil {
		panic(err)
	}
	if err := engine.Prepare(ctx); err != nil { // on an empty store: from the beginning
		panic(err)
	}
	concert, err := eventstore.NewStreamID("concert", "opening")
	if err != nil {
		panic(err)
	}
	booked, err := events.Encode(Booked{Guest: "ada", Seats: 2})
	if err != nil {
		panic(err)
	}
	if _, err := store.Append(ctx, eventstore.Write{Stream: concert, Revision: eventstore.NoStream, Events: []eventstore.Event{booked, booked}}); err != nil {
		panic(err)
	}
	for range 2 { // the second finds nothing to do
		if _, err := engine.Sweep(ctx, nil); err != nil {
			panic(err)
		}
	}
	// Output:
	// mail concert-opening@1: thank you, ada
	// mail concert-opening@2: thank you, ada
}
