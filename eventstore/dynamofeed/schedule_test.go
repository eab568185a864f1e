package dynamofeed

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/plaintest"
)

// schedules is how many seeds are tried.
func schedules(t *testing.T) (from, n uint64) {
	if text := os.Getenv("LEFTFOLD_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
		return seed, 1
	}
	if os.Getenv("LEFTFOLD_SOAK") != "" {
		return 0, 10_000
	}
	return 0, 100
}

// Shards divide, close and are trimmed, iterators expire, requests fail and get lost,
// workers come, go, freeze and are killed, and their handlers are slow and fail. Whatever
// happens, nothing is forgotten that was not taken care of, nothing is read too early,
// and at the end all is as if nothing had been. LEFTFOLD_SEED repeats one schedule.
func TestWhateverHappensNothingIsForgotten(t *testing.T) {
	t.Parallel()
	if plaintest.Run(t) {
		return
	}
	from, n := schedules(t)
	counts := map[string]int{}
	var mu sync.Mutex // guards counts
	t.Run("seeds", func(t *testing.T) {
		const together = 4
		for i := range uint64(together) {
			t.Run(fmt.Sprintf("%d of %d", i+1, together), func(t *testing.T) {
				t.Parallel()
				for seed := from + i; seed < from+n && !t.Failed(); seed += together {
					synctest.Test(t, func(t *testing.T) {
						for what, n := range try(t, seed) {
							mu.Lock()
							counts[what] += n
							mu.Unlock()
						}
					})
				}
			})
		}
	})
	var all []string
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		all = append(all, fmt.Sprintf("%s %d", what, counts[what]))
	}
	t.Logf("%d schedules: %v", n, all)
	if n == 1 || t.Failed() {
		return
	}
	for _, what := range []string{"split", "roll", "expired", "trimmed", "gone", "not found for a moment", "repeated by the stream", "throttled", "answer lost",
		"slow", "taken over", "taken for balance", "given back", "refused", "removed", "trimmed reported", "again", "repeated",
		"killed", "stopped", "frozen", "outage", "slow handler"} {
		assert.Positive(t, counts[what], what)
	}
}

// try plays a schedule, and returns what it met.
func try(t *testing.T, seed uint64) map[string]int {
	s := newSchedule(seed)
	s.play()
	s.check()
	if failure := s.failed(); failure != "" {
		t.Errorf("seed %d: %s\n%sLEFTFOLD_SEED=%d repeats it", seed, failure, s.story(), seed)
	}
	return s.counts
}

// schedule is one seed's.
type schedule struct {
	*world
	workers []*simWorker
	made    int
	poison  map[eventstore.StreamID]time.Time // until when all of a stream fails
	ctx     context.Context
}

type simWorker struct {
	*network
	run    *run
	cancel context.CancelFunc
	ended  chan error
}

func (w *simWorker) begin() {
	feed := newFeed(w.network, w.network, simOptions)
	feed.kept = simKept
	w.run = newRun(feed)
	w.run.worker = w.worker
}

func newSchedule(seed uint64) *schedule {
	return &schedule{world: newWorld(seed), poison: map[eventstore.StreamID]time.Time{}, ctx: context.Background()}
}

// draw returns a number below n.
func (s *schedule) draw(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.random.IntN(n)
}

func (s *schedule) pass(most time.Duration) {
	s.mu.Lock()
	d := upTo(most, s.random)
	s.mu.Unlock()
	time.Sleep(d)
}

// play lets eight minutes go by, or more.
func (s *schedule) play() {
	if s.draw(3) == 0 {
		s.idle(30)
	}
	for range 1 + s.draw(3) {
		s.start()
	}
	for time.Since(s.began) < 8*time.Minute && s.failed() == "" {
		s.pass(6 * time.Second)
		switch n := s.draw(100); {
		case n < 60:
			s.append()
		case n < 70:
			s.roll()
		case n < 77 && len(s.workers) < 4:
			s.start()
		case n < 81:
			s.end(false)
		case n < 85:
			s.end(true)
		case n < 88:
			s.freeze()
		case n < 93:
			s.spoil()
		case n < 94:
			s.outage()
		}
	}
}

func (s *schedule) start() {
	s.made++
	ctx, cancel := context.WithCancel(s.ctx)
	w := &simWorker{network: &network{world: s.world, worker: fmt.Sprint("worker", s.made)}, cancel: cancel, ended: make(chan error, 1)}
	w.begin()
	s.workers = append(s.workers, w)
	s.say("%s begins", w.worker)
	var running atomic.Bool
	handle := func(ctx context.Context, b eventstore.Batch) []eventstore.Announcement {
		if !running.CompareAndSwap(false, true) {
			s.mu.Lock()
			s.fail("handle is called while it runs")
			s.mu.Unlock()
		}
		defer running.Store(false)
		return s.handle(ctx, w, b)
	}
	go func() {
		for {
			err := w.run.run(ctx, handle)
			if err == nil || !errors.Is(err, errSim) && !errors.Is(err, context.DeadlineExceeded) {
				w.ended <- err
				return
			}
			s.say("%s could not begin: %v", w.worker, err)
			s.renew(w)
		}
	}()
}

// renew lets a worker begin again that could not.
func (s *schedule) renew(w *simWorker) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts["could not begin"]++
	w.begin()
}

