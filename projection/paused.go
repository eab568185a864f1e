package projection

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

// Paused says that somebody has paused a projection, or a reaction. It is not fed: what is
// announced is dropped, and sweeps pass it over. Its views can be read as they are.
type Paused struct {
	Since time.Time `json:"since"`
	// By and Reason are for people.
	By     string `json:"by,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Resumed is when it was resumed, zero until then. It is fed from then on, but for what
	// was dropped, which a sweep brings that begins after it. The end of that sweep removes
	// the Paused.
	Resumed time.Time `json:"resumed,omitzero"`
}

// stops reports whether the projection is not fed.
func (p *Paused) stops() bool { return p != nil && p.Resumed.IsZero() }

// resumed returns when a pause ended of which things may be left to a sweep, zero for none.
func (p *Paused) resumed() time.Time {
	if p == nil {
		return time.Time{}
	}
	return p.Resumed
}

// Pause pauses a projection, or a reaction, in every process: workers learn of it within
// about ten seconds, and finish what they have begun. Of p it takes By and Reason. One that
// is paused stays as it is; one that was never built is an [ErrNotBuilt].
func Pause(ctx context.Context, views StateStore, projection string, p Paused) error {
	return changePaused(ctx, views, projection, func(s *State) bool {
		if s.Paused.stops() {
			return false
		}
		s.Paused = &Paused{Since: time.Now().UTC(), By: p.By, Reason: p.Reason}
		if g := s.Rebuilding(); g != nil {
			g.Rebuild.Swept = time.Time{} // what is dropped now needs another sweep
		}
		return true
	})
}

// Resume ends a pause: workers go on within about ten seconds, and one of them sweeps. Where
// no worker sweeps by itself, as in Lambda, sweep. One that is not paused stays as it is.
func Resume(ctx context.Context, views StateStore, projection string) error {
	return changePaused(ctx, views, projection, func(s *State) bool {
		if !s.Paused.stops() {
			return false
		}
		resumed := *s.Paused
		resumed.Resumed = time.Now().UTC()
		s.Paused = &resumed
		return true
	})
}

func changePaused(ctx context.Context, views StateStore, projection string, change func(*State) bool) error {
	_, err := changeState(ctx, views, projection, func(s *State) error {
		if !change(s) {
			return errAsIs
		}
		return nil
	})
	return err
}

// ErrPaused: a projection is paused; see [PausedError].
var ErrPaused = errors.New("projection is paused")

// PausedError says who has paused a projection. It is an [ErrPaused].
type PausedError struct {
	Projection string
	Paused     Paused
	// Want is the event that a reader waits for, zero for none.
	Want eventstore.EventID
}

func (e *PausedError) Error() string {
	text := fmt.Sprintf("projection %q is paused since %s", e.Projection, e.Paused.Since.Format(time.RFC3339))
	if e.Paused.By != "" {
		text += " by " + e.Paused.By
	}
	if e.Paused.Reason != "" {
		text += ": " + e.Paused.Reason
	}
	if e.Want.Version > 0 {
		text += fmt.Sprintf("; it does not show %s", e.Want)
	}
	return text
}

// Is makes the error an [ErrPaused].
func (e *PausedError) Is(target error) bool { return target == ErrPaused }

// Hint says what to do.
func (e *PausedError) Hint() string { return "resume the projection, by projection.Resume" }

// running returns an error where a projection is paused.
func (k knowledge) running(projection string) error {
	if k.paused.stops() {
		return &PausedError{Projection: projection, Paused: *k.paused}
	}
	return nil
}

// endPause removes a pause whose end, at resumed, lies before the beginning of a sweep that
// has brought every stream to its head.
func (f *feeder) endPause(ctx context.Context, resumed time.Time) error {
	if resumed.IsZero() {
		return nil
	}
	return changePaused(ctx, f.views, f.projection.name, func(s *State) bool {
		if !s.Paused.resumed().Equal(resumed) {
			return false // it was paused again, or another sweep has been here
		}
		s.Paused = nil
		return true
	})
}
