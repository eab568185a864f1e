package commands

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

func (m *mounted) rebuildStatus() *cobra.Command {
	c := m.look("status [PROJECTION]", "Show how far rebuilds are, and which generations are kept", operator.RebuildOverview{}, m.rebuildStatuses)
	c.ValidArgsFunction = m.completeProjection
	return c
}

func (m *mounted) rebuildStatuses(ctx context.Context, o *operator.Operator, args []string) error {
	if name := arg(args, 0); name != "" {
		overview, err := o.Rebuild(ctx, name)
		if err != nil {
			return m.hinted(err, name, m.listed())
		}
		return m.Terminal.Object(overview, name, func() error { return m.showRebuild(overview) })
	}
	all, err := o.Rebuilds(ctx)
	if err != nil {
		return err
	}
	list := m.Terminal.List(terminal.Column{Name: "PROJECTION"}, terminal.Column{Name: "READ", Right: true}, terminal.Column{Name: "REBUILD", Right: true},
		terminal.Column{Name: "STATE"}, terminal.Column{Name: "HOW FAR", Text: true}, terminal.Column{Name: "KEPT"})
	for _, r := range all {
		var read, rebuild, state, text any
		if r.Active != nil {
			read = r.Active.Number
		}
		if s := r.Rebuild; s != nil {
			rebuild, state, text = s.Generation, rebuildCell(s.Condition), m.farText(*s)
		}
		if g := r.Building; g != nil {
			rebuild, state, text = g.Number, conditionCell(operator.IsBuilding), byWorkers
		}
		if err := list.Add(r, r.Projection, r.Projection, read, rebuild, state, text, keptText(r.Kept)); err != nil {
			return err
		}
	}
	if list.Len() == 0 {
		m.Terminal.Say("the service has no projection")
	}
	return list.End()
}

// rebuildMarks say a condition by a sign, which is not told by its colour alone.
var rebuildMarks = map[operator.RebuildCondition]terminal.Cell{
	operator.RebuildStarting: {Text: "◐", Color: terminal.Odd},
	operator.RebuildRuns:     {Text: "◐", Color: terminal.Odd},
	operator.RebuildSilent:   {Text: "○", Color: terminal.Bad},
	operator.RebuildIdle:     {Text: "○", Color: terminal.Odd},
	operator.RebuildPaused:   {Text: "◇", Color: terminal.Odd},
	operator.RebuildFailed:   {Text: "✘", Color: terminal.Bad},
	operator.RebuildBuilt:    {Text: "●", Color: terminal.Odd},
	operator.RebuildWrong:    {Text: "✘", Color: terminal.Bad},
	operator.RebuildReady:    {Text: "●", Color: terminal.Good},
}

func rebuildCell(c operator.RebuildCondition) terminal.Cell {
	return terminal.Cell{Text: rebuildMarks[c].Text + " " + string(c), Color: rebuildMarks[c].Color}
}

// rebuildText says how a rebuild is within a line.
func (m *mounted) rebuildText(s operator.RebuildStatus) string {
	return string(s.Condition) + ", " + m.farText(s)
}

// farText says how far a rebuild is.
func (m *mounted) farText(s operator.RebuildStatus) string {
	switch s.Condition {
	case operator.RebuildFailed:
		return s.Failure
	case operator.RebuildBuilt:
		return "not compared yet"
	case operator.RebuildReady, operator.RebuildWrong:
		return countsText(*s.Compared, s.Generation)
	}
	text := string(s.Phase)
	if s.Done > 0 {
		text += fmt.Sprintf(" %.0f%%", s.Done*100)
	}
	if p := s.Progress; p != nil && s.Condition == operator.RebuildRuns && p.Left != (projection.Span{}) {
		text += ", left " + terminal.Between(p.Left.Least, p.Left.Most)
	}
	switch {
	case s.Condition == operator.RebuildSilent && s.Heard.IsZero():
		text += fmt.Sprintf(", %s was not heard of", s.Coordinator)
	case s.Condition == operator.RebuildSilent:
		text += fmt.Sprintf(", %s was last heard at %s", s.Coordinator, m.Terminal.When(s.Heard))
	}
	return text
}

// byWorkers says how a generation is made that no rebuild makes.
const byWorkers = "built by workers, until one's first sweep has ended"

func keptText(kept []operator.GenerationStatus) string {
	var parts []string
	for _, g := range kept {
		parts = append(parts, fmt.Sprintf("%d %s", g.Number, roleText(g)))
	}
	if len(parts) == 0 {
		return terminal.None
	}
	return strings.Join(parts, ", ")
}

