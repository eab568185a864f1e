package operator

import (
	"context"
	"fmt"

	"github.com/leftfold/leftfold/projection"
)

// Rebuilding returns the status of a projection's rebuild. Where none is under way it is a
// [projection.NoRebuildError].
func (o *Operator) Rebuilding(ctx context.Context, name string) (RebuildStatus, error) {
	overview, err := o.Rebuild(ctx, name)
	if err == nil && overview.Rebuild == nil {
		err = &projection.NoRebuildError{Projection: name}
	}
	if err != nil {
		return RebuildStatus{}, err
	}
	return *overview.Rebuild, nil
}

// PauseRebuild makes the coordinators of a rebuild stop, in every process, within seconds;
// see [projection.PauseRebuild].
func (o *Operator) PauseRebuild(ctx context.Context, by By, name string) (Recorded, error) {
	status, err := o.Rebuilding(ctx, name)
	if err != nil {
		return Recorded{}, err
	}
	return o.Act(ctx, Action{Action: "rebuild pause", Target: name, Reason: by.Reason, Actor: by.Actor}, func(ctx context.Context) (string, error) {
		return fmt.Sprintf("generation %d is paused", status.Generation), projection.PauseRebuild(ctx, o.service.Views, name)
	})
}

// MovedGeneration is what became of a generation.
type MovedGeneration struct {
	Projection string `json:"projection"`
	Generation uint64 `json:"generation"`
	// From is the generation that readers used before, 0 where nothing changed for them.
	From uint64 `json:"from,omitempty"`
	Recorded
}

// move does something to a generation, and records it.
func (o *Operator) move(ctx context.Context, by By, action, name string, do func(context.Context) (from uint64, id projection.GenerationID, err error)) (MovedGeneration, error) {
	moved := MovedGeneration{Projection: name}
	var err error
	moved.Recorded, err = o.Act(ctx, Action{Action: action, Target: name, Reason: by.Reason, Actor: by.Actor}, func(ctx context.Context) (string, error) {
		from, id, err := do(ctx)
		if err != nil {
			return "", err
		}
		moved.From, moved.Generation = from, id.Number
		if from == 0 {
			return fmt.Sprintf("generation %d", id.Number), nil
		}
		return fmt.Sprintf("generation %d → %d", from, id.Number), nil
	})
	return moved, err
}

// CancelRebuild gives a rebuild up: its generation is retired, and the others are as they were.
func (o *Operator) CancelRebuild(ctx context.Context, by By, name string) (MovedGeneration, error) {
	if _, err := o.Rebuilding(ctx, name); err != nil {
		return MovedGeneration{}, err
	}
	return o.move(ctx, by, "rebuild cancel", name, func(ctx context.Context) (uint64, projection.GenerationID, error) {
		id, err := projection.CancelRebuild(ctx, o.service.Views, name, 0)
		return 0, id, err
	})
}

// PlanSwitch says what a switch would do; see [projection.Rebuilder.PlanSwitch].
func (o *Operator) PlanSwitch(ctx context.Context, name string) (projection.SwitchPlan, error) {
	r, err := o.rebuilder(name, projection.RebuildOptions{})
	if err != nil {
		return projection.SwitchPlan{}, err
	}
	return r.PlanSwitch(ctx)
}

// SwitchRebuild makes readers use the newest generation behind the active one; see
// [projection.Rebuilder.Switch].
func (o *Operator) SwitchRebuild(ctx context.Context, by By, name string, opts projection.SwitchOptions) (MovedGeneration, error) {
	r, err := o.rebuilder(name, projection.RebuildOptions{})
	if err != nil {
		return MovedGeneration{}, err
	}
	action := "rebuild switch"
	if opts.Force {
		action += " --force"
	}
	return o.move(ctx, by, action, name, o.readersMove(name, func(ctx context.Context) (projection.GenerationID, error) { return r.Switch(ctx, opts) }))
}

// PlanRollback says what a rollback would do; see [projection.Rebuilder.PlanRollback].
func (o *Operator) PlanRollback(ctx context.Context, name string) (projection.SwitchPlan, error) {
	r, err := o.rebuilder(name, projection.RebuildOptions{})
	if err != nil {
		return projection.SwitchPlan{}, err
	}
	return r.PlanRollback(ctx)
}

// Rollback makes readers use the newest generation before the active one again; see
// [projection.Rebuilder.Rollback].
func (o *Operator) Rollback(ctx context.Context, by By, name string) (MovedGeneration, error) {
	r, err := o.rebuilder(name, projection.RebuildOptions{})
	if err != nil {
		return MovedGeneration{}, err
	}
	return o.move(ctx, by, "rebuild rollback", name, o.readersMove(name, func(ctx context.Context) (projection.GenerationID, error) {
		return r.Rollback(ctx, projection.RollbackOptions{})
	}))
}

// readersMove notes which generation readers used before.
func (o *Operator) readersMove(name string, do func(context.Context) (projection.GenerationID, error)) func(context.Context) (uint64, projection.GenerationID, error) {
	return func(ctx context.Context) (from uint64, id projection.GenerationID, err error) {
		s, _, err := o.live(ctx, name)
		if err != nil {
			return 0, id, err
		}
		if g := s.With(projection.Active); g != nil {
			from = g.Number
		}
		id, err = do(ctx)
		return from, id, err
	}
}

// Retiring returns the previous generation of a number, or the newest one for 0. Where there
// is none it is a [projection.ErrNoGeneration].
func (o *Operator) Retiring(ctx context.Context, name string, number uint64) (GenerationStatus, error) {
	overview, err := o.Rebuild(ctx, name)
	if err != nil {
		return GenerationStatus{}, err
	}
	for _, g := range overview.Kept {
		if g.Role == projection.Previous && (number == 0 || g.Number == number) {
			return g, nil
		}
	}
	if number > 0 {
		return GenerationStatus{}, fmt.Errorf("projection %q: %w: generation %d is no previous one", name, projection.ErrNoGeneration, number)
	}
	return GenerationStatus{}, fmt.Errorf("projection %q: %w: it has no previous one", name, projection.ErrNoGeneration)
}

// Retire gives a previous generation up; see [projection.Retire].
func (o *Operator) Retire(ctx context.Context, by By, name string, number uint64) (MovedGeneration, error) {
	g, err := o.Retiring(ctx, name, number)
	if err != nil {
		return MovedGeneration{}, err
	}
	return o.move(ctx, by, "rebuild retire", name, func(ctx context.Context) (uint64, projection.GenerationID, error) {
		id, err := projection.Retire(ctx, o.service.Views, name, g.Number)
		return 0, id, err
	})
}
