package commands

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

func (m *mounted) rebuildDiff() *cobra.Command {
	var opts operator.RebuildOptions
	var how progressFlag
	var by operator.By
	c := m.look("diff PROJECTION", "Compare what was rebuilt with what readers use, and with a fold of the events", operator.RebuildDiff{}, nil)
	Mark(Acts, c)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if opts.Compare.Samples < 1 || opts.Compare.Keys < 1 {
			return Wrong(cmd, "--samples and --keys are 1 or more")
		}
		if opts.Rate < 0 {
			return Wrong(cmd, "--rate is 0 or more")
		}
		if err := how.check(cmd); err != nil {
			return err
		}
		return m.opened(cmd.Context(), Acts, func(o *operator.Operator) error { return m.diffRebuild(cmd.Context(), o, by, args[0], opts, how) })
	}
	c.Long = lines(c.Short+".", "What it finds is kept with the projection: a switch wants a comparison of the last 24 hours.",
		"So it is recorded who has made it; it asks nothing.",
		"It exits with 5 if rows are not what a fold of the events says; that the generations differ is no failure.")
	how.add(c)
	c.Flags().Float64Var(&opts.Rate, "rate", 0, "the most units a second, of 4 KB read; 0 for any")
	c.Flags().StringVar(&by.Reason, "reason", "", "why it is done, which is recorded; it may be left out")
	m.actorFlag(c, &by.Actor)
	c.Flags().BoolVar(&opts.Compare.Full, "full", false, "hold every row against a fold of the events, and not only some")
	c.Flags().IntVar(&opts.Compare.Keys, "keys", 200, "how many rows are held against a fold of the events, about, without --full")
	c.Flags().IntVar(&opts.Compare.Samples, "samples", 5, "how many rows that differ are shown")
	c.ValidArgsFunction = m.completeProjection
	return c
}

func (m *mounted) diffRebuild(ctx context.Context, o *operator.Operator, by operator.By, name string, opts operator.RebuildOptions, how progressFlag) error {
	if by.Actor == "" {
		by.Actor = userAtHost()
	}
	p := planned{do: func(ctx context.Context, by operator.By) (done, error) {
		show := m.newRebuildShow(o, how, "")
		opts.Progress, opts.Logger = show.progress, m.logger()
		d, err := o.DiffRebuild(ctx, by, name, opts)
		show.end()
		return done{answer: d, recorded: d.Recorded, show: func() error { return m.showDiff(d) }, failed: d.Wrong > 0}, m.unfinished(ctx, o, name, m.hinted(err, name, m.listed()))
	}}
	return m.carryOut(ctx, p, by)
}

func (m *mounted) showDiff(d operator.RebuildDiff) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%-9s %s\n", projection.PhaseCompare, checkedText(&d))
	m.diffText(&text, &d)
	_, err := fmt.Fprint(m.Terminal.Stdout(), text.String())
	if k := d.Kept; err == nil && k != nil {
		m.Terminal.Warn("at %s %s found wrong, which stands on: only %s replaces it", m.Terminal.When(k.At), terminal.Counted(k.Wrong, "row was", "rows were"), m.Line("rebuild", "diff", d.Projection, "--full"))
	}
	if err == nil && d.Wrong > 0 {
		m.nextAct("rebuild cancel", d.Projection, byName)
	}
	return err
}

// diffText prints what a comparison found.
func (m *mounted) diffText(w io.Writer, d *operator.RebuildDiff) {
	if d == nil {
		return
	}
	if d.Against > 0 {
		fmt.Fprintf(w, "%-9s %s\n", "diff", countsText(d.Compared, d.Generation))
	}
	m.parkedText(w, d.ParkedOld, d.Against)
	m.parkedText(w, d.ParkedNew, d.Generation)
	if fields := fieldsText(d.Compared); fields != "" {
		fmt.Fprintf(w, "%-9s %s\n", "changed", fields)
	}
	for _, row := range d.WrongRows {
		fmt.Fprintf(w, "%s %s  %s\n", m.paint(terminal.Bad, fmt.Sprintf("%-9s", "wrong")), rowName(row), rowText(row))
	}
	for _, row := range d.Samples {
		fmt.Fprintf(w, "%-9s %s  %s\n", "sample", rowName(row), rowText(row))
		if because := becauseText(row.Because); because != "" {
			fmt.Fprintf(w, "%-9s %s\n", "", because)
		}
	}
}

