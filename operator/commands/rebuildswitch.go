package commands

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

func (m *mounted) rebuildPause() *cobra.Command {
	c := m.act("pause PROJECTION", "Let a rebuild stand still, in every process, until it is resumed", byYes, func(ctx context.Context, o *operator.Operator, _ *cobra.Command, args []string) (planned, error) {
		name := args[0]
		p := planned{Action: "rebuild pause", Target: name, Plan: []string{}}
		status, err := o.Rebuilding(ctx, name)
		switch {
		case err != nil:
			return p, m.hinted(err, name, m.listed())
		case status.Condition == operator.RebuildPaused:
			p.Nothing = "the rebuild of " + name + " is paused already"
			return p, nil
		}
		p.Plan = append(p.Plan, fmt.Sprintf("Pause the rebuild of %s: generation %d, %s. What is filled is kept.", name, status.Generation, m.rebuildText(status)))
		p.do = func(ctx context.Context, by operator.By) (done, error) {
			recorded, err := o.PauseRebuild(ctx, by, name)
			answer := operator.MovedGeneration{Projection: name, Generation: status.Generation, Recorded: recorded}
			return m.moved(answer, fmt.Sprintf("the rebuild of %s is paused", name), m.Line("rebuild", "resume", name)), err
		}
		return p, nil
	})
	c.ValidArgsFunction = m.completeProjection
	return c
}

func (m *mounted) rebuildCancel() *cobra.Command {
	c := m.act("cancel PROJECTION", "Give a rebuild up; what readers use is left as it is", byName, func(ctx context.Context, o *operator.Operator, _ *cobra.Command, args []string) (planned, error) {
		name := args[0]
		p := planned{Action: "rebuild cancel", Target: name, Plan: []string{}, confirm: name}
		status, err := o.Rebuilding(ctx, name)
		if err != nil {
			return p, m.hinted(err, name, m.listed())
		}
		p.Plan = append(p.Plan, fmt.Sprintf("Cancel the rebuild of %s: generation %d, %s, is retired, and its rows are removed. Readers notice nothing.", name, status.Generation, m.rebuildText(status)))
		p.do = func(ctx context.Context, by operator.By) (done, error) {
			moved, err := o.CancelRebuild(ctx, by, name)
			return m.moved(moved, fmt.Sprintf("generation %d of %s is retired; nothing has changed for readers", moved.Generation, name), ""), err
		}
		return p, nil
	})
	c.ValidArgsFunction = m.completeProjection
	return c
}

func (m *mounted) rebuildSwitch() *cobra.Command {
	var opts projection.SwitchOptions
	c := m.act("switch PROJECTION", "Let readers use what was rebuilt", byName, func(ctx context.Context, o *operator.Operator, _ *cobra.Command, args []string) (planned, error) {
		name := args[0]
		plan, err := o.PlanSwitch(ctx, name)
		if err != nil {
			return planned{}, m.noTarget(err, name, "switch")
		}
		p := m.switchPlan("rebuild switch", name, plan)
		if r := plan.Refused; r != nil && (r.Firm || !opts.Force) {
			return refused(p, r), nil
		}
		if r := plan.Refused; r != nil {
			for _, o := range r.Obstacles {
				p.Plan = append(p.Plan, "Forced, although "+o+".")
			}
		}
		p.do = func(ctx context.Context, by operator.By) (done, error) {
			moved, err := o.SwitchRebuild(ctx, by, name, opts)
			return m.readersMoved(moved, m.Line("rebuild", "rollback", name)), err
		}
		return p, nil
	})
	c.Long = lines(c.Short+": from their next read on. The generation before stays, and workers feed it on: rebuild rollback goes back.",
		"It is refused while streams are parked in the new generation, where it was not compared in the last 24 hours or was found",
		"wrong, or where a worker does not carry its version.")
	c.Flags().BoolVar(&opts.Force, "force", false, "switch all the same")
	c.ValidArgsFunction = m.completeProjection
	return c
}

