package projection_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
)

func TestAFirstGenerationIsActiveAtOnceOnAnEmptyStore(t *testing.T) {
	w := newWorld(memviews.Options{})
	_, err := w.counters.Get(t.Context(), w.views, projection.KeyOf("x"))
	require.ErrorIs(t, err, projection.ErrNotBuilt)
	require.Contains(t, eventstore.Hint(err), "run a worker")
	w.engine(t)
	_, err = w.counters.Get(t.Context(), w.views, projection.KeyOf("x"))
	require.ErrorIs(t, err, projection.ErrNotFound)
}

func TestAFirstGenerationOnAFullStoreIsReadableAfterItsFirstSweep(t *testing.T) {
	w := newWorld(memviews.Options{})
	w.append(t, "user-a", Counted{"x", 1})
	e := w.engine(t)
	handle(t.Context(), e, w.append(t, "user-a", Counted{"x", 10}))
	_, err := w.counters.Get(t.Context(), w.views, projection.KeyOf("x"))
	require.ErrorIs(t, err, projection.ErrNotBuilt)
	require.ErrorContains(t, err, "generation 1 is still being built")
	_, err = e.Sweep(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, []string{"x=11"}, w.rows(t))
}

func TestADeclarationThatChangedWithoutAVersionIsRefused(t *testing.T) {
	w := newWorld(memviews.Options{})
	w.engine(t)
	other := projection.MustNew("counters", 1, registry, projection.Follow("user", "guest"), newCounters(nil))
	e, err := projection.NewEngine(w.store, w.views, projection.Options{}, other)
	require.NoError(t, err)
	require.ErrorIs(t, e.Prepare(t.Context()), projection.ErrFingerprint)
}

func TestAVersionThatHasNoGenerationIsNotBuiltAndSaysWhatToRun(t *testing.T) {
	w := newWorld(memviews.Options{})
	w.engine(t)
	view := newCounters(nil)
	second := projection.MustNew("counters", 2, registry, projection.Follow("user"), view)
	e, err := projection.NewEngine(w.store, w.views, projection.Options{}, second)
	require.NoError(t, err)
	err = e.Prepare(t.Context())
	require.ErrorIs(t, err, projection.ErrNotBuilt)
	require.ErrorContains(t, err, `projection "counters" version 2: its active generation 1 is of version 1`)
	require.Contains(t, eventstore.Hint(err), "rebuild")
	_, err = view.Get(t.Context(), w.views, projection.KeyOf("x"))
	require.ErrorIs(t, err, projection.ErrNotBuilt)
}

func TestALiveGenerationThatTheProgramDoesNotCarryIsToldAsFrozen(t *testing.T) {
	w := newWorld(memviews.Options{})
	e := w.engine(t)
	s, err := w.views.State(t.Context(), "counters")
	require.NoError(t, err)
	s.Counter = 2
	s.Generations = append(s.Generations, projection.Generation{Number: 2, Version: 2, Role: projection.Building})
	_, err = w.views.PutState(t.Context(), s)
	require.NoError(t, err)
	require.Empty(t, handle(t.Context(), e, w.append(t, "user-a", Counted{"x", 1})))
	require.Equal(t, []uint64{2}, e.Heartbeats(s.Generations[0].Since)[0].Frozen)
	require.Equal(t, []string{"x=1"}, w.rows(t))
}

func TestABatchIsAcknowledgedOnlyAfterEveryLiveGenerationWasFed(t *testing.T) {
	w := newWorld(memviews.Options{})
	e := w.engine(t)
	// A second generation of the same code appears after the engine has learnt of one.
	s, err := w.views.State(t.Context(), "counters")
	require.NoError(t, err)
	s.Counter = 2
	second := s.Generations[0]
	second.Number, second.Role = 2, projection.Building
	s.Generations = append(s.Generations, second)
	_, err = w.views.PutState(t.Context(), s)
	require.NoError(t, err)

	c := w.append(t, "user-a", Counted{"x", 1})
	require.Empty(t, handle(t.Context(), e, c))
	found, err := w.views.Checkpoints(t.Context(), projection.GenerationID{Projection: "counters", Number: 2}, []eventstore.StreamID{c.Stream})
	require.NoError(t, err)
	require.EqualValues(t, 1, found[0].Version)
}

