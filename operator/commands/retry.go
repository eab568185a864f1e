package commands

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

// streamsArg is the stream that a command names, or none for all that are parked.
func streamsArg(cmd *cobra.Command, args []string) ([]eventstore.StreamID, error) {
	name := arg(args, 1)
	if name == "" {
		return nil, nil
	}
	stream, err := eventstore.ParseStreamID(name)
	if err != nil {
		return nil, Wrong(cmd, "%v", err)
	}
	return []eventstore.StreamID{stream}, nil
}

func (m *mounted) parkedTry() *cobra.Command {
	c := m.look("try PROJECTION [STREAM]", "Run this program's code on the events that failed, and write nothing", nil)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		streams, err := streamsArg(cmd, args)
		if err != nil {
			return err
		}
		return m.with(cmd.Context(), func(o *operator.Operator) error {
			tried, err := o.Try(cmd.Context(), args[0], streams...)
			if err != nil {
				return m.hinted(err, m.Line("parked", "list")+" lists what is parked")
			}
			return m.listTried(args, tried)
		})
	}
	c.Long = c.Short + ".\nIt exits with 5 if one of them would fail again."
	c.ValidArgsFunction = m.completeParked
	return c
}

func (m *mounted) listTried(args []string, tried []operator.Tried) error {
	list := m.Terminal.List(terminal.Column{Name: "EVENT"}, terminal.Column{Name: "RESULT"}, terminal.Column{Name: "CHANGES", Text: true})
	good := 0
	for _, t := range tried {
		result, text := terminal.Cell{Text: "ok", Color: terminal.Good}, changesText(t)
		if t.OK {
			good++
		} else {
			result, text = terminal.Cell{Text: "fails", Color: terminal.Bad}, t.Error
		}
		if err := list.Add(t, t.ID().String(), t.ID().String(), result, text); err != nil {
			return err
		}
	}
	if err := list.End(); err != nil {
		return err
	}
	if len(tried) == 0 {
		m.Terminal.Say("no stream is parked")
		return nil
	}
	m.Terminal.Say("%s of %d would succeed with this program. Nothing was written.", terminal.Thousands(good), len(tried))
	if good < len(tried) {
		return terminal.ErrCheck
	}
	m.Terminal.Next(m.Line(append([]string{"parked", "retry"}, args...)...) + ` --reason "…"`)
	return nil
}

// changesText says which fields of which rows would be others.
func changesText(t operator.Tried) string {
	var texts []string
	for _, r := range t.Rows {
		var fields []string
		for _, c := range r.Changes {
			fields = append(fields, strings.TrimSpace(c.Field+" "+changeText(c)))
		}
		texts = append(texts, fmt.Sprintf("%s %s: %s", r.View, strings.TrimSpace(r.Partition+" "+r.Sort), strings.Join(fields, ", ")))
	}
	if len(texts) == 0 {
		return "no row would change"
	}
	return strings.Join(texts, "; ")
}

func (m *mounted) parkedRetry() *cobra.Command {
	var all bool
	c := m.act("retry PROJECTION [STREAM]", "Try the events again that failed, and go on with their streams", func(ctx context.Context, o *operator.Operator, cmd *cobra.Command, args []string) (planned, error) {
		streams, err := streamsArg(cmd, args)
		if err != nil {
			return planned{}, err
		}
		if all == (len(streams) > 0) {
			return planned{}, Wrong(cmd, "name a stream, or --all")
		}
		return m.planRetry(ctx, o, args[0], streams)
	})
	c.Flags().BoolVar(&all, "all", false, "all streams that are parked in the projection")
	c.Long = c.Short + ".\nIt exits with 5 if one of them failed again."
	c.ValidArgsFunction = m.completeParked
	return c
}

func (m *mounted) planRetry(ctx context.Context, o *operator.Operator, name string, streams []eventstore.StreamID) (planned, error) {
	p := planned{Action: "retry", Target: name, Plan: []string{}}
	if len(streams) == 1 {
		if _, err := o.ParkedIn(ctx, name, streams[0]); err != nil {
			return p, m.hinted(err, m.Line("parked", "list")+" lists what is parked")
		}
	} else {
		var err error
		if streams, err = o.ParkedStreams(ctx, name); err != nil {
			return p, err
		}
	}
	if len(streams) == 0 {
		p.nothing = "no stream is parked"
		return p, nil
	}
	p.Plan = append(p.Plan, fmt.Sprintf("Retry %s of %s.", terminal.Counted(len(streams), "parked stream"), name))
	p.do = func(ctx context.Context, by operator.By) (done, error) {
		progress := m.Terminal.Progress()
		defer progress.End()
		report, err := o.Retry(ctx, by, name, streams, func(n, of int) {
			progress.Show("%s of %s", terminal.Thousands(n), terminal.Counted(of, "stream"))
		})
		return done{answer: report, record: report.Record, failed: len(report.Failed) > 0, show: func() error { return m.showRetried(report) }}, err
	}
	return p, nil
}

func (m *mounted) showRetried(r operator.Retried) error {
	out := m.Terminal.Stdout()
	for _, f := range r.Failed {
		if _, err := fmt.Fprintf(out, "%s %s: %s\n", m.paint(terminal.Bad, "✘"), f.Stream, terminal.Clean(f.Error)); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(out, "%s retried, %s failed again\n", terminal.Thousands(len(r.Retried)), terminal.Thousands(len(r.Failed)))
	return err
}

func (m *mounted) sweep() *cobra.Command {
	return m.act("sweep", "Bring every stream to its head, announced or not", func(_ context.Context, o *operator.Operator, _ *cobra.Command, _ []string) (planned, error) {
		p := planned{Action: "sweep", Plan: []string{"Sweep: read every stream behind its checkpoints, and apply what is missing."}}
		p.do = func(ctx context.Context, by operator.By) (done, error) {
			progress := m.Terminal.Progress()
			defer progress.End()
			report, err := o.Sweep(ctx, by, func(r projection.SweepReport) {
				progress.Show("%s events of %s streams, %s", terminal.Thousands(r.Events), terminal.Thousands(r.Streams), terminal.PerSecond(r.Events, r.Took))
			})
			show := func() error {
				_, err := fmt.Fprintf(m.Terminal.Stdout(), "%s of %s behind; %s\n", terminal.Thousands(report.Behind),
					terminal.Counted(report.Streams, "stream was", "streams were"), terminal.Counted(report.Events, "event"))
				return err
			}
			return done{answer: report, record: report.Record, show: show}, err
		}
		return p, nil
	})
}
