package commands

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

func (m *mounted) rebuild() *cobra.Command {
	c := m.look("rebuild", "Build the views of a projection anew while the others are live", operator.RebuildOverview{}, m.rebuildStatuses)
	c.Long = c.Short + ": start one, look at what would change,\nswitch readers to it, and back if it is wrong. Alone it shows what rebuild status shows."
	c.AddCommand(m.rebuildStart(), m.rebuildStatus(), m.rebuildPause(), m.rebuildResume(), m.rebuildCancel(), m.rebuildDiff(),
		m.rebuildSwitch(), m.rebuildRollback(), m.rebuildRetire())
	for _, sub := range c.Commands() {
		sub.GroupID = ""
	}
	return c
}

// rebuildFlags say how a rebuild is made.
type rebuildFlags struct {
	opts     operator.RebuildOptions
	memory   int
	compare  string
	takeOver bool
	progress progressFlag
}

// progressFlag says how a command shows how far it is.
type progressFlag string

func (f *progressFlag) add(c *cobra.Command) {
	c.Flags().StringVar((*string)(f), "progress", "auto", "how it shows how far it is: auto, or json, a line for each step on stderr")
}

func (f *progressFlag) check(cmd *cobra.Command) error {
	if *f != "auto" && *f != "json" {
		return Wrong(cmd, "--progress %s: it is auto or json", *f)
	}
	return nil
}

func (f *rebuildFlags) add(c *cobra.Command) {
	c.Flags().Float64Var(&f.opts.Rate, "rate", 0, "the most units a second, of 1 KB written or 4 KB read; 0 for any")
	c.Flags().IntVar(&f.opts.Readers, "workers", 0, "how many parts of the log are read at once (default one for each processor)")
	c.Flags().IntVar(&f.opts.Ranges, "ranges", 1, "in how many parts the rows are built, at least: the log is read once for each; a rebuild that goes on keeps to those that it had")
	c.Flags().IntVar(&f.memory, "memory", 192, "how many MB of rows are built at once, about")
	c.Flags().StringVar(&f.compare, "compare", "sample", "how rows are held against a fold of the events in the end: full, or sample")
	f.progress.add(c)
	c.Flags().BoolVar(&f.takeOver, "take-over", false, "wait for no other coordinator: one that was killed is not waited for")
}

// fewSamples is how many rows that differ a summary shows; rebuild diff shows more.
const fewSamples = 3

// options are what the flags say.
func (f *rebuildFlags) options(cmd *cobra.Command) (operator.RebuildOptions, error) {
	opts := f.opts
	switch {
	case opts.Rate < 0 || opts.Readers < 0 || opts.Ranges < 1 || f.memory < 1:
		return opts, Wrong(cmd, "--rate and --workers are 0 or more, --ranges and --memory 1 or more")
	case f.compare != "full" && f.compare != "sample":
		return opts, Wrong(cmd, "--compare %s: it is full or sample", f.compare)
	}
	if !cmd.Flags().Changed("ranges") {
		opts.Ranges = 0 // as it was
	}
	opts.Memory, opts.Compare.Full, opts.Compare.Samples = f.memory<<20, f.compare == "full", fewSamples
	if f.takeOver {
		opts.Lease = -1
	}
	return opts, f.progress.check(cmd)
}

func (m *mounted) rebuildStart() *cobra.Command {
	var flags rebuildFlags
	c := m.act("start PROJECTION", "Build a new generation, and compare it; nothing changes for readers", byYes, operator.Rebuilt{}, func(ctx context.Context, o *operator.Operator, cmd *cobra.Command, args []string) (planned, error) {
		opts, err := flags.options(cmd)
		if err != nil {
			return planned{}, err
		}
		dry, _ := cmd.Flags().GetBool("dry-run")
		return m.planRebuild(ctx, o, args[0], opts, flags.progress, dry)
	})
	c.Long = lines(c.Short+".",
		"It works in this process, and any number of processes may work on one rebuild: another one waits, and goes on",
		"where the first falls silent. Ctrl-C pauses it, and so does SIGTERM; rebuild resume goes on, with the parts that are filled,",
		"see --ranges. A second Ctrl-C ends the process at once.",
		"With --dry-run it folds everything in memory and says what would be written, and whether an event would fail:",
		"it reads the log as the rebuild would, and writes nothing.",
		"It exits with 5 if rows are not what a fold of the events says, or with --dry-run if an event would fail.")
	flags.add(c)
	c.ValidArgsFunction = m.completeProjection
	return c
}

