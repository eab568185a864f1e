package dynamofeed

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/dynamotable"
)

// scripted is a stream of some shards, whose pages a function makes, and its leases.
type scripted struct {
	*network
	answer func(shard string, n int) ([]record, error) // the n-th read of a shard, from 1

	mu    sync.Mutex // guards asked
	asked map[string][]time.Duration
	began time.Time
}

func script(shards int, answer func(shard string, n int) ([]record, error)) *scripted {
	w := newWorld(0)
	w.healthy, w.shards = true, nil
	for range shards {
		w.addShard(nil, nil)
	}
	return &scripted{network: &network{world: w, worker: "me"}, answer: answer, asked: map[string][]time.Duration{}, began: time.Now()}
}

func (s *scripted) iterator(_ context.Context, shard string, _ place) (string, error) {
	return shard, nil
}

func (s *scripted) records(_ context.Context, iterator string) ([]record, string, error) {
	s.mu.Lock()
	s.asked[iterator] = append(s.asked[iterator], time.Since(s.began))
	n := len(s.asked[iterator])
	s.mu.Unlock()
	records, err := s.answer(iterator, n)
	return records, iterator, err
}

// reads returns how many reads there were.
func (s *scripted) reads() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, at := range s.asked {
		n += len(at)
	}
	return n
}

// run runs the feed for a while, with a handler that does nothing unless given.
func (s *scripted) run(d time.Duration, handle func(context.Context, eventstore.Batch)) error {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return newFeed(s, s.network, Options{}).Run(ctx, func(ctx context.Context, b eventstore.Batch) []eventstore.Announcement {
		if handle != nil {
			handle(ctx, b)
		}
		return nil
	})
}

func some(n, from int) (records []record) {
	for i := range n {
		records = append(records, record{sequence: sequenceOf(from + i), announcement: named(fmt.Sprintf("%d@1", from+i))})
	}
	return records
}

func TestAShardIsReadAtThePaceOfItsLimitAndMoreSlowlyWhenItIsEmpty(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := script(1, func(_ string, n int) ([]record, error) {
			if n <= 4 {
				return some(1000, 1000*n), nil
			}
			return nil, nil
		})
		require.NoError(t, s.run(10*time.Second, nil))
		at := s.asked["shard00"]
		ms := time.Millisecond
		var pauses []time.Duration
		for i := 1; i < len(at); i++ {
			pauses = append(pauses, at[i]-at[i-1])
		}
		assert.Equal(t, []time.Duration{250 * ms, 250 * ms, 250 * ms, 250 * ms, 500 * ms, 500 * ms, 500 * ms}, pauses[:7])
	})
}

func TestAShardThatCanNotBeReadIsAskedLessAndLess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := script(1, func(string, int) ([]record, error) { return nil, dynamotable.ErrThrottled })
		require.NoError(t, s.run(time.Minute, nil))
		at := s.asked["shard00"]
		assert.Equal(t, errorPause, at[len(at)-1]-at[len(at)-2])
		assert.InDelta(t, 10, len(at), 2)
	})
}

func TestAShardThatCanNotBeReadIsAskedNoMoreOftenThanOneThatCan(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := script(1, func(string, int) ([]record, error) { return nil, dynamotable.ErrThrottled })
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		none := func(context.Context, eventstore.Batch) []eventstore.Announcement { return nil }
		require.NoError(t, newFeed(s, s.network, Options{PollEvery: time.Minute, IdleEvery: 2 * time.Minute}).Run(ctx, none))
		assert.InDelta(t, 30, s.reads(), 2)
	})
}

func TestARunEndsWithTheErrorThatDoesNotGoAway(t *testing.T) {
	t.Parallel()
	for _, lasting := range []error{dynamotable.ErrDenied, dynamotable.ErrMissing, dynamotable.ErrForeign} {
		synctest.Test(t, func(t *testing.T) {
			s := script(1, func(string, int) ([]record, error) { return nil, lasting })
			assert.ErrorIs(t, s.run(time.Hour, nil), lasting)
			assert.Equal(t, mostStrikes, len(s.asked["shard00"]))
			for _, l := range s.leases {
				assert.Empty(t, l.owner, "given back all the same")
			}
		})
	}
}

// The sweep that was asked for would be one of a worker that has ended.
func TestALossThatIsReportedToAWorkerThatEndsIsReportedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := script(1, func(string, int) ([]record, error) { return nil, errGone })
		s.world.shards[0].closed = time.Now().Add(-simKept)
		s.leases["shard00"] = lease{shard: "shard00", place: "after 7", ready: true, nonce: "1"}
		reports := 0
		for range 2 {
			ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
			require.NoError(t, newFeed(s, s.network, Options{}).Run(ctx, func(_ context.Context, b eventstore.Batch) []eventstore.Announcement {
				if b.Trimmed {
					reports++
					cancel()
				}
				return nil
			}))
			assert.EqualValues(t, "after 7", s.leases["shard00"].place)
		}
		assert.Equal(t, 2, reports)
	})
}

