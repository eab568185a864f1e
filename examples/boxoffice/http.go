package main

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/handlers/command"
	"github.com/leftfold/leftfold/handlers/dispatch"
	"github.com/leftfold/leftfold/handlers/httpapi"
	"github.com/leftfold/leftfold/handlers/query"
	"github.com/leftfold/leftfold/projection"
)

// service answers requests.
type service struct {
	concerts *aggregate.Repository[Concert, Event]
	views    projection.ViewStore
}

// BookSeats is what a request to book asks for.
type BookSeats struct {
	Concert string `json:"concert" example:"opera"`
	Guest   string `json:"guest" example:"Ada"`
	Seats   int    `json:"seats" example:"4"`
}

// CancelSeats is what a request to cancel asks for.
type CancelSeats struct {
	Concert string `json:"concert" example:"opera"`
	Guest   string `json:"guest" example:"Ada"`
}

// commands are what can be done, by name.
func (s *service) commands(opts dispatch.Options) *command.Bus {
	bus := command.NewBus(opts)
	command.Register(bus, "book", "Takes seats at a concert", command.On(s.concerts,
		func(c BookSeats) (string, aggregate.Decision[Concert, Event]) {
			return c.Concert, Book(c.Guest, c.Seats)
		}))
	command.Register(bus, "cancel", "Gives all seats of a guest back", command.On(s.concerts,
		func(c CancelSeats) (string, aggregate.Decision[Concert, Event]) {
			return c.Concert, Cancel(c.Guest)
		}))
	return bus
}

// ShowGuest asks what a guest has booked.
type ShowGuest struct {
	Guest string `json:"guest" example:"Ada"`
}

// queries are what can be asked, by name.
func (s *service) queries(opts dispatch.Options) *query.Bus {
	bus := query.NewBus(opts)
	query.Register(bus, "guest", "Shows what a guest has booked, over all concerts",
		func(ctx context.Context, call query.Call[ShowGuest]) (Guest, error) {
			return Guests.Get(ctx, s.views, projection.KeyOf(call.Query.Guest), call.Options()...)
		})
	return bus
}

// refusals are the errors that callers are told of. Every other one is a fault of the
// service: it is logged, and callers learn no more than that.
var refusals = []dispatch.Refusal{
	{Err: ErrIncomplete, Class: dispatch.Invalid},
	{Err: ErrSoldOut, Code: "sold-out"},
	{Err: ErrNoBooking, Code: "no-booking"},
}

// api answers over HTTP. Everybody may do everything.
func (s *service) api(logger *slog.Logger) http.Handler {
	opts := dispatch.Options{Logger: logger, Refusals: refusals}
	return httpapi.New(s.commands(opts), s.queries(opts), httpapi.Options{
		Authenticate: httpapi.Public,
		Logger:       logger,
		Routes: []httpapi.Route{
			{Pattern: "POST /concerts/{concert}/bookings", Name: "book"},
			{Pattern: "DELETE /concerts/{concert}/bookings/{guest}", Name: "cancel"},
			{Pattern: "GET /guests/{guest}", Name: "guest"},
		},
	})
}
