package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
	"github.com/leftfold/leftfold/handlers/command"
	"github.com/leftfold/leftfold/handlers/dispatch"
	"github.com/leftfold/leftfold/handlers/httpapi"
	"github.com/leftfold/leftfold/handlers/query"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Booked is an event of a concert.
type Booked struct {
	Guest string
	Seats int
}

var types = eventstore.MustRegistry(eventstore.Type[Booked]("BOOKED", 1))

var concerts = aggregate.Decider[int, Booked]{Category: "concert", Events: types,
	Evolve: func(taken int, e Booked) int { return taken + e.Seats }}

// Guest is a row of the view guests.
type Guest struct {
	Name  string `json:"name"`
	Seats int    `json:"seats"`
}

var guests = projection.Fold("guests", projection.On(
	func(e projection.Event[Booked]) projection.Key { return projection.KeyOf(e.Data.Guest) },
	func(g *Guest, e projection.Event[Booked]) error {
		g.Name = e.Data.Guest
		g.Seats += e.Data.Seats
		return nil
	}))

var guestsV1 = projection.MustNew("guests", 1, types, projection.Follow("concert"), guests)

// BookSeats is the command to take seats.
type BookSeats struct {
	Concert string `json:"concert" example:"opera"`
	Guest   string `json:"guest" example:"Ada"`
	Seats   int    `json:"seats" example:"4"`
}

// GuestQuery asks what a guest has booked.
type GuestQuery struct {
	Guest string `json:"guest" example:"Ada"`
}

var errSoldOut = errors.New("not enough seats are left")

func book(c BookSeats) (string, aggregate.Decision[int, Booked]) {
	return c.Concert, func(taken int) ([]Booked, error) {
		switch {
		case c.Seats == 99:
			return nil, errors.New("the secret is 4711")
		case taken+c.Seats > 10:
			return nil, fmt.Errorf("%w: %d of 10 are taken", errSoldOut, taken)
		}
		return []Booked{{c.Guest, c.Seats}}, nil
	}
}

// buses returns those of a box office.
func buses(store eventstore.Store, views projection.Reader, opts dispatch.Options) (*command.Bus, *query.Bus) {
	opts.Refusals = append(opts.Refusals, dispatch.Refusal{Err: errSoldOut, Code: "sold-out"})
	commands, queries := command.NewBus(opts), query.NewBus(opts)
	command.Register(commands, "book", "Takes seats at a concert", command.On(aggregate.NewRepository(store, concerts, aggregate.Options{}), book))
	query.Register(queries, "guest", "Shows what a guest has booked", func(ctx context.Context, call query.Call[GuestQuery]) (Guest, error) {
		return guests.Get(ctx, views, projection.KeyOf(call.Query.Guest), append(call.Options(), projection.Within(0))...)
	})
	return commands, queries
}

// office is an API in memory.
type office struct {
	*testing.T
	store  store
	engine *projection.Engine
	api    http.Handler
}

var routes = []httpapi.Route{
	{Pattern: "POST /concerts/{concert}/bookings", Name: "book"},
	{Pattern: "GET /guests/{guest}", Name: "guest"},
}

// store is what the office needs: commands append, the engine lists the streams.
type store interface {
	eventstore.Store
	projection.Source
}

func newOffice(t *testing.T, store store, opts httpapi.Options, bus dispatch.Options) *office {
	t.Helper()
	views := memviews.New(memviews.Options{})
	engine, err := projection.NewEngine(store, views, projection.Options{}, guestsV1)
	require.NoError(t, err)
	require.NoError(t, engine.Prepare(t.Context()))
	if opts.Authenticate == nil {
		opts.Authenticate = httpapi.Public
	}
	opts.Routes = routes
	commands, queries := buses(store, views, bus)
	return &office{t, store, engine, httpapi.New(commands, queries, opts)}
}

func open(t *testing.T) *office {
	return newOffice(t, memstore.New(), httpapi.Options{}, dispatch.Options{})
}

func (o *office) sweep() {
	o.Helper()
	_, err := o.engine.Sweep(o.Context(), nil)
	require.NoError(o, err)
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends a request with headers as NAME: VALUE.
func (o *office) ask(method, target, body string, headers ...string) answer {
	r := httptest.NewRequestWithContext(o.Context(), method, target, strings.NewReader(body))
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	o.api.ServeHTTP(w, r)
	text, err := io.ReadAll(w.Result().Body)
	require.NoError(o, err)
	return answer{w.Code, w.Header(), strings.TrimSpace(string(text))}
}

// requireProblem returns the members of a problem.
func (o *office) requireProblem(status int, class string, a answer) map[string]any {
	o.Helper()
	require.Equal(o, status, a.status, a.body)
	require.Equal(o, "application/problem+json", a.header.Get("Content-Type"))
	var members map[string]any
	require.NoError(o, json.Unmarshal([]byte(a.body), &members))
	require.Equal(o, class, members["class"], a.body)
	require.EqualValues(o, status, members["status"])
	require.NotEmpty(o, members["title"])
	require.NotEmpty(o, members["detail"])
	return members
}
