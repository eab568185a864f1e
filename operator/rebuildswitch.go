package operator

import (
	"context"
	"errors"
	"slices"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// SwitchPlan is what a switch or a rollback would do.
type SwitchPlan struct {
	projection.SwitchPlan
	// Already is the generation that readers use, where somebody has switched or rolled back to
	// it and there is nothing more to do; else 0.
	Already uint64
	// SweepReadUnits are those of the sweep before it, about, by the events that the last
	// rebuild has met; 0 where there is none, or where nothing is charged.
	SweepReadUnits float64
}

// Meant are the options of the switch or rollback that was planned.
func (p SwitchPlan) Meant() projection.SwitchOptions {
	return projection.SwitchOptions{From: p.From.Number, To: p.To.Number}
}

// SwitchOptions say which switch or rollback is meant, and how it is made. The zero value
// works.
type SwitchOptions struct {
	// SwitchOptions are the engine's. A rollback has nothing to force.
	projection.SwitchOptions
	// Sweep says how a sweep is made before it: how fast, and who is told how far it is.
	Sweep projection.RebuildOptions
}

// PlanSwitch says what a switch would do; see [projection.Rebuilder.PlanSwitch]. One that is
// done already is no error.
func (o *Operator) PlanSwitch(ctx context.Context, name string) (SwitchPlan, error) {
	return o.planMove(ctx, name, (*projection.Rebuilder).PlanSwitch, switched)
}

// switched reports whether readers were switched to the active generation.
func switched(active *projection.Generation, _ projection.State) bool { return active.Rebuild != nil }

// rolledBack reports whether they went back to it.
func rolledBack(active *projection.Generation, s projection.State) bool {
	return slices.ContainsFunc(s.Generations, func(g projection.Generation) bool { return g.Number > active.Number && g.Before == active.Number })
}

// already returns the generation that readers use where that was done, else 0.
func (o *Operator) already(ctx context.Context, name string, done func(*projection.Generation, projection.State) bool) (uint64, error) {
	s, _, err := o.live(ctx, name)
	if active := s.With(projection.Active); err == nil && active != nil && done(active, s) {
		return active.Number, nil
	}
	return 0, err
}

// PlanRollback says what a rollback would do; see [projection.Rebuilder.PlanRollback]. One that
// is done already is no error.
func (o *Operator) PlanRollback(ctx context.Context, name string) (SwitchPlan, error) {
	return o.planMove(ctx, name, (*projection.Rebuilder).PlanRollback, rolledBack)
}

func (o *Operator) planMove(ctx context.Context, name string, plan func(*projection.Rebuilder, context.Context) (projection.SwitchPlan, error),
	done func(active *projection.Generation, s projection.State) bool,
) (SwitchPlan, error) {
	r, err := o.rebuilder(name, projection.RebuildOptions{})
	if err != nil {
		return SwitchPlan{}, err
	}
	p, err := plan(r, ctx)
	planned := SwitchPlan{SwitchPlan: p}
	if errors.Is(err, projection.ErrNoGeneration) {
		if n, failed := o.already(ctx, name, done); failed == nil && n > 0 {
			planned.Already, err = n, nil
		}
		return planned, err
	}
	if err == nil && p.Sweep && o.Dollars(Usage{}) != nil {
		planned.SweepReadUnits, err = o.sweepUnits(ctx, name)
	}
	return planned, err
}

// sizeSample is of how many commits the size of an event is taken, or of a row.
const sizeSample = 500

// sweepUnits are about those of a sweep: the log is read as a whole.
func (o *Operator) sweepUnits(ctx context.Context, name string) (float64, error) {
	s, _, err := o.live(ctx, name)
	if err != nil {
		return 0, err
	}
	var all uint64
	for _, g := range s.Generations {
		if g.Rebuild != nil {
			all = max(all, g.Rebuild.Manifest.Events)
		}
	}
	commits, events, bytes := 0, 0, 0
	for c, err := range o.service.Store.(eventstore.Scanner).ReadAll(ctx, eventstore.Cursor{}) { // rebuilder has seen that it is one
		if err != nil {
			return 0, err
		}
		events, bytes = events+len(c.Commit.Events), bytes+c.Bytes
		if commits++; commits == sizeSample {
			break
		}
	}
	return float64(all) / float64(max(1, events)) * float64(bytes) / readUnit, nil
}

// SwitchRebuild makes readers use the newest generation behind the active one; see
// [projection.Rebuilder.Switch].
func (o *Operator) SwitchRebuild(ctx context.Context, by By, name string, opts SwitchOptions) (MovedGeneration, error) {
	action := "rebuild switch"
	if opts.Force {
		action += " --force"
	}
	return o.moveReaders(ctx, by, action, name, opts, (*projection.Rebuilder).PlanSwitch, (*projection.Rebuilder).Switch)
}

// Rollback makes readers use the generation again that the active one has replaced; see
// [projection.Rebuilder.Rollback].
func (o *Operator) Rollback(ctx context.Context, by By, name string, opts SwitchOptions) (MovedGeneration, error) {
	return o.moveReaders(ctx, by, "rebuild rollback", name, opts, (*projection.Rebuilder).PlanRollback,
		func(r *projection.Rebuilder, ctx context.Context, o projection.SwitchOptions) (projection.GenerationID, error) {
			return r.Rollback(ctx, projection.RollbackOptions{From: o.From, To: o.To})
		})
}

func (o *Operator) moveReaders(ctx context.Context, by By, action, name string, opts SwitchOptions,
	plan func(*projection.Rebuilder, context.Context) (projection.SwitchPlan, error),
	move func(*projection.Rebuilder, context.Context, projection.SwitchOptions) (projection.GenerationID, error),
) (MovedGeneration, error) {
	r, err := o.rebuilder(name, opts.Sweep)
	if err != nil {
		return MovedGeneration{}, err
	}
	return o.move(ctx, by, action, name, func(ctx context.Context, moved *MovedGeneration) (id projection.GenerationID, err error) {
		if opts.To == 0 || opts.Force {
			p, err := plan(r, ctx)
			if err != nil {
				return id, err
			}
			if opts.To == 0 {
				opts.From, opts.To = p.From.Number, p.To.Number
			}
			if p.Refused != nil && opts.Force {
				moved.Although = p.Refused.Obstacles
			}
		}
		moved.From = opts.From
		return move(r, ctx, opts.SwitchOptions)
	})
}
