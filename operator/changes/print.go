package changes

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

// print shows events. The caller holds mu. What can not be read is left out: this is a
// report, and others say what is wrong with a store.
func (r *Report) print(ctx context.Context, events []*event) {
	if len(events) > r.opts.Most {
		rows, streams := 0, map[eventstore.StreamID]bool{}
		for _, e := range events {
			rows += len(e.rows)
			streams[e.id.Stream] = true
		}
		r.opts.Terminal.Say("%s of %s were applied, with %s", terminal.Counted(len(events), "event"),
			terminal.Counted(len(streams), "stream"), terminal.Counted(rows, "change of a row", "changes of rows"))
		return
	}
	table := r.opts.Terminal.Table(terminal.Column{}, terminal.Column{}, terminal.Column{}, terminal.Column{Text: true}, terminal.Column{})
	var c eventstore.Commit
	for _, e := range events {
		if c.Stream != e.id.Stream || e.id.Version < c.First || e.id.Version > c.Last() {
			var ok bool
			if c, ok = r.commitOf(ctx, e.id); !ok {
				continue
			}
		}
		r.rows(table, &c, e)
	}
	_ = table.Flush() // a terminal that is gone ends the program by itself
}

func (r *Report) commitOf(ctx context.Context, id eventstore.EventID) (eventstore.Commit, bool) {
	for c, err := range r.opts.Source.Read(ctx, id.Stream, id.Version) {
		return c, err == nil && c.First <= id.Version && id.Version <= c.Last()
	}
	return eventstore.Commit{}, false
}

// rows adds an event and what it has changed to a table.
func (r *Report) rows(table *terminal.Table, c *eventstore.Commit, e *event) {
	i := int(e.id.Version - c.First)
	cells := []any{c.Time.Local().Format(time.TimeOnly), e.id.String(), e.typ, r.opts.Describe(c, i), r.cost(c, i)}
	_ = table.Row(cells...) // Flush says what is wrong
	if len(e.rows) == 0 {
		_ = table.Row(branch("└"), terminal.Cell{Text: "no view changes", Color: terminal.Dim}, "", "", "")
	}
	for j, changed := range e.rows {
		mark := "├"
		if j == len(e.rows)-1 {
			mark = "└"
		}
		key := changed.Row.Key.Partition
		if changed.Row.Key.Sort != "" {
			key += " / " + changed.Row.Key.Sort
		}
		_ = table.Row(branch(mark), changed.Row.View, key, Text(changed.RowChange),
			terminal.Cell{Text: delay(changed.at.Sub(c.Time)), Color: terminal.Dim})
	}
}

// branch stands below the time of the event.
func branch(mark string) terminal.Cell {
	return terminal.Cell{Text: strings.Repeat(" ", len(time.TimeOnly)-1) + mark, Color: terminal.Dim}
}

// delay is how long after its commit was made an event is in a row.
func delay(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}

// cost says what the commit of an event costs, beside its first event.
func (r *Report) cost(c *eventstore.Commit, i int) terminal.Cell {
	if r.opts.Costs == nil || i > 0 {
		return terminal.Cell{}
	}
	cost, err := r.opts.Costs.Append(*c)
	if err != nil {
		return terminal.Cell{}
	}
	text := terminal.Counted(int(cost.WriteUnits), "write unit")
	if c.First == 1 {
		text += ", new stream"
	}
	return terminal.Cell{Text: text, Color: terminal.Dim}
}

// Text says what became of a row: its fields that differ, before and after.
func Text(c projection.RowChange) string {
	switch {
	case c.After == nil && c.Before == nil:
		return "not there, before and after"
	case c.After == nil:
		return "deleted"
	}
	var parts []string
	for _, f := range c.Fields() {
		name := f.Name
		if name != "" {
			name += " "
		}
		if c.Before == nil {
			parts = append(parts, name+value(f.After))
			continue
		}
		parts = append(parts, name+value(f.Before)+" → "+value(f.After))
	}
	text := strings.Join(parts, "  ")
	switch {
	case c.Before == nil:
		return "new: " + text
	case text == "":
		return "as it was"
	}
	return text
}

// value is JSON as people read it: a text without its quotes. Numbers stay as they are
// stored.
func value(raw json.RawMessage) string {
	if raw == nil {
		return terminal.None
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}
