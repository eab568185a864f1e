package commands

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
)

func (m *mounted) projections() *cobra.Command {
	c := m.look("projections [NAME]", "List projections and reactions with their generations, or show one", operator.ProjectionStatus{}, func(ctx context.Context, o *operator.Operator, args []string) error {
		if name := arg(args, 0); name != "" {
			p, err := o.Projection(ctx, name)
			if err != nil {
				return err
			}
			return m.Terminal.Object(p, p.Projection, func() error { return m.showProjection(p) })
		}
		s, err := o.Status(ctx)
		if err != nil {
			return err
		}
		return m.listProjections(s)
	})
	c.ValidArgsFunction = m.completeProjection
	return c
}

func kindOf(p *operator.ProjectionStatus) string {
	if p.Reaction {
		return "reaction"
	}
	return "projection"
}

func (m *mounted) listProjections(s operator.Status) error {
	list := m.Terminal.List(terminal.Column{Name: "NAME"}, terminal.Column{Name: "KIND"}, terminal.Column{Name: "STATE"},
		terminal.Column{Name: "GENERATION", Right: true}, terminal.Column{Name: "ROLE"}, terminal.Column{Name: "VERSION", Right: true}, terminal.Column{Name: "SINCE"})
	for i := range s.Projections {
		p := &s.Projections[i]
		if len(p.Generations) == 0 {
			if err := list.Add(p, p.Projection, p.Projection, kindOf(p), conditionCell(p.Condition), nil, nil, nil, nil); err != nil {
				return err
			}
			continue
		}
		for j, g := range p.Generations {
			if j > 0 && (m.Terminal.JSON || m.Terminal.Quiet || m.Terminal.Template != "") {
				break // an entry has all its generations
			}
			if err := list.Add(p, p.Projection, p.Projection, kindOf(p), conditionCell(p.Condition), g.Number, roleText(g), g.Version, g.Since); err != nil {
				return err
			}
		}
	}
	if list.Len() == 0 {
		m.Terminal.Say("the service has no projection")
	}
	return list.End()
}

func (m *mounted) showProjection(p operator.ProjectionStatus) error {
	t := m.Terminal
	table := t.Table(terminal.Column{}, terminal.Column{})
	now := t.Now()
	rows := [][2]any{{kindOf(&p), p.Projection}, {"state", conditionCell(p.Condition)}, {"oldest", seconds(p.OldestSeconds)}, {"waiting", number(p.Waiting)},
		{"parked", p.Parked}, {"last full check", m.lastCheck(&p)}}
	if p.Paused != nil {
		rows = append(rows, [2]any{"paused", strings.TrimPrefix(m.pauseText(p.Projection, *p.Paused), p.Projection+" is paused ")})
	}
	if p.LastError != "" {
		rows = append(rows, [2]any{"last error", p.LastError})
	}
	for _, g := range p.Generations {
		rows = append(rows, [2]any{fmt.Sprintf("generation %d", g.Number), fmt.Sprintf("%s, version %d, since %s%s", g.Role, g.Version, t.When(g.Since), m.frozenText(g))})
	}
	if r := p.Rebuild; r != nil {
		rows = append(rows, [2]any{"rebuild", terminal.Cell{Text: rebuildCell(r.Condition).Text + ", " + m.farText(*r), Color: rebuildCell(r.Condition).Color}})
	}
	for _, id := range p.Skips {
		rows = append(rows, [2]any{"skips", id.String()})
	}
	for _, b := range p.Workers {
		last := "heard"
		if b.Ended {
			last = "ended"
		}
		rows = append(rows, [2]any{"worker " + b.Worker, fmt.Sprintf("%s, %s %s ago, %s events applied", b.Build, last, terminal.Age(now.Sub(b.At)), terminal.Thousands(b.Applied))})
	}
	for _, row := range rows {
		if err := table.Row(row[0], row[1]); err != nil {
			return err
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if p.Parked > 0 {
		m.next("parked list", p.Projection)
	}
	if len(p.Skips) > 0 {
		m.next("parked skips", p.Projection)
	}
	return nil
}
