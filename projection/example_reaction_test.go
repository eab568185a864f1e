package projection_test

import (
	"context"
	"fmt"

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
