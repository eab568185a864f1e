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
	c := m.act("pause PROJECTION", "Let a rebuild stand still, in every process, until it is resumed", byYes, operator.MovedGeneration{}, func(ctx context.Context, o *operator.Operator, _ *cobra.Command, args []string) (planned, error) {
		name := args[0]
		p := planned{Action: "rebuild pause", Target: name, Plan: []string{}}
		status, err := o.Pausing(ctx, name)
		switch {
		case err != nil:
			return p, m.hinted(err, name, m.listed())
		case status.Condition == operator.RebuildPaused:
			p.Nothing = "the rebuild of " + name + " is paused already"
			return p, nil
		}
		p.Plan = append(p.Plan, fmt.Sprintf("Pause the rebuild of %s: generation %d, %s; %s.", name, status.Generation, m.rebuildText(status), keptBy(status.Filled, status.Ranges)))
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

// keptBy says what a pause keeps of a rebuild that is made in so many parts.
func keptBy(filled float64, ranges int) string {
	switch {
	case filled > 0:
		return "what is filled is kept"
	case ranges > 1:
		return fmt.Sprintf("none of the %d parts is filled yet", ranges)
	}
	return "nothing is filled yet, and --ranges keeps parts"
}

func (m *mounted) rebuildCancel() *cobra.Command {
	c := m.act("cancel PROJECTION", "Give a rebuild up; what readers use is left as it is", byName, operator.MovedGeneration{}, func(ctx context.Context, o *operator.Operator, _ *cobra.Command, args []string) (planned, error) {
		name := args[0]
		p := planned{Action: "rebuild cancel", Target: name, Plan: []string{}, confirm: name}
		status, err := o.Rebuilding(ctx, name)
		if errors.Is(err, projection.ErrNoRebuild) {
			if g, failed := o.Cancelled(ctx, name); failed == nil && g != nil {
				p.Nothing = fmt.Sprintf("generation %d of %s is retired already", g.Number, name)
				return p, nil
			}
		}
		if err != nil {
			return p, m.hinted(err, name, m.listed())
		}
		p.Plan = append(p.Plan, fmt.Sprintf("Cancel the rebuild of %s: generation %d, %s, is retired, and its rows are removed. Readers notice nothing.", name, status.Generation, m.rebuildText(status)))
		p.do = func(ctx context.Context, by operator.By) (done, error) {
			moved, err := o.CancelRebuild(ctx, by, name, status.Generation)
			return m.moved(moved, fmt.Sprintf("generation %d of %s is retired; nothing has changed for readers", moved.Generation, name), ""), m.hinted(err, name, m.listed())
		}
		return p, nil
	})
	c.ValidArgsFunction = m.completeProjection
	return c
}

func (m *mounted) rebuildSwitch() *cobra.Command {
	var force bool
	var flags sweepFlags
	c := m.act("switch PROJECTION", "Let readers use what was rebuilt", byName, operator.MovedGeneration{}, func(ctx context.Context, o *operator.Operator, cmd *cobra.Command, args []string) (planned, error) {
		name := args[0]
		if err := flags.check(cmd); err != nil {
			return planned{}, err
		}
		plan, err := o.PlanSwitch(ctx, name)
		if errors.Is(err, projection.ErrNoGeneration) {
			return planned{}, terminal.WithHint(err, m.Line("rebuild", "status", name)+" shows which there are, "+m.Line("rebuild", "start", name)+" builds one")
		}
		if err != nil {
			return planned{}, m.hinted(err, name, m.listed())
		}
		p := m.switchPlan("rebuild switch", name, plan)
		if p.Nothing != "" {
			return p, nil
		}
		if r := plan.Refused; r != nil && (r.Firm || !force) {
			return m.refused(p, r.Obstacles, m.unfinished(ctx, o, name, r)), nil
		} else if r != nil {
			p.forced(r.Obstacles)
		}
		opts := operator.SwitchOptions{SwitchOptions: plan.Meant()}
		opts.Force = force
		p.do = m.moveReaders(o, name, opts, flags, o.SwitchRebuild, m.Line("rebuild", "rollback", name))
		return p, nil
	})
	c.Long = lines(c.Short+": from their next read on. The generation before stays, and workers feed it on: rebuild rollback goes back.",
		"It is refused while streams are parked in the new generation, where it was not compared in the last 24 hours or was found",
		"wrong, or where a worker or this program does not carry its version.")
	c.Flags().BoolVar(&force, "force", false, "switch all the same; it is recorded what was passed by")
	flags.add(c)
	c.ValidArgsFunction = m.completeProjection
	return c
}

func (m *mounted) rebuildRollback() *cobra.Command {
	var flags sweepFlags
	c := m.act("rollback PROJECTION", "Let readers use the generation before again", byName, operator.MovedGeneration{}, func(ctx context.Context, o *operator.Operator, cmd *cobra.Command, args []string) (planned, error) {
		name := args[0]
		if err := flags.check(cmd); err != nil {
			return planned{}, err
		}
		plan, err := o.PlanRollback(ctx, name)
		if err != nil {
			return planned{}, m.hinted(err, name, m.listed())
		}
		p := m.switchPlan("rebuild rollback", name, plan)
		if p.Nothing != "" {
			return p, nil
		}
		if plan.Parked > 0 {
			p.Plan = append(p.Plan, fmt.Sprintf("%s parked in it: readers miss their events from then on; %s shows them.", terminal.Counted(plan.Parked, "stream is", "streams are"), m.Line("parked", "list", name)))
		}
		if plan.Refused != nil {
			return m.refused(p, plan.Refused.Obstacles, plan.Refused), nil
		}
		p.do = m.moveReaders(o, name, operator.SwitchOptions{SwitchOptions: plan.Meant()}, flags, o.Rollback, m.Line("rebuild", "switch", name))
		return p, nil
	})
	c.Long = lines(c.Short+". Nothing is missing in it: workers have fed it on, and where they have not it is swept first.",
		"It is refused where it is frozen, and this program does not carry its version either.")
	flags.add(c)
	c.ValidArgsFunction = m.completeProjection
	return c
}

// sweepFlags say how a sweep before a switch is made.
type sweepFlags struct {
	rate     float64
	progress progressFlag
}

func (f *sweepFlags) add(c *cobra.Command) {
	c.Flags().Float64Var(&f.rate, "rate", 0, "where it is swept first: the most units a second, of 1 KB written or 4 KB read; 0 for any")
	f.progress.add(c)
}

func (f *sweepFlags) check(cmd *cobra.Command) error {
	if f.rate < 0 {
		return Wrong(cmd, "--rate is 0 or more")
	}
	return f.progress.check(cmd)
}

// moveReaders does what was planned, and shows how far a sweep is.
func (m *mounted) moveReaders(o *operator.Operator, name string, opts operator.SwitchOptions, flags sweepFlags,
	move func(context.Context, operator.By, string, operator.SwitchOptions) (operator.MovedGeneration, error), back string,
) func(context.Context, operator.By) (done, error) {
	return func(ctx context.Context, by operator.By) (done, error) {
		show := m.newRebuildShow(o, flags.progress, "")
		opts.Sweep = projection.RebuildOptions{Rate: flags.rate, Progress: show.progress, Logger: m.logger()}
		moved, err := move(ctx, by, name, opts)
		show.end()
		text := fmt.Sprintf("%s readers of %s use generation %d", m.paint(terminal.Good, "✔"), name, moved.Generation)
		if moved.From > 0 {
			text += "; back: " + back
		}
		if moved.Dollars != nil {
			text += fmt.Sprintf("  (%s, %s)", allUnits(moved.Used.ReadUnits+moved.Used.WriteUnits), terminal.Dollars(*moved.Dollars))
		}
		return m.moved(moved, text, ""), m.hinted(err, name, m.listed())
	}
}

func (m *mounted) rebuildRetire() *cobra.Command {
	var opts operator.RetireOptions
	c := m.act("retire PROJECTION", "Give a previous generation up, and remove its rows; nobody can go back to it", byName, operator.MovedGeneration{}, func(ctx context.Context, o *operator.Operator, _ *cobra.Command, args []string) (planned, error) {
		name := args[0]
		p := planned{Action: "rebuild retire", Target: name, Plan: []string{}, confirm: name}
		g, err := o.Retiring(ctx, name, opts.Number)
		if err != nil {
			return p, m.hinted(err, name, m.listed())
		}
		if g.Role == projection.Retired {
			p.Nothing = fmt.Sprintf("generation %d of %s is retired already", g.Number, name)
			return p, nil
		}
		meant := operator.RetireOptions{Number: g.Number, Force: opts.Force}
		plan, err := o.PlanRetire(ctx, name, meant)
		if err != nil {
			return p, m.hinted(err, name, m.listed())
		}
		p.Plan = append(p.Plan, fmt.Sprintf("Retire generation %d of %s, version %d: workers feed it no more, and nobody can go back to it. Its rows are removed by a sweep in %s.",
			g.Number, name, g.Version, terminal.Age(projection.RetiredFor)))
		if r := plan.Refused; r != nil && !opts.Force {
			return m.refused(p, r.Obstacles, r), nil
		} else if r != nil {
			p.forced(r.Obstacles)
		}
		p.do = func(ctx context.Context, by operator.By) (done, error) {
			moved, err := o.Retire(ctx, by, name, meant)
			return m.moved(moved, fmt.Sprintf("generation %d of %s is retired", moved.Generation, name), ""), m.hinted(err, name, m.listed())
		}
		return p, nil
	})
	c.Long = lines(c.Short+".", "It is refused where a worker that is there, or this program, carries no other generation.")
	c.Flags().Uint64Var(&opts.Number, "generation", 0, "which one (default the newest previous one)")
	c.Flags().BoolVar(&opts.Force, "force", false, "retire it all the same; it is recorded what was passed by")
	c.ValidArgsFunction = m.completeProjection
	return c
}

// switchPlan says what a switch or a rollback would do.
func (m *mounted) switchPlan(action, name string, plan operator.SwitchPlan) planned {
	p := planned{Action: action, Target: name, Plan: []string{}, confirm: name}
	if plan.Already > 0 {
		p.Nothing = fmt.Sprintf("readers of %s use generation %d already", name, plan.Already)
		return p
	}
	text := fmt.Sprintf("Readers of %s use generation %d, version %d", name, plan.To.Number, plan.ToVersion)
	if plan.From.Number > 0 {
		text += fmt.Sprintf(", in place of %d, version %d", plan.From.Number, plan.FromVersion)
	}
	p.Plan = append(p.Plan, text+".")
	if c := plan.Compared; c != nil && c.Against == plan.From.Number && c.Against > 0 {
		p.Plan = append(p.Plan, fmt.Sprintf("Compared at %s: %s.", m.Terminal.When(c.At), countsText(*c, plan.To.Number)))
	}
	if plan.Sweep {
		text := "Every stream is brought to its head first: that reads all events"
		if plan.SweepReadUnits > 0 {
			text += fmt.Sprintf(", about %s read units or more", terminal.Thousands(int64(plan.SweepReadUnits+0.5)))
		}
		p.Plan = append(p.Plan, text+".")
	}
	return p
}

// refused says why something is not done.
func (m *mounted) refused(p planned, obstacles []string, why error) planned {
	for _, o := range obstacles {
		p.Plan = append(p.Plan, "Refused: "+o+".")
	}
	p.refused = m.hinted(why, p.Target, m.listed())
	return p
}

// forced says what is passed by.
func (p *planned) forced(obstacles []string) {
	for _, o := range obstacles {
		p.Plan = append(p.Plan, "Forced, although "+o+".")
	}
}

// unfinished names what makes a rebuild go on, where it is one that stands still that keeps
// something from being done.
func (m *mounted) unfinished(ctx context.Context, o *operator.Operator, name string, err error) error {
	if e, ok := errors.AsType[*projection.NotReadyError](err); !ok || e.Needs > 0 { // where this program can not go on, no hint to it
		return err
	}
	switch status, failed := o.Rebuilding(ctx, name); {
	case failed != nil:
	case status.Condition == operator.RebuildPaused, status.Condition == operator.RebuildFailed, status.Condition == operator.RebuildIdle, status.Condition == operator.RebuildSilent:
		return terminal.WithHint(err, m.rebuildText(status)+"; go on: "+m.Line("rebuild", "resume", name)+anyReason)
	}
	return err
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
