package command_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/handlers/command"
	"github.com/leftfold/leftfold/handlers/dispatch"
)

// Booked is an event of a concert.
type Booked struct {
	Guest string
	Seats int
}

var events = eventstore.MustRegistry(eventstore.Type[Booked]("BOOKED", 1))

// The state of a concert is the number of seats taken.
var concerts = aggregate.Decider[int, Booked]{Category: "concert", Events: events,
	Evolve: func(taken int, e Booked) int { return taken + e.Seats }}

// BookSeats is the command to take seats.
type BookSeats struct {
	Concert string `json:"concert" example:"opera"`
	Guest   string `json:"guest" example:"Ada"`
	Seats   int    `json:"seats" example:"4"`
}

// Validate refuses what is no booking.
func (c BookSeats) Validate() error {
	if c.Guest == "" || c.Seats < 0 {
		return errors.New("a booking needs a guest and seats")
	}
	return nil
}

var errSoldOut = errors.New("not enough seats are left")

func book(c BookSeats) (string, aggregate.Decision[int, Booked]) {
	return c.Concert, func(taken int) ([]Booked, error) {
		switch {
		case c.Seats == 0:
			return nil, nil
		case taken+c.Seats > 10:
			return nil, fmt.Errorf("%w: %d of 10 are taken", errSoldOut, taken)
		}
		return []Booked{{c.Guest, c.Seats}}, nil
	}
}

var options = dispatch.Options{Refusals: []dispatch.Refusal{{Err: errSoldOut, Code: "sold-out"}}}

// office is a bus with the command book.
type office struct {
	*testing.T
	bus *command.Bus
}

func newOffice(t *testing.T, store eventstore.Store, opts ...command.Option) office {
	o := office{t, command.NewBus(options)}
	command.Register(o.bus, "book", "Takes seats at a concert", command.On(aggregate.NewRepository(store, concerts, aggregate.Options{}), book), opts...)
	return o
}

func (o office) send(ctx context.Context, id, raw string) (command.Receipt, error) {
	return o.bus.Dispatch(ctx, command.Request{Name: "book", ID: id, Content: []byte(raw)})
}

func (o office) requireWrote(events, id, raw string) {
	o.Helper()
	receipt, err := o.send(o.Context(), id, raw)
	require.NoError(o, err)
	require.Equal(o, events, fmt.Sprint(receipt.Events))
}

func (o office) requireClass(class dispatch.Class, id, raw string) *dispatch.Failure {
	o.Helper()
	_, err := o.send(o.Context(), id, raw)
	f, ok := errors.AsType[*dispatch.Failure](err)
	require.True(o, ok, "%v", err)
	require.Equal(o, class, f.Class, "%v", err)
	return f
}
