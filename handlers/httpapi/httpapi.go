// Package httpapi serves the commands and queries of a service over HTTP, by net/http or
// behind API Gateway and Lambda function URLs.
//
//	api := httpapi.New(commands, queries, httpapi.Options{
//		Authenticate: bearer,
//		Routes:       []httpapi.Route{{"POST /concerts/{concert}/bookings", "book"}},
//	})
//	http.ListenAndServe("localhost:8080", api)  // or
//	lambda.Start(httpapi.Lambda(api))
//
// Every command has the address POST /commands/NAME, with the command as a JSON body, and
// every query GET /queries/NAME?field=value, or POST with a JSON body. A [Route] is a
// second address of one of them, whose wildcards are fields of the JSON.
//
//   - Idempotency-Key: the ID of a command, from its client. The same request sent again
//     with the same key takes effect once; another one with that key is refused.
//   - Leftfold-Token: a command's answer carries it, and a query that is sent with it shows
//     what that command wrote.
//   - X-Correlation-Id, X-Causation-Id, traceparent and tracestate go into the metadata of
//     the commits, with the actor that [Options.Authenticate] names.
//
// The answer of a command is a [command.Receipt], never a view. An error is a problem of
// RFC 9457, application/problem+json, with the members class, code, hint, stream, limit and
// id where they are known. What is wrong inside of the service is logged and not told.
// A browser's request from another origin is refused, since it could carry the
// credentials of somebody who does not know of it; see [Options.CrossOrigin].
package httpapi

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/leftfold/leftfold/handlers/command"
	"github.com/leftfold/leftfold/handlers/dispatch"
	"github.com/leftfold/leftfold/handlers/query"
)

// The headers of requests and answers.
const (
	HeaderKey           = "Idempotency-Key"
	HeaderToken         = "Leftfold-Token"
	headerCorrelationID = "X-Correlation-Id"
	headerCausationID   = "X-Causation-Id"
)

// DefaultMaxBody is how large a body is at the most where the options do not say.
const DefaultMaxBody = 1 << 20

// Options says how an API works. Authenticate is needed, the rest works as its zero value.
type Options struct {
	// Authenticate says who sends a request: the actor of the commits, and of
	// [dispatch.Options.Authorize]. An error refuses the request, and is logged, not told:
	// with the status 403 if it wraps [dispatch.ErrForbidden], else 401. [Public] lets
	// everybody in. It is called concurrently.
	Authenticate func(r *http.Request) (actor string, err error)
	// Challenge is the header WWW-Authenticate of an answer 401. Defaults to "Bearer".
	Challenge string
	// Routes are further addresses of commands and queries.
	Routes []Route
	// OnlyRoutes leaves out the addresses below /commands/ and /queries/.
	OnlyRoutes bool
	// MaxBody is how many bytes a body has at the most. Defaults to [DefaultMaxBody].
	MaxBody int64
	// CrossOrigin says which other origins a browser's request may come from. Defaults to
	// none. Programs that are no browsers are not concerned.
	CrossOrigin *http.CrossOriginProtection
	// Logger gets what is refused before it reaches a bus, without what was sent in it but for the
	// path. Defaults to discarding it.
	Logger *slog.Logger
}

// Public is an Authenticate that lets everybody in, as nobody.
func Public(*http.Request) (actor string, err error) { return "", nil }

func (o Options) withDefaults() Options {
	if o.Challenge == "" {
		o.Challenge = "Bearer"
	}
	if o.MaxBody <= 0 {
		o.MaxBody = DefaultMaxBody
	}
	if o.CrossOrigin == nil {
		o.CrossOrigin = http.NewCrossOriginProtection()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

type api struct {
	opts     Options
	commands *command.Bus
	queries  *query.Bus
	mux      *http.ServeMux
}

// New returns a handler for the commands and queries of two buses, either of which may be
// nil. Everything is registered before. Panics if Authenticate is nil, or if a route is
// wrong: see [Route].
func New(commands *command.Bus, queries *query.Bus, opts Options) http.Handler {
	if opts.Authenticate == nil {
		panic("httpapi: Options.Authenticate is needed; httpapi.Public lets everybody in")
	}
	if commands == nil {
		commands = command.NewBus(dispatch.Options{})
	}
	if queries == nil {
		queries = query.NewBus(dispatch.Options{})
	}
	a := &api{opts: opts.withDefaults(), commands: commands, queries: queries, mux: http.NewServeMux()}
	if !opts.OnlyRoutes {
		for _, e := range commands.Entries() {
			a.handle("POST /commands/"+e.Name, e)
		}
		for _, e := range queries.Entries() {
			a.handle("GET /queries/"+e.Name, e)
			a.handle("POST /queries/"+e.Name, e)
		}
	}
	for _, route := range opts.Routes {
		a.handle(route.Pattern, a.lookUp(route))
	}
	return a
}

// ServeHTTP answers a request.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := a.opts.CrossOrigin.Check(r); err != nil {
		a.refuse(w, r, fmt.Errorf("%w: %w", dispatch.ErrForbidden, err))
		return
	}
	handler, pattern := a.mux.Handler(r)
	if pattern == "" {
		a.noRoute(w, r, handler)
		return
	}
	a.mux.ServeHTTP(w, r)
}

// noRoute answers as a mux does where it has no route, but as a problem.
func (a *api) noRoute(w http.ResponseWriter, r *http.Request, handler http.Handler) {
	told := newRecorder()
	handler.ServeHTTP(told, r)
	f := &dispatch.Failure{Class: dispatch.NotFound, Code: string(dispatch.NotFound), Text: "there is nothing at this address"}
	if told.status == http.StatusMethodNotAllowed {
		f.Class, f.Code, f.Text = dispatch.Invalid, "method-not-allowed", "this address does not take "+r.Method
		w.Header().Set("Allow", told.header.Get("Allow"))
	}
	writeProblem(w, told.status, f)
}

// refuse answers what does not reach a bus.
func (a *api) refuse(w http.ResponseWriter, r *http.Request, err error) {
	f := dispatch.Explain(err)
	a.logRefused(r.Context(), r, f)
	if f.Class == dispatch.Unauthenticated {
		w.Header().Set("WWW-Authenticate", a.opts.Challenge)
	}
	writeProblem(w, f.Class.Status(), f)
}

func (a *api) logRefused(ctx context.Context, r *http.Request, f *dispatch.Failure) {
	path := r.URL.Path
	if len(path) > 80 {
		path = path[:80]
	}
	attrs := []any{"method", r.Method, "path", strings.ToValidUTF8(path, ""), "class", string(f.Class)}
	if f.Class != dispatch.Invalid { // whose error speaks of what was sent
		attrs = append(attrs, "error", f.Err)
	}
	a.opts.Logger.WarnContext(ctx, "refused a request", attrs...)
}