func (s *schedule) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log(format, args...)
}

// handle takes its time, and fails on what is spoilt, now and then on something else.
func (s *schedule) handle(ctx context.Context, w *simWorker, b eventstore.Batch) (failed []eventstore.Announcement) {
	s.handing(w.worker, b)
	s.mu.Lock()
	random := s.of(w.worker + "handle")
	takes := upTo(2*time.Second, random)
	if random.IntN(60) == 0 && !s.healthy {
		takes = upTo(2*time.Minute, random)
		s.counts["slow handler"]++
	}
	s.mu.Unlock()
	sleep(ctx, takes)
	if ctx.Err() != nil { // it gives up, and a dead one says nothing
		return b.Announcements
	}
	s.mu.Lock()
	for _, a := range b.Announcements {
		if !s.healthy && (time.Now().Before(s.poison[a.Stream]) || random.IntN(50) == 0) {
			failed = append(failed, a)
		}
	}
	s.mu.Unlock()
	s.handled(w.worker, b, failed)
	return failed
}

// end stops a worker, or kills it.
func (s *schedule) end(kill bool) {
	if len(s.workers) == 0 {
		return
	}
	i := s.draw(len(s.workers))
	w := s.workers[i]
	s.workers = slices.Delete(s.workers, i, i+1)
	s.mu.Lock()
	if kill {
		s.log("%s is killed", w.worker)
		s.counts["killed"]++
	} else {
		s.log("%s is stopped", w.worker)
		s.counts["stopped"]++
	}
	s.mu.Unlock()
	w.dead.Store(kill)
	asked := time.Now()
	w.cancel()
	err := <-w.ended
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.fail("the run of %s ends with %v", w.worker, err)
	}
	if took := time.Since(asked); took > giveBackWithin+time.Second {
		s.fail("%s takes %v to end", w.worker, took)
	}
}

func (s *schedule) freeze() {
	if len(s.workers) == 0 {
		return
	}
	w := s.workers[s.draw(len(s.workers))]
	s.mu.Lock()
	defer s.mu.Unlock()
	d := upTo(2*simOptions.LeaseFor, s.random)
	s.log("%s is frozen for %v", w.worker, d)
	s.counts["frozen"]++
	w.frozen.Store(time.Now().Add(d).UnixNano())
}

// spoil lets a stream fail for a while.
func (s *schedule) spoil() {
	s.mu.Lock()
	defer s.mu.Unlock()
	stream, _ := eventstore.NewStreamID("user", fmt.Sprint(s.random.IntN(12)))
	d := upTo(4*time.Minute, s.random)
	s.log("%s fails for %v", stream, d)
	s.poison[stream] = time.Now().Add(d)
}

// outage ends all workers, and often lasts until records are trimmed.
func (s *schedule) outage() {
	for len(s.workers) > 0 {
		s.end(s.draw(2) == 0)
	}
	s.idle(50)
	s.mu.Lock()
	s.counts["outage"]++
	s.mu.Unlock()
	s.start()
}

// idle lets some time go by without workers.
func (s *schedule) idle(most int) {
	s.say("nobody works")
	for range s.draw(most) {
		s.pass(12 * time.Second)
		if s.append(); s.draw(4) == 0 {
			s.roll()
		}
	}
}

// check lets everything come to rest, and looks at what is left.
func (s *schedule) check() {
	s.mu.Lock()
	s.healthy = true
	s.log("all is well from here on")
	s.mu.Unlock()
	for len(s.workers) < 1+s.draw(3) {
		s.start()
	}
	time.Sleep(5 * time.Minute)
	s.atRest()
	time.Sleep(simKept + (goneFor+3)*simOptions.ListEvery)
	s.atTheEnd()
	for _, w := range s.workers { // at once: none takes what another one gives back
		w.cancel()
	}
	for len(s.workers) > 0 {
		s.end(false)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.leases {
		if l.owner != "" {
			s.fail("%s was not given back by %s", l.shard, l.owner)
		}
	}
}

// atRest: everything was taken care of, and the work is shared evenly.
func (s *schedule) atRest() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.records {
		if !s.covered(r) {
			s.fail("record %d of %s, %s@%d, was never taken care of", r.sequence, r.shard.id, r.stream, r.version)
		}
	}
	parts := map[string]int{}
	for _, w := range s.workers {
		parts[w.worker] = 0
		if _, behind, failing := w.run.ledger.status(time.Now()); failing > 0 || behind > simOptions.IdleEvery+time.Second {
			s.fail("%s is %v behind, and %d streams fail", w.worker, behind, failing)
		}
	}
	for _, l := range s.leases {
		if !l.done() {
			parts[l.owner]++
		}
	}
	least, most := 1000, 0
	for _, n := range parts {
		least, most = min(least, n), max(most, n)
	}
	if most-least > 1 || len(parts) != len(s.workers) {
		s.fail("the work is shared unevenly: %v", parts)
	}
}

// atTheEnd: what is left are the leases of the shards that are left.
func (s *schedule) atTheEnd() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, listed := range s.listed(func(*simShard) bool { return true }) {
		if _, ok := s.leases[listed.id]; !ok {
			s.fail("%s has no lease", listed.id)
		}
	}
	for id := range s.leases {
		if s.shard(id).gone() {
			s.fail("the lease of %s is kept", id)
		}
	}
}
