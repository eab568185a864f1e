package projectiontest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// line is a line of a trace, and the streams that it is about; none: all of them.
type line struct {
	text    string
	streams []eventstore.StreamID
}

func (w *world) tracef(stream eventstore.StreamID, format string, args ...any) {
	w.trace = append(w.trace, line{fmt.Sprintf(format, args...), []eventstore.StreamID{stream}})
}

func (a *actor) tracef(format string, args ...any) {
	a.world.trace = append(a.world.trace, line{a.name + ": " + fmt.Sprintf(format, args...), a.about})
}

// mostLines is how many lines of a trace are shown, half of them its first ones.
const mostLines = 40

// report tells how a promise was broken.
func report(t *testing.T, w *world, seed uint64, schedules int) string {
	t.Helper()
	lines := w.trace
	if !testing.Verbose() {
		if lines = w.relevant(t.Context()); len(lines) > mostLines {
			lines = slices.Concat(lines[:mostLines/2], []line{{text: "…"}}, lines[len(lines)-mostLines/2:])
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "projection %q: %s\n\nthe shortest way there that was found, with a part of the history:\n", w.scene.Projection.Name(), w.failure)
	for _, l := range lines {
		fmt.Fprintf(&b, "  %s\n", l.text)
	}
	if hidden := len(w.trace) - len(lines); hidden > 0 {
		fmt.Fprintf(&b, "\n%d more lines, mostly about other streams: go test -v shows them", hidden)
	}
	fmt.Fprintf(&b, "\nfound by schedule %d of %d; LEFTFOLD_SEED=%d begins with it", schedules, w.scene.Schedules, seed)
	return b.String()
}

// relevant returns the lines about streams whose events change the row that was
// wrong.
func (w *world) relevant(ctx context.Context) []line {
	if w.row == nil {
		return w.trace
	}
	streams := map[eventstore.StreamID]bool{}
	r, err := newRehearsal(ctx, w.code, w.scene.writes)
	if err != nil {
		return w.trace
	}
	steps, err := r.run(ctx)
	if err != nil || len(steps) < len(r.commits) {
		return w.trace
	}
	for i, s := range steps {
		if slices.ContainsFunc(s.writes, func(write projection.RowWrite) bool { return write.Row.ID == *w.row }) {
			streams[r.commits[i].Stream] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(w.trace), func(l line) bool {
		return len(l.streams) > 0 && !slices.ContainsFunc(l.streams, func(s eventstore.StreamID) bool { return streams[s] })
	})
}

func nameRow(id projection.RowID) string {
	if id.Key.Sort == "" {
		return fmt.Sprintf("row %q of view %q", id.Key.Partition, id.View)
	}
	return fmt.Sprintf("row %q, %q of view %q", id.Key.Partition, id.Key.Sort, id.View)
}

// rowNames names a few rows, and counts many.
func rowNames(ids []projection.RowID) string {
	if len(ids) > 3 {
		return fmt.Sprintf("%d rows", len(ids))
	}
	var list []string
	for _, id := range ids {
		list = append(list, strings.TrimSpace(fmt.Sprintf("%s %s %s", id.View, id.Key.Partition, id.Key.Sort)))
	}
	return strings.Join(list, ", ")
}

// clip shows what a payload is about.
func clip(payload []byte) string {
	const most = 100
	if len(payload) <= most {
		return string(payload)
	}
	return string(payload[:most]) + "…"
}

func ifSet(set bool, text string) string {
	if set {
		return text
	}
	return ""
}

func build(fixed bool) string {
	if fixed {
		return "newer"
	}
	return "older"
}

func names(streams []eventstore.StreamID) string {
	var list []string
	for _, s := range streams {
		list = append(list, s.String())
	}
	return strings.Join(list, ", ")
}

func streamsOf(batch []eventstore.Announcement) []eventstore.StreamID {
	var streams []eventstore.StreamID
	for _, b := range batch {
		streams = append(streams, b.Stream)
	}
	return streams
}

// places names the commits that are announced.
func places(batch []eventstore.Announcement) string {
	list := make([]string, len(batch))
	for i, b := range batch {
		list[i] = fmt.Sprintf("%s@%d", b.Stream, b.First)
	}
	return strings.Join(list, " ")
}

func describe(s projection.Slice) string {
	var moves []string
	for _, m := range s.Moves {
		moves = append(moves, fmt.Sprintf("%s %d→%d%s", m.Stream, m.From, m.To, ifSet(m.Skip, ", skipping")))
	}
	var ids []projection.RowID
	for _, w := range s.Writes {
		ids = append(ids, w.Row.ID)
	}
	if len(ids) == 0 {
		return strings.Join(moves, ", ")
	}
	return strings.Join(moves, ", ") + ": " + rowNames(ids)
}

// describeFilling names what is filled.
func describeFilling(f projection.Filling) string {
	var checkpoints []string
	for _, c := range f.Checkpoints {
		checkpoints = append(checkpoints, fmt.Sprintf("%s→%d", c.Stream, c.Version))
	}
	var ids []projection.RowID
	for _, row := range f.Rows {
		ids = append(ids, row.ID)
	}
	if len(ids) > 0 {
		checkpoints = append(checkpoints, rowNames(ids))
	}
	return strings.Join(checkpoints, ", ")
}

func headNames(heads []projection.Head) string {
	var list []string
	for _, h := range heads {
		list = append(list, fmt.Sprintf("%s@%d", h.Stream, h.Version))
	}
	return strings.Join(list, ", ")
}
