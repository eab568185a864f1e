package dynamofeed

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

const (
	// Failed announcements come again after a pause that doubles.
	firstPause, lastPause = 50 * time.Millisecond, 5 * time.Second
	// mostFailed is how many streams with failures are remembered: from there on no new
	// records are handed over. How much fails in one of them does not count.
	mostFailed = 4096
	// mostAgain is how many of them come again in one batch.
	mostAgain = 256
)

// ledger knows how far each shard was handed over, and what has to come again.
//
// What failed of a stream is remembered as one announcement without content, from the
// first commit that failed to the last, as internal/logfeed does. Meanwhile new records
// are handed over, of this stream too, and the place of each shard in which something
// failed stays before the first of that, so that a later worker begins there.
type ledger struct {
	mu     sync.Mutex // guards what follows, and all tracks and failures
	tracks map[*track]bool
	failed map[eventstore.StreamID]*failure
}

// track is the way through a shard while this worker holds its lease.
type track struct {
	read  mark // behind the last record that was handed over
	ended bool // that was the shard's last
	// waiting are the times of the first records of pages that were read and not yet
	// handed over; fresh is up to when everything was.
	waiting []time.Time
	fresh   time.Time
}

// mark is a place with its number in the order of a track.
type mark struct {
	n     int64
	place place
}

// page is what was read of a shard at once.
type page struct {
	track   *track
	entries []entry
	read    mark // behind its last record, zero if it has none
	// trimmed says that records before it were lost.
	trimmed bool
	// last says that the shard ends with it.
	last bool
	// latest is when the last record was made.
	latest time.Time
}

type entry struct {
	announcement eventstore.Announcement
	before       mark // the place before it
}

// failure is what of a stream has to come again.
type failure struct {
	announcement eventstore.Announcement
	first        map[*track]mark // before the first that failed, of each shard
	pause        time.Duration   // before due
	due          time.Time
}

func newLedger() *ledger {
	return &ledger{tracks: map[*track]bool{}, failed: map[eventstore.StreamID]*failure{}}
}

// open begins a track at a place.
func (l *ledger) open(from place, now time.Time) *track {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := &track{read: mark{place: from}, fresh: now}
	l.tracks[t] = true
	return t
}

// close forgets a track, and what failed in it alone: that is the next worker's, which
// begins before it.
func (l *ledger) close(t *track) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.tracks, t)
	for stream, f := range l.failed {
		if delete(f.first, t); len(f.first) == 0 {
			delete(l.failed, stream)
		}
	}
}

// place returns where a later worker has to begin, and whether the shard was handed over
// to its end.
func (l *ledger) place(t *track) (place, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	reached, waits := t.read, false
	for _, f := range l.failed {
		if first, ok := f.first[t]; ok && (!waits || first.n < reached.n) {
			reached, waits = first, true
		}
	}
	if t.ended && !waits {
		return end, true
	}
	return reached.place, t.ended
}

// due returns what comes again now, that which has waited longest first.
func (l *ledger) due(now time.Time) []*failure {
	l.mu.Lock()
	defer l.mu.Unlock()
	var due []*failure
	for _, f := range l.failed {
		if !f.due.After(now) {
			due = append(due, f)
		}
	}
	slices.SortFunc(due, func(a, b *failure) int {
		return cmp.Or(a.due.Compare(b.due), a.announcement.Stream.Compare(b.announcement.Stream))
	})
	return due[:min(len(due), mostAgain)]
}

// next returns when something comes again, zero if nothing has to, and whether new
// records may be handed over before.
func (l *ledger) next() (at time.Time, room bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for f := range maps.Values(l.failed) {
		if at.IsZero() || f.due.Before(at) {
			at = f.due
		}
	}
	return at, len(l.failed) < mostFailed
}

// settle takes down what handle has done with a batch.
func (l *ledger) settle(again []*failure, pages []*page, failed []eventstore.Announcement, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	undone := map[eventstore.EventID]bool{}
	for _, a := range failed {
		undone[firstOf(a)] = true
	}
	for _, f := range again {
		if !undone[firstOf(f.announcement)] {
			if l.failed[f.announcement.Stream] == f {
				delete(l.failed, f.announcement.Stream)
			}
			continue
		}
		f.pause = min(2*f.pause, lastPause)
		f.due = now.Add(f.pause)
	}
	for _, p := range pages {
		l.pass(p, undone, now)
	}
}

// pass takes down what was done with a page. Of a track that was closed meanwhile nothing
// is remembered.
func (l *ledger) pass(p *page, undone map[eventstore.EventID]bool, now time.Time) {
	if !l.tracks[p.track] {
		return
	}
	for _, e := range p.entries {
		if undone[firstOf(e.announcement)] {
			l.fail(p.track, e, now)
		}
	}
	if p.read.place != "" {
		p.track.read = p.read
		p.track.waiting, p.track.fresh = p.track.waiting[1:], p.latest
	}
	p.track.ended = p.track.ended || p.last
}

func (l *ledger) fail(t *track, e entry, now time.Time) {
	a := e.announcement
	f, ok := l.failed[a.Stream]
	if !ok {
		a.Commit = nil
		f = &failure{announcement: a, first: map[*track]mark{}, pause: firstPause, due: now.Add(firstPause)}
		l.failed[a.Stream] = f
	}
	if a.First < f.announcement.First { // commits of a stream come in any order
		f.announcement.First, f.announcement.Time = a.First, a.Time
	}
	f.announcement.Last = max(f.announcement.Last, a.Last)
	if _, ok := f.first[t]; !ok {
		f.first[t] = e.before
	}
}

// firstOf is what tells the announcements of a batch apart.
func firstOf(a eventstore.Announcement) eventstore.EventID {
	return eventstore.EventID{Stream: a.Stream, Version: a.First}
}

// found takes down that a page with records was read, and idle that there were none.
func (l *ledger) found(t *track, created time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t.waiting = append(t.waiting, created)
}

func (l *ledger) idle(t *track, asked time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(t.waiting) == 0 {
		t.fresh = asked
	}
}

// status returns the figures of [Status].
func (l *ledger) status(now time.Time) (shards int, behind time.Duration, failing int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for t := range l.tracks {
		if t.ended {
			continue // only waits for what failed
		}
		shards++
		since := t.fresh
		if len(t.waiting) > 0 {
			since = t.waiting[0]
		}
		behind = max(behind, now.Sub(since))
	}
	return shards, behind, len(l.failed)
}
