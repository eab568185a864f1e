package commands

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
)

func (m *mounted) parkedRetry() *cobra.Command {
	var all bool
	var group groupFlags
	c := m.act("retry PROJECTION [STREAM]", "Try the events again that failed, and go on with their streams", byYes, operator.Retried{}, func(ctx context.Context, o *operator.Operator, cmd *cobra.Command, args []string) (planned, error) {
		s, err := group.selection(cmd, args)
		if err != nil {
			return planned{}, err
		}
		if all != s.Stream.IsZero() {
			return planned{}, Wrong(cmd, "name a stream, or --all")
		}
		return m.planRetry(ctx, o, s)
	})
	c.Flags().BoolVar(&all, "all", false, "all streams that are parked in the projection, or those of --error and --type")
	group.add(c)
	c.Long = c.Short + fmt.Sprintf(".\nIt exits with 5 if one of them failed again. It retries %s streams at the most.", terminal.Thousands(operator.MaxSelected))
	c.ValidArgsFunction = m.completeParked
	return c
}

func (m *mounted) planRetry(ctx context.Context, o *operator.Operator, s operator.Selection) (planned, error) {
	p := planned{Action: "retry", Target: s.Projection, Plan: []string{}}
	selected, err := o.Select(ctx, s)
	if err != nil {
		return p, m.hinted(err, s.Projection, m.Line("parked", "list")+" lists what is parked")
	}
	if len(selected.Streams) == 0 {
		p.Nothing = "no such stream is parked"
		return p, nil
	}
	p.Plan = append(p.Plan, selectedText(s.Projection, selected))
	p.do = func(ctx context.Context, by operator.By) (done, error) {
		progress := m.Terminal.Progress()
		defer progress.End()
		report, err := o.Retry(ctx, by, s.Projection, selected.Streams, func(n, of int) {
			progress.Show("%s of %s", terminal.Thousands(n), terminal.Counted(of, "stream"))
		})
		err = terminal.Interrupt(ctx, err, "give the command again: streams that went on are parked no more")
		return done{answer: report, recorded: report.Recorded, failed: len(report.Failed) > 0, show: func() error { return m.showRetried(report) }}, err
	}
	return p, nil
}

// selectedText says what would be retried, and about what that takes.
func selectedText(name string, s operator.Selected) string {
	streams := terminal.Counted(len(s.Streams), "parked stream")
	if s.More > 0 {
		streams = fmt.Sprintf("%s of %s", terminal.Thousands(len(s.Streams)), terminal.Counted(len(s.Streams)+s.More, "parked stream"))
	}
	waits := terminal.Counted(int(s.Waiting), "event waits", "events wait")
	if s.AtLeast {
		waits = "at least " + waits
	}
	text := fmt.Sprintf("Retry %s of %s: %s", streams, name, waits)
	if s.WriteUnits != nil {
		text += fmt.Sprintf(", about %s on DynamoDB", terminal.Counted(int(*s.WriteUnits+0.5), "write unit"))
	}
	return text + "."
}

func (m *mounted) showRetried(r operator.Retried) error {
	var text strings.Builder
	for _, f := range r.Failed {
		fmt.Fprintf(&text, "%s %s: %s\n", m.paint(terminal.Bad, "✘"), f.Stream, terminal.Clean(f.Error))
	}
	fmt.Fprintf(&text, "%s retried, %s applied, %s failed again", terminal.Thousands(len(r.Retried)), terminal.Counted(int(r.Events), "event"), terminal.Thousands(len(r.Failed)))
	if len(r.Gone) > 0 {
		fmt.Fprintf(&text, ", %s no longer parked", terminal.Thousands(len(r.Gone)))
	}
	_, err := fmt.Fprintln(m.Terminal.Stdout(), text.String())
	return err
}
