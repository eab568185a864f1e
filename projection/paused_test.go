package projection_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
)

func (w *world) pause(t testing.TB) {
	t.Helper()
	require.NoError(t, projection.Pause(t.Context(), w.views, "counters", projection.Paused{By: "ada", Reason: "INC-7"}))
}

func (w *world) resume(t testing.TB) {
	t.Helper()
	require.NoError(t, projection.Resume(t.Context(), w.views, "counters"))
}

func (w *world) state(t testing.TB) projection.State {
	t.Helper()
	s, err := w.views.State(t.Context(), "counters")
	require.NoError(t, err)
	return s
}

func TestAPausedProjectionIsNotFedAndASweepAfterTheEndOfThePauseBringsWhatWasDropped(t *testing.T) {
	t.Parallel()
	w := newWorld(memviews.Options{})
	e := w.engine(t)
	require.Empty(t, handle(t.Context(), e, w.append(t, "user-a", Counted{"x", 1})))
	w.pause(t)
	paused := w.state(t).Paused
	require.Equal(t, "ada", paused.By)
	require.Equal(t, "INC-7", paused.Reason)
	w.pause(t) // again changes nothing
	require.Equal(t, paused, w.state(t).Paused)

	learns := w.append(t, "user-a", Ignored{}) // who does not know yet applies, and learns by it
	require.Empty(t, handle(t.Context(), e, learns))
	for range 2 {
		require.Empty(t, handle(t.Context(), e, w.append(t, "user-a", Counted{"x", 10})), "it is taken care of")
		report, err := e.Sweep(t.Context(), nil)
		require.NoError(t, err)
		require.Zero(t, report.Streams, "a sweep passes it over")
		require.Equal(t, []string{"x=1"}, w.rows(t), "what is there can be read")
	}

	w.resume(t)
	w.resume(t)
	require.False(t, w.state(t).Paused.Resumed.IsZero())
	require.Empty(t, handle(t.Context(), e, w.append(t, "user-b", Counted{"y", 5})))
	require.Equal(t, []string{"x=1", "y=5"}, w.rows(t), "it is fed again at once")
	_, err := e.Sweep(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, []string{"x=21", "y=5"}, w.rows(t))
	require.Nil(t, w.state(t).Paused)
}

func TestOnlyASweepThatBeganAfterThePauseEndsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(memviews.Options{})
	e := w.engine(t)
	dropped := func(n int) {
		w.pause(t)
		require.Empty(t, handle(t.Context(), e, w.append(t, "user-a", Ignored{})))
		require.Empty(t, handle(t.Context(), e, w.append(t, "user-a", Counted{"x", n})))
		w.resume(t)
	}
	w.append(t, "user-z", Counted{"z", 1}) // so that the sweep has something to do at its end
	dropped(1)
	var once bool
	_, err := e.Sweep(t.Context(), func(projection.SweepReport) {
		if !once {
			once = true
			dropped(10) // behind the sweep's back
		}
	})
	require.NoError(t, err)
	require.NotNil(t, w.state(t).Paused, "this sweep has not looked for what the second pause dropped")
	require.Equal(t, []string{"x=1", "z=1"}, w.rows(t))
	_, err = e.Sweep(t.Context(), nil)
	require.NoError(t, err)
	require.Nil(t, w.state(t).Paused)
	require.Equal(t, []string{"x=11", "z=1"}, w.rows(t))
}

func TestAGenerationIsNotActiveByASweepThatAPausePassedOver(t *testing.T) {
	t.Parallel()
	w := newWorld(memviews.Options{})
	w.append(t, "user-a", Counted{"x", 1})
	e := w.engine(t)
	require.Equal(t, projection.Building, w.state(t).Generations[0].Role)
	var once bool
	late := &lateViews{ViewStore: w.views, afterCheckpoints: func() { once = true; w.pause(t) }} // in the middle of the sweep
	during, err := projection.NewEngine(w.store, late, projection.Options{Sequential: true}, w.p)
	require.NoError(t, err)
	require.NoError(t, during.Prepare(t.Context()))
	_, err = during.Sweep(t.Context(), nil)
	require.NoError(t, err)
	require.True(t, once)
	require.Equal(t, projection.Building, w.state(t).Generations[0].Role)
	_, err = e.Sweep(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, projection.Building, w.state(t).Generations[0].Role)
	w.resume(t)
	_, err = e.Sweep(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, projection.Active, w.state(t).Generations[0].Role)
	require.Nil(t, w.state(t).Paused)
}

