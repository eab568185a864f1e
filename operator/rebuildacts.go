package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/leftfold/leftfold/projection"
)

// Rebuilding returns the status of a projection's rebuild. Where none is under way it is a
// [projection.NoRebuildError]; where workers build its first generation, a
// [projection.RebuildingError].
func (o *Operator) Rebuilding(ctx context.Context, name string) (RebuildStatus, error) {
	overview, err := o.Rebuild(ctx, name)
	switch {
	case err != nil:
		return RebuildStatus{}, err
	case overview.Rebuild != nil:
		return *overview.Rebuild, nil
	case overview.Building != nil:
		g := overview.Building
		return RebuildStatus{}, &projection.RebuildingError{Generation: projection.GenerationID{Projection: name, Number: g.Number}, Version: g.Version, Live: true}
	}
	return RebuildStatus{}, &projection.NoRebuildError{Projection: name}
}

// Pausing returns the status of a rebuild that can be paused. Where it has come to its end it is
// a [projection.NoRebuildError], as where there is none.
func (o *Operator) Pausing(ctx context.Context, name string) (RebuildStatus, error) {
	status, err := o.Rebuilding(ctx, name)
	if err == nil && status.built() {
		err = &projection.NoRebuildError{Projection: name, Finished: status.Generation}
	}
	return status, err
}

// PauseRebuild makes the coordinators of a rebuild stop, in every process, within seconds;
// see [projection.PauseRebuild].
func (o *Operator) PauseRebuild(ctx context.Context, by By, name string) (Recorded, error) {
	status, err := o.Pausing(ctx, name)
	if err != nil { // what is not there is not recorded
		return Recorded{}, err
	}
	return o.Act(ctx, Action{Action: "rebuild pause", Target: name, Reason: by.Reason, Actor: by.Actor}, func(ctx context.Context) (string, error) {
		if err := projection.PauseRebuild(ctx, o.service.Views, name); err != nil {
			return "", err
		}
		return fmt.Sprintf("generation %d is paused", status.Generation), nil
	})
}

// MovedGeneration is what became of a generation.
type MovedGeneration struct {
	Projection string `json:"projection"`
	Generation uint64 `json:"generation"`
	// From is the generation that readers used before, 0 where nothing changed for them.
	From uint64 `json:"from,omitempty"`
	// Although says what was passed by, by force.
	Although []string `json:"although,omitempty"`
	// Used is what it has used of the stores, absent where that is not known, and Dollars what
	// it cost, absent where nothing is charged.
	Used    *Usage   `json:"used,omitempty"`
	Dollars *float64 `json:"dollars,omitempty"`
	Recorded
}

// text says what was done in a line.
func (m MovedGeneration) text() string {
	text := fmt.Sprintf("generation %d", m.Generation)
	if m.From > 0 {
		text = fmt.Sprintf("generation %d → %d", m.From, m.Generation)
	}
	if len(m.Although) > 0 {
		text += ", although " + strings.Join(m.Although, "; ")
	}
	return text
}

// move does something to a generation, and records it.
func (o *Operator) move(ctx context.Context, by By, action, name string, do func(context.Context, *MovedGeneration) (projection.GenerationID, error)) (MovedGeneration, error) {
	moved := MovedGeneration{Projection: name}
	var err error
	moved.Recorded, err = o.Act(ctx, Action{Action: action, Target: name, Reason: by.Reason, Actor: by.Actor}, func(ctx context.Context) (string, error) {
		used := o.using()
		id, err := do(ctx, &moved)
		moved.Generation = id.Number
		if moved.Used = used(); moved.Used != nil {
			moved.Dollars = o.Dollars(*moved.Used)
		}
		if err != nil {
			return "", err
		}
		return moved.text(), nil
	})
	return moved, err
}

// CancelRebuild gives a rebuild up: its generation is retired, and the others are as they
// were. Where it is of another generation than number by now it is a [projection.ErrChanged],
// and nothing is done; 0 is whichever it is.
func (o *Operator) CancelRebuild(ctx context.Context, by By, name string, number uint64) (MovedGeneration, error) {
	if number == 0 { // what is not there is not recorded
		if _, err := o.Rebuilding(ctx, name); err != nil {
			return MovedGeneration{}, err
		}
	}
	return o.move(ctx, by, "rebuild cancel", name, func(ctx context.Context, _ *MovedGeneration) (projection.GenerationID, error) {
		return projection.CancelRebuild(ctx, o.service.Views, name, number)
	})
}

