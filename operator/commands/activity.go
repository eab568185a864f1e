package commands

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
)

func (m *mounted) activity() *cobra.Command {
	var limit int
	var before uint64
	c := m.look("activity", "Show who did what to the service, and why", operator.Activity{}, nil)
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		if limit < 1 || limit > operator.MaxPage {
			return Wrong(cmd, "--limit %d: 1 to %d", limit, operator.MaxPage)
		}
		q := operator.ActivityQuery{Before: eventstore.Version(before), Limit: limit}
		return m.with(cmd.Context(), func(o *operator.Operator) error { return m.listActivity(cmd.Context(), o, q) })
	}
	c.Flags().IntVar(&limit, "limit", 50, "at the most this many")
	c.Flags().Uint64Var(&before, "before", 0, "only what was recorded before this version of the stream "+operator.ActivityStream.String())
	return c
}

func (m *mounted) listActivity(ctx context.Context, o *operator.Operator, q operator.ActivityQuery) error {
	page, err := o.Activity(ctx, q)
	if err != nil {
		return err
	}
	list := m.Terminal.List(terminal.Column{Name: "RECORD"}, terminal.Column{Name: "TIME"}, terminal.Column{Name: "ACTOR"}, terminal.Column{Name: "ACTION"},
		terminal.Column{Name: "REASON", Text: true}, terminal.Column{Name: "RESULT", Text: true})
	for _, a := range page.Actions {
		action := a.Action
		if a.Target != "" {
			action += " " + a.Target
		}
		if err := list.Add(a, a.ID, a.ID, a.Time, a.Actor, action, a.Reason, resultCell(a)); err != nil {
			return err
		}
	}
	if list.Len() == 0 {
		m.Terminal.Say("nothing was done by an operator yet")
	}
	if err := list.End(); err != nil {
		return err
	}
	if page.Next > 0 {
		m.Terminal.Next(m.Line(m.sameOutput("activity", "--limit", strconv.Itoa(q.Limit), "--before", strconv.FormatUint(uint64(page.Next), 10))...))
	}
	return nil
}

func resultCell(a operator.Activity) terminal.Cell {
	switch {
	case a.Error != "":
		text := "failed: " + a.Error
		if a.Result != "" {
			text += "; " + a.Result
		}
		return terminal.Cell{Text: text, Color: terminal.Bad}
	case a.Ended.IsZero():
		return terminal.Cell{Text: "no end was recorded", Color: terminal.Odd}
	}
	return terminal.Cell{Text: a.Result}
}
