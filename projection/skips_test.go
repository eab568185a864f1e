package projection_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
)

func eventID(t testing.TB, text string) eventstore.EventID {
	t.Helper()
	id, err := eventstore.ParseEventID(text)
	require.NoError(t, err)
	return id
}

func (w *world) skips(t testing.TB) []string {
	t.Helper()
	s, err := w.views.State(t.Context(), "counters")
	require.NoError(t, err)
	var skips []string
	for _, id := range s.Skips {
		skips = append(skips, id.String())
	}
	return skips
}

// parkedWorld has a stream with a good event, a bad one and a good one in a commit, and
// another commit behind it that was announced while it waited.
func parkedWorld(t *testing.T) (*world, *projection.Engine) {
	w := newWorld(memviews.Options{})
	w.broken = failOn(2, errBroken)
	e := w.engine(t)
	require.Empty(t, handle(t.Context(), e, w.append(t, "user-bad", Counted{"x", 1}, Counted{"x", 10}, Counted{"x", 100})))
	require.Empty(t, handle(t.Context(), e, w.append(t, "user-bad", Counted{"x", 1000})))
	require.EqualValues(t, 2, w.checkpoint(t, "user-bad").Parked.Version)
	return w, e
}

func TestASkipPassesOverOneEventAndAppliesTheRestOfItsCommitAndOfTheStream(t *testing.T) {
	t.Parallel()
	w, e := parkedWorld(t)
	for range 2 { // again changes nothing
		require.NoError(t, e.Skip(t.Context(), "counters", eventID(t, "user-bad@2")))
		require.Equal(t, []string{"x=1101"}, w.rows(t))
		require.Equal(t, projection.Checkpoint{Stream: streamID(t, "user-bad"), Version: 4}, w.checkpoint(t, "user-bad"))
		require.Equal(t, []string{"user-bad@2"}, w.skips(t))
	}
	w.broken = failOn(0, nil)
	_, err := e.Sweep(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, []string{"x=1101"}, w.rows(t), "fixed code does not bring it back")
}

// interposing lets something happen before the first look at a checkpoint.
type interposing struct {
	projection.ViewStore
	happens func()
}

func (i *interposing) Checkpoints(ctx context.Context, g projection.GenerationID, streams []eventstore.StreamID) ([]projection.Checkpoint, error) {
	if happens := i.happens; happens != nil {
		i.happens = nil
		happens()
	}
	return i.ViewStore.Checkpoints(ctx, g, streams)
}

func TestASkipThatSomebodyElseEndsMeanwhileIsTheSameSkip(t *testing.T) {
	t.Parallel()
	w, other := parkedWorld(t)
	id := eventID(t, "user-bad@2")
	views := &interposing{w.views, func() { require.NoError(t, other.Skip(t.Context(), "counters", id)) }}
	e, err := projection.NewEngine(w.store, views, w.opts, w.p)
	require.NoError(t, err)
	require.NoError(t, e.Skip(t.Context(), "counters", id))
	require.Nil(t, views.happens, "and it did happen")
	require.Equal(t, []string{"user-bad@2"}, w.skips(t))
	require.Equal(t, []string{"x=1101"}, w.rows(t))
}

func TestASkipIsRefusedWhereTheStreamIsParkedElsewhereOrNotAtAll(t *testing.T) {
	t.Parallel()
	w, e := parkedWorld(t)
	before := w.checkpoint(t, "user-bad")
	for id, says := range map[string]string{
		"user-bad@1":   `projection "counters": "user-bad" is not parked at 1, but at 2`,
		"user-bad@3":   `projection "counters": "user-bad" is not parked at 3, but at 2`,
		"user-other@2": `projection "counters": "user-other" is not parked at 2`,
	} {
		err := e.Skip(t.Context(), "counters", eventID(t, id))
		require.ErrorIs(t, err, projection.ErrNotParked)
		require.EqualError(t, err, says)
	}
	require.ErrorIs(t, e.Skip(t.Context(), "others", eventID(t, "user-bad@2")), eventstore.ErrInvalid)
	require.Equal(t, before, w.checkpoint(t, "user-bad"))
	require.Empty(t, w.skips(t))
}

func TestASkipThatMeetsTheNextBadEventParksThere(t *testing.T) {
	t.Parallel()
	w, e := parkedWorld(t)
	w.broken = failOn(3, errors.New("another fault"))
	require.NoError(t, e.Skip(t.Context(), "counters", eventID(t, "user-bad@2")))
	c := w.checkpoint(t, "user-bad")
	require.EqualValues(t, 2, c.Version)
	require.EqualValues(t, 3, c.Parked.Version)
	require.False(t, c.Parked.Skip)
	require.Contains(t, c.Parked.Error, "another fault")
	require.Equal(t, []string{"x=1"}, w.rows(t))
	require.NoError(t, e.Skip(t.Context(), "counters", eventID(t, "user-bad@3")))
	require.Equal(t, []string{"x=1001"}, w.rows(t))
	require.Equal(t, []string{"user-bad@2", "user-bad@3"}, w.skips(t))
}

// interrupted is a view store whose writes fail from some number on.
type interrupted struct {
	projection.ViewStore
	left int
}

func (i *interrupted) spend() error {
	if i.left--; i.left < 0 {
		return errors.New("interrupted")
	}
	return nil
}

func (i *interrupted) Apply(ctx context.Context, s projection.Slice) error {
	if err := i.spend(); err != nil {
		return err
	}
	return i.ViewStore.Apply(ctx, s)
}

