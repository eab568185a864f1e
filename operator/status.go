package operator

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// Condition is how a projection is, in one word.
type Condition string

// The conditions, the worst first.
const (
	// NotBuilt: no generation was ever begun.
	NotBuilt Condition = "not built"
	// NotStarted: the same of a reaction, which somebody may not want to run at all.
	NotStarted Condition = "not started"
	// IsPaused: somebody has paused it.
	IsPaused Condition = "paused"
	// IsParked: some streams wait, because an event of theirs failed.
	IsParked Condition = "parked"
	// IsFrozen: the generation that is read is of a version that no worker carries.
	IsFrozen Condition = "frozen"
	// NotCarried: this program carries the version of no live generation: it can show and feed
	// none.
	NotCarried Condition = "not carried"
	// IsBuilding: no generation can be read yet.
	IsBuilding Condition = "building"
	// IsBuilt: none can be read before the switch to one that a rebuild has built.
	IsBuilt Condition = "built"
	// IsSilent: no worker has reported lately.
	IsSilent Condition = "silent"
	// IsLive: it is fed.
	IsLive Condition = "live"
)

// Silence is after what time a worker is taken to be gone that leaves no heartbeat.
const Silence = time.Minute

// Status is how a service is.
type Status struct {
	Service     string             `json:"service,omitempty"`
	At          time.Time          `json:"at"`
	Projections []ProjectionStatus `json:"projections"`
	// Reads is how many reads of the view store it took, Used what those were charged, where
	// the service tells.
	Reads int    `json:"reads"`
	Used  *Usage `json:"used,omitempty"`
}

// ProjectionStatus is how a projection or a reaction is. What is not known is absent.
type ProjectionStatus struct {
	Projection string    `json:"projection"`
	Reaction   bool      `json:"reaction,omitempty"`
	Condition  Condition `json:"condition"`
	// NotCarried: this program carries the version of no live generation, whatever else is the
	// Condition.
	NotCarried bool `json:"not_carried,omitempty"`
	// Waiting is how many streams were announced and are not applied, absent where no
	// worker has reported. Oldest is the time of the oldest commit among them.
	Waiting *int      `json:"waiting,omitempty"`
	Oldest  time.Time `json:"oldest,omitzero"`
	// OldestSeconds is the age of Oldest, 0 where nothing waits.
	OldestSeconds *float64 `json:"oldest_seconds,omitempty"`
	// Rate is how many events a second all workers apply.
	Rate *float64 `json:"events_per_second,omitempty"`
	// Parked is how many streams wait in the live generations, ParkedSince since when the
	// first has.
	Parked      int       `json:"parked"`
	ParkedSince time.Time `json:"parked_since,omitzero"`
	// Paused says who has paused it and why, nil where it is fed.
	Paused *projection.Paused `json:"paused,omitempty"`
	// Skips are the events that it passes over for good.
	Skips []eventstore.EventID `json:"skips,omitempty"`
	// Generations are those that are live.
	Generations []GenerationStatus `json:"generations,omitempty"`
	// Rebuild is how far a rebuild has come that is under way, nil for none.
	Rebuild *RebuildStatus `json:"rebuild,omitempty"`
	// LastCheck is when a sweep last ended, and Behind how many streams it found behind.
	LastCheck time.Time `json:"last_check,omitzero"`
	Behind    *int      `json:"behind_at_check,omitempty"`
	// Heard is when a worker last reported that has not ended, LastError what kept it from its work then.
	Heard     time.Time `json:"heard,omitzero"`
	LastError string    `json:"last_error,omitempty"`
	// Workers are the heartbeats that workers left in the last 24 hours.
	Workers []projection.Heartbeat `json:"workers,omitempty"`
}

// Active returns the generation that is read, or the one that will be; false where there is
// none.
func (s *ProjectionStatus) Active() (GenerationStatus, bool) {
	for _, role := range []projection.Role{projection.Active, projection.Building} {
		for _, g := range s.Generations {
			if g.Role == role {
				return g, true
			}
		}
	}
	return GenerationStatus{}, false
}

// Status tells how each projection and reaction is. It reads no event and no row. Cost: for
// each, one read of its state, one of its heartbeats, and one of the index of parked streams
// for each live generation, however much is stored. Where the service names no consumer
// those are shown that the view store has a state of, which is listed first.
func (o *Operator) Status(ctx context.Context) (Status, error) {
	s := Status{Service: o.service.Name, At: o.now().UTC(), Projections: []ProjectionStatus{}}
	used := o.using()
	all, err := o.known(ctx)
	if err != nil {
		return s, err
	}
	if len(o.service.Consumers) == 0 {
		s.Reads++ // the list
	}
	for _, k := range all {
		p, reads, err := o.projectionStatus(ctx, k, s.At)
		s.Reads += reads
		if err != nil {
			return s, err
		}
		s.Projections = append(s.Projections, p)
	}
	s.Used = used()
	return s, nil
}

