package commands

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

// paused is the answer of pause and resume.
type paused struct {
	Projection string `json:"projection"`
	Paused     bool   `json:"paused"`
	// Swept is what was brought that was dropped in a pause, absent where workers do that.
	Swept *operator.Swept `json:"swept,omitempty"`
	operator.Recorded
}

func (m *mounted) pause() *cobra.Command {
	c := m.act("pause PROJECTION", "Feed a projection no more, in any process, until it is resumed", byYes, paused{}, func(ctx context.Context, o *operator.Operator, _ *cobra.Command, args []string) (planned, error) {
		name := args[0]
		p := planned{Action: "pause", Target: name, Plan: []string{fmt.Sprintf("Pause %s: workers feed it no more from about ten seconds on. What is read of it gets old, and readers of their own writes are told.", name)}}
		was, err := o.PauseState(ctx, name)
		if err != nil {
			return p, err
		}
		if was != nil && was.Resumed.IsZero() {
			p.Plan, p.Nothing = []string{}, m.pauseText(name, *was)
			return p, nil
		}
		p.do = func(ctx context.Context, by operator.By) (done, error) {
			recorded, err := o.Pause(ctx, by, name)
			show := func() error {
				_, err := fmt.Fprintf(m.Terminal.Stdout(), "%s is paused\n", name)
				return err
			}
			return done{answer: paused{Projection: name, Paused: true, Recorded: recorded}, recorded: recorded, show: show}, err
		}
		return p, nil
	})
	c.ValidArgsFunction = m.completeProjection
	return c
}

// pauseText says who has paused something, and why.
func (m *mounted) pauseText(name string, p projection.Paused) string {
	text := fmt.Sprintf("%s is paused since %s", name, m.Terminal.When(p.Since))
	if p.By != "" {
		text += " by " + p.By
	}
	if p.Reason != "" {
		text += ": " + strings.ReplaceAll(p.Reason, "\n", " ") // it stands within lines
	}
	return text
}

func (m *mounted) resume() *cobra.Command {
	c := m.act("resume PROJECTION", "Feed a projection again, and bring what was dropped meanwhile", byYes, paused{}, func(ctx context.Context, o *operator.Operator, _ *cobra.Command, args []string) (planned, error) {
		name := args[0]
		p := planned{Action: "resume", Target: name, Plan: []string{}}
		was, err := o.PauseState(ctx, name)
		if err != nil {
			return p, err
		}
		if was == nil {
			p.Nothing = name + " is not paused"
			return p, nil
		}
		if !was.Resumed.IsZero() {
			p.Nothing = fmt.Sprintf("%s was resumed at %s; the sweep that brings what was dropped has not ended yet: a worker makes it, or %s", name, m.Terminal.When(was.Resumed), m.Line("sweep", name))
			return p, nil
		}
		status, err := o.Projection(ctx, name)
		if err != nil {
			return p, err
		}
		here := time.Since(status.Heard) > operator.Silence
		who := "Its workers learn of it within about ten seconds, and sweep: that brings what was dropped."
		if here {
			who = "No worker has reported lately: what was dropped is brought by a sweep, here."
			if err := o.Feeds(name); err != nil {
				return p, err
			}
		}
		p.Plan = append(p.Plan, fmt.Sprintf("Resume %s. %s.", name, m.pauseText(name, *was)), who)
		p.do = func(ctx context.Context, by operator.By) (done, error) { return m.resumed(ctx, o, by, name, here) }
		return p, nil
	})
	c.ValidArgsFunction = m.completeProjection
	return c
}

// resumed resumes, and sweeps where nobody else does.
func (m *mounted) resumed(ctx context.Context, o *operator.Operator, by operator.By, name string, here bool) (done, error) {
	recorded, err := o.Resume(ctx, by, name)
	answer := paused{Projection: name, Recorded: recorded}
	if err == nil && here {
		answer.Swept = new(operator.Swept)
		*answer.Swept, err = m.swept(ctx, o, by, operator.SweepOptions{Projection: name})
	}
	show := func() error {
		text := "workers sweep it"
		if s := answer.Swept; s != nil {
			text = fmt.Sprintf("%s of %s behind; %s", terminal.Thousands(s.Behind), terminal.Counted(s.Streams, "stream was", "streams were"), terminal.Counted(s.Events, "event"))
		}
		_, err := fmt.Fprintf(m.Terminal.Stdout(), "%s is resumed; %s\n", name, text)
		return err
	}
	return done{answer: answer, recorded: recorded, show: show}, err
}
