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
	// Refused says what speaks against it, or is nil.
	Refused *NotReadyError
	// Sweep: it is swept first, which reads the whole log.
	Sweep bool
}

// PlanSwitch says what [Rebuilder.Switch] would do, and does nothing. It is an
// [ErrNoGeneration] where there is nothing to switch to.
func (r *Rebuilder) PlanSwitch(ctx context.Context) (SwitchPlan, error) {
	s, target, err := r.target(ctx, behindActive)
	if err != nil {
		return SwitchPlan{}, err
	}
	plan := r.planFor(s, target)
	plan.Sweep, err = r.ready(ctx, s, target)
	return plan.refusedBy(err)
}

// PlanRollback says what [Rebuilder.Rollback] would do, and does nothing. It is an
// [ErrNoGeneration] where there is nothing to go back to.
func (r *Rebuilder) PlanRollback(ctx context.Context) (SwitchPlan, error) {
	s, target, err := r.target(ctx, beforeActive)
	if err != nil {
		return SwitchPlan{}, err
	}
	plan := r.planFor(s, target)
	plan.Sweep, err = r.thawed(target)
	return plan.refusedBy(err)
}

func (r *Rebuilder) planFor(s State, target Generation) SwitchPlan {
	plan := SwitchPlan{From: GenerationID{Projection: r.p.name}, To: GenerationID{r.p.name, target.Number}, ToVersion: target.Version}
	if g := s.With(Active); g != nil {
		plan.From.Number, plan.FromVersion = g.Number, g.Version
	}
	if target.Rebuild != nil {
		plan.Compared = target.Rebuild.Compared
	}
	return plan
}

func (p SwitchPlan) refusedBy(err error) (SwitchPlan, error) {
	if refused, ok := errors.AsType[*NotReadyError](err); ok {
		p.Refused, err = refused, nil
	}
	return p, err
}

// behindActive and beforeActive are targets of a switch and of a rollback.
func behindActive(g Generation, active uint64) bool { return g.Number > active }
func beforeActive(g Generation, active uint64) bool { return g.Role == Previous && g.Number < active }
