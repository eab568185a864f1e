package main

import (
	"errors"
	"hash/fnv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/retailtest"
	"github.com/leftfold/leftfold/projection"
)

var errFragile = errors.New("the code fails on this event")

// fragile are the shop's projections with code that fails on some events: a view without
// rows beside theirs, which every event has to pass.
type fragile struct {
	fails       func(eventstore.EventID) bool // of the code that is deployed
	projections []*projection.Projection
	stats       *projection.View[ProductStats]
	history     *projection.View[PurchaseHistory]
	purchases   *projection.View[PurchaseEntry]
}

func never(eventstore.EventID) bool { return false }

func always(eventstore.EventID) bool { return true }

func newFragile() *fragile {
	f := &fragile{fails: never, stats: newStats(), history: newHistory(), purchases: newPurchases()}
	guard := func() *projection.View[struct{}] {
		return projection.Rows("guard", guarded[PurchaseMade](f), guarded[PurchaseReturned](f))
	}
	f.projections = []*projection.Projection{
		projection.MustNew("product-stats", 1, Events, projection.Follow(customerCategory), f.stats, guard()),
		projection.MustNew("purchase-history", 1, Events, projection.Follow(customerCategory), guard(), f.history, f.purchases),
	}
	return f
}

func guarded[E any](f *fragile) projection.RowsHandler[struct{}] {
	return projection.Emit(func(e projection.Event[E], _ *projection.Changes[struct{}]) error {
		if f.fails(e.ID()) {
			return errFragile
		}
		return nil
	})
}

// oneIn picks about one event of so many, always the same.
func oneIn(n uint64) func(eventstore.EventID) bool {
	return func(id eventstore.EventID) bool {
		h := fnv.New64a()
		_, _ = h.Write([]byte(id.String())) // a hash never fails
		return h.Sum64()%n == 0
	}
}

// parkedYear is a store of the year, or of a part of it, with views that wait: the code has
// failed on one event in ten thousand. What the views show is held against a fold.
func parkedYear(t *testing.T) (*Service, past, *fragile) {
	t.Helper()
	data, rate := retailtest.Open(t), uint64(10_000)
	if !soak() || !data.Whole {
		data, rate = data.First(t, 60), 60
	}
	loaded := newShop(t)
	loaded.must("load", data.Path)
	s, err := openService(t.Context(), "sqlite:"+loaded.path("shop.db"), true, firstEdition)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	code := newFragile()
	code.fails = oneIn(rate)
	p := readPast(t, s, code.fails)
	want := expect(t, data)
	stats, history, _ := p.fold(always)
	requireSame(t, "the fold of this test", want.stats+want.history, stats+history)
	require.Greater(t, len(p.first), 5)
	t.Logf("the code fails on %d of %d events, in %d of %d streams", p.bad, want.Events, len(p.first), len(p.streams))

	assert.Equal(t, len(code.projections)*len(p.first), s.sweep(t, "broken", code).Parked)
	s.requireParked(t, p, code)
	p.requireFold(t, s, code, p.applied)
	return s, p, code
}

// A projection fails on one event in ten thousand of the year. Their streams wait there and
// nowhere else, and when the code is mended and they are retried nothing is missing.
func TestCodeThatFailsOnAFewEventsStopsTheirStreamsOnlyAndMendedAllIsExact(t *testing.T) {
	t.Parallel()
	s, p, code := parkedYear(t)
	s.retry(t, p, "still broken", code, errFragile)
	p.requireFold(t, s, code, p.applied)

	code.fails = never
	assert.Equal(t, len(code.projections)*len(p.first), s.sweep(t, "mended", code).Parked, "nobody has said that they should be retried")
	s.retry(t, p, "mended", code, nil)
	assert.Zero(t, s.sweep(t, "mended", code).Parked)
	p.requireFold(t, s, code, always)
}

// engine returns one with the code, as a build of the program has it.
func (s *Service) engine(t *testing.T, build string, code *fragile) *projection.Engine {
	t.Helper()
	var consumers []projection.Consumer
	for _, p := range code.projections {
		consumers = append(consumers, p)
	}
	e, err := projection.NewEngine(s.Store, s.Views, projection.Options{Build: build}, consumers...)
	require.NoError(t, err)
	require.NoError(t, e.Prepare(t.Context()))
	return e
}

func (s *Service) sweep(t *testing.T, build string, code *fragile) projection.SweepReport {
	t.Helper()
	report, err := s.engine(t, build, code).Sweep(t.Context(), nil)
	require.NoError(t, err)
	return report
}

// retry retries every stream that has an event on which the code failed.
func (s *Service) retry(t *testing.T, p past, build string, code *fragile, fails error) {
	t.Helper()
	e := s.engine(t, build, code)
	for name := range p.first {
		stream, err := eventstore.ParseStreamID(name)
		require.NoError(t, err)
		for _, of := range code.projections {
			require.ErrorIs(t, e.Retry(t.Context(), of.Name(), stream), fails, name)
		}
	}
}

// requireParked says that exactly these streams wait, each at its first event on which the
// code fails.
func (s *Service) requireParked(t *testing.T, p past, code *fragile) {
	t.Helper()
	for _, of := range code.projections {
		got := map[string]eventstore.Version{}
		for c, err := range s.Views.AllCheckpoints(t.Context(), projection.GenerationID{Projection: of.Name(), Number: 1}, true) {
			require.NoError(t, err)
			got[c.Stream.String()] = c.Parked.Version
			assert.Equal(t, c.Parked.Version-1, c.Version)
			assert.Contains(t, c.Parked.Error, errFragile.Error())
		}
		assert.Equal(t, p.first, got, of.Name())
	}
}
