package projection_test

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
)

// run starts a worker and returns a function that stops it and waits.
func (w *world) run(t *testing.T, feed eventstore.Feed, opts projection.Options) (stop func()) {
	t.Helper()
	_, stop = w.start(t, feed, opts)
	return stop
}

func (w *world) start(t *testing.T, feed eventstore.Feed, opts projection.Options) (worker *projection.Worker, stop func()) {
	t.Helper()
	worker, err := projection.NewWorker(w.store, w.views, feed, opts, w.p)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- worker.Run(ctx) }()
	return worker, func() {
		cancel()
		require.NoError(t, <-ended)
	}
}

func TestAWorkerAppliesWhatIsAppendedUntilItIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(memviews.Options{})
		w.append(t, "user-a", Counted{"x", 1})
		stop := w.run(t, w.store.Feed("worker"), projection.Options{Name: "w1"})
		synctest.Wait()
		require.Equal(t, []string{"x=1"}, w.rows(t))
		w.append(t, "user-b", Counted{"x", 10})
		synctest.Wait()
		require.Equal(t, []string{"x=11"}, w.rows(t))
		stop()
		w.append(t, "user-b", Counted{"x", 100})
		synctest.Wait()
		require.Equal(t, []string{"x=11"}, w.rows(t))
	})
}

func TestAWorkerLeavesAHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(memviews.Options{})
		stop := w.run(t, w.store.Feed("worker"), projection.Options{Name: "w1", Build: "shop@1"})
		synctest.Wait() // for the first heartbeat
		for i := range 40 {
			w.append(t, "user-a", Counted{"x", i})
		}
		synctest.Wait()
		<-time.After(10*time.Second + time.Millisecond) // of the bubble's own time
		synctest.Wait()
		beats, err := w.views.Heartbeats(t.Context(), "counters")
		require.NoError(t, err)
		require.Len(t, beats, 1)
		require.Equal(t, "w1", beats[0].Worker)
		require.Equal(t, "shop@1", beats[0].Build)
		require.EqualValues(t, 40, beats[0].Applied)
		require.InDelta(t, 4, beats[0].Rate, 0.1)
		require.Zero(t, beats[0].Waiting)
		require.False(t, beats[0].LastSweep.IsZero())
		require.False(t, beats[0].Ended)

		stop()
		beats, err = w.views.Heartbeats(t.Context(), "counters")
		require.NoError(t, err)
		require.Len(t, beats, 1)
		require.True(t, beats[0].Ended)
		require.EqualValues(t, 40, beats[0].Applied)
	})
}

// A sweep that no worker makes says when it was, and is not taken for a worker.
func TestASweepLeavesAHeartbeatOfItsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(memviews.Options{})
	w.append(t, "user-a", Counted{"x", 1})
	e, err := projection.NewEngine(w.store, w.views, projection.Options{Name: "w1"}, w.p)
	require.NoError(t, err)
	require.NoError(t, e.Prepare(t.Context()))
	_, err = e.Sweep(t.Context(), nil)
	require.NoError(t, err)
	beats, err := w.views.Heartbeats(t.Context(), "counters")
	require.NoError(t, err)
	require.Len(t, beats, 1)
	require.Equal(t, projection.SweepWorker, beats[0].Worker)
	require.True(t, beats[0].Ended)
	require.Equal(t, 1, beats[0].SweepBehind)
	require.False(t, beats[0].LastSweep.IsZero())
}

// What feeds an engine now and then leaves heartbeats, and not more often than a worker.
func TestAnEngineThatIsFedNowAndThenLeavesAHeartbeatEachPeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(memviews.Options{})
		counted := &countedBeats{ViewStore: w.views}
		e, err := projection.NewEngine(w.store, counted, projection.Options{Name: "w1"}, w.p)
		require.NoError(t, err)
		for range 21 {
			e.Beat(t.Context())
			<-time.After(time.Second) // of the bubble's own time
		}
		require.Equal(t, 3, counted.beats)
		beats, err := w.views.Heartbeats(t.Context(), "counters")
		require.NoError(t, err)
		require.Equal(t, "w1", beats[0].Worker)
		require.False(t, beats[0].Ended)
	})
}

type countedBeats struct {
	projection.ViewStore
	beats int
}

func (v *countedBeats) Beat(ctx context.Context, b projection.Heartbeat) error {
	v.beats++
	return v.ViewStore.Beat(ctx, b)
}

// silent is a feed that announces nothing, and reports a loss when told to.
type silent struct{ trimmed chan struct{} }

func (s silent) Run(ctx context.Context, handle func(context.Context, eventstore.Batch) []eventstore.Announcement) error {
	for {
		select {
		case <-s.trimmed:
			handle(ctx, eventstore.Batch{Trimmed: true})
		case <-ctx.Done():
			return nil
		}
	}
}

