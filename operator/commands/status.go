package commands

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
)

func (m *mounted) status() *cobra.Command {
	var check bool
	var limits operator.Limits
	c := m.look("status", "Say whether every view is right and fresh", nil, func(ctx context.Context, o *operator.Operator, _ []string) error {
		s, err := o.Status(ctx)
		if err != nil {
			return err
		}
		if check {
			return m.showCheck(s.Check(limits))
		}
		return m.Terminal.Object(s, s.Service, func() error { return m.showStatus(s) })
	})
	c.Long = lines(c.Short+". It reads no event and no row: it costs the same however much is stored.",
		"With --check it exits with 5 if something is not built, parked, frozen or not carried, or a limit is not kept.")
	c.Flags().BoolVar(&check, "check", false, "only tell whether all is well, by the exit code too")
	c.Flags().DurationVar(&limits.MaxOldest, "max-oldest", 0, "with --check: the greatest age of a commit that waits; 0 for any")
	c.Flags().DurationVar(&limits.MaxSilence, "max-silence", 0, "with --check: how long no worker may have reported; 0 for ever")
	c.PreRunE = func(*cobra.Command, []string) error {
		if check {
			return m.Terminal.CheckTemplate(operator.Check{})
		}
		return m.Terminal.CheckTemplate(operator.Status{})
	}
	run := c.RunE
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if !check && (limits != operator.Limits{}) {
			return Wrong(cmd, "limits are for --check")
		}
		return run(cmd, args)
	}
	return c
}