// late is a source in which commits become visible only after some reads.
type late struct {
	projection.Source
	reads, invisible int
}

func (l *late) Read(ctx context.Context, stream eventstore.StreamID, from eventstore.Version) iter.Seq2[eventstore.Commit, error] {
	if l.reads++; l.reads <= l.invisible {
		return func(func(eventstore.Commit, error) bool) {}
	}
	return l.Source.Read(ctx, stream, from)
}

func TestAReadThatDoesNotReachTheAnnouncedCommitIsRepeatedBeforeTheAcknowledgement(t *testing.T) {
	for _, invisible := range []int{3, 1000} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(memviews.Options{})
			source := &late{Source: w.store, invisible: invisible}
			e, err := projection.NewEngine(source, w.views, projection.Options{}, w.p)
			require.NoError(t, err)
			require.NoError(t, e.Prepare(t.Context()))
			c := w.append(t, "user-a", Counted{"x", 1})
			a := eventstore.Announce(&c)
			a.Commit = nil
			failed := e.Handle(t.Context(), eventstore.Batch{Announcements: []eventstore.Announcement{a}})
			if invisible == 3 {
				require.Empty(t, failed)
				require.Equal(t, []string{"x=1"}, w.rows(t))
			} else {
				require.Equal(t, []eventstore.Announcement{a}, failed)
			}
		})
	}
}

func TestACheckpointBeyondTheHeadIsReportedAndNotTakenForSeenBefore(t *testing.T) {
	w := newWorld(memviews.Options{})
	e := w.engine(t)
	stream := w.append(t, "user-a", Counted{"x", 1}).Stream
	require.NoError(t, w.views.Apply(t.Context(), projection.Slice{Generation: w.generation(), Moves: []projection.Move{{Stream: stream, To: 7}}}))
	report, err := e.Sweep(t.Context(), nil)
	require.ErrorIs(t, err, projection.ErrAhead)
	require.ErrorContains(t, err, `generation 1 of counters: checkpoint of "user-a" is 7, but the stream ends before`)
	require.Contains(t, eventstore.Hint(err), "rebuild")
	require.Len(t, report.Ahead, 1)
}

func TestASweepFindsWhatNoFeedAnnouncedAndReportsWhatItDid(t *testing.T) {
	w := newWorld(memviews.Options{})
	e := w.engine(t)
	for i := range 700 {
		w.append(t, fmt.Sprintf("user-%d", i), Counted{"x", 1}, Ignored{})
	}
	handle(t.Context(), e, w.append(t, "user-1", Counted{"x", 1}))
	calls := 0
	report, err := e.Sweep(t.Context(), func(projection.SweepReport) { calls++ })
	require.NoError(t, err)
	require.Positive(t, calls)
	require.Equal(t, 700, report.Streams)
	require.Equal(t, 699, report.Behind)
	require.Equal(t, []string{"x=701"}, w.rows(t))
	report, err = e.Sweep(t.Context(), nil)
	require.NoError(t, err)
	require.Zero(t, report.Behind+report.Events)
}

// failing is a view store whose slices fail.
type failing struct {
	projection.ViewStore
	err error
}

func (f failing) Apply(context.Context, projection.Slice) error { return f.err }

func TestAnErrorOfTheViewStoreNeverParksAndGivesTheBatchBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, err := range []error{errors.New("throttled"), context.DeadlineExceeded, projection.ErrChanged} {
			w := newWorld(memviews.Options{})
			e, newErr := projection.NewEngine(w.store, failing{w.views, err}, projection.Options{}, w.p)
			require.NoError(t, newErr)
			require.NoError(t, e.Prepare(t.Context()))
			c := w.append(t, "user-a", Counted{"x", 1})
			require.Len(t, handle(t.Context(), e, c), 1)
			require.Nil(t, w.checkpoint(t, "user-a").Parked)
			beat := e.Heartbeats(c.Time)[0]
			require.Equal(t, 1, beat.Waiting)
			require.NotEmpty(t, beat.LastError)
			_, sweepErr := e.Sweep(t.Context(), nil)
			require.Error(t, sweepErr)
		}
	})
}

