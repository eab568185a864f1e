package commands

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
)

func (m *mounted) state() *cobra.Command {
	var version uint64
	var at string
	var diff bool
	c := m.look("state STREAM", "Show what the events of a stream fold to, now or in the past", operator.State{}, nil)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		stream, err := eventstore.ParseStreamID(args[0])
		if err != nil {
			return Wrong(cmd, "%v", err)
		}
		if cmd.Flags().Changed("version") && (at != "" || version == 0) {
			return Wrong(cmd, "--version counts from 1, and goes without --at")
		}
		moment, err := ParseMoment(at)
		if err != nil {
			return Wrong(cmd, "--at: %v", err)
		}
		q := operator.StateQuery{Stream: stream, Version: eventstore.Version(version), At: moment, Diff: diff}
		return m.with(cmd.Context(), func(o *operator.Operator) error {
			s, err := o.State(cmd.Context(), q)
			if err != nil {
				return m.stateHint(q, err)
			}
			return m.Terminal.Object(s, fmt.Sprintf("%s@%d", s.Stream, s.Version), func() error { return m.showState(s, diff) })
		})
	}
	c.Flags().Uint64Var(&version, "version", 0, "right after this event")
	c.Flags().StringVar(&at, "at", "", "at this time, in UTC if it names no zone; 2011-01-31 is 00:00, when that day starts")
	c.Flags().BoolVar(&diff, "diff", false, "show what the last event changed")
	c.ValidArgsFunction = m.completeStream
	return c
}

// stateHint proposes what there is instead: the streams, or the events of this one.
func (m *mounted) stateHint(q operator.StateQuery, err error) error {
	if e, ok := errors.AsType[*operator.NotFoundError](err); ok && e.What == "stream" && e.Reason != "" {
		return m.hinted(err, "", m.Line("events", q.Stream.String())+" shows its events")
	}
	return m.hinted(err, "", m.Line("streams")+" lists the streams")
}

func (m *mounted) showState(s operator.State, diff bool) error {
	fields, err := operator.Fields(s.State)
	if err != nil {
		return err
	}
	t := m.Terminal
	table := t.Table(terminal.Column{}, terminal.Column{Text: true})
	for _, row := range [][2]any{{"stream", s.Stream.String()}, {"version", uint64(s.Version)}, {"time", s.Time}, {"", ""}} {
		if err := table.Row(row[0], row[1]); err != nil {
			return err
		}
	}
	changed := map[string]operator.Change{}
	for _, c := range s.Changes {
		changed[c.Field] = c
	}
	for _, f := range fields {
		value := any(plain(f.Value))
		if c, ok := changed[f.Name]; ok && diff {
			value = terminal.Cell{Text: changeText(c), Color: terminal.Odd}
		}
		delete(changed, f.Name)
		if err := table.Row(f.Name, value); err != nil {
			return err
		}
	}
	for _, c := range s.Changes {
		if _, gone := changed[c.Field]; gone {
			if err := table.Row(c.Field, terminal.Cell{Text: changeText(c), Color: terminal.Odd}); err != nil {
				return err
			}
		}
	}
	return table.Flush()
}

func changeText(c operator.Change) string { return orAbsent(c.Before) + " → " + orAbsent(c.After) }

func orAbsent(value json.RawMessage) string {
	if value == nil {
		return terminal.None
	}
	return plain(value)
}

// plain is a value as people read it: a string without its quotes.
func plain(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil && text != "" {
		return text
	}
	return string(value)
}
