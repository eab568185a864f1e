package commands

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/projection"
)

func (m *mounted) parkedSkip() *cobra.Command {
	c := m.act("skip PROJECTION EVENT", "Let a projection pass over an event that failed, for good", func(ctx context.Context, o *operator.Operator, cmd *cobra.Command, args []string) (planned, error) {
		event, err := eventstore.ParseEventID(args[1])
		if err != nil {
			return planned{}, Wrong(cmd, "%v", err)
		}
		parked, err := o.ParkedIn(ctx, args[0], event.Stream)
		if err != nil {
			return planned{}, m.hinted(err, m.Line("parked", "list")+" lists what is parked")
		}
		if at := parked[0].Version; at != event.Version {
			return planned{}, &projection.NotParkedError{Projection: args[0], Stream: event.Stream, Want: event.Version, Have: at}
		}
		p := m.planSkip("skip", args[0], event, o.Skip)
		p.Plan = []string{
			fmt.Sprintf("Skip %s (%s) in %s: %s", event, parked[0].Type, args[0], parked[0].Error),
			"Its views will never contain it, and the stream goes on behind it.",
		}
		p.confirm = event.String()
		return p, nil
	})
	c.Long = c.Short + ".\nThe stream has to be parked at it. It stays listed: projections NAME shows it, verify counts it."
	c.ValidArgsFunction = m.completeParked
	return c
}

func (m *mounted) parkedUnskip() *cobra.Command {
	c := m.act("unskip PROJECTION EVENT", "Take a skip back, for what is built later", func(ctx context.Context, o *operator.Operator, cmd *cobra.Command, args []string) (planned, error) {
		event, err := eventstore.ParseEventID(args[1])
		if err != nil {
			return planned{}, Wrong(cmd, "%v", err)
		}
		if _, err := o.Projection(ctx, args[0]); err != nil {
			return planned{}, err
		}
		p := m.planSkip("unskip", args[0], event, o.Unskip)
		p.Plan = []string{fmt.Sprintf("Skip %s in %s no more. Views that are there stay as they are; those that are built later contain it.", event, args[0])}
		return p, nil
	})
	c.ValidArgsFunction = m.completeProjection
	return c
}

func (m *mounted) planSkip(action, name string, event eventstore.EventID, do func(context.Context, operator.By, string, eventstore.EventID) (operator.Skipped, error)) planned {
	return planned{Action: action, Target: name + " " + event.String(), do: func(ctx context.Context, by operator.By) (done, error) {
		report, err := do(ctx, by, name, event)
		return done{answer: report, record: report.Record, show: func() error {
			_, err := fmt.Fprintf(m.Terminal.Stdout(), "%s: %sped %s\n", name, action, event)
			return err
		}}, err
	}}
}