func (i *interrupted) Park(ctx context.Context, g projection.GenerationID, stream eventstore.StreamID, at eventstore.Version, p *projection.Parked) error {
	if err := i.spend(); err != nil {
		return err
	}
	return i.ViewStore.Park(ctx, g, stream, at, p)
}

func (i *interrupted) PutState(ctx context.Context, s projection.State) (projection.State, error) {
	if err := i.spend(); err != nil {
		return s, err
	}
	return i.ViewStore.PutState(ctx, s)
}

func TestASkipThatIsInterruptedAnywhereIsFinishedByWhoeverComesNext(t *testing.T) {
	t.Parallel()
	finish := map[string]func(*testing.T, *world, *projection.Engine){
		"an announcement": func(t *testing.T, w *world, e *projection.Engine) {
			require.Empty(t, handle(t.Context(), e, w.append(t, "user-bad", Ignored{})))
		},
		"a sweep": func(t *testing.T, _ *world, e *projection.Engine) {
			_, err := e.Sweep(t.Context(), nil)
			require.NoError(t, err)
		},
		"a retry": func(t *testing.T, _ *world, e *projection.Engine) {
			require.NoError(t, e.Retry(t.Context(), "counters", streamID(t, "user-bad")))
		},
		"the same skip": func(t *testing.T, _ *world, e *projection.Engine) {
			require.NoError(t, e.Skip(t.Context(), "counters", eventID(t, "user-bad@2")))
		},
	}
	for who, run := range finish {
		for writes := 1; writes <= 3; writes++ { // the mark, the state, the slice; then the left-over record
			t.Run(fmt.Sprintf("%s, after %d writes", who, writes), func(t *testing.T) {
				t.Parallel()
				w, _ := parkedWorld(t)
				operator, err := projection.NewEngine(w.store, &interrupted{w.views, writes}, projection.Options{}, w.p)
				require.NoError(t, err)
				require.Error(t, operator.Skip(t.Context(), "counters", eventID(t, "user-bad@2")))
				w.broken = failOn(0, nil) // the code is fixed: it is too late to apply the event
				run(t, w, w.engine(t))
				require.Equal(t, []string{"x=1101"}, w.rows(t))
				require.Nil(t, w.checkpoint(t, "user-bad").Parked)
				require.Equal(t, []string{"user-bad@2"}, w.skips(t))
			})
		}
	}
}

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

func TestASkipMoreThanTheStateCanHoldIsRefusedBeforeAnythingIsMarked(t *testing.T) {
	t.Parallel()
	w, e := parkedWorld(t)
	s, err := w.views.State(t.Context(), "counters")
	require.NoError(t, err)
	for i := range projection.MaxSkips {
		s.Skips = append(s.Skips, eventstore.EventID{Stream: streamID(t, "user-another"), Version: eventstore.Version(i + 1)})
	}
	s, err = w.views.PutState(t.Context(), s)
	require.NoError(t, err)
	err = e.Skip(t.Context(), "counters", eventID(t, "user-bad@2"))
	require.ErrorIs(t, err, eventstore.ErrTooLarge)
	require.EqualError(t, err, `projection "counters": 1001 skipped events, the limit is 1000`)
	require.False(t, w.checkpoint(t, "user-bad").Parked.Skip)

	s.Skips = s.Skips[1:]
	_, err = w.views.PutState(t.Context(), s)
	require.NoError(t, err)
	require.NoError(t, e.Skip(t.Context(), "counters", eventID(t, "user-bad@2")))
}

func TestAReactionPassesOverAnEventThatIsSkipped(t *testing.T) {
	t.Parallel()
	w := newWorld(memviews.Options{})
	var done []eventstore.Version
	reaction := projection.MustNewReaction("mails", registry, projection.Follow("user"), projection.React(
		func(_ context.Context, e projection.Event[Counted]) error {
			if e.Version == 2 {
				return errBroken
			}
			done = append(done, e.Version)
			return nil
		}))
	e, err := projection.NewEngine(w.store, w.views, projection.Options{}, reaction)
	require.NoError(t, err)
	require.NoError(t, e.Prepare(t.Context()))
	require.Empty(t, handle(t.Context(), e, w.append(t, "user-bad", Counted{"x", 1}, Counted{"x", 10}, Counted{"x", 100})))
	_, err = e.Try(t.Context(), "mails", streamID(t, "user-bad"))
	require.ErrorIs(t, err, eventstore.ErrInvalid, "trying it would send it")
	require.NoError(t, e.Skip(t.Context(), "mails", eventID(t, "user-bad@2")))
	require.Equal(t, []eventstore.Version{1, 3}, done)
}

func TestASkipIsToldOfAndTriedAsOne(t *testing.T) {
	t.Parallel()
	w, _ := parkedWorld(t)
	told := &told{}
	w.opts.Changes = told.take
	e := w.engine(t)
	c := w.checkpoint(t, "user-bad")
	c.Parked.Skip = true
	require.NoError(t, w.views.Park(t.Context(), w.generation(), c.Stream, c.Version, c.Parked))
	trials, err := e.Try(t.Context(), "counters", c.Stream)
	require.NoError(t, err)
	require.NoError(t, trials[0].Err)
	require.True(t, trials[0].Change.Skipped)
	require.NoError(t, e.Retry(t.Context(), "counters", c.Stream))
	require.Equal(t, []string{
		"counters#1 user-bad@2 COUNTED skipped",
		"counters#1 user-bad@3 COUNTED", " counters x N: 1 → 101",
		"counters#1 user-bad@4 COUNTED", " counters x N: 101 → 1101",
	}, told.lines)
}