// Retiring returns the previous generation of a number, or the newest one for 0; where that is
// retired already, as it is: for 0 the one that was retired last. Where there is none it is a
// [projection.ErrNoGeneration].
func (o *Operator) Retiring(ctx context.Context, name string, number uint64) (GenerationStatus, error) {
	overview, err := o.Rebuild(ctx, name)
	if err != nil {
		return GenerationStatus{}, err
	}
	var retired *GenerationStatus
	for i := range overview.Kept { // the newest first
		g := &overview.Kept[i]
		switch {
		case number > 0 && g.Number != number:
		case g.Role == projection.Previous:
			return *g, nil
		case g.Role == projection.Retired && (retired == nil || g.Since.After(retired.Since)):
			retired = g
		}
	}
	if retired != nil {
		return *retired, nil
	}
	if number > 0 {
		return GenerationStatus{}, fmt.Errorf("projection %q: %w to retire: %d is no previous one", name, projection.ErrNoGeneration, number)
	}
	return GenerationStatus{}, fmt.Errorf("projection %q: %w to retire: it has no previous one", name, projection.ErrNoGeneration)
}

// RetireOptions say which previous generation is retired, and what is passed by. The zero value
// works.
type RetireOptions struct {
	// Number is that of the generation. Defaults to the newest previous one.
	Number uint64
	// Force retires it although a worker, or this program, carries no other one.
	Force bool
}

// of are those of the engine: this program may need the generation, too.
func (r RetireOptions) of(o *Operator, name string) projection.RetireOptions {
	code, _ := o.projection(name) // nil where the program has none
	return projection.RetireOptions{Number: r.Number, Code: code, Force: r.Force}
}

// PlanRetire says what [Operator.Retire] would do; see [projection.PlanRetire]. Where somebody
// else has done so it is a [projection.ErrChanged].
func (o *Operator) PlanRetire(ctx context.Context, name string, opts RetireOptions) (projection.RetirePlan, error) {
	g, err := o.Retiring(ctx, name, opts.Number)
	if err != nil {
		return projection.RetirePlan{}, err
	}
	if opts.Number = g.Number; g.Role == projection.Retired {
		return projection.RetirePlan{}, retiredAlready(name, g.Number)
	}
	return projection.PlanRetire(ctx, o.service.Views, name, opts.of(o, name))
}

func retiredAlready(name string, number uint64) error {
	return fmt.Errorf("projection %q: %w: generation %d is retired already", name, projection.ErrChanged, number)
}

// Retire gives a previous generation up; see [projection.Retire]. What a forced one has passed
// by is recorded. Where somebody else has done so it is a [projection.ErrChanged].
func (o *Operator) Retire(ctx context.Context, by By, name string, opts RetireOptions) (MovedGeneration, error) {
	plan, err := o.PlanRetire(ctx, name, opts)
	if err != nil { // what is not there, or done, is not recorded
		return MovedGeneration{}, err
	}
	opts.Number = plan.Generation.Number
	action := "rebuild retire"
	if opts.Force {
		action += " --force"
	}
	return o.move(ctx, by, action, name, func(ctx context.Context, moved *MovedGeneration) (projection.GenerationID, error) {
		if plan.Refused != nil && opts.Force {
			moved.Although = plan.Refused.Obstacles
		}
		id, err := projection.Retire(ctx, o.service.Views, name, opts.of(o, name))
		if errors.Is(err, projection.ErrNoGeneration) { // it was one a moment ago
			err = retiredAlready(name, opts.Number)
		}
		return id, err
	})
}

// Cancelled returns the newest generation where it is a rebuild's that was given up, or nil.
func (o *Operator) Cancelled(ctx context.Context, name string) (*GenerationStatus, error) {
	overview, err := o.Rebuild(ctx, name)
	if err != nil || overview.Rebuild != nil || overview.Building != nil {
		return nil, err
	}
	kept := overview.Kept
	if len(kept) == 0 || kept[0].Role != projection.Retired || overview.Active != nil && overview.Active.Number > kept[0].Number {
		return nil, nil
	}
	return &kept[0], nil
}
