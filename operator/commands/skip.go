package commands

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

func (m *mounted) parkedSkip() *cobra.Command {
	c := m.act("skip PROJECTION STREAM@VERSION", "Pass over an event that failed, for good", byEvent, operator.Skipped{}, func(ctx context.Context, o *operator.Operator, cmd *cobra.Command, args []string) (planned, error) {
		event, err := eventArg(cmd, args[1])
		if err != nil {
			return planned{}, err
		}
		return m.planSkip(ctx, o, args[0], event)
	})
	c.Long = c.Short + ": no view of the projection will ever contain it, in no generation.\n" +
		"In place of --yes it takes the event once more: --confirm STREAM@VERSION."
	c.ValidArgsFunction = m.completeParkedEvent
	return c
}

func (m *mounted) planSkip(ctx context.Context, o *operator.Operator, name string, event eventstore.EventID) (planned, error) {
	p := planned{Action: "skip", Target: fmt.Sprintf("%s %s", name, event), Plan: []string{}, confirm: event.String()}
	plan, err := o.PlanSkip(ctx, name, event)
	if err != nil {
		return p, m.hinted(err, name, m.Line("parked", "list")+" lists what is parked")
	}
	if plan.Already {
		p.Nothing = fmt.Sprintf("%s passes over %s already", name, event)
		return p, nil
	}
	failed := plan.Parked[0]
	p.Plan = append(p.Plan,
		fmt.Sprintf("Skip %s, %s v%d, in %s: %s", event, failed.Type, failed.SchemaVersion, name, failed.Error),
		"No view of it will ever contain this event, in no generation: not those that are there, and none that is built later.",
		"Rows that are only inserted may be there already, and stay. The stream goes on behind the event.")
	p.do = func(ctx context.Context, by operator.By) (done, error) {
		report, err := o.Skip(ctx, by, name, event)
		return done{answer: report, recorded: report.Recorded, show: func() error { return m.showSkipped(report) }}, err
	}
	return p, nil
}

func (m *mounted) showSkipped(s operator.Skipped) error {
	text := "its stream goes on"
	if len(s.Parked) > 0 {
		text = fmt.Sprintf("its stream is parked again at %d: %s", s.Parked[0].Version, terminal.Clean(s.Parked[0].Error))
	}
	_, err := fmt.Fprintf(m.Terminal.Stdout(), "%s passes over %s; %s\n", s.Projection, s.Event, text)
	return err
}

func (m *mounted) parkedUnskip() *cobra.Command {
	c := m.act("unskip PROJECTION STREAM@VERSION", "Take a skip back, for generations that are built later", byYes, unskipped{}, func(ctx context.Context, o *operator.Operator, cmd *cobra.Command, args []string) (planned, error) {
		event, err := eventArg(cmd, args[1])
		if err != nil {
			return planned{}, err
		}
		return m.planUnskip(ctx, o, args[0], event)
	})
	c.ValidArgsFunction = m.completeSkip
	return c
}

func (m *mounted) planUnskip(ctx context.Context, o *operator.Operator, name string, event eventstore.EventID) (planned, error) {
	p := planned{Action: "unskip", Target: fmt.Sprintf("%s %s", name, event), Plan: []string{}}
	skips, err := o.Skips(ctx, name)
	if err != nil {
		return p, err
	}
	for _, s := range skips {
		if s.Event != event {
			continue
		}
		p.Plan = append(p.Plan, fmt.Sprintf("Take back that %s passes over %s%s.", name, event, because(s)),
			"A generation that is built later applies it again. It comes into no view that is there.")
		p.do = func(ctx context.Context, by operator.By) (done, error) {
			recorded, err := o.Unskip(ctx, by, name, event)
			show := func() error {
				_, err := fmt.Fprintf(m.Terminal.Stdout(), "%s no longer passes over %s\n", name, event)
				return err
			}
			return done{answer: unskipped{name, event, recorded}, recorded: recorded, show: show}, err
		}
		return p, nil
	}
	missing := projection.NotSkippedError{Projection: name, Event: event}
	return p, &operator.NotFoundError{What: "skip", Name: event.String(), Reason: missing.Error()}
}

// unskipped is the answer of unskip.
type unskipped struct {
	Projection string             `json:"projection"`
	Event      eventstore.EventID `json:"event"`
	operator.Recorded
}

// because says who has skipped something and why, where that is known.
func because(s operator.Skip) string {
	if s.Actor == "" {
		return ""
	}
	return fmt.Sprintf(", skipped by %s: %s", s.Actor, s.Reason)
}

func (m *mounted) parkedSkips() *cobra.Command {
	c := m.look("skips [PROJECTION]", "List the events that were skipped: views will never contain them", operator.Skip{}, func(ctx context.Context, o *operator.Operator, args []string) error {
		skips, err := o.Skips(ctx, arg(args, 0))
		if err != nil {
			return err
		}
		list := m.Terminal.List(terminal.Column{Name: "PROJECTION"}, terminal.Column{Name: "EVENT"}, terminal.Column{Name: "SINCE"},
			terminal.Column{Name: "ACTOR"}, terminal.Column{Name: "REASON", Text: true}, terminal.Column{Name: "RECORD", Wide: true})
		for _, s := range skips {
			var record any
			if s.Record.Version > 0 {
				record = s.Record.String()
			}
			if err := list.Add(s, s.Event.String(), s.Projection, s.Event.String(), s.Time, s.Actor, s.Reason, record); err != nil {
				return err
			}
		}
		if list.Len() == 0 {
			m.Terminal.Say("no event is skipped")
		}
		return list.End()
	})
	c.ValidArgsFunction = m.completeProjection
	return c
}
