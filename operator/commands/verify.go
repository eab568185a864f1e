package commands

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
)

func (m *mounted) verify() *cobra.Command {
	var opts operator.VerifyOptions
	c := m.look("verify", "Read every stream: no gap, no overlap, everything decodable, each claim held once", operator.Verified{}, func(ctx context.Context, o *operator.Operator, _ []string) error {
		progress := m.Terminal.Progress()
		began := m.Terminal.Now()
		opts.Progress = func(v operator.Verified) {
			progress.Show("%s, %s of %s", terminal.PerSecond(v.Events, m.Terminal.Now().Sub(began)), terminal.Counted(v.Events, "event"), terminal.Counted(v.Streams, "stream"))
		}
		report, err := o.Verify(ctx, opts)
		progress.End()
		if err != nil {
			return err
		}
		err = m.Terminal.Object(report, "", func() error { return m.showVerified(report) })
		if err == nil && !report.OK() {
			err = terminal.ErrCheck
		}
		return err
	})
	c.Long = c.Short + ".\nIt reads the whole store, and exits with 5 if something is wrong."
	c.Flags().BoolVar(&opts.Views, "views", false, "compare every row with a fold of the events, too: quietest while no worker runs")
	return c
}

func (m *mounted) showVerified(v operator.Verified) error {
	out := m.Terminal.Stdout()
	for _, f := range v.Faults {
		if _, err := fmt.Fprintln(out, terminal.Clean(f.Fault)); err != nil {
			return err
		}
	}
	for _, view := range v.Views {
		if view.NotCompared != "" {
			if _, err := fmt.Fprintf(out, "generation %d of %s was not compared: %s\n", view.Generation, view.Projection, view.NotCompared); err != nil {
				return err
			}
			continue
		}
		text := fmt.Sprintf("generation %d of %s: %s", view.Generation, view.Projection, terminal.Counted(view.Rows, "row"))
		if view.Different == 0 && view.Moved == 0 {
			text += " equal a fold of the events"
		}
		if view.Different > 0 {
			text += fmt.Sprintf(", %s differ", terminal.Thousands(view.Different))
		}
		if view.Moved > 0 {
			text += fmt.Sprintf(", %s not compared, since workers went on", terminal.Thousands(view.Moved))
		}
		if view.Behind > 0 {
			text += fmt.Sprintf("; %s not at the head", terminal.Counted(view.Behind, "stream"))
		}
		if _, err := fmt.Fprintln(out, text); err != nil {
			return err
		}
	}
	parked := ""
	if v.Parked > 0 {
		parked = ", " + terminal.Counted(v.Parked, "parked stream")
	}
	if v.Skipped > 0 {
		parked += ", " + terminal.Counted(v.Skipped, "skipped event")
	}
	_, err := fmt.Fprintf(out, "%s in %s of %s, %s%s\n", terminal.Counted(v.Events, "event"), terminal.Counted(v.Commits, "commit"),
		terminal.Counted(v.Streams, "stream"), terminal.Counted(len(v.Faults), "fault"), parked)
	return err
}
