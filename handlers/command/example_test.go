package command_test

import (
	"context"
	"fmt"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore/memstore"
	"github.com/leftfold/leftfold/handlers/command"
	"github.com/leftfold/leftfold/handlers/dispatch"
)

func Example() {
	ctx := context.Background()
	repository := aggregate.NewRepository(memstore.New(), concerts, aggregate.Options{})
	bus := command.NewBus(dispatch.Options{Refusals: []dispatch.Refusal{{Err: errSoldOut, Code: "sold-out"}}})
	command.Register(bus, "book", "Takes seats at a concert", command.On(repository,
		func(c BookSeats) (string, aggregate.Decision[int, Booked]) { return book(c) }))

	for _, id := range []string{"17", "17", "18", "19"} { // the answer to the first was lost
		receipt, err := bus.Dispatch(ctx, command.Request{Name: "book", ID: id, Content: []byte(`{"concert":"opera","guest":"Ada","seats":4}`)})
		if err != nil {
			fmt.Println(dispatch.Explain(err).Code, err)
			continue
		}
		fmt.Println(receipt.Events)
	}
	for _, e := range bus.Entries() {
		fmt.Println(e.Name, string(e.Example))
	}
	// Output:
	// [concert-opera@1]
	// [concert-opera@1]
	// [concert-opera@2]
	// sold-out command "book": not enough seats are left: 8 of 10 are taken
	// book {"concert":"opera","guest":"Ada","seats":4}
}
