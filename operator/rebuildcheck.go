package operator

import (
	"context"
	"fmt"

	"github.com/leftfold/leftfold/projection"
)

// RebuildStart is what starting a rebuild would come to.
type RebuildStart struct {
	Projection string
	// Generation is the one that would be built, or that is.
	Generation uint64
	Version    int
	// Against is the generation that readers use now, 0 for none.
	Against uint64
	// UnderWay is the rebuild that goes on already, which would be joined, or nil.
	UnderWay *RebuildStatus
}

// CheckRebuild says what a start of a rebuild would come to, and does nothing. Where something
// else is built the error is a [projection.ErrRebuilding]; where the projection is paused, so
// that it would not come to its end, a [projection.ErrPaused]; where the program does not
// carry the version that readers use, an [ErrRefused]; where another one is built, a
// [projection.NotReadyError].
func (o *Operator) CheckRebuild(ctx context.Context, name string) (RebuildStart, error) {
	start := RebuildStart{Projection: name}
	p, err := o.projection(name)
	if err != nil {
		return start, err
	}
	if o.service.Views == nil {
		return start, unsupported("rebuild "+name, "the service has no views")
	}
	s, live, err := o.live(ctx, name)
	if err != nil {
		return start, err
	}
	beats, err := o.service.Views.Heartbeats(ctx, name)
	if err != nil {
		return start, err
	}
	start.Generation, start.Version, start.UnderWay = s.Counter+1, p.Version(), rebuildOf(s, beats, o.now())
	if g := s.With(projection.Active); g != nil {
		start.Against = g.Number
		switch _, carried := p.Carried(g.Version); {
		case carried:
		case g.Version > p.Version():
			return start, fmt.Errorf("%w: readers of %s use generation %d of version %d, and this program has version %d: deploy the one that has version %d", ErrRefused, name, g.Number, g.Version, p.Version(), g.Version)
		default:
			return start, fmt.Errorf("%w: readers of %s use generation %d of version %d, which this program has to carry, too, by projection.Replaces", ErrRefused, name, g.Number, g.Version)
		}
	}
	for _, g := range live {
		if g.Version == p.Version() && g.Fingerprint != p.Fingerprint() {
			return start, fmt.Errorf("%w: generation %d of %s was built with other categories, event types or views; give the changed code another version", projection.ErrFingerprint, g.Number, name)
		}
	}
	if g := s.With(projection.Building); g != nil {
		start.Generation = g.Number
		if g.Rebuild == nil {
			return start, &projection.RebuildingError{Generation: projection.GenerationID{Projection: name, Number: g.Number}, Version: g.Version, Live: true}
		}
		if err := p.CheckBuilds(*g); err != nil {
			return start, err
		}
	}
	if p := pausedBy(s); p != nil && (start.UnderWay == nil || !start.UnderWay.built()) {
		return start, &projection.PausedError{Projection: name, Paused: *p}
	}
	return start, nil
}
