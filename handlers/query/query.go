// Package query is the query side of a service: a bus that knows its queries by name, so
// that one registration serves HTTP (package httpapi), Lambda and the command line.
//
// A query is a struct that is decoded from JSON, strictly. Its handler reads views and
// returns the result, which is answered as JSON. A query that has to show what a command
// wrote is sent with the command's token: the handler hands it on by [Call.Options].
//
//	bus := query.NewBus(dispatch.Options{})
//	query.Register(bus, "guest", "Shows what a guest has booked",
//		func(ctx context.Context, call query.Call[GuestQuery]) (Guest, error) {
//			return Guests.Get(ctx, views, projection.KeyOf(call.Query.Guest), call.Options()...)
//		})
//	guest, err := bus.Dispatch(ctx, query.Request{Name: "guest", Content: raw, After: receipt.Tokens})
//
// A view is moments behind the events. A handler that must see the very last one loads an
// entity's state, by [aggregate.Repository.Load], and says so in its summary: that reads
// the command side. What is between the bus and the handler, in which order and why, is in
// package dispatch, and so are errors as callers see them.
package query

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"sync/atomic"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/handlers/dispatch"
	"github.com/leftfold/leftfold/projection"
)

// Bus knows the queries of a service by name. Register all of them first; then it is safe
// for concurrent use.
type Bus struct{ table *dispatch.Table }

// NewBus returns a bus without queries.
func NewBus(opts dispatch.Options) *Bus {
	return &Bus{table: dispatch.NewTable(dispatch.Query, opts)}
}

// Handler answers a query of the type Q.
type Handler[Q, R any] func(ctx context.Context, call Call[Q]) (R, error)

// Call is a query in the hands of its handler.
type Call[Q any] struct {
	// Query is what was asked. It was validated, where it has a method Validate() error.
	Query Q

	after  dispatch.Tokens
	looked *atomic.Bool
}

// Options make a read of a view wait until it shows what the query's tokens stand for; see
// [projection.AtLeast]. A query that comes with tokens fails where its handler does not
// ask for them, since nobody could say what its answer shows.
func (c Call[Q]) Options() []projection.ReadOption {
	c.looked.Store(true)
	opts := make([]projection.ReadOption, len(c.after))
	for i, t := range c.after {
		opts[i] = projection.AtLeast(t)
	}
	return opts
}

// Register adds a query, with a summary of one line. Panics if the name is taken or is not
// lower-case words with hyphens between, if Q is not a struct, or if its tags named
// example do not fit.
func Register[Q, R any](b *Bus, name, summary string, handle Handler[Q, R]) {
	asItIs := func(next dispatch.Handler) dispatch.Handler { return next }
	b.table.Add(dispatch.Entry{Name: name, Summary: summary}, reflect.TypeFor[Q](), asItIs, func(ctx context.Context, r *dispatch.Request) (any, error) {
		call := Call[Q]{Query: r.Content.(Q), after: r.After, looked: new(atomic.Bool)}
		answer, err := handle(ctx, call)
		if err == nil && len(r.After) > 0 && !call.looked.Load() {
			err = fmt.Errorf("%w: this query waits for no token", eventstore.ErrInvalid)
		}
		return answer, err
	})
}

// Entry returns what is registered under a name, or nil.
func (b *Bus) Entry(name string) *dispatch.Entry { return b.table.Entry(name) }

// Entries returns all queries, sorted by name.
func (b *Bus) Entries() []*dispatch.Entry { return b.table.Entries() }

// Request is a query that is asked.
type Request struct {
	Name string
	// Content is the query, a JSON object. None is the empty object.
	Content json.RawMessage
	// After is what the answer has to show, from the [command.Receipt].
	After dispatch.Tokens
}

// Dispatch answers a query with what its handler returned. The error is a
// [*dispatch.Failure].
func (b *Bus) Dispatch(ctx context.Context, r Request) (any, error) {
	return b.table.Dispatch(ctx, &dispatch.Request{Name: r.Name, Raw: r.Content, After: r.After})
}