func TestRetryAndSkipAreRefusedInAPauseAndWaitersFailAtOnce(t *testing.T) {
	t.Parallel()
	w, e := parkedWorld(t)
	w.pause(t)
	refused := map[string]error{
		"retry": e.Retry(t.Context(), "counters", streamID(t, "user-bad")),
		"skip":  e.Skip(t.Context(), "counters", eventID(t, "user-bad@2")),
	}
	c := w.append(t, "user-new", Counted{"n", 1})
	began := time.Now()
	_, refused["a reader that waits"] = w.counters.Get(t.Context(), w.views, projection.KeyOf("n"),
		projection.AtLeast(projection.TokenOf(c)), projection.Within(time.Hour))
	require.Less(t, time.Since(began), time.Minute)
	for what, err := range refused {
		require.ErrorIs(t, err, projection.ErrPaused, what)
		require.ErrorContains(t, err, "by ada: INC-7", what)
		require.Contains(t, eventstore.Hint(err), "resume", what)
	}
	require.False(t, w.checkpoint(t, "user-bad").Parked.Skip)
	trials, err := e.Try(t.Context(), "counters", streamID(t, "user-bad"))
	require.NoError(t, err)
	require.Len(t, trials, 1, "trying writes nothing")
	w.resume(t)
	require.NoError(t, e.Skip(t.Context(), "counters", eventID(t, "user-bad@2")))
}

func TestWhatWasNeverBuiltIsNotPaused(t *testing.T) {
	t.Parallel()
	require.ErrorIs(t, projection.Pause(t.Context(), memviews.New(memviews.Options{}), "nobody", projection.Paused{}), projection.ErrNotBuilt)
}

func TestAReactionIsPausedToo(t *testing.T) {
	t.Parallel()
	w := newWorld(memviews.Options{})
	var sent []eventstore.Version
	reaction := projection.MustNewReaction("mails", registry, projection.Follow("user"), projection.React(
		func(_ context.Context, e projection.Event[Counted]) error { sent = append(sent, e.Version); return nil }))
	e, err := projection.NewEngine(w.store, w.views, projection.Options{}, reaction)
	require.NoError(t, err)
	require.NoError(t, e.Prepare(t.Context()))
	require.NoError(t, projection.Pause(t.Context(), w.views, "mails", projection.Paused{}))
	require.NoError(t, e.Prepare(t.Context()))
	require.Empty(t, handle(t.Context(), e, w.append(t, "user-a", Counted{"x", 1})))
	require.Empty(t, sent)
	require.NoError(t, projection.Resume(t.Context(), w.views, "mails"))
	_, err = e.Sweep(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, []eventstore.Version{1}, sent)
}

// handed is a feed that announces what the test hands it, and nothing else.
type handed chan eventstore.Commit

func (s handed) Run(ctx context.Context, handle func(context.Context, eventstore.Batch) []eventstore.Announcement) error {
	for {
		select {
		case c := <-s:
			handle(ctx, eventstore.Batch{Announcements: []eventstore.Announcement{eventstore.Announce(&c)}})
		case <-ctx.Done():
			return nil
		}
	}
}

func TestAnIdleWorkerLearnsOfAPauseAndSweepsByItselfAtItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(memviews.Options{})
		feed := make(handed)
		stop := w.run(t, feed, projection.Options{})
		defer stop()
		synctest.Wait()

		w.pause(t)
		<-time.After(11 * time.Second)
		feed <- w.append(t, "user-a", Counted{"x", 1})
		synctest.Wait()
		require.Empty(t, w.rows(t), "it has learned of the pause")

		w.resume(t)
		<-time.After(11 * time.Second)
		synctest.Wait()
		require.Equal(t, []string{"x=1"}, w.rows(t))
		require.Nil(t, w.state(t).Paused)
	})
}

