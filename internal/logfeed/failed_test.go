package logfeed_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/logfeed"
)

// feed runs a feed and returns a function that stops it, after which the handler
// is called no more. The handler says of an announcement whether it fails.
func feed(t *testing.T, l *log, fails func(eventstore.Announcement) bool) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- logfeed.Run(ctx, l, func(_ context.Context, b eventstore.Batch) (failed []eventstore.Announcement) {
			for _, a := range b.Announcements {
				if fails(a) {
					failed = append(failed, a)
				}
			}
			return failed
		})
	}()
	synctest.Wait()
	return func() {
		t.Helper()
		cancel()
		require.NoError(t, <-ended)
	}
}

func TestAStreamOfWhichEverythingFailsHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLog(0)
		for range 10_000 {
			l.add("broken")
		}
		l.add("a")
		var healed atomic.Bool
		var seen []string
		broken := 0
		stop := feed(t, l, func(a eventstore.Announcement) bool {
			if a.Stream.ID() != "broken" {
				seen = append(seen, a.Stream.ID())
				return false
			}
			broken++
			return !healed.Load()
		})
		pass(time.Minute)
		assert.Equal(t, []string{"a"}, seen)
		l.add("b", "broken", "c")
		pass(time.Minute)
		assert.Equal(t, []string{"a", "b", "c"}, seen, "also what comes later")
		assert.InDelta(t, 10_001+120/5, broken, 10, "each once, and then all of them as one every five seconds")
		assertSaved(t, l, 0)
		healed.Store(true)
		pass(time.Minute)
		assertSaved(t, l, 10_004, "once all of it was taken care of")
		stop()
	})
}

func TestWhatFailedOfAStreamComesAgainAsOneAnnouncement(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLog(3)
		l.add("x", "x", "x", "x", "other", "x") // events 3 to 4 and 7 to 8 will fail
		began := time.Now()
		var again []eventstore.Announcement
		var at []time.Duration
		stop := feed(t, l, func(a eventstore.Announcement) bool {
			if a.Commit != nil {
				return a.Stream.ID() == "x" && (a.First == 3 || a.First == 7)
			}
			again, at = append(again, a), append(at, time.Since(began))
			return len(again) < 3
		})
		pass(time.Hour)
		stop()
		stream, _ := eventstore.NewStreamID("user", "x")
		one := eventstore.Announcement{Stream: stream, First: 3, Last: 8, Time: timeOf(5)}
		assert.Equal(t, []eventstore.Announcement{one, one, one}, again)
		ms := time.Millisecond
		assert.Equal(t, []time.Duration{50 * ms, 150 * ms, 350 * ms}, at)
		assertSaved(t, l, 9)
	})
}

func TestAFailureDoesNotPutOffTheEarlierOneOfItsStream(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLog(0)
		began := time.Now()
		var at []time.Duration
		stop := feed(t, l, func(a eventstore.Announcement) bool {
			if a.Commit == nil {
				at = append(at, time.Since(began))
			}
			return true
		})
		for range 100 {
			l.add("x")
			pass(10 * time.Millisecond)
		}
		stop()
		ms := time.Millisecond
		assert.Equal(t, []time.Duration{50 * ms, 150 * ms, 350 * ms, 750 * ms}, at)
	})
}

// A batch can hold what comes again of a stream and what is new of it, and either
// can fail alone.
func TestWhatIsNewFailsApartFromWhatComesAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		old, fresh  bool // fail
		first, last eventstore.Version
		saved       int64
	}{
		"the old one":  {true, false, 1, 2, 0},
		"the new one":  {false, true, 3, 4, 2},
		"both of them": {true, true, 1, 4, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLog(0)
				l.add("x")
				var last eventstore.Announcement
				both := false
				stop := feed(t, l, func(a eventstore.Announcement) bool {
					switch {
					case a.Stream.ID() == "slow":
						l.add("x")
						<-time.After(time.Second) // so that what has failed is due when it is done
						both = true
						return false
					case !both: // the first time
						l.add("slow")
						return true
					case a.Commit != nil:
						return c.fresh
					}
					last = a
					return a.Last == 4 || a.First == 3 || c.old
				})
				pass(time.Minute)
				stop()
				assert.Equal(t, [2]eventstore.Version{c.first, c.last}, [2]eventstore.Version{last.First, last.Last})
				assertSaved(t, l, c.saved)
			})
		})
	}
}

func TestEachFailureHasItsTurnAlsoWhereTheHandlerIsSlow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLog(2000)
		tries := map[string]int{}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- logfeed.Run(ctx, l, func(_ context.Context, b eventstore.Batch) []eventstore.Announcement {
				<-time.After(3 * time.Second)
				for _, a := range b.Announcements {
					tries[a.Stream.ID()]++
				}
				return b.Announcements
			})
		}()
		pass(10 * time.Minute)
		cancel()
		require.NoError(t, <-ended)
		assert.Len(t, tries, 2000)
		for stream, n := range tries {
			assert.Greater(t, n, 10, "stream %s", stream)
		}
	})
}

// Announcements fail at random, and the feed is run again now and then. No commit
// is forgotten before it was taken care of, and no position is saved beyond it.
func TestWhateverFailsIsAnnouncedUntilItIsTakenCareOf(t *testing.T) {
	t.Parallel()
	for seed := range uint64(10) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { failAtRandom(t, rand.New(rand.NewPCG(seed, 0))) })
		})
	}
}

func failAtRandom(t *testing.T, random *rand.Rand) {
	l := newLog(0)
	owed := map[eventstore.EventID]int64{} // the position of each commit, by its first event
	grow := func(ids []string) {
		heads := maps.Clone(l.heads)
		for i, id := range ids {
			stream, _ := eventstore.NewStreamID("user", id)
			owed[eventstore.EventID{Stream: stream, Version: heads[id] + 1}] = int64(len(l.entries) + i + 1)
			heads[id] += 2
		}
		l.add(ids...) // from here on the feed runs
	}
	checkSaved := func() {
		saved, _ := l.saved()
		for id, position := range owed {
			require.Greater(t, position, saved, "%s", id)
		}
	}
	rate := 0.0
	fails := func(a eventstore.Announcement) bool {
		if random.Float64() < rate {
			return true
		}
		for v := a.First; v <= a.Last; v++ {
			delete(owed, eventstore.EventID{Stream: a.Stream, Version: v})
		}
		return false
	}
	for range 5 {
		rate = []float64{0, 0.1, 0.5, 1}[random.IntN(4)]
		stop := feed(t, l, fails)
		for range 10 {
			ids := make([]string, random.IntN(300))
			for i := range ids {
				ids[i] = fmt.Sprint(random.IntN(40))
			}
			pause := time.Duration(random.IntN(2000)) * time.Millisecond
			grow(ids)
			pass(pause)
			checkSaved()
		}
		stop()
		checkSaved()
	}
	rate = 0
	stop := feed(t, l, fails)
	pass(time.Minute)
	stop()
	assert.Empty(t, owed)
	assertSaved(t, l, int64(len(l.entries)))
}