// Between asking for the oldest record and reading it, another one became the oldest.
func TestWhatIsTrimmedBeforeANewConsumerHasReadIsNoLoss(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := script(1, func(_ string, n int) ([]record, error) {
			switch {
			case n == 4:
				return some(10, 10), nil
			case n <= 3 || n == 6:
				return nil, errTrimmed
			}
			return nil, nil
		})
		var came []bool
		require.NoError(t, s.run(time.Minute, func(_ context.Context, b eventstore.Batch) {
			came = append(came, b.Trimmed)
		}))
		assert.Equal(t, []bool{false, true}, came, "records first, and then a loss")
	})
}

func TestANewConsumerThatReadsNothingForHalfADayHearsOfALoss(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := script(1, nil)
		s.answer = func(string, int) ([]record, error) {
			if time.Since(s.began) < 13*time.Hour {
				return nil, nil
			}
			return nil, errTrimmed
		}
		lost := false
		require.NoError(t, s.run(14*time.Hour, func(_ context.Context, b eventstore.Batch) { lost = lost || b.Trimmed }))
		assert.True(t, lost)
	})
}

// Without a number to go on behind, the stream does not say that records are missing. The
// network, or the machine, is away for longer than records are kept.
func TestAnOutageOfADayBeforeTheFirstRecordWasReadIsALoss(t *testing.T) {
	t.Parallel()
	for from, want := range map[place]int{begin(time.Unix(946_684_800, 0)): 1, lost: 2} { // a bubble's time begins then
		synctest.Test(t, func(t *testing.T) {
			back, expired := time.Now().Add(25*time.Hour), false
			s := script(1, func(_ string, n int) ([]record, error) {
				switch {
				case n < 10:
					return nil, nil
				case time.Now().Before(back):
					return nil, dynamotable.ErrThrottled
				case !expired:
					expired = true
					return nil, errExpired
				}
				return some(1, n), nil
			})
			s.leases["shard00"] = lease{shard: "shard00", place: from, ready: true, nonce: "1"}
			reports := 0
			require.NoError(t, s.run(26*time.Hour, func(_ context.Context, b eventstore.Batch) {
				if b.Trimmed {
					reports++
				}
			}))
			assert.Equal(t, want, reports, "from %q", from)
		})
	}
}

func TestWhileHandleIsBusyNoMoreThanSoManyPagesAreRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const shards = mostPages + 20
		s := script(shards, func(_ string, n int) ([]record, error) { return some(10, 10*n), nil })
		busy := make(chan struct{})
		ended := make(chan error, 1)
		go func() {
			ended <- s.run(time.Minute, func(ctx context.Context, _ eventstore.Batch) {
				select {
				case busy <- struct{}{}:
				case <-ctx.Done():
				}
				<-ctx.Done()
			})
		}()
		<-busy
		synctest.Wait()
		time.Sleep(30 * time.Second)
		assert.LessOrEqual(t, s.reads(), mostPages)
		require.NoError(t, <-ended)
	})
}

func TestABatchHoldsThePagesOfSeveralShards(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := script(10, func(_ string, n int) ([]record, error) { return some(300, 300*n), nil })
		largest := 0
		require.NoError(t, s.run(20*time.Second, func(ctx context.Context, b eventstore.Batch) {
			largest = max(largest, len(b.Announcements))
			sleep(ctx, time.Second)
		}))
		assert.GreaterOrEqual(t, largest, batchSize)
		assert.Less(t, largest, batchSize+300, "a page is not divided, and no other is added")
	})
}

// Each of its leases is a request.
func TestAStreamOfManyShardsIsBegun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := script(1000, func(string, int) ([]record, error) { return nil, nil })
		require.NoError(t, s.run(time.Minute, nil))
		for _, l := range s.leases {
			assert.Contains(t, l.place, beginPrefix)
		}
		assert.Len(t, s.leases, 1000)
	})
}

func TestAReadThatHangsIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &hanging{scripted: script(1, nil)}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		require.NoError(t, newFeed(s, s.network, Options{}).Run(ctx, func(context.Context, eventstore.Batch) []eventstore.Announcement { return nil }))
		assert.Greater(t, s.reads(), 5)
	})
}

type hanging struct{ *scripted }

func (h *hanging) records(ctx context.Context, iterator string) ([]record, string, error) {
	h.mu.Lock()
	h.asked[iterator] = append(h.asked[iterator], 0)
	h.mu.Unlock()
	<-ctx.Done()
	return nil, "", errors.New("the connection hangs")
}
