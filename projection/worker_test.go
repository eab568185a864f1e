package projection_test

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"log/slog"
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
	worker, err := projection.NewWorker(w.store, w.views, feed, opts, w.p)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- worker.Run(ctx) }()
	return func() {
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
		defer stop()
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
	})
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

func TestAWorkerReturnsWhatKeepsItFromStarting(t *testing.T) {
	w := newWorld(memviews.Options{})
	w.engine(t)
	second := projection.MustNew("counters", 2, registry, projection.Follow("user"), newCounters(nil))
	worker, err := projection.NewWorker(w.store, w.views, w.store.Feed("worker"), projection.Options{}, second)
	require.NoError(t, err)
	require.ErrorIs(t, worker.Run(t.Context()), projection.ErrNotBuilt)
}
