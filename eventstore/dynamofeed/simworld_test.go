package dynamofeed

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

// world is a simulated DynamoDB: a stream of shards that divide, close and are trimmed,
// a table of leases, and a network that is slow and lies. It knows of every record what
// has become of it, and holds every request and every batch against what must always be.
// Its time is that of a bubble of testing/synctest.
type world struct {
	began time.Time

	seed uint64

	mu       sync.Mutex // guards what follows
	dice     map[string]*rand.Rand
	random   *rand.Rand // of the one goroutine that plays
	shards   []*simShard
	records  []*simRecord
	commits  map[eventstore.EventID]*simRecord
	versions map[string]eventstore.Version // of each stream's head
	leases   map[string]lease
	written  map[string]time.Time      // when a lease's nonce was
	parts    map[string]map[string]int // how many leases each worker had, as each last saw it
	first    time.Time                 // when the first lease was made
	furthest map[string]place          // of each shard, over all its leases
	reports  []time.Time               // of trimmed records, when they were handled
	healthy  bool                      // no more faults
	strict   bool                      // a number that is old enough is trimmed, whatever follows it
	trace    []traced
	failure  string
	counts   map[string]int
}

// The simulated stream lives faster than DynamoDB's: a day is two and a half minutes.
const (
	simKept     = 150 * time.Second // records
	simIterator = 30 * time.Second
)

var simOptions = Options{PollEvery: 2 * time.Second, IdleEvery: 10 * time.Second, LeaseFor: 24 * time.Second, ListEvery: 10 * time.Second}

type simShard struct {
	id, parent string
	keys       []int // of the streams whose records it gets
	records    []*simRecord
	created    time.Time
	visible    time.Time // from when it is listed
	closed     time.Time // zero while it is open
	first      int       // its sequence number
	handed     bool      // and all that it follows
}

type simRecord struct {
	shard    *simShard
	sequence int
	created  time.Time
	stream   eventstore.StreamID // zero for what is no commit
	version  eventstore.Version
	handed   bool
	acked    bool
}

func newWorld(seed uint64) *world {
	w := &world{began: time.Now(), seed: seed, dice: map[string]*rand.Rand{}, commits: map[eventstore.EventID]*simRecord{}, random: rand.New(rand.NewPCG(seed, 0)), versions: map[string]eventstore.Version{}, leases: map[string]lease{},
		written: map[string]time.Time{}, parts: map[string]map[string]int{}, furthest: map[string]place{}, counts: map[string]int{}}
	w.strict = w.random.IntN(2) == 0
	keys := w.random.Perm(12)
	for i := range 2 {
		w.addShard(nil, keys[6*i:6*i+6])
	}
	return w
}

func sequenceOf(n int) string { return fmt.Sprintf("%021d", n) }

func (w *world) nextSequence() int { return len(w.records)*10 + len(w.shards) + 1 }

func (w *world) addShard(parent *simShard, keys []int) {
	s := &simShard{id: fmt.Sprintf("shard%02d", len(w.shards)), keys: keys, created: time.Now(), visible: time.Now(), first: w.nextSequence()}
	if parent != nil {
		s.parent = parent.id
		if parent.visible.After(s.visible) {
			s.visible = parent.visible
		}
		if w.random.IntN(3) == 0 {
			s.visible = s.visible.Add(upTo(20*time.Second, w.random))
		}
	}
	w.shards = append(w.shards, s)
	w.log("%s begins after %q with streams %v", s.id, s.parent, keys)
}

// of returns the chance of one kind of thing. Each has its own, so that what happens at
// the same time in several goroutines does not depend on which of them is first.
func (w *world) of(what string) *rand.Rand {
	if w.dice[what] == nil {
		h := fnv.New64a()
		_, _ = h.Write([]byte(what)) // a hash never fails
		w.dice[what] = rand.New(rand.NewPCG(w.seed, h.Sum64()))
	}
	return w.dice[what]
}

func upTo(d time.Duration, random *rand.Rand) time.Duration {
	return time.Duration(random.Int64N(int64(d)))
}

func (w *world) open() []*simShard {
	var open []*simShard
	for _, s := range w.shards {
		if s.closed.IsZero() {
			open = append(open, s)
		}
	}
	return open
}

// roll closes a shard, which is followed by one or two.
func (w *world) roll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	open := w.open()
	s := open[w.random.IntN(len(open))]
	s.closed = time.Now()
	if len(s.keys) > 1 && len(open) < 5 && w.random.IntN(2) == 0 {
		half := len(s.keys) / 2
		w.addShard(s, s.keys[:half])
		w.addShard(s, s.keys[half:])
		w.counts["split"]++
		return
	}
	w.addShard(s, s.keys)
	w.counts["roll"]++
}