func (m *mounted) showCheck(c operator.Check) error {
	err := m.Terminal.Object(c, "", func() error {
		if c.OK {
			_, err := fmt.Fprintf(m.Terminal.Stdout(), "ok: %s, nothing parked, oldest %s\n", terminal.Counted(c.Projections, "projection"), seconds(c.OldestSeconds))
			return err
		}
		for _, f := range c.Failures {
			if _, err := fmt.Fprintln(m.Terminal.Stdout(), m.paint(terminal.Bad, "✘"), terminal.Clean(f)); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && !c.OK {
		err = terminal.ErrCheck
	}
	return err
}

func (m *mounted) paint(c terminal.Color, text string) string {
	return m.Terminal.Paint(m.Terminal.Stdout(), c, text)
}

// marks say a condition by a sign, which is not told by its colour alone.
var marks = map[operator.Condition]terminal.Cell{
	operator.IsLive:     {Text: "●", Color: terminal.Good},
	operator.IsSilent:   {Text: "○", Color: terminal.Odd},
	operator.IsBuilding: {Text: "◐", Color: terminal.Odd},
	operator.IsBuilt:    {Text: "●", Color: terminal.Odd},
	operator.IsFrozen:   {Text: "■", Color: terminal.Bad},
	operator.IsPaused:   {Text: "◇", Color: terminal.Bad},
	operator.IsParked:   {Text: "▲", Color: terminal.Bad},
	operator.NotCarried: {Text: "✘", Color: terminal.Bad},
	operator.NotStarted: {Text: "–", Color: terminal.Dim},
	operator.NotBuilt:   {Text: "✘", Color: terminal.Bad},
}

func conditionCell(c operator.Condition) terminal.Cell {
	return terminal.Cell{Text: marks[c].Text + " " + string(c), Color: marks[c].Color}
}

func (m *mounted) showStatus(s operator.Status) error {
	t := m.Terminal
	if len(s.Projections) == 0 {
		t.Say("the service has no projection")
		return nil
	}
	if err := m.verdict(s); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(t.Stdout()); err != nil {
		return err
	}
	table := t.Table(terminal.Column{Name: "PROJECTION"}, terminal.Column{Name: "STATE"}, terminal.Column{Name: "OLDEST", Right: true},
		terminal.Column{Name: "WAITING", Right: true}, terminal.Column{Name: "EV/S", Right: true}, terminal.Column{Name: "PARKED", Right: true},
		terminal.Column{Name: "GENERATION"}, terminal.Column{Name: "LAST FULL CHECK"}, terminal.Column{Name: "LAST ERROR", Text: true, Wide: true})
	for i := range s.Projections {
		p := &s.Projections[i]
		if err := table.Row(p.Projection, conditionCell(p.Condition), seconds(p.OldestSeconds), number(p.Waiting), rate(p.Rate), p.Parked,
			generation(p, s.At), m.lastCheck(p), p.LastError); err != nil {
			return err
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	m.statusHints(s)
	return nil
}

// verdict is the first line: what is wrong, or that nothing is.
func (m *mounted) verdict(s operator.Status) error {
	fine, idle := 0, 0
	for i := range s.Projections {
		p := &s.Projections[i]
		switch p.Condition {
		case operator.IsLive:
			fine++
			continue
		case operator.NotStarted:
			idle++
			continue
		}
		if _, err := fmt.Fprintf(m.Terminal.Stdout(), "%s %s: %s\n", m.paint(marks[p.Condition].Color, marks[p.Condition].Text), p.Projection, terminal.Clean(m.trouble(p, s.At))); err != nil {
			return err
		}
	}
	switch wanted := len(s.Projections) - idle; {
	case wanted == 0:
	case fine == wanted:
		_, err := fmt.Fprintf(m.Terminal.Stdout(), "%s everything is live\n", m.paint(terminal.Good, "●"))
		return err
	case fine > 0:
		_, err := fmt.Fprintf(m.Terminal.Stdout(), "%s everything else is live\n", m.paint(terminal.Good, "●"))
		return err
	}
	return nil
}

func (m *mounted) trouble(p *operator.ProjectionStatus, now time.Time) string {
	text := m.worst(p, now)
	if p.NotCarried && p.Condition != operator.NotCarried {
		text += "; " + notCarriedText(p) // which may be why
	}
	return text
}

func notCarriedText(p *operator.ProjectionStatus) string {
	g, _ := p.Active()
	return fmt.Sprintf("this program carries no generation that is live: deploy the one with version %d", g.Version)
}

// worst says what the condition of a projection means.
func (m *mounted) worst(p *operator.ProjectionStatus, now time.Time) string {
	switch p.Condition {
	case operator.NotBuilt:
		return "it was never built"
	case operator.IsParked:
		return fmt.Sprintf("%s parked%s, the first at %s (%s)", terminal.Counted(p.Parked, "stream"), parkedBeside(p), m.Terminal.When(p.ParkedSince), terminal.Age(now.Sub(p.ParkedSince)))
	case operator.IsPaused:
		return strings.TrimPrefix(m.pauseText(p.Projection, *p.Paused), p.Projection+" is ")
	case operator.IsFrozen:
		g, _ := p.Active()
		return fmt.Sprintf("no worker carries generation %d%s", g.Number, m.frozenText(g))
	case operator.NotCarried:
		return notCarriedText(p)
	case operator.IsBuilding:
		return "it is being built, and can not be read yet"
	case operator.IsBuilt:
		g, _ := p.Active()
		return fmt.Sprintf("generation %d is built, and can not be read before the switch", g.Number)
	}
	if p.Heard.IsZero() {
		return "no worker has reported"
	}
	return fmt.Sprintf("no worker has reported since %s (%s)", m.Terminal.When(p.Heard), terminal.Age(now.Sub(p.Heard)))
}

// parkedBeside says where streams are parked if they are in generations beside the one that
// readers use.
func parkedBeside(p *operator.ProjectionStatus) string {
	active, _ := p.Active()
	var where []string
	for _, g := range p.Generations {
		if g.Parked > 0 && g.Number != active.Number {
			where = append(where, fmt.Sprintf("%d in generation %d, which is %s", g.Parked, g.Number, g.Role))
		}
	}
	if len(where) == 0 {
		return ""
	}
	return " (" + strings.Join(where, ", ") + ")"
}

// frozenText says since when a generation is frozen, if it is and that is known.
func (m *mounted) frozenText(g operator.GenerationStatus) string {
	switch {
	case !g.Frozen:
		return ""
	case g.FrozenSince.IsZero():
		return "; frozen"
	}
	return "; frozen since " + m.Terminal.When(g.FrozenSince)
}

func (m *mounted) statusHints(s operator.Status) {
	used := terminal.Counted(s.Reads, "read")
	if s.Used != nil {
		used = fmt.Sprintf("%s, %.1f read units", used, s.Used.ReadUnits)
	}
	m.Terminal.Note("(%s)", used)
	if slices.ContainsFunc(s.Projections, func(p operator.ProjectionStatus) bool { return p.Parked > 0 }) {
		m.next("parked list")
	}
	for _, p := range s.Projections {
		if p.Rebuild != nil {
			m.next("rebuild status", p.Projection)
		}
	}
}

func number(n *int) any {
	if n == nil {
		return nil
	}
	return *n
}

func seconds(s *float64) string {
	if s == nil {
		return terminal.None
	}
	return terminal.Age(time.Duration(*s * float64(time.Second)))
}

func rate(r *float64) string {
	if r == nil {
		return terminal.None
	}
	return terminal.Thousands(int(*r + 0.5))
}

// generation is the number of the one that is read, and its age, and how far a rebuild is.
func generation(p *operator.ProjectionStatus, now time.Time) string {
	g, ok := p.Active()
	if !ok {
		return terminal.None
	}
	text := fmt.Sprintf("%d (%s)", g.Number, terminal.Age(now.Sub(g.Since)))
	r := p.Rebuild
	switch {
	case r == nil:
		return text
	case p.Condition == operator.IsBuilt: // it is that of the rebuild
		return fmt.Sprintf("%s %s", text, r.Condition)
	}
	if r.Condition != operator.RebuildRuns {
		return fmt.Sprintf("%s → %d %s", text, r.Generation, r.Condition)
	}
	return fmt.Sprintf("%s → %d %s %.0f%%", text, r.Generation, r.Phase, r.Done*100)
}

func (m *mounted) lastCheck(p *operator.ProjectionStatus) string {
	if p.Behind == nil {
		return terminal.None
	}
	return fmt.Sprintf("%s  %s behind", m.Terminal.When(p.LastCheck), terminal.Thousands(*p.Behind))
}