func TestAWorkerSweepsAtItsStartThenNowAndThenAndWhenTheFeedHasLostSomething(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(memviews.Options{})
		feed := silent{make(chan struct{})}
		w.append(t, "user-a", Counted{"x", 1})
		stop := w.run(t, feed, projection.Options{SweepEvery: time.Hour})
		defer stop()
		synctest.Wait()
		require.Equal(t, []string{"x=1"}, w.rows(t), "at the start")

		w.append(t, "user-a", Counted{"x", 10})
		feed.trimmed <- struct{}{}
		synctest.Wait()
		require.Equal(t, []string{"x=11"}, w.rows(t), "after a loss")

		w.append(t, "user-a", Counted{"x", 100})
		<-time.After(time.Hour + time.Minute) // of the bubble's own time
		synctest.Wait()
		require.Equal(t, []string{"x=111"}, w.rows(t), "every hour")
	})
}

// unlisted is a store that can not list its streams.
type unlisted struct {
	projection.Source
	err error
}

func (u unlisted) Streams(context.Context, string, eventstore.StreamID) iter.Seq2[eventstore.StreamID, error] {
	return func(yield func(eventstore.StreamID, error) bool) { yield(eventstore.StreamID{}, u.err) }
}

// hinted is an error that knows what to do.
type hinted struct{ error }

func (hinted) Hint() string { return "do it" }

func TestASweepThatFailedIsLoggedWithAHintWhereThereIsOne(t *testing.T) {
	for logged, err := range map[string]error{
		"level=ERROR msg=\"sweep failed\" error=cut\n":                errors.New("cut"),
		"level=ERROR msg=\"sweep failed\" error=cut hint=\"do it\"\n": hinted{errors.New("cut")},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(memviews.Options{})
			w.engine(t)
			var log bytes.Buffer // the worker's, until it has stopped
			worker, failed := projection.NewWorker(unlisted{w.store, err}, w.views, silent{}, projection.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}, w.p)
			require.NoError(t, failed)
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- worker.Run(ctx) }()
			synctest.Wait()
			cancel()
			require.NoError(t, <-ended)
			require.Contains(t, log.String(), logged)
		})
	}
}

// counting is a source that counts how often its streams are listed: once in a sweep.
type counting struct {
	projection.Source
	sweeps *atomic.Int64
}

func (c counting) Streams(ctx context.Context, category string, after eventstore.StreamID) iter.Seq2[eventstore.StreamID, error] {
	c.sweeps.Add(1)
	return c.Source.Streams(ctx, category, after)
}

func TestASweepIsRepeatedSoonOnlyWhereThatMayHelpAndLessAndLess(t *testing.T) {
	for name, c := range map[string]struct {
		broken error
		source func(*world) projection.Source
		least  int64 // in a day, with a sweep every six hours
		most   int64
	}{
		"all is well":                    {source: func(w *world) projection.Source { return w.store }, least: 4, most: 5},
		"a stream is damaged":            {source: func(w *world) projection.Source { return damaged{w.store, "user-a"} }, least: 4, most: 5},
		"the streams can not be listed":  {source: func(w *world) projection.Source { return unlisted{w.store, errBroken} }, least: 25, most: 32},
		"an event fails for now, and so": {source: func(w *world) projection.Source { return w.store }, broken: projection.Transient(errBroken), least: 25, most: 32},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(memviews.Options{})
				w.engine(t)
				w.append(t, "user-a", Counted{"x", 1})
				w.broken = func(projection.Event[Counted]) error { return c.broken }
				source := counting{c.source(w), new(atomic.Int64)}
				worker, err := projection.NewWorker(source, w.views, silent{}, projection.Options{}, w.p)
				require.NoError(t, err)
				ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour-time.Second)
				defer cancel()
				require.NoError(t, worker.Run(ctx))
				require.GreaterOrEqual(t, source.sweeps.Load(), c.least)
				require.LessOrEqual(t, source.sweeps.Load(), c.most)
			})
		})
	}
}

// stateless is a view store whose states can be read once, and then not for some time.
type stateless struct {
	projection.ViewStore
	until time.Time
	read  *atomic.Bool
}

func (s stateless) State(ctx context.Context, name string) (projection.State, error) {
	if s.read.Swap(true) && time.Now().Before(s.until) {
		return projection.State{}, errBroken
	}
	return s.ViewStore.State(ctx, name)
}

func TestASweepThatCouldNotBeginIsRepeatedSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(memviews.Options{})
		w.engine(t)
		w.append(t, "user-a", Counted{"x", 1})
		worker, err := projection.NewWorker(w.store, stateless{w.views, time.Now().Add(time.Second), new(atomic.Bool)}, silent{}, projection.Options{}, w.p)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		require.NoError(t, worker.Run(ctx))
		require.Equal(t, []string{"x=1"}, w.rows(t))
	})
}

func TestAWorkerReturnsWhatKeepsItFromStarting(t *testing.T) {
	w := newWorld(memviews.Options{})
	w.engine(t)
	second := projection.MustNew("counters", 2, registry, projection.Follow("user"), newCounters(nil))
	worker, err := projection.NewWorker(w.store, w.views, w.store.Feed("worker"), projection.Options{}, second)
	require.NoError(t, err)
	require.ErrorIs(t, worker.Run(t.Context()), projection.ErrNotBuilt)
}