// roleText is what a generation is for, and whether it is frozen.
func roleText(g operator.GenerationStatus) string {
	if g.Frozen {
		return string(g.Role) + ", frozen"
	}
	return string(g.Role)
}

// showRebuild shows all that is known of the generations of one projection.
func (m *mounted) showRebuild(r operator.RebuildOverview) error {
	t := m.Terminal
	rows := [][2]any{{"projection", r.Projection}}
	if r.Paused != nil {
		rows = append(rows, [2]any{"paused", strings.TrimPrefix(m.pauseText(r.Projection, *r.Paused), r.Projection+" is paused ")})
	}
	if g := r.Active; g != nil {
		rows = append(rows, [2]any{fmt.Sprintf("generation %d", g.Number), m.generationText(*g)})
	}
	if g := r.Building; g != nil {
		rows = append(rows, [2]any{fmt.Sprintf("generation %d", g.Number), m.generationText(*g) + "; " + byWorkers})
	}
	if s := r.Rebuild; s != nil {
		rows = append(rows, m.rebuildRows(*s)...)
	}
	for _, g := range r.Kept {
		rows = append(rows, [2]any{fmt.Sprintf("generation %d", g.Number), m.generationText(g)})
	}
	table := t.Table(terminal.Column{}, terminal.Column{})
	for _, row := range rows {
		if err := table.Row(row[0], row[1]); err != nil {
			return err
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	m.nextOfRebuild(r)
	return nil
}

// generationText says what a generation is for, and how long it is kept.
func (m *mounted) generationText(g operator.GenerationStatus) string {
	text := fmt.Sprintf("%s, version %d, since %s%s", g.Role, g.Version, m.Terminal.When(g.Since), m.frozenText(g))
	switch g.Role {
	case projection.Previous:
		text += "; kept until it is retired"
	case projection.Retired:
		text += "; removed by a sweep from " + m.Terminal.When(g.Until) + " on"
	}
	return text
}

func (m *mounted) rebuildRows(s operator.RebuildStatus) [][2]any {
	t := m.Terminal
	rows := [][2]any{{fmt.Sprintf("generation %d", s.Generation), fmt.Sprintf("building, version %d", s.Version)}, {"rebuild", rebuildCell(s.Condition)}, {"how far", m.farText(s)}}
	began := t.When(s.Began)
	if s.By != "" {
		began += " by " + s.By
	}
	if s.Reason != "" {
		began += ": " + s.Reason
	}
	rows = append(rows, [2]any{"began", began})
	if s.Streams > 0 {
		rows = append(rows, [2]any{"of", fmt.Sprintf("%s, %s", terminal.Counted(s.Streams, "stream"), terminal.Counted(int(s.Events), "event"))})
	}
	if s.Coordinator != "" {
		heard := "not heard of yet"
		if !s.Heard.IsZero() {
			heard = "heard " + terminal.Age(t.Now().Sub(s.Heard)) + " ago"
		}
		rows = append(rows, [2]any{"coordinator", s.Coordinator + ", " + heard})
	}
	if s.Failed.Version > 0 {
		rows = append(rows, [2]any{"failed at", s.Failed.String()})
	}
	if !s.Swept.IsZero() {
		rows = append(rows, [2]any{"swept", s.Swept})
	}
	if c := s.Compared; c != nil {
		rows = append(rows, [2]any{"compared", fmt.Sprintf("%s; %s folded anew, %s wrong", t.When(c.At), terminal.Counted(c.Checked, "row"), terminal.Thousands(c.Wrong))})
	}
	return rows
}

// nextOfRebuild proposes what comes next.
func (m *mounted) nextOfRebuild(r operator.RebuildOverview) {
	if s := r.Rebuild; s != nil {
		switch s.Condition {
		case operator.RebuildReady:
			m.nextAct("rebuild switch", r.Projection, byName)
		case operator.RebuildBuilt:
			m.next("rebuild diff", r.Projection)
		case operator.RebuildWrong:
			m.next("rebuild diff", r.Projection, "--full")
			m.nextAct("rebuild cancel", r.Projection, byName)
		case operator.RebuildRuns, operator.RebuildStarting:
		default:
			if r.Paused != nil { // of the projection: it would be refused
				m.nextAct("resume", r.Projection, byYes)
				return
			}
			m.nextAct("rebuild resume", r.Projection, byYes)
		}
		return
	}
	for _, g := range r.Kept {
		switch {
		case g.Role != projection.Previous || r.Active == nil:
		case g.Number > r.Active.Number: // readers were rolled back from it
			m.next("rebuild switch", r.Projection)
			return
		default:
			m.next("rebuild rollback", r.Projection)
			return
		}
	}
}
