package projection_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// build makes generation 2 the only one that is not retired, as a rebuild would.
func (w *world) build(t *testing.T) {
	t.Helper()
	s, err := w.views.State(t.Context(), "counters")
	require.NoError(t, err)
	s.Generations[0].Role = projection.Retired
	s.Counter++
	next := s.Generations[0]
	next.Number, next.Role = s.Counter, projection.Building
	s.Generations = append(s.Generations, next)
	_, err = w.views.PutState(t.Context(), s)
	require.NoError(t, err)
}

func TestANewGenerationPassesOverWhatIsSkippedAndIsActiveAfterASweep(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]eventstore.Version{"with the code that failed": 2, "with fixed code": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, e := parkedWorld(t)
			require.NoError(t, e.Skip(t.Context(), "counters", eventID(t, "user-bad@2")))
			w.build(t)
			w.broken = failOn(broken, errBroken)
			_, err := w.engine(t).Sweep(t.Context(), nil)
			require.NoError(t, err)
			require.Equal(t, []string{"x=1101"}, w.rows(t), "read from generation 2, which is active")
			var commits []eventstore.Commit
			for c, err := range w.store.Read(t.Context(), streamID(t, "user-bad"), 0) {
				require.NoError(t, err)
				commits = append(commits, c)
			}
			rows, err := projection.Replay(w.p, each(commits...), projection.Skipping(eventID(t, "user-bad@2")))
			require.NoError(t, err)
			require.JSONEq(t, `{"Name":"x","N":1101}`, string(rows[0].Content))
		})
	}
}

func TestAGenerationThatIsParkedAtASkippedEventGoesOnByItself(t *testing.T) {
	t.Parallel()
	finish := map[string]func(*testing.T, *projection.Engine, eventstore.Commit){
		"at an announcement": func(t *testing.T, e *projection.Engine, c eventstore.Commit) {
			require.Empty(t, handle(t.Context(), e, c))
		},
		"in a sweep": func(t *testing.T, e *projection.Engine, _ eventstore.Commit) {
			_, err := e.Sweep(t.Context(), nil)
			require.NoError(t, err)
		},
	}
	for when, run := range finish {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			w, e := parkedWorld(t)
			require.NoError(t, e.Skip(t.Context(), "counters", eventID(t, "user-bad@2")))
			w.build(t)
			second := projection.GenerationID{Projection: "counters", Number: 2}
			// As a worker leaves it that did not know of the skip.
			require.NoError(t, w.views.Apply(t.Context(), projection.Slice{Generation: second, Moves: []projection.Move{{Stream: streamID(t, "user-bad"), To: 1}}}))
			require.NoError(t, w.views.Park(t.Context(), second, streamID(t, "user-bad"), 1, &projection.Parked{Version: 2}))
			run(t, w.engine(t), w.append(t, "user-bad", Counted{"x", 10000}))
			found, err := w.views.Checkpoints(t.Context(), second, []eventstore.StreamID{streamID(t, "user-bad")})
			require.NoError(t, err)
			require.Equal(t, []projection.Checkpoint{{Stream: streamID(t, "user-bad"), Version: 5}}, found)
		})
	}
}

func TestASkipMarksEveryGenerationThatIsParkedThereAndNoOther(t *testing.T) {
	t.Parallel()
	w, e := parkedWorld(t)
	s, err := w.views.State(t.Context(), "counters")
	require.NoError(t, err)
	s.Counter = 3
	for _, number := range []uint64{2, 3} {
		next := s.Generations[0]
		next.Number, next.Role = number, projection.Building
		if number == 3 {
			next.Version = 2 // of a program that runs elsewhere
		}
		s.Generations = append(s.Generations, next)
		g := projection.GenerationID{Projection: "counters", Number: number}
		require.NoError(t, w.views.Park(t.Context(), g, streamID(t, "user-bad"), 0, &projection.Parked{Version: eventstore.Version(number - 1)}))
	}
	_, err = w.views.PutState(t.Context(), s)
	require.NoError(t, err)
	require.NoError(t, e.Skip(t.Context(), "counters", eventID(t, "user-bad@2")))
	require.Nil(t, w.checkpoint(t, "user-bad").Parked)
	for number, marked := range map[uint64]bool{2: false, 3: true} {
		c, err := w.views.Checkpoints(t.Context(), projection.GenerationID{Projection: "counters", Number: number}, []eventstore.StreamID{streamID(t, "user-bad")})
		require.NoError(t, err)
		require.Equal(t, marked, c[0].Parked.Skip)
	}
	err = e.Unskip(t.Context(), "counters", eventID(t, "user-bad@2"))
	require.ErrorIs(t, err, projection.ErrNotSkipped)
	require.EqualError(t, err, "the skip of user-bad@2 is not carried out yet in counters#3")
}

func TestWhatIsNoLongerSkippedIsAppliedByAGenerationThatIsBuiltLater(t *testing.T) {
	t.Parallel()
	w, e := parkedWorld(t)
	require.NoError(t, e.Skip(t.Context(), "counters", eventID(t, "user-bad@2")))
	require.NoError(t, e.Unskip(t.Context(), "counters", eventID(t, "user-bad@2")))
	require.Empty(t, w.skips(t))
	err := e.Unskip(t.Context(), "counters", eventID(t, "user-bad@2"))
	require.ErrorIs(t, err, projection.ErrNotSkipped)
	require.EqualError(t, err, `projection "counters" does not skip user-bad@2`)

	w.broken = failOn(0, nil)
	_, err = e.Sweep(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, []string{"x=1101"}, w.rows(t), "the view that has passed over it stays without")
	w.build(t)
	_, err = w.engine(t).Sweep(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, []string{"x=1111"}, w.rows(t))
}

// lateViews is a view store whose caller is held up once.
type lateViews struct {
	projection.ViewStore
	afterCheckpoints func()
}

func (l *lateViews) Checkpoints(ctx context.Context, g projection.GenerationID, streams []eventstore.StreamID) ([]projection.Checkpoint, error) {
	found, err := l.ViewStore.Checkpoints(ctx, g, streams)
	if then := l.afterCheckpoints; then != nil {
		l.afterCheckpoints = nil
		then()
	}
	return found, err
}

func TestAWorkerThatSawAMarkDoesNotBringBackASkipThatWasTakenBack(t *testing.T) {
	t.Parallel()
	w, _ := parkedWorld(t)
	operator := w.engine(t)
	late := &lateViews{ViewStore: w.views}
	e, err := projection.NewEngine(w.store, late, projection.Options{}, w.p)
	require.NoError(t, err)
	require.NoError(t, e.Prepare(t.Context()))
	c := w.checkpoint(t, "user-bad")
	c.Parked.Skip = true
	require.NoError(t, w.views.Park(t.Context(), w.generation(), c.Stream, c.Version, c.Parked))
	late.afterCheckpoints = func() { // it has just read the mark
		require.NoError(t, operator.Skip(t.Context(), "counters", eventID(t, "user-bad@2")))
		require.NoError(t, operator.Unskip(t.Context(), "counters", eventID(t, "user-bad@2")))
	}
	require.Empty(t, handle(t.Context(), e, w.append(t, "user-bad", Counted{"x", 10000})))
	require.Empty(t, w.skips(t))
	require.Equal(t, []string{"x=11101"}, w.rows(t))
}