func (m *mounted) rebuildResume() *cobra.Command {
	var flags rebuildFlags
	c := m.act("resume PROJECTION", "Go on with a rebuild that is paused, or has failed, in this process", byYes, operator.Rebuilt{}, func(ctx context.Context, o *operator.Operator, cmd *cobra.Command, args []string) (planned, error) {
		opts, err := flags.options(cmd)
		if err != nil {
			return planned{}, err
		}
		name := args[0]
		p := planned{Action: "rebuild resume", Target: name, Plan: []string{}}
		start, err := o.CheckRebuild(ctx, name)
		if start.UnderWay == nil && (err == nil || errors.Is(err, projection.ErrPaused)) {
			err = &projection.NoRebuildError{Projection: name}
		}
		if err != nil {
			return p, m.hinted(err, name, m.listed())
		}
		status := *start.UnderWay
		if status.Condition == operator.RebuildReady {
			p.Nothing = m.readyText(name, status)
			return p, nil
		}
		p.Plan = append(p.Plan, fmt.Sprintf("Go on with the rebuild of %s here: generation %d, %s.", name, status.Generation, m.rebuildText(status)))
		p.Plan = append(p.Plan, waitsFor(status, opts)...)
		p.do = func(ctx context.Context, by operator.By) (done, error) {
			return m.runRebuild(ctx, o, by, name, opts, flags.progress, o.ResumeRebuild)
		}
		return p, nil
	})
	flags.add(c)
	c.ValidArgsFunction = m.completeProjection
	return c
}

func (m *mounted) planRebuild(ctx context.Context, o *operator.Operator, name string, opts operator.RebuildOptions, how progressFlag, dry bool) (planned, error) {
	p := planned{Action: "rebuild start", Target: name, Plan: []string{}}
	start, err := o.CheckRebuild(ctx, name)
	if err != nil {
		return p, m.hinted(err, name, m.listed())
	}
	if dry && start.UnderWay == nil {
		return m.planDryRebuild(ctx, o, p, opts, how)
	}
	p.do = func(ctx context.Context, by operator.By) (done, error) {
		return m.runRebuild(ctx, o, by, name, opts, how, o.StartRebuild)
	}
	if u := start.UnderWay; u != nil {
		switch u.Condition {
		case operator.RebuildPaused:
			return m.refused(p, []string{fmt.Sprintf("a rebuild of %s is under way, and paused: generation %d, %s", name, u.Generation, m.farText(*u))}, m.pausedRebuild(name, *u)), nil
		case operator.RebuildReady:
			p.Nothing = m.readyText(name, *u)
		default:
			p.Plan = append(p.Plan, fmt.Sprintf("A rebuild of %s is under way already: generation %d, %s. This process takes part.", name, u.Generation, m.rebuildText(*u)))
			p.Plan = append(p.Plan, waitsFor(*u, opts)...)
		}
		return p, nil
	}
	text := fmt.Sprintf("Rebuild %s: generation %d, by version %d of its code", name, start.Generation, start.Version)
	if start.Against > 0 {
		text += fmt.Sprintf(". Readers keep generation %d until you switch them", start.Against)
	}
	p.Plan = append(p.Plan, text+".")
	return p, nil
}

// pausedRebuild refuses a start of what stands still until somebody resumes it.
func (m *mounted) pausedRebuild(name string, s operator.RebuildStatus) error {
	return &terminal.Error{Class: operator.ErrRefused, Cause: projection.ErrRebuildPaused, Fix: m.Line("rebuild", "resume", name) + anyReason + " goes on with it",
		Text: fmt.Sprintf("%v: generation %d of %s; nothing was done", projection.ErrRebuildPaused, s.Generation, name)}
}

