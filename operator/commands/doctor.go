package commands

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
)

func (m *mounted) doctor() *cobra.Command {
	c := m.look("doctor", "Look for what keeps the service from working, and say what to do", operator.Finding{}, func(ctx context.Context, o *operator.Operator, _ []string) error {
		findings, err := o.Doctor(ctx)
		if err != nil {
			return err
		}
		for _, f := range findings {
			if !f.OK {
				err = terminal.ErrCheck
			}
			if shown := m.Terminal.Object(f, f.Check, func() error { return m.showFinding(f) }); shown != nil {
				return shown
			}
		}
		return err
	})
	c.Long = c.Short + ".\nIt exits with 5 if it found something."
	return c
}

func (m *mounted) showFinding(f operator.Finding) error {
	mark := m.paint(terminal.Good, "✔")
	if !f.OK {
		mark = m.paint(terminal.Bad, "✘")
	}
	text := f.Check
	if f.Says != "" {
		text += ": " + f.Says
	}
	if f.Fix != "" {
		text += "\n  fix: " + f.Fix
	}
	_, err := fmt.Fprintln(m.Terminal.Stdout(), mark, terminal.Clean(text))
	return err
}