// Projection is the status of one projection or reaction, or a [NotFoundError].
func (o *Operator) Projection(ctx context.Context, name string) (ProjectionStatus, error) {
	k, err := o.find(ctx, name)
	if err != nil {
		return ProjectionStatus{}, err
	}
	s, _, err := o.projectionStatus(ctx, k, o.now().UTC())
	return s, err
}

func (o *Operator) projectionStatus(ctx context.Context, k known, now time.Time) (s ProjectionStatus, reads int, err error) {
	s = ProjectionStatus{Projection: k.name, Reaction: k.reaction}
	if o.service.Views == nil {
		s.Condition = s.judge(now)
		return s, 0, nil
	}
	reads++
	state, live, err := o.live(ctx, k.name)
	if err != nil {
		return s, reads, err
	}
	s.Skips, s.Paused = state.Skips, pausedBy(state)
	reads++
	beats, err := o.service.Views.Heartbeats(ctx, k.name)
	if err != nil {
		return s, reads, err
	}
	s.hear(ofWorkers(beats), now)
	s.Rebuild = rebuildOf(state, beats, now)
	for i, g := range live {
		s.Generations = append(s.Generations, generationOf(g, beats, now))
		reads++
		for p, err := range o.parkedIn(ctx, k.name, g) {
			if err != nil {
				return s, reads, err
			}
			s.Parked++
			s.Generations[i].Parked++
			s.ParkedSince = earlier(s.ParkedSince, p.Since)
		}
	}
	s.NotCarried = len(live) > 0 && !o.carriesAny(k.name, live)
	s.Condition = s.judge(now)
	return s, reads, nil
}

// carriesAny reports whether this program carries a live generation of a projection, or has no
// code of it at all, and looks at what others do.
func (o *Operator) carriesAny(name string, live []projection.Generation) bool {
	p, err := o.projection(name)
	return err != nil || slices.ContainsFunc(live, func(g projection.Generation) bool {
		_, carried := p.Carried(g.Version)
		return carried
	})
}

// hear sums up what workers have told.
func (s *ProjectionStatus) hear(beats []projection.Heartbeat, now time.Time) {
	s.Workers = beats
	for _, b := range beats {
		if !b.Ended && b.At.After(s.Heard) {
			s.Heard = b.At
		}
		if b.LastSweep.After(s.LastCheck) {
			s.LastCheck, s.Behind = b.LastSweep, new(b.SweepBehind)
		}
	}
	waiting, rate := 0, 0.0
	heard := speaking(beats, now)
	for _, b := range heard {
		waiting += b.Waiting
		rate += b.Rate
		s.Oldest = earlier(s.Oldest, b.Oldest)
		s.LastError = cmp.Or(s.LastError, b.LastError)
	}
	if len(heard) > 0 {
		s.Waiting, s.Rate, s.OldestSeconds = &waiting, &rate, new(0.0)
		if !s.Oldest.IsZero() {
			*s.OldestSeconds = max(0, now.Sub(s.Oldest).Seconds())
		}
	}
}

// speaking are the heartbeats by which to go: those of late. Where there are none it is the
// last one, which is the last thing that is known: what an older worker said was waiting
// somebody else has applied since, or not, and the next check tells. Who has ended says
// nothing of what waits.
func speaking(beats []projection.Heartbeat, now time.Time) []projection.Heartbeat {
	working := slices.DeleteFunc(slices.Clone(beats), func(b projection.Heartbeat) bool { return b.Ended })
	late := slices.DeleteFunc(slices.Clone(working), func(b projection.Heartbeat) bool { return now.Sub(b.At) > Silence })
	if len(late) == 0 && len(working) > 0 {
		late = append(late, slices.MaxFunc(working, func(a, b projection.Heartbeat) int { return a.At.Compare(b.At) }))
	}
	return late
}

func (s *ProjectionStatus) judge(now time.Time) Condition {
	g, ok := s.Active()
	switch {
	case !ok && s.Reaction:
		return NotStarted
	case !ok:
		return NotBuilt
	case s.Paused != nil:
		return IsPaused
	case s.Parked > 0:
		return IsParked
	case g.Frozen:
		return IsFrozen
	case s.NotCarried:
		return NotCarried
	case g.Role == projection.Building && s.Rebuild != nil && s.Rebuild.built():
		return IsBuilt
	case g.Role == projection.Building && !s.Reaction:
		return IsBuilding
	case s.Heard.IsZero() || now.Sub(s.Heard) > Silence:
		return IsSilent
	}
	return IsLive
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