// waitsFor says for whom a process waits that takes part in a rebuild. A comparison waits for
// nobody.
func waitsFor(s operator.RebuildStatus, opts operator.RebuildOptions) []string {
	switch {
	case s.Coordinator == "" || opts.Lease < 0 && s.Swept.IsZero():
		return nil
	case !s.Swept.IsZero():
		return []string{"It is built: this process compares it, and waits for nobody."}
	}
	return []string{fmt.Sprintf("It waits for %s, and goes on where that has been silent for %s.", s.Coordinator, terminal.Age(operator.RebuildSilence))}
}

func (m *mounted) readyText(name string, s operator.RebuildStatus) string {
	return fmt.Sprintf("generation %d of %s is built and compared; %s switches readers to it, %s compares it again",
		s.Generation, name, m.Line("rebuild", "switch", name), m.Line("rebuild", "diff", name))
}

// planDryRebuild folds in memory.
func (m *mounted) planDryRebuild(ctx context.Context, o *operator.Operator, p planned, opts operator.RebuildOptions, how progressFlag) (planned, error) {
	if err := m.Terminal.CheckTemplate(dryRun{planned: planned{Details: operator.RebuildPlan{}}}); err != nil {
		return p, err
	}
	show := m.newRebuildShow(o, how, "")
	opts.Progress = show.progress
	plan, err := o.PlanRebuild(ctx, p.Target, opts)
	show.end()
	if err != nil {
		return p, m.hinted(err, p.Target, m.listed())
	}
	p.Details = plan
	if plan.Failure != "" {
		p.refused = errors.New(plan.Failure)
	}
	p.Plan = dryRebuildLines(plan, opts)
	p.brief = dryRebuildText(plan)
	return p, nil
}

// dryRebuildText says it in a line.
func dryRebuildText(plan operator.RebuildPlan) string {
	text := fmt.Sprintf("%s generation %d: ", plan.Projection, plan.Generation)
	if plan.Failure != "" {
		return text + "fails: " + plan.Failure
	}
	text += fmt.Sprintf("%s, %s; %s, %s", terminal.Counted(plan.Streams, "stream"), terminal.Counted(int(plan.Events), "event"),
		terminal.Counted(plan.Rows, "row"), terminal.Counted(plan.Checkpoints, "checkpoint"))
	if plan.Dollars != nil {
		text += "; " + terminal.Dollars(*plan.Dollars)
	}
	return text
}

func dryRebuildLines(plan operator.RebuildPlan, opts operator.RebuildOptions) []string {
	head := fmt.Sprintf("%s  generation %d, version %d", plan.Projection, plan.Generation, plan.Version)
	if plan.Against > 0 {
		head = fmt.Sprintf("%s  generation %d → %d, version %d → %d", plan.Projection, plan.Against, plan.Generation, plan.From, plan.Version)
	}
	for _, t := range plan.Added {
		head += "  +" + t
	}
	for _, t := range plan.Removed {
		head += "  -" + t
	}
	read := fmt.Sprintf("  read      %s, %s, %s", terminal.Counted(plan.Streams, "stream"), terminal.Counted(int(plan.Events), "event"), terminal.Bytes(plan.Bytes))
	if plan.Passes > 1 {
		read += fmt.Sprintf("; %d times, once for each part of the rows", plan.Passes)
	}
	write := fmt.Sprintf("  write     %s, %s", terminal.Counted(plan.Rows, "row"), terminal.Counted(plan.Checkpoints, "checkpoint"))
	if plan.Failure != "" {
		return []string{head, read, "  fails     " + plan.Failure}
	}
	lines := []string{"  effect    none for readers until the switch; live traffic goes on"}
	if u := plan.Units; u != nil {
		read += fmt.Sprintf("; %s read units", terminal.Thousands(int64(u.Read+0.5)))
		write += fmt.Sprintf("; %s write units", terminal.Thousands(int64(u.Write+0.5)))
		estimate := "  estimate  " + terminal.Dollars(*plan.Dollars)
		if opts.Rate > 0 {
			estimate += fmt.Sprintf("; %s at %s units/s", terminal.Age(secondsOf((u.Read+u.Write)/opts.Rate)), terminal.Thousands(int64(opts.Rate)))
		}
		estimate += fmt.Sprintf("; the comparison about %s read units more", terminal.Thousands(int64(plan.CompareReadUnits)))
		lines = append([]string{estimate}, lines...)
		lines = append(lines, fmt.Sprintf("  this plan has used %s read units", terminal.Thousands(int64(plan.Used.ReadUnits+0.5))))
	}
	return append([]string{head, read, write}, lines...)
}

