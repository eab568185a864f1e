package logfeed_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/logfeed"
)

func TestEverythingIsHandedOverOnceAndInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLog(1000)
		r := run(t, l, never)
		l.grow(10)
		pass(time.Hour)
		r.stop()
		assert.Len(t, r.calls, 1010)
		for position, calls := range r.calls {
			assert.Len(t, calls, 1, "position %d", position)
		}
		assertSaved(t, l, 1010)
	})
}

func TestWhatFailedComesBackAfterAPauseThatDoubles(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := run(t, newLog(3), only(2))
		pass(time.Minute)
		r.stop()
		var pauses []time.Duration
		for i, at := range r.calls[2][1:] {
			pauses = append(pauses, at-r.calls[2][i])
		}
		ms := time.Millisecond
		assert.Equal(t, []time.Duration{50 * ms, 100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 5000 * ms, 5000 * ms}, pauses[:9])
		assert.Len(t, r.calls[1], 1)
		assert.Len(t, r.calls[3], 1)
	})
}

func TestAPauseIsItsAnnouncementsOwnWhateverElseComesInBetween(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLog(1)
		r := run(t, l, func(p int64) bool { return p == 1 || p == 20 })
		for range 100 { // lively traffic, some of which fails too
			pass(10 * time.Millisecond)
			l.grow(1)
		}
		pass(time.Minute)
		r.stop()
		for _, position := range []int64{1, 20} {
			calls := r.calls[position]
			assert.Equal(t, 50*time.Millisecond, calls[1]-calls[0], "not put off, not hastened")
			assert.Equal(t, 100*time.Millisecond, calls[2]-calls[1])
			assert.Equal(t, 200*time.Millisecond, calls[3]-calls[2])
		}
	})
}

func TestAPauseBeginsAnewWithANewFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLog(1)
		tries := 0
		r := run(t, l, func(p int64) bool { tries++; return p == 1 && tries < 5 || p == 2 && tries < 8 })
		pass(time.Minute)
		l.grow(1)
		pass(time.Minute)
		r.stop()
		assert.Len(t, r.calls[1], 5)
		assert.Equal(t, 50*time.Millisecond, r.calls[2][1]-r.calls[2][0])
		assertSaved(t, l, 2)
	})
}

func TestThePositionIsNeverSavedBeyondAFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLog(600)
		var healed atomic.Bool
		r := run(t, l, func(p int64) bool { return !healed.Load() && p == 300 || p == 500 })
		for range 20 {
			pass(500 * time.Millisecond)
			l.grow(1)
		}
		assertSaved(t, l, 299)
		healed.Store(true)
		pass(time.Minute)
		assertSaved(t, l, 499, "now as far as the other")
		r.stop()
		assertSaved(t, l, 499)
		_, all := l.saved()
		assert.LessOrEqual(t, slices.Max(all), int64(499))

		again := run(t, l, never)
		again.stop()
		assert.Len(t, again.calls, 121, "what failed and all behind it come again")
		assertSaved(t, l, 620)
	})
}

func TestThePositionIsSavedEverySecondAndAtTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLog(0)
		r := run(t, l, never)
		for range 40 {
			pass(100 * time.Millisecond)
			l.grow(1)
		}
		synctest.Wait()
		_, all := l.saved()
		assert.InDelta(t, 4, len(all), 1)
		pass(2 * time.Second)
		assertSaved(t, l, 40, "also when nothing more comes")
		_, before := l.saved()
		pass(time.Hour)
		_, after := l.saved()
		assert.Equal(t, before, after, "and then not again")
		for range 2 { // the second of which is not yet due
			l.grow(1)
			synctest.Wait()
		}
		assertSaved(t, l, 41)
		r.stop()
		assertSaved(t, l, 42)
	})
}

func TestAPositionThatCanNotBeSavedIsSavedLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLog(5)
		l.fail(nil, errLog)
		r := run(t, l, never)
		pass(10 * time.Second)
		l.grow(1)
		pass(time.Second)
		assert.Equal(t, 6, r.handedOver(), "the feed goes on")
		assertSaved(t, l, 0)
		l.fail(nil, nil)
		pass(2 * time.Second)
		assertSaved(t, l, 6)
		l.fail(nil, errLog)
		l.grow(1)
		synctest.Wait()
		r.stop()
	})
}

func TestALogThatDoesNotAnswerEndsTheFeed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLog(5)
		r := run(t, l, only(3))
		l.fail(errLog, nil)
		l.grow(1)
		assert.Equal(t, errLog, <-r.ended)
		assertSaved(t, l, 2, "the failure is not lost")
		r.cancel()
		assert.Equal(t, errLog, logfeed.Run(t.Context(), l, nil), "nor is it run without a position")
	})
}

func TestNothingNewIsReadWhileFarTooMuchFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLog(6_000)
		var healed atomic.Bool
		r := run(t, l, func(int64) bool { return !healed.Load() })
		pass(10 * time.Second)
		assert.GreaterOrEqual(t, r.handedOver(), 4096)
		assert.LessOrEqual(t, r.handedOver(), 4096+256)
		l.Lock()
		reads := l.reads
		l.Unlock()
		pass(10 * time.Second)
		l.Lock()
		reads = l.reads - reads
		l.Unlock()
		assert.Less(t, reads, 4*r.handedOver(), "each once a pause, and no busy loop")
		healed.Store(true)
		pass(time.Minute)
		assert.Equal(t, 6_000, r.handedOver())
		r.stop()
		assertSaved(t, l, 6_000)
	})
}

func TestTheFeedEndsQuietlyWhereverItIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		run(t, newLog(0), never).stop()
		run(t, newLog(3), never).stop()
		run(t, newLog(3), func(int64) bool { return true }).stop()

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		l := newLog(3)
		require.NoError(t, logfeed.Run(ctx, l, nil))
		l.fail(errLog, nil)
		require.NoError(t, logfeed.Run(ctx, l, nil))
	})
}

func TestAFailureThatWasNeverAnnouncedIsIgnored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLog(2)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		calls := 0
		go func() {
			ended <- logfeed.Run(ctx, l, func(_ context.Context, b eventstore.Batch) []eventstore.Announcement {
				calls += len(b.Announcements)
				return []eventstore.Announcement{{Stream: b.Announcements[0].Stream, First: 99}}
			})
		}()
		pass(time.Minute)
		cancel()
		require.NoError(t, <-ended)
		assert.Equal(t, 2, calls)
		assertSaved(t, l, 2)
	})
}
