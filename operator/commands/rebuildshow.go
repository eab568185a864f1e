package commands

import (
	"fmt"
	"strings"
	"time"

	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

func secondsOf(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }

// rebuildShow shows how far a rebuild is: on a terminal one line at the bottom; elsewhere one
// every 10 seconds and at each phase. In JSON it is two a second at the most, one at each phase,
// and the last.
type rebuildShow struct {
	m       *mounted
	o       *operator.Operator
	line    *terminal.Progress
	json    bool
	hint    string // at the end of the line
	phase   projection.Phase
	entered mark // where the phase began, or the part of the rows that is folded
	last    projection.RebuildProgress
	written time.Time                 // of the last line of JSON
	kept    *operator.RebuildProgress // what no line has said yet, nil for nothing
}

// mark is how many events were looked at at a moment.
type mark struct {
	at     time.Time
	events uint64
}

func (m *mounted) newRebuildShow(o *operator.Operator, how progressFlag, hint string) *rebuildShow {
	return &rebuildShow{m: m, o: o, line: m.Terminal.Progress(), json: how == "json", hint: hint}
}

func (s *rebuildShow) progress(p projection.RebuildProgress) {
	if p.Phase == "" {
		return
	}
	now := s.m.Terminal.Now()
	if s.json {
		s.kept = &operator.RebuildProgress{RebuildProgress: p}
		if p.Phase != s.phase || now.Sub(s.written) >= writtenEvery {
			s.write(now)
		}
		s.phase = p.Phase
		return
	}
	if p.Phase != s.phase || p.Events < s.last.Events || p.Phase == projection.PhaseFold && p.Share != s.last.Share {
		s.entered = mark{now, p.Events}
	}
	s.last = p
	if p.Phase != s.phase {
		s.phase = p.Phase
		s.line.Say("%s  %-9s %s", now.UTC().Format(time.TimeOnly), p.Phase, phaseText(p))
	}
	s.line.Show("%s", s.text(p, now))
}

// writtenEvery is how often a line of JSON is written while nothing new begins.
const writtenEvery = 500 * time.Millisecond

// write writes a line of JSON.
func (s *rebuildShow) write(now time.Time) {
	if s.kept != nil {
		_ = terminal.WriteJSON(s.m.Terminal.Stderr(), map[string]*operator.RebuildProgress{"progress": s.kept}) // there is nowhere to say that it failed
	}
	s.kept, s.written = nil, now
}

// end leaves the line free.
func (s *rebuildShow) end() {
	s.write(s.m.Terminal.Now())
	s.line.End()
}

// phaseText says what a phase is about, as it begins.
func phaseText(p projection.RebuildProgress) string {
	switch p.Phase {
	case projection.PhaseHeads:
		return "the streams are listed with their heads"
	case projection.PhaseFold:
		return fmt.Sprintf("%s, %s", terminal.Counted(p.StreamsOf, "stream"), terminal.Counted(int(p.EventsOf), "event"))
	case projection.PhaseCatchUp:
		return "every stream is brought to its head"
	case projection.PhaseCompare:
		return "with what readers use, and with a fold of the events"
	}
	return ""
}

// The line is made shorter step by step until it fits: these are the steps, from the one on at
// which something is left out.
const (
	halfBar = 1 + iota
	noRate
	noBar
	noUnits
	noDollars
	noCounts
)

// barColumns are those of the bar, half as many where it has to be shorter.
const barColumns = 20

// text is the line, as long as there is room for.
func (s *rebuildShow) text(p projection.RebuildProgress, now time.Time) string {
	text := s.shortened(p, now, 0)
	for step := halfBar; step <= noCounts && !s.line.Fits(text); step++ {
		text = s.shortened(p, now, step)
	}
	return text
}

// shortened is the line by so many steps: the phase, how much of it is done, what is counted,
// what is left, and what it cost.
func (s *rebuildShow) shortened(p projection.RebuildProgress, now time.Time, step int) string {
	parts := []string{fmt.Sprintf("%-9s", p.Phase)}
	if done := p.Done(); p.StreamsOf > 0 {
		switch {
		case !s.line.Terminal() || step >= noBar:
		case step >= halfBar:
			parts[0] += " " + terminal.Bar(done, barColumns/2)
		default:
			parts[0] += " " + terminal.Bar(done, barColumns)
		}
		parts = append(parts, fmt.Sprintf("%3.0f%%", done*100))
	}
	if n, of := p.Pass(); of > 1 {
		parts = append(parts, fmt.Sprintf("part %d of %d", n, of))
	}
	if step < noCounts {
		parts = append(parts, countedText(p))
	}
	if took := now.Sub(s.entered.at); took > 0 && p.EventsOf > 0 && p.PutOf == 0 && step < noRate {
		parts = append(parts, terminal.PerSecond(int(p.Events-s.entered.events), took))
	}
	if p.Left != (projection.Span{}) {
		parts = append(parts, "left "+terminal.Between(p.Left.Least, p.Left.Most))
	}
	if cost := s.o.Dollars(operator.Usage{ReadUnits: p.Units.Read, WriteUnits: p.Units.Write}); cost != nil {
		if step < noUnits {
			parts = append(parts, allUnits(p.Units.Read+p.Units.Write))
		}
		if step < noDollars {
			parts = append(parts, terminal.Dollars(*cost))
		}
	}
	if s.line.Terminal() && s.hint != "" {
		parts = append(parts, " "+s.hint)
	}
	return strings.Join(parts, "  ")
}

// countedText says what is counted, of how many.
func countedText(p projection.RebuildProgress) string {
	switch {
	case p.PutOf > 0:
		return fmt.Sprintf("%s/%s rows and checkpoints", terminal.Thousands(p.Put), terminal.Thousands(p.PutOf))
	case p.EventsOf > 0:
		return fmt.Sprintf("%s/%s events", terminal.Thousands(p.Events), terminal.Thousands(p.EventsOf))
	case p.StreamsOf > 0:
		return fmt.Sprintf("%s/%s streams", terminal.Thousands(p.Streams), terminal.Thousands(p.StreamsOf))
	}
	return terminal.Counted(p.Streams, "stream")
}

func allUnits(units float64) string { return terminal.Thousands(int64(units+0.5)) + " units" }

// showRebuilt prints a summary to be pasted.
func (m *mounted) showRebuilt(o *operator.Operator, r operator.Rebuilt) error {
	var text strings.Builder
	for _, phase := range r.Phases {
		line := ""
		switch phase.Phase {
		case projection.PhaseHeads:
			line = fmt.Sprintf("%s, %s", terminal.Counted(r.Streams, "stream"), terminal.Counted(int(r.Events), "event"))
		case projection.PhaseFold:
			line = fmt.Sprintf("%s, %s; %s applied", terminal.Counted(phase.Rows, "row"), terminal.Counted(phase.Checkpoints, "checkpoint"), terminal.Counted(int(phase.Applied), "event"))
		case projection.PhaseCatchUp:
			line = terminal.Counted(r.Behind, "stream was behind", "streams were behind")
		case projection.PhaseCompare:
			line = checkedText(r.Diff)
		}
		fmt.Fprintf(&text, "%-9s %s  (%s)\n", phase.Phase, line, terminal.Age(secondsOf(phase.Seconds)))
	}
	m.diffText(&text, r.Diff)
	last := fmt.Sprintf("%-9s generation %d of %s, in %s", m.rebuiltWord(r), r.Generation, r.Projection, terminal.Age(secondsOf(r.Seconds)))
	if r.Used != nil && r.Dollars != nil {
		last += fmt.Sprintf(", %s, %s", allUnits(r.Used.ReadUnits+r.Used.WriteUnits), terminal.Dollars(*r.Dollars))
	}
	fmt.Fprintln(&text, last)
	_, err := fmt.Fprint(m.Terminal.Stdout(), text.String())
	if err == nil && r.Diff != nil && r.Diff.Wrong == 0 {
		m.nextAct("rebuild switch", r.Projection, byName)
	}
	return err
}

func (m *mounted) rebuiltWord(r operator.Rebuilt) string {
	if r.Diff != nil && r.Diff.Wrong > 0 {
		return string(operator.RebuildWrong)
	}
	return string(operator.RebuildReady)
}

func checkedText(d *operator.RebuildDiff) string {
	if d == nil {
		return "not ended"
	}
	text := terminal.Counted(d.Checked, "row") + " folded anew: "
	if d.Full {
		text = "all " + text
	}
	if d.Wrong == 0 {
		text += "equal"
	} else {
		text += terminal.Thousands(d.Wrong) + " wrong"
	}
	if d.Moving > 0 {
		text += fmt.Sprintf("; %s written all the time, and not compared", terminal.Counted(d.Moving, "row"))
	}
	if d.Skipped > 0 {
		text += fmt.Sprintf("; %s skipped", terminal.Counted(d.Skipped, "event"))
	}
	return text
}
