package projection

import (
	"context"
	"errors"
)

// SwitchPlan is what a switch or a rollback would do.
type SwitchPlan struct {
	// From is the generation that readers use now, number 0 for none, To the one that they
	// would use, FromVersion and ToVersion those of their code.
	From, To               GenerationID
	FromVersion, ToVersion int
	// Compared is what the last comparison found, or nil.
	Compared *Compared
	// Parked is how many streams have a park record in To: readers would miss their events.
	Parked int
	// Refused says what speaks against it, or is nil.
	Refused *NotReadyError
	// Sweep: it is swept first, which reads the whole log.
	Sweep bool
}

// PlanSwitch says what [Rebuilder.Switch] would do, and does nothing. It is an
// [ErrNoGeneration] where there is nothing to switch to.
func (r *Rebuilder) PlanSwitch(ctx context.Context) (SwitchPlan, error) {
	return r.planMove(ctx, movement{direction: forward, check: r.ready})
}

// PlanRollback says what [Rebuilder.Rollback] would do, and does nothing. It is an
// [ErrNoGeneration] where there is nothing to go back to.
func (r *Rebuilder) PlanRollback(ctx context.Context) (SwitchPlan, error) {
	return r.planMove(ctx, movement{direction: back, check: r.thawed})
}

func (r *Rebuilder) planMove(ctx context.Context, m movement) (SwitchPlan, error) {
	s, target, err := r.target(ctx, m)
	if err != nil {
		return SwitchPlan{}, err
	}
	plan := SwitchPlan{From: GenerationID{Projection: r.p.name}, To: GenerationID{r.p.name, target.Number}, ToVersion: target.Version}
	if g := s.With(Active); g != nil {
		plan.From.Number, plan.FromVersion = g.Number, g.Version
	}
	if target.Rebuild != nil {
		plan.Compared = target.Rebuild.Compared
	}
	if plan.Parked, err = r.parked(ctx, target); err != nil {
		return plan, err
	}
	plan.Sweep, err = m.check(ctx, s, target)
	if refused, ok := errors.AsType[*NotReadyError](err); ok {
		plan.Refused, err = refused, nil
	}
	return plan, err
}