// parkedText says that rows of a generation differ for want of events, and not by the code.
func (m *mounted) parkedText(w io.Writer, streams int, generation uint64) {
	if streams > 0 {
		fmt.Fprintf(w, "%s %s in generation %d: rows lack their events there\n", m.paint(terminal.Bad, fmt.Sprintf("%-9s", "parked")), terminal.Counted(streams, "stream"), generation)
	}
}

func countsText(c projection.Compared, generation uint64) string {
	if c.Against == 0 {
		return terminal.Counted(c.OnlyNew, "row") + ", and nothing to compare them with"
	}
	return fmt.Sprintf("%s equal · %s changed · %s only in %d · %s only in %d", terminal.Thousands(c.Equal), terminal.Thousands(c.Changed),
		terminal.Thousands(c.OnlyOld), c.Against, terminal.Thousands(c.OnlyNew), generation)
}

// fieldsText says in how many of the changed rows each field differs, with the views where
// there are several.
func fieldsText(c projection.Compared) string {
	several := slices.ContainsFunc(c.Fields, func(f projection.FieldCount) bool { return f.View != c.Fields[0].View })
	var parts []string
	for _, f := range c.Fields {
		name := cmp.Or(f.Field, "the whole")
		if several {
			name += " of " + f.View
		}
		text := fmt.Sprintf("%s in %s", name, terminal.Counted(f.Rows(), "row"))
		switch f.Rows() {
		case f.Added:
			text += " (added)"
		case f.Removed:
			text += " (removed)"
		}
		parts = append(parts, text)
	}
	if c.OtherFields > 0 {
		parts = append(parts, terminal.Counted(c.OtherFields, "difference")+" in other fields")
	}
	return terminal.Clean(strings.Join(parts, ", "))
}

func rowName(row operator.RowDiff) string {
	return terminal.Clean(strings.TrimSpace(row.View + " " + row.Partition + " " + row.Sort))
}

// mostChanges is how many fields of a row are shown; more of a list are only counted.
const mostChanges = 6

func rowText(row operator.RowDiff) string {
	switch {
	case row.Old == nil:
		return "only new: " + clipped(row.New)
	case row.New == nil:
		return "only old: " + clipped(row.Old)
	}
	var parts []string
	within := map[string]int{} // fields of a list, where there are many
	for _, c := range row.Changes {
		list, _, inList := strings.Cut(c.Field, "[")
		switch {
		case inList && len(row.Changes) > mostChanges:
			within[list]++
		case len(parts) < mostChanges:
			parts = append(parts, c.Field+" "+changeText(c))
		default:
			within["others"]++
		}
	}
	for _, list := range slices.Sorted(maps.Keys(within)) {
		parts = append(parts, fmt.Sprintf("%s: %s", list, terminal.Counted(within[list], "field")))
	}
	return terminal.Clean(strings.Join(parts, ", "))
}

// clipped is the beginning of a row.
func clipped(row json.RawMessage) string {
	const most = 120
	text := terminal.Clean(string(row))
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

func becauseText(concerns []projection.Concern) string {
	var parts []string
	for _, c := range concerns {
		times := fmt.Sprintf("×%s", terminal.Thousands(c.New))
		if c.Old != c.New {
			times = fmt.Sprintf("×%s → ×%s", terminal.Thousands(c.Old), terminal.Thousands(c.New))
		}
		text := fmt.Sprintf("%s %s in %s", c.Type, times, strings.Join(c.Events, ", "))
		if max(c.Old, c.New) > len(c.Events) {
			text += ", …"
		}
		parts = append(parts, text)
	}
	if len(parts) == 0 {
		return ""
	}
	return "because " + terminal.Clean(strings.Join(parts, "; "))
}