// append adds some records.
func (w *world) append() {
	w.mu.Lock()
	defer w.mu.Unlock()
	open := w.open()
	for range 1 + w.random.IntN(6) {
		s := open[w.random.IntN(len(open))]
		r := &simRecord{shard: s, sequence: w.nextSequence(), created: time.Now()}
		if w.random.IntN(20) > 0 {
			id := fmt.Sprint(s.keys[w.random.IntN(len(s.keys))])
			w.versions[id]++
			r.stream, _ = eventstore.NewStreamID("user", id)
			r.version = w.versions[id]
			w.commits[eventstore.EventID{Stream: r.stream, Version: r.version}] = r
		} else {
			r.acked, r.handed = true, true
		}
		s.records, w.records = append(s.records, r), append(w.records, r)
	}
}

func (w *world) log(format string, args ...any) {
	if w.failure != "" {
		return
	}
	w.trace = append(w.trace, traced{time.Since(w.began), format, args})
}

// traced is a line of the trace, which is written out only if somebody reads it.
type traced struct {
	at     time.Duration
	format string
	args   []any
}

// fail notes the first thing that must not have happened.
func (w *world) fail(format string, args ...any) {
	if w.failure == "" {
		failure := fmt.Sprintf(format, args...)
		w.log("FAILED: %s", failure)
		w.failure = failure
	}
}

// story is the end of the trace.
func (w *world) story() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var story strings.Builder
	for _, t := range w.trace[max(0, len(w.trace)-120):] {
		fmt.Fprintf(&story, "%8.3fs  "+t.format+"\n", append([]any{t.at.Seconds()}, t.args...)...)
	}
	return story.String()
}

func (w *world) failed() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failure
}

func (r *simRecord) trimmed() bool { return time.Since(r.created) >= simKept }

// covered reports whether a record was taken care of, or lost and reported: after it was
// trimmed, or shortly before, since a sweep finds all that was appended before it began.
// What is older than the consumer by half of the time for which records are kept may be
// trimmed before its first read, and was never its own.
func (w *world) covered(r *simRecord) bool {
	const shortly = time.Minute
	if r.acked || r.created.Before(w.first.Add(-simKept/2)) {
		return true
	}
	for _, at := range w.reports {
		if !at.Before(r.created.Add(simKept - shortly)) {
			return true
		}
	}
	return false
}

func (s *simShard) gone() bool { return !s.closed.IsZero() && time.Since(s.closed) >= simKept }

func (w *world) shard(id string) *simShard {
	for _, s := range w.shards {
		if s.id == id {
			return s
		}
	}
	return nil
}

// handing checks what is about to be handled.
func (w *world) handing(worker string, b eventstore.Batch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if b.Trimmed {
		w.log("%s reports trimmed records", worker)
		w.counts["trimmed reported"]++
	}
	for _, a := range b.Announcements {
		if a.Commit == nil {
			w.counts["again"]++
		}
		for _, r := range w.announced(a) {
			if a.Commit != nil {
				w.checkParents(r)
			}
			if a.Commit != nil && r.handed {
				w.counts["repeated"]++
			}
			r.handed = true
		}
	}
}

// announced returns the records of which an announcement tells.
func (w *world) announced(a eventstore.Announcement) (records []*simRecord) {
	for v := a.First; v <= a.Last; v++ {
		records = append(records, w.commits[eventstore.EventID{Stream: a.Stream, Version: v}])
	}
	return records
}

// checkParents: what came before a shard was handed over, or could not be any more.
func (w *world) checkParents(r *simRecord) {
	for s := w.shard(r.shard.parent); s != nil && !s.handed; s = w.shard(s.parent) {
		s.handed = true // from here on, and all before it
		for _, earlier := range s.records {
			if !earlier.handed && !earlier.trimmed() {
				w.fail("record %d of %s is handed over before %d of %s, which %s follows", r.sequence, r.shard.id, earlier.sequence, s.id, r.shard.id)
			}
		}
	}
}

// handled takes down what became of a batch.
func (w *world) handled(worker string, b eventstore.Batch, failed []eventstore.Announcement) {
	w.mu.Lock()
	defer w.mu.Unlock()
	undone := map[eventstore.EventID]bool{}
	for _, a := range failed {
		undone[firstOf(a)] = true
	}
	for _, a := range b.Announcements {
		if undone[firstOf(a)] {
			continue
		}
		for _, r := range w.announced(a) {
			r.acked = true
		}
	}
	if b.Trimmed {
		w.reports = append(w.reports, time.Now())
	}
	w.log("%s handled %d announcements, %d of them failed", worker, len(b.Announcements), len(failed))
}