func (m *mounted) rebuildRollback() *cobra.Command {
	c := m.act("rollback PROJECTION", "Let readers use the generation before again", byName, func(ctx context.Context, o *operator.Operator, _ *cobra.Command, args []string) (planned, error) {
		name := args[0]
		plan, err := o.PlanRollback(ctx, name)
		if err != nil {
			return planned{}, m.noTarget(err, name, "go back")
		}
		p := m.switchPlan("rebuild rollback", name, plan)
		if plan.Refused != nil {
			return refused(p, plan.Refused), nil
		}
		p.do = func(ctx context.Context, by operator.By) (done, error) {
			moved, err := o.Rollback(ctx, by, name)
			return m.readersMoved(moved, m.Line("rebuild", "switch", name)), err
		}
		return p, nil
	})
	c.Long = lines(c.Short+". Nothing is missing in it: workers have fed it on, and where they have not it is swept first.",
		"It is refused where it is frozen, and this program does not carry its version either.")
	c.ValidArgsFunction = m.completeProjection
	return c
}

func (m *mounted) rebuildRetire() *cobra.Command {
	var number uint64
	c := m.act("retire PROJECTION", "Give a previous generation up, and remove its rows; nobody can go back to it", byName, func(ctx context.Context, o *operator.Operator, _ *cobra.Command, args []string) (planned, error) {
		name := args[0]
		p := planned{Action: "rebuild retire", Target: name, Plan: []string{}, confirm: name}
		g, err := o.Retiring(ctx, name, number)
		if err != nil {
			return p, m.hinted(err, name, m.listed())
		}
		p.Plan = append(p.Plan, fmt.Sprintf("Retire generation %d of %s, version %d: workers feed it no more, and nobody can go back to it. Its rows are removed by a sweep in %s.",
			g.Number, name, g.Version, terminal.Age(projection.RetiredFor)))
		p.do = func(ctx context.Context, by operator.By) (done, error) {
			moved, err := o.Retire(ctx, by, name, g.Number)
			return m.moved(moved, fmt.Sprintf("generation %d of %s is retired", moved.Generation, name), ""), err
		}
		return p, nil
	})
	c.Flags().Uint64Var(&number, "generation", 0, "which one (default the newest previous one)")
	c.ValidArgsFunction = m.completeProjection
	return c
}

// noTarget says that there is no generation to which readers could be moved.
func (m *mounted) noTarget(err error, name, move string) error {
	if errors.Is(err, projection.ErrNoGeneration) {
		err = &terminal.Error{Text: fmt.Sprintf("%s has no generation to %s to", name, move), Cause: err}
	}
	return m.hinted(err, name, m.listed())
}

// switchPlan says what a switch or a rollback would do.
func (m *mounted) switchPlan(action, name string, plan projection.SwitchPlan) planned {
	p := planned{Action: action, Target: name, Plan: []string{}, confirm: name}
	text := fmt.Sprintf("Readers of %s use generation %d, version %d", name, plan.To.Number, plan.ToVersion)
	if plan.From.Number > 0 {
		text += fmt.Sprintf(", in place of %d, version %d", plan.From.Number, plan.FromVersion)
	}
	p.Plan = append(p.Plan, text+".")
	if c := plan.Compared; c != nil && c.Against == plan.From.Number && c.Against > 0 {
		p.Plan = append(p.Plan, fmt.Sprintf("Compared at %s: %s.", m.Terminal.When(c.At), countsText(*c, plan.To.Number)))
	}
	if plan.Sweep {
		p.Plan = append(p.Plan, "Every stream is brought to its head first: that reads all events.")
	}
	return p
}

// refused says why something is not done.
func refused(p planned, why *projection.NotReadyError) planned {
	for _, o := range why.Obstacles {
		p.Plan = append(p.Plan, "Refused: "+o+".")
	}
	p.refused = why
	return p
}

// moved is the answer of what was done to a generation.
func (m *mounted) moved(moved operator.MovedGeneration, text, next string) done {
	show := func() error {
		_, err := fmt.Fprintln(m.Terminal.Stdout(), text)
		if next != "" {
			m.Terminal.Next(next)
		}
		return err
	}
	return done{answer: moved, recorded: moved.Recorded, show: show}
}

func (m *mounted) readersMoved(moved operator.MovedGeneration, back string) done {
	text := fmt.Sprintf("%s readers of %s use generation %d", m.paint(terminal.Good, "✔"), moved.Projection, moved.Generation)
	if moved.From > 0 {
		text += "; back: " + back
	}
	return m.moved(moved, text, "")
}
