package operator

import (
	"context"

	"github.com/leftfold/leftfold/projection"
)

// pausedBy returns who has paused a projection or reaction, nil where it is fed.
func pausedBy(s projection.State) *projection.Paused {
	if s.Paused == nil || !s.Paused.Resumed.IsZero() {
		return nil
	}
	return s.Paused
}

// running returns a [projection.PausedError] where one is paused.
func (o *Operator) running(ctx context.Context, name string) error {
	s, _, err := o.live(ctx, name)
	if err != nil {
		return err
	}
	if p := pausedBy(s); p != nil {
		return &projection.PausedError{Projection: name, Paused: *p}
	}
	return nil
}

// PauseState says whether one is paused: the pause in its state, nil for none, which stays
// there until a sweep behind its end has ended. One that was never built is a
// [projection.NotBuiltError].
func (o *Operator) PauseState(ctx context.Context, name string) (*projection.Paused, error) {
	if _, err := o.find(ctx, name); err != nil {
		return nil, err
	}
	s, _, err := o.live(ctx, name)
	if err == nil && s.Revision == 0 {
		err = &projection.NotBuiltError{Projection: name, Reason: "it has never been built"}
	}
	return s.Paused, err
}

// Pause pauses a projection or reaction in every process; see [projection.Pause]. One that is
// paused stays as it is.
func (o *Operator) Pause(ctx context.Context, by By, name string) (Recorded, error) {
	if _, err := o.PauseState(ctx, name); err != nil {
		return Recorded{}, err
	}
	return o.Act(ctx, Action{Action: "pause", Target: name, Reason: by.Reason, Actor: by.Actor}, func(ctx context.Context) (string, error) {
		return "", projection.Pause(ctx, o.service.Views, name, projection.Paused{By: by.Actor, Reason: by.Reason})
	})
}

// Resume ends a pause; see [projection.Resume]. What was dropped in the pause is brought by a
// sweep: a worker makes one by itself, else see [Operator.Sweep].
func (o *Operator) Resume(ctx context.Context, by By, name string) (Recorded, error) {
	if _, err := o.PauseState(ctx, name); err != nil {
		return Recorded{}, err
	}
	return o.Act(ctx, Action{Action: "resume", Target: name, Reason: by.Reason, Actor: by.Actor}, func(ctx context.Context) (string, error) {
		return "", projection.Resume(ctx, o.service.Views, name)
	})
}
