package projection

import (
	"maps"
	"sync"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

// status is what a feeder knows of its own progress, for heartbeats.
type status struct {
	mu        sync.Mutex
	streams   map[eventstore.StreamID]wait
	events    uint64
	lastError string
	frozenGen []uint64
	lastSweep time.Time
	behind    int

	beatAt     time.Time
	beatEvents uint64
}

// wait is that for a stream.
type wait struct {
	oldest time.Time // when the oldest commit was made
	tried  time.Time // the last time
}

func newStatus() *status { return &status{streams: map[eventstore.StreamID]wait{}} }

func (s *status) waiting(deliveries []*delivery, concerned map[int]error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for i := range concerned {
		d := deliveries[i]
		w, ok := s.streams[d.stream]
		for _, a := range d.announcements {
			if !ok || !a.Time.IsZero() && a.Time.Before(w.oldest) {
				w.oldest, ok = a.Time, true
			}
		}
		if w.tried = now; ok { // a sweep announces nothing
			s.streams[d.stream] = w
		}
	}
}

func (s *status) settled(deliveries []*delivery, concerned map[int]error, o outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range concerned {
		if _, undone := o.undone[i]; !undone {
			delete(s.streams, deliveries[i].stream)
		}
	}
	s.lastError = ""
	if err := o.first(); err != nil {
		s.lastError = clip(err.Error())
	}
}

func (s *status) applied(events uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events += events
}

// count is how many events were applied.
func (s *status) count() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.events
}

func (s *status) frozen(generations []uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.frozenGen = generations
}

func (s *status) swept(at time.Time, behind int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastSweep, s.behind = at, behind
}

// checked forgets the streams that were not tried since a sweep of all began, which so found
// them at their heads: another worker has applied what was announced here.
func (s *status) checked(began time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.streams, func(_ eventstore.StreamID, w wait) bool { return w.tried.Before(began) })
}

// due reports whether the last heartbeat is a period ago.
func (s *status) due(now time.Time, every time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return now.Sub(s.beatAt) >= every
}

func (s *status) beat(f *feeder, now time.Time) Heartbeat {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := Heartbeat{
		Projection: f.projection.name, Worker: f.opts.Name, Build: f.opts.Build, At: now.UTC(),
		Waiting: len(s.streams), Applied: s.events, LastError: s.lastError, Frozen: s.frozenGen,
		LastSweep: s.lastSweep, SweepBehind: s.behind,
	}
	for _, w := range s.streams {
		if !w.oldest.IsZero() && (b.Oldest.IsZero() || w.oldest.Before(b.Oldest)) {
			b.Oldest = w.oldest
		}
	}
	if seconds := now.Sub(s.beatAt).Seconds(); !s.beatAt.IsZero() && seconds > 0 {
		b.Rate = float64(s.events-s.beatEvents) / seconds
	}
	s.beatAt, s.beatEvents = now, s.events
	return b
}
