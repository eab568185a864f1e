package query_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
	"github.com/leftfold/leftfold/handlers/dispatch"
	"github.com/leftfold/leftfold/handlers/query"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
)

// Booked is an event of a concert.
type Booked struct {
	Guest string
	Seats int
}

var events = eventstore.MustRegistry(eventstore.Type[Booked]("BOOKED", 1))

var concerts = aggregate.Decider[int, Booked]{Category: "concert", Events: events,
	Evolve: func(taken int, e Booked) int { return taken + e.Seats }}

// Guest is a row of the view guests.
type Guest struct {
	Name  string `json:"name"`
	Seats int    `json:"seats"`
}

var guests = projection.Fold("guests", projection.On(
	func(e projection.Event[Booked]) projection.Key { return projection.KeyOf(e.Data.Guest) },
	func(g *Guest, e projection.Event[Booked]) error {
		if e.Data.Seats > 10 {
			return errors.New("more than there are")
		}
		g.Name = e.Data.Guest
		g.Seats += e.Data.Seats
		return nil
	}))

var guestsV1 = projection.MustNew("guests", 1, events, projection.Follow("concert"), guests)

// GuestQuery asks what a guest has booked.
type GuestQuery struct {
	Guest string `json:"guest" example:"Ada"`
}

// hall is concerts with a view that is brought up to date when a test says so.
type hall struct {
	*testing.T
	concerts *aggregate.Repository[int, Booked]
	engine   *projection.Engine
	bus      *query.Bus
}

func newHall(t *testing.T) *hall {
	t.Helper()
	store, views := memstore.New(), projection.Notifying(memviews.New(memviews.Options{}))
	engine, err := projection.NewEngine(store, views, projection.Options{}, guestsV1)
	require.NoError(t, err)
	require.NoError(t, engine.Prepare(t.Context()))
	h := &hall{t, aggregate.NewRepository(store, concerts, aggregate.Options{}), engine, query.NewBus(dispatch.Options{})}
	query.Register(h.bus, "guest", "Shows what a guest has booked", func(ctx context.Context, call query.Call[GuestQuery]) (Guest, error) {
		return guests.Get(ctx, views, projection.KeyOf(call.Query.Guest), append(call.Options(), projection.Within(0))...)
	})
	query.Register(h.bus, "count", "Counts the guests", func(ctx context.Context, _ query.Call[struct{}]) (n int, err error) {
		for _, err := range guests.All(ctx, views) {
			if err != nil {
				return 0, err
			}
			n++
		}
		return n, nil
	})
	return h
}

func (h *hall) book(seats int) dispatch.Tokens {
	h.Helper()
	c, err := h.concerts.Execute(h.Context(), fmt.Sprint("concert of ", seats), func(int) ([]Booked, error) { return []Booked{{"Ada", seats}}, nil })
	require.NoError(h, err)
	return dispatch.TokensOf([]eventstore.Commit{c})
}

func (h *hall) sweep() {
	h.Helper()
	_, err := h.engine.Sweep(h.Context(), nil)
	require.NoError(h, err)
}

func (h *hall) ask(name, raw string, after dispatch.Tokens) (any, error) {
	return h.bus.Dispatch(h.Context(), query.Request{Name: name, Content: []byte(raw), After: after})
}

func (h *hall) requireClass(class dispatch.Class, name, raw string, after dispatch.Tokens) {
	h.Helper()
	_, err := h.ask(name, raw, after)
	f, ok := errors.AsType[*dispatch.Failure](err)
	require.True(h, ok, "%v", err)
	require.Equal(h, class, f.Class, "%v", err)
}

const ada = `{"guest":"Ada"}`

func TestAQueryShowsAtLeastWhatItsTokensStandFor(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	h.requireClass(dispatch.NotFound, "guest", ada, nil)
	both := append(h.book(1), h.book(2)...)
	h.requireClass(dispatch.Behind, "guest", ada, both)
	h.sweep()
	answer, err := h.ask("guest", ada, both)
	require.NoError(t, err)
	assert.Equal(t, Guest{"Ada", 3}, answer)
	both = append(both, h.book(3)...)
	h.requireClass(dispatch.Behind, "guest", ada, both)
	answer, err = h.ask("guest", ada, nil)
	require.NoError(t, err)
	assert.Equal(t, Guest{"Ada", 3}, answer, "who does not ask to wait does not")
	h.requireClass(dispatch.NotFound, "guest", `{"guest":"Bob"}`, nil)

	h.sweep()
	parked := h.book(11)
	h.sweep()
	h.requireClass(dispatch.Parked, "guest", ada, parked)
}

// Its answer might not show what was written, and nobody could tell.
func TestAQueryThatWaitsForNothingRefusesATokenInsteadOfIgnoringIt(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	token := h.book(1)
	h.sweep()
	answer, err := h.ask("count", "", nil)
	require.NoError(t, err)
	assert.Equal(t, 1, answer)
	h.requireClass(dispatch.Invalid, "count", "", token)
}

func TestTheQueriesAreListed(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	var names []string
	for _, e := range h.bus.Entries() {
		names = append(names, fmt.Sprintf("%s %s %s", e.Kind, e.Name, e.Example))
	}
	assert.Equal(t, []string{`query count {}`, `query guest {"guest":"Ada"}`}, names)
	assert.NotNil(t, h.bus.Entry("guest"))
	h.requireClass(dispatch.NotFound, "gest", "", nil)
}

func Example() {
	ctx := context.Background()
	store, views := memstore.New(), memviews.New(memviews.Options{})
	engine, err := projection.NewEngine(store, views, projection.Options{}, guestsV1)
	if err != nil {
		fmt.Println(err)
		return
	}
	bus := query.NewBus(dispatch.Options{})
	query.Register(bus, "guest", "Shows what a guest has booked",
		func(ctx context.Context, call query.Call[GuestQuery]) (Guest, error) {
			return guests.Get(ctx, views, projection.KeyOf(call.Query.Guest), call.Options()...)
		})

	commit, err := aggregate.NewRepository(store, concerts, aggregate.Options{}).Execute(ctx, "opera",
		func(int) ([]Booked, error) { return []Booked{{"Ada", 4}}, nil })
	if err == nil {
		err = engine.Prepare(ctx)
	}
	if err == nil {
		_, err = engine.Sweep(ctx, nil) // a service runs a projection.Worker
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	guest, err := bus.Dispatch(ctx, query.Request{Name: "guest", Content: []byte(`{"guest":"Ada"}`), After: dispatch.TokensOf([]eventstore.Commit{commit})})
	fmt.Println(guest, err)
	// Output: {Ada 4} <nil>
}
