// Package dispatch is what the command bus and the query bus share: one type of handler,
// the middleware around it in one order, and what an error means to who has asked. Users
// meet it as the options of a bus, as middleware of their own, and as the [Failure] that
// every call ends with that does not end well.
//
// A request passes through these, the outermost first:
//
//  1. report: says of which [Class] an error is, and logs name, ID, duration and class
//  2. recover: a panic becomes an error
//  3. timeout: for all that follows, a slow authorization too
//  4. decode: strictly, so that the rest sees what will be carried out and nothing else
//  5. authorize: [Options.Authorize], on what was decoded
//  6. validate: the Validate method of what was decoded
//  7. identify: the ID of a command and the digest of its content
//  8. [Options.Middleware], in its order
//  9. the handler
//
// Report is outside of recover so that a panic is logged as any other end. Authorization
// comes before validation so that nobody learns rules of what he may not do. What
// is plugged in as middleware sees only what is decoded, allowed, valid and named: a retry
// there repeats under the same ID, a cache there serves nobody who may not ask.
package dispatch

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

// Kind is what a request is.
type Kind string

// The kinds of requests.
const (
	Command Kind = "command"
	Query   Kind = "query"
)

// Request is a command or a query on its way to its handler. The steps on the way fill it
// in; middleware may read it, and must not keep it.
type Request struct {
	Kind Kind
	Name string
	// Raw is what was sent, a JSON object.
	Raw json.RawMessage
	// Content is what Raw was decoded to, a value of the registered type.
	Content any
	// ID is that of a command, and Digest that of its content; see package command.
	ID     string
	Digest eventstore.Digest
	// After is what the answer of a query has to show.
	After Tokens
}

// Handler answers a request.
type Handler func(ctx context.Context, r *Request) (answer any, err error)

// Middleware is a handler around a handler.
type Middleware func(next Handler) Handler

// Options says how a bus works. The zero value works.
type Options struct {
	// Logger gets a line for each request: kind, name, ID, duration and class, and the error
	// where it is the service's own. What was asked and answered is never logged. Defaults
	// to discarding it.
	Logger *slog.Logger
	// Timeout is for each request. Defaults to 10 seconds.
	Timeout time.Duration
	// Authorize, if not nil, refuses what the actor may not do: any error is a [Forbidden].
	// The actor is that of the context's metadata; where it names none the request is
	// [Unauthenticated], and Authorize is not asked. Defaults to allowing everything to
	// whoever can reach the bus.
	Authorize func(ctx context.Context, actor string, r *Request) error
	// Refusals are the errors of the service that mean something to its callers. Of what is
	// neither here nor of a class of the library, callers learn that it is [Internal].
	// Defaults to none.
	Refusals []Refusal
	// Middleware is around the handler, the first is the outermost. Defaults to none.
	Middleware []Middleware
}

const defaultTimeout = 10 * time.Second

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	return o
}

// chain puts middleware around a handler, the first outermost.
func chain(h Handler, around ...Middleware) Handler {
	for i := len(around) - 1; i >= 0; i-- {
		h = around[i](h)
	}
	return h
}
