package commands

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

func (m *mounted) sweep() *cobra.Command {
	var from string
	c := m.act("sweep [PROJECTION]", "Bring every stream to its head, announced or not", byYes, operator.Swept{}, func(ctx context.Context, o *operator.Operator, cmd *cobra.Command, args []string) (planned, error) {
		opts := operator.SweepOptions{Projection: arg(args, 0)}
		if from != "" {
			if err := json.Unmarshal([]byte(from), &opts.From); err != nil {
				return planned{}, Wrong(cmd, "--from: %v", err)
			}
		}
		return m.planSweep(ctx, o, opts)
	})
	c.Flags().StringVar(&from, "from", "", "where a sweep of the same was interrupted, as it has said")
	c.ValidArgsFunction = m.completeProjection
	return c
}

func (m *mounted) planSweep(ctx context.Context, o *operator.Operator, opts operator.SweepOptions) (planned, error) {
	p := planned{Action: "sweep", Target: opts.Projection, Plan: []string{"Sweep: read every stream behind its checkpoints, and apply what is missing."}}
	if err := o.CanSweep(ctx, opts.Projection); err != nil {
		return p, m.hinted(err, opts.Projection, m.listed())
	}
	p.do = func(ctx context.Context, by operator.By) (done, error) {
		report, err := m.swept(ctx, o, by, opts)
		return done{answer: report, recorded: report.Recorded, show: func() error { return m.showSwept(report) }}, err
	}
	return p, nil
}

// swept sweeps, and shows on the way how far it is.
func (m *mounted) swept(ctx context.Context, o *operator.Operator, by operator.By, opts operator.SweepOptions) (operator.Swept, error) {
	progress := m.Terminal.Progress()
	opts.Progress = func(r projection.SweepReport) {
		progress.Show("%s events of %s streams, %s", terminal.Thousands(r.Events), terminal.Thousands(r.Streams), terminal.PerSecond(r.Events, r.Took))
	}
	report, err := o.Sweep(ctx, by, opts)
	progress.End()
	if err == nil || ctx.Err() == nil {
		return report, err
	}
	words := []string{"sweep"}
	if opts.Projection != "" {
		words = append(words, opts.Projection)
	}
	if cursor, wrong := json.Marshal(report.Next); wrong == nil && !report.Next.IsZero() {
		words = append(words, "--from", string(cursor))
	}
	return report, terminal.Interrupt(ctx, err, "what was applied is applied; go on: "+m.Line(words...)+` --reason "…"`)
}

func (m *mounted) showSwept(r operator.Swept) error {
	for _, name := range r.Paused {
		m.Terminal.Warn("%s is paused, and was passed over", name)
	}
	for _, name := range r.Rebuilding {
		m.Terminal.Warn("%s is left to its rebuild, and got nothing", name)
	}
	_, err := fmt.Fprintf(m.Terminal.Stdout(), "%s of %s behind; %s\n", terminal.Thousands(r.Behind),
		terminal.Counted(r.Streams, "stream was", "streams were"), terminal.Counted(r.Events, "event"))
	return err
}
