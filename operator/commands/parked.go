package commands

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
)

func (m *mounted) parked() *cobra.Command {
	list := m.look("list [PROJECTION]", "List the streams that wait, grouped by what went wrong", operator.Parked{}, m.listParked)
	list.ValidArgsFunction = m.completeProjection
	c := m.look("parked", "Look at the streams that wait because a projection failed on an event", operator.Parked{}, m.listParked)
	c.AddCommand(list, m.parkedShow(), m.parkedTry(), m.parkedRetry(), m.parkedSkip(), m.parkedUnskip(), m.parkedSkips())
	for _, sub := range c.Commands() {
		sub.GroupID = ""
	}
	return c
}

func (m *mounted) listParked(ctx context.Context, o *operator.Operator, args []string) error {
	groups, err := o.Parked(ctx, arg(args, 0))
	if err != nil {
		return err
	}
	t := m.Terminal
	list := t.List(terminal.Column{Name: "PROJECTION"}, terminal.Column{Name: "STREAM"}, terminal.Column{Name: "AT", Right: true},
		terminal.Column{Name: "ATTEMPTS", Right: true}, terminal.Column{Name: "SINCE"}, terminal.Column{Name: "ERROR", Text: true, Wide: true})
	if err := m.showGroups(groups); err != nil {
		return err
	}
	for _, g := range groups {
		for _, p := range g.Streams {
			if err := list.Add(p, p.ID().String(), generationName(p), p.Stream.String(), uint64(p.Version), p.Attempts, p.Since, p.Error); err != nil {
				return err
			}
		}
	}
	if err := list.End(); err != nil {
		return err
	}
	if list.Len() == 0 {
		t.Say("no stream is parked")
		return nil
	}
	first := groups[0].Streams[0]
	m.next("parked show", first.Projection, first.Stream.String())
	return nil
}

// generationName names a generation, by its number where it is not the first.
func generationName(p operator.Parked) string {
	return fmt.Sprintf("%s#%d", p.Projection, p.Generation)
}

// showGroups prints what the streams have in common, for people.
func (m *mounted) showGroups(groups []operator.ParkedGroup) error {
	t := m.Terminal
	if len(groups) == 0 || t.JSON || t.Quiet || t.Template != "" {
		return nil
	}
	table := t.Table(terminal.Column{Name: "ERROR", Text: true}, terminal.Column{Name: "EVENT"}, terminal.Column{Name: "PROJECTION"},
		terminal.Column{Name: "STREAMS", Right: true}, terminal.Column{Name: "SINCE"}, terminal.Column{Name: "CODE"})
	for _, g := range groups {
		if err := table.Row(g.Error, fmt.Sprintf("%s v%d", g.Type, g.SchemaVersion), generationName(g.Streams[0]), len(g.Streams), g.Since, g.Build); err != nil {
			return err
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(t.Stdout())
	return err
}

func (m *mounted) parkedShow() *cobra.Command {
	c := m.look("show PROJECTION STREAM", "Show the event that failed, and why", parkedEvent{}, nil)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		stream, err := eventstore.ParseStreamID(args[1])
		if err != nil {
			return Wrong(cmd, "%v", err)
		}
		return m.with(cmd.Context(), func(o *operator.Operator) error {
			return m.hinted(m.showParked(cmd.Context(), o, args[0], stream), args[0], m.Line("parked", "list")+" lists what is parked")
		})
	}
	c.ValidArgsFunction = m.completeParked
	return c
}

// parkedEvent is what there is to know about a parked stream.
type parkedEvent struct {
	operator.Parked
	Event *operator.Event `json:"event,omitempty"`
}

func (m *mounted) showParked(ctx context.Context, o *operator.Operator, name string, stream eventstore.StreamID) error {
	parked, err := o.ParkedIn(ctx, name, stream)
	if err != nil {
		return err
	}
	for _, p := range parked {
		e := parkedEvent{Parked: p}
		page, err := o.Events(ctx, operator.EventQuery{Stream: stream, From: p.Version, Limit: 1})
		if err == nil && len(page.Events) == 1 {
			e.Event = &page.Events[0]
		} else if err != nil {
			m.Terminal.Warn("the event can not be read: %v", err)
		}
		if err := m.Terminal.Object(e, p.ID().String(), func() error { return m.showParkedEvent(e) }); err != nil {
			return err
		}
	}
	return nil
}

func (m *mounted) showParkedEvent(e parkedEvent) error {
	table := m.Terminal.Table(terminal.Column{}, terminal.Column{})
	rows := [][2]any{{"projection", generationName(e.Parked)}, {"event", e.ID().String()}, {"type", fmt.Sprintf("%s v%d", e.Type, e.SchemaVersion)},
		{"error", e.Error}, {"attempts", e.Attempts}, {"since", e.Since}, {"code", e.Build}}
	if e.Event != nil {
		rows = append(rows, [2]any{"time", e.Event.Time}, [2]any{"payload", payloadText(*e.Event)})
	}
	for _, row := range rows {
		if err := table.Row(row[0], row[1]); err != nil {
			return err
		}
	}
	return table.Flush()
}