func TestASliceMayEndBetweenAnyTwoEventsOfACommit(t *testing.T) {
	w := newWorld(memviews.Options{Limits: projection.Limits{Items: 3, Bytes: 1 << 20}})
	e := w.engine(t)
	var events []any
	for i := range 50 {
		events = append(events, Counted{fmt.Sprintf("c%02d", i), 1})
	}
	require.Empty(t, handle(t.Context(), e, w.append(t, "user-a", events...)))
	require.Len(t, w.rows(t), 50)
	require.EqualValues(t, 50, w.checkpoint(t, "user-a").Version)
}

// strict is a view store that notes what it refuses.
type strict struct {
	projection.ViewStore
	refusals []error
}

func (s *strict) Apply(ctx context.Context, slice projection.Slice) error {
	err := s.ViewStore.Apply(ctx, slice)
	if err != nil {
		s.refusals = append(s.refusals, err)
	}
	return err
}

func TestARowThatOneSliceDeletesAndALaterOneMakesAgainIsNoConflict(t *testing.T) {
	w := newWorld(memviews.Options{Limits: projection.Limits{Items: 2, Bytes: 1 << 20}}) // one row in a slice
	counted := projection.On(func(e projection.Event[Counted]) projection.Key { return projection.KeyOf(e.Data.Counter) },
		func(c *counter, e projection.Event[Counted]) error {
			c.Name, c.N = e.Data.Counter, c.N+e.Data.N
			return nil
		})
	w.counters = projection.Fold("counters", counted,
		projection.OnDelete[counter](func(projection.Event[Ignored]) projection.Key { return projection.KeyOf("x") }))
	w.p = projection.MustNew("counters", 1, registry, projection.Follow("user"), w.counters)
	views := &strict{ViewStore: w.views}
	e, err := projection.NewEngine(w.store, views, projection.Options{}, w.p)
	require.NoError(t, err)
	require.NoError(t, e.Prepare(t.Context()))
	c := w.append(t, "user-a", Counted{"x", 1}, Counted{"y", 1}, Ignored{}, Counted{"y", 1}, Counted{"x", 10})
	require.Empty(t, handle(t.Context(), e, c))
	require.Equal(t, []string{"x=10", "y=2"}, w.rows(t))
	require.Empty(t, views.refusals)
}

// A stream that goes to another worker is not announced to this one any more.
func TestWhatASweepFindsAtItsHeadIsWaitedForNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(memviews.Options{})
		e := w.engine(t)
		a, b := w.append(t, "user-a", Counted{"x", 1}), w.append(t, "user-b", Counted{"y", 1})
		waiting := func() int { return e.Heartbeats(time.Now())[0].Waiting }
		w.broken = func(projection.Event[Counted]) error { return projection.Transient(errBroken) }
		require.Len(t, handle(t.Context(), e, a, b), 2)
		require.Equal(t, 2, waiting())
		w.broken = func(e projection.Event[Counted]) error {
			if e.Data.Counter == "y" {
				return projection.Transient(errBroken)
			}
			return nil
		}
		require.Empty(t, handle(t.Context(), w.engine(t), a), "another worker")
		time.Sleep(time.Second)
		_, err := e.Sweep(t.Context(), nil)
		require.ErrorIs(t, err, errBroken)
		require.Equal(t, 1, waiting(), "what it left behind")
		w.broken = func(projection.Event[Counted]) error { return nil }
		require.Empty(t, handle(t.Context(), w.engine(t), b))
		time.Sleep(time.Second)
		_, err = e.Sweep(t.Context(), nil)
		require.NoError(t, err)
		require.Zero(t, waiting())
	})
}
