package commands

import (
	"context"
	"fmt"
	"os"
	"os/user"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
)

// planned is what a command is about to do. It has its answer once it has done it.
type planned struct {
	// Action and Target say what it does to what.
	Action string `json:"action"`
	Target string `json:"target,omitempty"`
	// Plan says what would be done, a line each.
	Plan []string `json:"plan"`
	// confirm is what has to be typed, for what can not be undone; a yes does not do.
	confirm string
	// nothing says why there is nothing to do.
	nothing string
	// do does it and returns the answer.
	do func(ctx context.Context, by operator.By) (done, error)
}

// done is what became of an action.
type done struct {
	answer any
	record eventstore.EventID
	show   func() error
	// failed: a part of it was not done, and the answer says which.
	failed bool
}

// dryRun is the answer of a command that only says what it would do.
type dryRun struct {
	planned
	DryRun bool `json:"dry_run"`
}

// act returns a command that changes something: it says what it is about to do, asks, does
// it, and says where that is recorded.
func (m *mounted) act(use, short string, plan func(ctx context.Context, o *operator.Operator, cmd *cobra.Command, args []string) (planned, error)) *cobra.Command {
	var by operator.By
	var yes, dry bool
	var confirmed string
	c := m.look(use, short, nil)
	Mark(Acts, c)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		return m.opened(cmd.Context(), Acts, func(o *operator.Operator) error {
			p, err := plan(cmd.Context(), o, cmd, args)
			if err != nil {
				return err
			}
			if dry {
				return m.Terminal.Object(dryRun{p, true}, p.Target, func() error { return m.showPlan(p) })
			}
			if p.nothing != "" {
				m.Terminal.Say("%s", p.nothing)
				return nil
			}
			if by.Actor == "" {
				by.Actor = userAtHost()
			}
			if err := m.mayAct(cmd, p, by, yes, confirmed); err != nil {
				return err
			}
			return m.carryOut(cmd.Context(), p, by)
		})
	}
	c.Flags().StringVar(&by.Reason, "reason", "", "why it is done, which is recorded")
	c.Flags().StringVar(&by.Actor, "actor", "", "who does it, which is recorded (default user@host)")
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	c.Flags().StringVar(&confirmed, "confirm", "", "in place of --yes for what can not be undone: what it is done to")
	c.Flags().BoolVar(&dry, "dry-run", false, "only say what would be done")
	FromEnvironment(c.Flags(), "actor")
	return c
}

// userAtHost is who has typed the command, as far as the system knows.
func userAtHost() string {
	name, host := "unknown", "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		host = h
	}
	return name + "@" + host
}

func (m *mounted) showPlan(p planned) error {
	for _, line := range p.Plan {
		if _, err := fmt.Fprintln(m.Terminal.Stdout(), terminal.Clean(line)); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(m.Terminal.Stdout(), "Nothing was written.")
	return err
}

// mayAct refuses what has no reason, or is not confirmed.
func (m *mounted) mayAct(cmd *cobra.Command, p planned, by operator.By, yes bool, confirmed string) error {
	if err := (operator.Action{Action: p.Action, Target: p.Target, Reason: by.Reason, Actor: by.Actor}).Check(); err != nil {
		return terminal.WithHint(err, fmt.Sprintf("%s … --reason \"…\"", cmd.CommandPath()))
	}
	for _, line := range p.Plan {
		m.Terminal.Say("%s", line)
	}
	switch {
	case p.confirm != "" && confirmed == p.confirm, p.confirm == "" && yes:
		return nil
	case p.confirm != "":
		return m.Terminal.ConfirmName(p.confirm)
	}
	return m.Terminal.Confirm("Continue?")
}

func (m *mounted) carryOut(ctx context.Context, p planned, by operator.By) error {
	result, err := p.do(ctx, by)
	if err != nil {
		return err
	}
	if err := m.Terminal.Object(result.answer, result.record.String(), result.show); err != nil {
		return err
	}
	m.Terminal.Say("recorded as %s by %s", result.record, by.Actor)
	if result.failed {
		return terminal.ErrCheck
	}
	return nil
}