func TestAWorkerThatIsHandedSomethingAfterALongTimeLearnsOfAPauseFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(memviews.Options{})
		e := w.engine(t)
		w.pause(t)
		<-time.After(10 * time.Second)
		require.Empty(t, handle(t.Context(), e, w.append(t, "user-a", Counted{"x", 1})))
		require.Empty(t, w.rows(t))
	})
}

func TestAWorkerSweepsAfterAPauseThoughAnotherSweepOfThisEngineHasLearnedOfItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(memviews.Options{})
		feed := make(handed)
		worker, stop := w.start(t, feed, projection.Options{})
		defer stop()
		synctest.Wait()
		w.pause(t)
		<-time.After(11 * time.Second)
		feed <- w.append(t, "user-a", Counted{"x", 1})
		synctest.Wait()
		require.Empty(t, w.rows(t), "it is dropped")

		w.resume(t)
		behind := projection.SweepCursor{After: streamID(t, "user-z"), Generations: map[string][]uint64{"counters": {1}}}
		_, err := worker.SweepFrom(t.Context(), behind, nil) // as an operator does in the service, from where another was interrupted
		require.NoError(t, err)
		<-time.After(11 * time.Second)
		synctest.Wait()
		require.Equal(t, []string{"x=1"}, w.rows(t))
		require.Nil(t, w.state(t).Paused)
	})
}

func TestAWorkerSweepsAfterAPauseThatASweepOfAnotherVersionHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(memviews.Options{})
		first := w.engine(t)
		next := projection.MustNew("counters", 2, registry, projection.Follow("user"), newCounters(func(projection.Event[Counted]) error { return nil }))
		s := w.state(t)
		g := s.Generations[0]
		s.Counter, g.Number, g.Version, g.Fingerprint, g.Role = 2, 2, 2, next.Fingerprint(), projection.Building
		s.Generations = append(s.Generations, g)
		_, err := w.views.PutState(t.Context(), s)
		require.NoError(t, err)
		feed := make(handed)
		second := &world{store: w.store, views: w.views, p: next}
		_, stop := second.start(t, feed, projection.Options{})
		defer stop()
		synctest.Wait()

		w.pause(t)
		<-time.After(11 * time.Second)
		feed <- w.append(t, "user-a", Counted{"x", 1})
		synctest.Wait()
		w.resume(t)
		_, err = first.Sweep(t.Context(), nil)
		require.NoError(t, err)
		require.Nil(t, w.state(t).Paused)
		<-time.After(11 * time.Second)
		synctest.Wait()
		found, err := w.views.Checkpoints(t.Context(), projection.GenerationID{Projection: "counters", Number: 2}, []eventstore.StreamID{streamID(t, "user-a")})
		require.NoError(t, err)
		require.EqualValues(t, 1, found[0].Version)
	})
}

func TestASweepThatPassedOverAProjectionAtItsBeginningIsNoLastSweepOfIt(t *testing.T) {
	t.Parallel()
	w := newWorld(memviews.Options{})
	e := w.engine(t)
	w.append(t, "user-a", Counted{"x", 1})
	paused := projection.SweepCursor{After: streamID(t, "user-m"), Generations: map[string][]uint64{}} // interrupted in a pause, with others
	_, err := e.SweepFrom(t.Context(), paused, nil)
	require.NoError(t, err)
	beats, err := w.views.Heartbeats(t.Context(), "counters")
	require.NoError(t, err)
	require.Empty(t, beats, "user-a was not looked at")
	_, err = e.Sweep(t.Context(), nil)
	require.NoError(t, err)
	beats, err = w.views.Heartbeats(t.Context(), "counters")
	require.NoError(t, err)
	require.Len(t, beats, 1)
	require.False(t, beats[0].LastSweep.IsZero())
}
