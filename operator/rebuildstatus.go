package operator

import (
	"context"
	"slices"
	"time"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// RebuildCondition is how a rebuild is, in one word.
type RebuildCondition string

// The conditions of a rebuild.
const (
	// RebuildStarting: it has begun, or was resumed, less than [RebuildSilence] ago, and nobody
	// is heard of yet.
	RebuildStarting RebuildCondition = "starting"
	// RebuildRuns: a coordinator works on it.
	RebuildRuns RebuildCondition = "running"
	// RebuildSilent: its coordinator has left no heartbeat for [RebuildSilence].
	RebuildSilent RebuildCondition = "silent"
	// RebuildIdle: nobody works on it.
	RebuildIdle RebuildCondition = "idle"
	// RebuildPaused: somebody has paused it.
	RebuildPaused RebuildCondition = "paused"
	// RebuildFailed: an event could not be applied.
	RebuildFailed RebuildCondition = "failed"
	// RebuildBuilt: everything is there, and not compared yet.
	RebuildBuilt RebuildCondition = "built"
	// RebuildWrong: rows are not what a fold of the events says.
	RebuildWrong RebuildCondition = "wrong"
	// RebuildReady: readers can be switched to it.
	RebuildReady RebuildCondition = "ready"
)

// RebuildSilence is after what time a coordinator is taken to be gone that leaves no
// heartbeat.
const RebuildSilence = 15 * time.Second

// RebuildOverview is what there is of the generations of a projection beside the one that is
// read.
type RebuildOverview struct {
	Projection string `json:"projection"`
	// Active is the generation that readers use, nil for none.
	Active *GenerationStatus `json:"active,omitempty"`
	// Rebuild is the one that is under way, or can be switched to; nil for none.
	Rebuild *RebuildStatus `json:"rebuild,omitempty"`
	// Building is one that workers build from its first event on, nil for none.
	Building *GenerationStatus `json:"building,omitempty"`
	// Kept are the other generations of which there is anything left, the newest first.
	Kept []GenerationStatus `json:"kept,omitempty"`
	// Paused says who has paused the projection, nil where it is fed: no rebuild of it comes to
	// its end until it is resumed.
	Paused *projection.Paused `json:"paused,omitempty"`
}

// GenerationStatus is how a generation is.
type GenerationStatus struct {
	Number  uint64 `json:"number"`
	Version int    `json:"version"`
	// Fingerprint is that of the declaration by which it was built.
	Fingerprint string          `json:"fingerprint,omitempty"`
	Role        projection.Role `json:"role"`
	Since       time.Time       `json:"since"`
	// Parked is how many streams wait in it, where that was asked for.
	Parked int `json:"parked,omitempty"`
	// Frozen: no worker of late carries its version. FrozenSince is when one that does was
	// last heard of, zero where that is not known.
	Frozen      bool      `json:"frozen,omitempty"`
	FrozenSince time.Time `json:"frozen_since,omitzero"`
	// Until is when the items of a retired generation are removed, by the next sweep; zero
	// for one that is kept until somebody retires it.
	Until time.Time `json:"until,omitzero"`
}

// RebuildStatus is how far a rebuild has come.
type RebuildStatus struct {
	Generation uint64           `json:"generation"`
	Version    int              `json:"version"`
	Condition  RebuildCondition `json:"condition"`
	// Phase is compare while a coordinator compares.
	Phase projection.Phase `json:"phase"`
	Began time.Time        `json:"began"`
	// Resumed is when somebody last let it go on, zero where nobody has.
	Resumed time.Time `json:"resumed,omitzero"`
	By      string    `json:"by,omitempty"`
	Reason  string    `json:"reason,omitempty"`
	// Done is how much of the phase is done, from 0 to 1, as far as it is known.
	Done float64 `json:"done"`
	// Filled is how much of the rows is filled for good, from 0 to 1: a pause keeps that.
	Filled float64 `json:"filled"`
	// Ranges is in how many parts the rows are built, 0 for one.
	Ranges int `json:"ranges,omitempty"`
	// Streams and Events are what lies up to the heads, 0 before they are listed.
	Streams int    `json:"streams,omitempty"`
	Events  uint64 `json:"events,omitempty"`
	// Coordinator works on it, empty for nobody. Heard is its last heartbeat, and Progress
	// what it said.
	Coordinator string           `json:"coordinator,omitempty"`
	Heard       time.Time        `json:"heard,omitzero"`
	Progress    *RebuildProgress `json:"progress,omitempty"`
	// Failure is what stopped it, Failed the event, if it was one.
	Failure string             `json:"failure,omitempty"`
	Failed  eventstore.EventID `json:"failed,omitzero"`
	// Swept is when the last sweep began that brought every stream to its head, Compared
	// what the last comparison found.
	Swept    time.Time            `json:"swept,omitzero"`
	Compared *projection.Compared `json:"compared,omitempty"`
}

// Rebuilds are the overviews of all projections. Cost: two reads for each, however much is
// stored.
func (o *Operator) Rebuilds(ctx context.Context) ([]RebuildOverview, error) {
	all, err := o.known(ctx)
	if err != nil {
		return nil, err
	}
	overviews := []RebuildOverview{}
	for _, k := range all {
		if k.reaction {
			continue
		}
		overview, err := o.overview(ctx, k.name)
		if err != nil {
			return nil, err
		}
		overviews = append(overviews, overview)
	}
	return overviews, nil
}

// Rebuild is the overview of one projection, or a [NotFoundError]. Of a reaction it is a
// [ReactionError].
func (o *Operator) Rebuild(ctx context.Context, name string) (RebuildOverview, error) {
	k, err := o.find(ctx, name)
	if err == nil && k.reaction {
		err = &ReactionError{Reaction: name}
	}
	if err != nil {
		return RebuildOverview{}, err
	}
	return o.overview(ctx, name)
}

func (o *Operator) overview(ctx context.Context, name string) (RebuildOverview, error) {
	if o.service.Views == nil {
		return RebuildOverview{Projection: name}, nil
	}
	s, err := o.service.Views.State(ctx, name)
	if err != nil {
		return RebuildOverview{Projection: name}, err
	}
	beats, err := o.service.Views.Heartbeats(ctx, name)
	return overviewOf(name, s, beats, o.now()), err
}

func overviewOf(name string, s projection.State, beats []projection.Heartbeat, now time.Time) RebuildOverview {
	overview := RebuildOverview{Projection: name, Rebuild: rebuildOf(s, beats, now), Paused: pausedBy(s)}
	for _, g := range slices.Backward(s.Generations) {
		status := generationOf(g, beats, now)
		switch g.Role {
		case projection.Active:
			overview.Active = &status
		case projection.Building:
			if g.Rebuild == nil {
				overview.Building = &status
			}
		case projection.Previous, projection.Retired:
			overview.Kept = append(overview.Kept, status)
		}
	}
	return overview
}

func generationOf(g projection.Generation, beats []projection.Heartbeat, now time.Time) GenerationStatus {
	status := GenerationStatus{Number: g.Number, Version: g.Version, Fingerprint: g.Fingerprint, Role: g.Role, Since: g.Since}
	if g.Role == projection.Retired {
		status.Until = g.Since.Add(projection.RetiredFor)
		return status
	}
	status.Frozen, status.FrozenSince = frozen(g, beats, now)
	return status
}

// rebuildOf returns the rebuild that a state has, or nil.
func rebuildOf(s projection.State, beats []projection.Heartbeat, now time.Time) *RebuildStatus {
	g := s.Rebuilding()
	if g == nil {
		return nil
	}
	b := g.Rebuild
	status := &RebuildStatus{Generation: g.Number, Version: g.Version, Phase: b.Phase, Began: b.Began, Resumed: b.Resumed, Filled: b.Share(), Ranges: b.Ranges,
		By: b.By, Reason: b.Reason, Streams: b.Manifest.Streams, Events: b.Manifest.Events, Coordinator: b.Coordinator, Failure: b.Failure, Failed: b.Failed, Swept: b.Swept, Compared: b.Compared}
	switch {
	case b.Phase == projection.PhaseFold:
		status.Done = b.Share()
	case b.Finished():
		status.Done = 1
	}
	began, ended := b.Began, false
	if b.Resumed.After(began) {
		began = b.Resumed
	}
	for _, beat := range beats {
		ended = ended || b.Coordinator == "" && beat.Rebuild != nil && beat.Rebuild.Generation == g.Number && !beat.At.Before(began)
		if b.Coordinator != "" && beat.Rebuild != nil && beat.Rebuild.Generation == g.Number && beat.Coordinator == b.Coordinator {
			status.Heard, status.Progress = beat.At, &RebuildProgress{*beat.Rebuild}
			switch beat.Rebuild.Phase {
			case b.Phase:
				status.Done = max(status.Done, beat.Rebuild.Done())
			case projection.PhaseCompare:
				if now.Sub(beat.At) <= RebuildSilence {
					status.Phase, status.Done = projection.PhaseCompare, beat.Rebuild.Done()
				}
			}
		}
	}
	status.Condition = status.judge(b, now, now.Sub(began) <= RebuildSilence && !ended)
	return status
}

// judge says it in a word. Fresh: it was begun or resumed a moment ago, and nobody has worked on
// it since and let go of it.
func (s *RebuildStatus) judge(b *projection.Rebuild, now time.Time, fresh bool) RebuildCondition {
	switch {
	case b.Paused:
		return RebuildPaused
	case b.Failure != "":
		return RebuildFailed
	case b.Coordinator != "" && now.Sub(s.Heard) <= RebuildSilence: // to the end of a comparison
		return RebuildRuns
	case s.built() && b.Compared == nil:
		return RebuildBuilt
	case s.built() && b.Compared.Wrong > 0:
		return RebuildWrong
	case s.built():
		return RebuildReady
	case fresh:
		return RebuildStarting
	case b.Coordinator == "":
		return RebuildIdle
	}
	return RebuildSilent
}

// built: everything is there.
func (s *RebuildStatus) built() bool { return !s.Swept.IsZero() }

// frozen reports whether the workers of late all lack a generation's version, and when one
// that had it was last heard of: before that it was fed.
func frozen(g projection.Generation, beats []projection.Heartbeat, now time.Time) (bool, time.Time) {
	carries := func(b projection.Heartbeat) bool { return !slices.Contains(b.Frozen, g.Number) }
	workers := ofWorkers(beats)
	late := speaking(workers, now)
	if len(late) == 0 || slices.ContainsFunc(late, carries) {
		return false, time.Time{}
	}
	var since time.Time
	for _, b := range workers {
		if carries(b) && b.At.After(since) && (g.Rebuild == nil || b.At.After(g.Rebuild.Began)) {
			since = b.At
		}
	}
	return true, since
}

// ofWorkers leaves out the heartbeats of coordinators, which feed nothing.
func ofWorkers(beats []projection.Heartbeat) []projection.Heartbeat {
	return slices.DeleteFunc(slices.Clone(beats), func(b projection.Heartbeat) bool { return b.Rebuild != nil })
}
