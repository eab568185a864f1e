package projection

import (
	"sync"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

// status is what a feeder knows of its own progress, for heartbeats.
type status struct {
	mu        sync.Mutex
	streams   map[eventstore.StreamID]time.Time // waiting, with the time of the oldest commit
	events    uint64
	lastError string
	frozenGen []uint64
	lastSweep time.Time
	behind    int

	beatAt     time.Time
	beatEvents uint64
}

func newStatus() *status { return &status{streams: map[eventstore.StreamID]time.Time{}} }

func (s *status) waiting(deliveries []*delivery, concerned map[int]error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range concerned {
		d := deliveries[i]
		for _, a := range d.announcements {
			if old, ok := s.streams[d.stream]; !ok || !a.Time.IsZero() && a.Time.Before(old) {
				s.streams[d.stream] = a.Time
			}
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

func (s *status) beat(f *feeder, now time.Time) Heartbeat {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := Heartbeat{
		Projection: f.projection.name, Worker: f.opts.Name, Build: f.opts.Build, At: now.UTC(),
		Waiting: len(s.streams), Applied: s.events, LastError: s.lastError, Frozen: s.frozenGen,
		LastSweep: s.lastSweep, SweepBehind: s.behind,
	}
	for _, at := range s.streams {
		if !at.IsZero() && (b.Oldest.IsZero() || at.Before(b.Oldest)) {
			b.Oldest = at
		}
	}
	if seconds := now.Sub(s.beatAt).Seconds(); !s.beatAt.IsZero() && seconds > 0 {
		b.Rate = float64(s.events-s.beatEvents) / seconds
	}
	s.beatAt, s.beatEvents = now, s.events
	return b
}