// logger has what goes wrong on the way stand above the status line.
func (m *mounted) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(m.Terminal.Stderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// runRebuild works on a rebuild and shows how far it is.
func (m *mounted) runRebuild(ctx context.Context, o *operator.Operator, by operator.By, name string, opts operator.RebuildOptions, how progressFlag,
	run func(context.Context, operator.By, string, operator.RebuildOptions) (operator.Rebuilt, error),
) (done, error) {
	show := m.newRebuildShow(o, how, "^C pauses")
	opts.Progress, opts.Logger = show.progress, m.logger()
	said := make(chan struct{}) // closed when it was said
	stop := context.AfterFunc(ctx, func() {
		defer close(said)
		m.Terminal.Say("stopping; once more ends it at once")
	})
	report, err := run(ctx, by, name, opts)
	if !stop() {
		<-said
	}
	show.end()
	d := done{answer: report, recorded: report.Recorded, show: func() error { return m.showRebuilt(o, report) }}
	if report.Diff != nil {
		d.failed = report.Diff.Wrong > 0
	}
	return d, m.stoppedRebuild(ctx, err, name, report)
}

// stoppedRebuild says how to go on.
func (m *mounted) stoppedRebuild(ctx context.Context, err error, name string, report operator.Rebuilt) error {
	goOn, kept := m.Line("rebuild", "resume", name)+anyReason, keptBy(report.Filled, report.Ranges)
	switch {
	case err == nil:
		return nil
	case report.Paused && ctx.Err() == nil:
		return terminal.Paused("the rebuild of "+name+" is paused", err, "somebody has paused it; "+kept+"; go on: "+goOn)
	case report.Paused:
		return terminal.Paused(fmt.Sprintf("generation %d of %s is paused", report.Generation, name), err, kept+"; go on: "+goOn)
	case ctx.Err() != nil && report.Built && report.Diff == nil:
		return terminal.Paused(fmt.Sprintf("generation %d of %s is built, and not compared", report.Generation, name), err, m.Line("rebuild", "diff", name)+" compares it")
	case ctx.Err() != nil && report.Generation > 0 && report.Diff == nil:
		return terminal.Interrupt(ctx, err, "the rebuild is not paused: "+m.Line("rebuild", "status", name)+" shows how it is")
	case errors.Is(err, projection.ErrNoRebuild):
		return terminal.WithHint(err, "somebody has cancelled it")
	case errors.Is(err, projection.ErrPaused):
		return terminal.WithHint(err, kept+"; "+m.Line("resume", name)+anyReason+", then go on: "+goOn)
	case errors.Is(err, projection.ErrFold):
		return terminal.WithHint(err, "readers notice nothing; mend the code, and if all other events come to what they did before go on: "+goOn+
			"; else start anew behind: "+m.Line("rebuild", "cancel", name))
	case ctx.Err() != nil && report.Diff == nil && report.Generation == 0:
		return terminal.Interrupt(ctx, err, m.Line("rebuild", "status", name)+" shows whether it has begun; if not: "+m.Line("rebuild", "start", name)+anyReason)
	}
	return terminal.Interrupt(ctx, err, goOn)
}
