package commands

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/user"
	"slices"

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
	// Details say it in figures, where there are any.
	Details any `json:"details,omitempty"`
	// Nothing says why there is nothing to do.
	Nothing string `json:"nothing,omitempty"`
	// brief says the plan in a line to who wants no more, empty where the target does.
	brief string
	// confirm is what has to be named where that confirms it.
	confirm string
	// refused is why it can not be done, which the plan says, too; nil where it can.
	refused error
	// do does it and returns the answer.
	do func(ctx context.Context, by operator.By) (done, error)
}

// done is what became of an action.
type done struct {
	answer   any
	recorded operator.Recorded
	show     func() error
	// failed: a part of it was not done, and the answer says which.
	failed bool
}

// dryRun is the answer of a command that only says what it would do.
type dryRun struct {
	planned
	DryRun bool `json:"dry_run"`
}

// confirmation is how a command wants to be confirmed.
type confirmation string

// The flags that confirm. What can not be put right is confirmed by its name.
const (
	byYes   confirmation = "--yes"
	byName  confirmation = "--confirm"
	byEvent confirmation = "--confirm EVENT"
)

const doNotAsk = "do not ask" // what a flag means that confirms

// acting are the flags of a command that acts.
type acting struct {
	by   operator.By
	how  confirmation
	yes  bool
	name string // that confirms
	dry  bool
}

// act returns a command that changes something: it says what it is about to do, asks, does
// it, and says where that is recorded. answer is as that of look.
func (m *mounted) act(use, short string, how confirmation, answer any, plan func(ctx context.Context, o *operator.Operator, cmd *cobra.Command, args []string) (planned, error)) *cobra.Command {
	flags := acting{how: how}
	c := m.look(use, short, answer, nil)
	Mark(Acts, c)
	c.PreRunE = func(*cobra.Command, []string) error {
		if flags.dry {
			return m.Terminal.CheckTemplate(dryRun{})
		}
		return m.Terminal.CheckTemplate(answer)
	}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		return m.opened(cmd.Context(), Acts, func(o *operator.Operator) error {
			p, err := plan(cmd.Context(), o, cmd, args)
			if err != nil {
				return nothingDone(cmd.Context(), err)
			}
			switch {
			case flags.dry:
				err := m.Terminal.Object(dryRun{p, true}, cmp.Or(p.brief, p.Target), func() error { return m.showPlan(p) })
				if err == nil && p.refused != nil {
					if err = terminal.ErrCheck; terminal.CodeOf(p.refused) == terminal.Refused {
						err = p.refused // as it is without --dry-run
					}
				}
				return err
			case p.refused != nil:
				return p.refused
			case p.Nothing != "":
				say := func() error { m.Terminal.Say("%s", p.Nothing); return nil }
				if m.Terminal.CheckTemplate(p) != nil { // it is for the answer of what would have been done
					return say()
				}
				return m.Terminal.Object(p, p.Target, say)
			}
			if err := m.mayAct(cmd, p, &flags); err != nil {
				return nothingDone(cmd.Context(), err)
			}
			return m.carryOut(cmd.Context(), p, flags.by)
		})
	}
	c.Flags().StringVar(&flags.by.Reason, "reason", "", "why it is done, which is recorded")
	m.actorFlag(c, &flags.by.Actor)
	switch how {
	case byYes:
		c.Flags().BoolVar(&flags.yes, "yes", false, doNotAsk)
	case byName:
		c.Flags().StringVar(&flags.name, "confirm", "", doNotAsk+": the projection once more, as it is named")
	case byEvent:
		c.Flags().StringVar(&flags.name, "confirm", "", doNotAsk+": the event once more, as it is named")
	}
	c.Flags().BoolVar(&flags.dry, "dry-run", false, "only say what would be done")
	return c
}

// nothingDone is the error of a command that was interrupted before it did anything.
func nothingDone(ctx context.Context, err error) error {
	return terminal.Interrupt(ctx, err, "nothing was done; give the command again")
}

// actorFlag adds the flag that says who acts.
func (m *mounted) actorFlag(c *cobra.Command, actor *string) {
	c.Flags().StringVar(actor, "actor", "", "who does it, which is recorded (default user@host)")
	FromEnvironment(c.Flags(), "actor")
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
	plan := p.Plan
	if p.Nothing != "" {
		plan = append(slices.Clip(plan), p.Nothing)
	}
	for _, line := range plan {
		if _, err := fmt.Fprintln(m.Terminal.Stdout(), terminal.Clean(line)); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(m.Terminal.Stdout(), "Nothing was written.")
	return err
}

// mayAct refuses what has no reason, or is not confirmed.
func (m *mounted) mayAct(cmd *cobra.Command, p planned, flags *acting) error {
	if flags.by.Actor == "" {
		flags.by.Actor = userAtHost()
	}
	if flags.name != "" && flags.name != p.confirm {
		return &terminal.Error{Class: operator.ErrRefused, Text: fmt.Sprintf("--confirm %s is not %s; nothing was done", flags.name, p.confirm), Fix: "it has to name what is meant"}
	}
	for _, line := range p.Plan {
		m.Terminal.Say("%s", line)
	}
	if flags.by.Reason == "" && m.Terminal.CanAsk() {
		var err error
		if flags.by.Reason, err = m.Terminal.Ask(cmd.Context(), "Why? (recorded)"); err != nil {
			return err
		}
	}
	if err := (operator.Action{Action: p.Action, Target: p.Target, Reason: flags.by.Reason, Actor: flags.by.Actor}).Check(); err != nil {
		return terminal.WithHint(err, fmt.Sprintf("%s … --reason \"…\"", cmd.CommandPath()))
	}
	switch {
	case flags.how != byYes && flags.name == "":
		return m.Terminal.ConfirmName(cmd.Context(), p.confirm, string(byName))
	case flags.how == byYes && !flags.yes:
		return m.Terminal.Confirm(cmd.Context(), "Continue?")
	}
	return nil
}

// carryOut does what was confirmed. Where it is recorded is said of what failed, too: the
// record says what was done until then.
func (m *mounted) carryOut(ctx context.Context, p planned, by operator.By) error {
	result, err := p.do(ctx, by)
	if err != nil && result.recorded.Record.Version == 0 {
		return err
	}
	if err == nil {
		err = m.Terminal.Object(result.answer, result.recorded.Record.String(), result.show)
	}
	if result.recorded.Warning != "" {
		m.Terminal.Warn("%s", result.recorded.Warning)
	}
	m.Terminal.Say("recorded as %s by %s", result.recorded.Record, by.Actor)
	if err == nil && result.failed {
		return terminal.ErrCheck
	}
	return err
}

// streamArg is the stream that a command names, or none.
func streamArg(cmd *cobra.Command, name string) (stream eventstore.StreamID, err error) {
	if name == "" {
		return stream, nil
	}
	if stream, err = eventstore.ParseStreamID(name); err != nil {
		return stream, Wrong(cmd, "%v", err)
	}
	return stream, nil
}

// eventArg is the event that a command names.
func eventArg(cmd *cobra.Command, name string) (eventstore.EventID, error) {
	id, err := eventstore.ParseEventID(name)
	if err != nil {
		return id, Wrong(cmd, "%v", err)
	}
	return id, nil
}
