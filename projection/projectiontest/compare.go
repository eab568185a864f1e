package projectiontest

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

const (
	promiseAlways = "the rows are not the fold of what the checkpoints say"
	promiseInEnd  = "the rows are not the fold of the events"
)

// check holds at every moment: the rows of a generation that is fed are the fold of what its
// checkpoints say, without the events that are marked to skip, each from the moment on at
// which the mark was stored; and a stream that waits does so right before the event that
// failed.
func (w *world) check(number uint64) {
	if w.failure != "" {
		return
	}
	g := w.state().Find(number)
	if g == nil || g.Role == projection.Retired || g.Folding() {
		return
	}
	known := w.generation(*g)
	streams := 0
	for c, err := range w.views.AllCheckpoints(context.Background(), w.id(number), false) {
		if err != nil {
			w.fail("%v", err)
			return
		}
		if c.Waits() && c.Parked.Version != c.Version+1 {
			w.fail("%s is parked at %d while its checkpoint is %d: what lies between is not applied%s", c.Stream, c.Parked.Version, c.Version, w.in(number))
		}
		if c.Version > 0 {
			w.advance(known, c.Stream, c.Version)
			streams++
		}
	}
	if streams < len(known.at) {
		w.fail("there are %d checkpoints, and were %d%s", streams, len(known.at), w.in(number))
	}
	w.compareWith(known, promiseAlways)
}

// checkAll is for when something has happened to all.
func (w *world) checkAll() {
	for _, g := range w.live() {
		w.check(g.Number)
	}
}

// compareAll holds in the end, for each generation of which nothing is left to a sweep: the
// rows are the fold of everything that is not behind a parked event.
func (w *world) compareAll(ctx context.Context) {
	w.checkAll()
	for _, g := range w.live() {
		if known := w.generation(g); !w.lossy && !known.missed && (g.Role != projection.Building || g.Rebuild == nil || !g.Rebuild.Swept.IsZero()) {
			w.compare(ctx, known)
		}
	}
}

func (w *world) compare(ctx context.Context, known *generation) {
	applied := map[eventstore.StreamID]eventstore.Version{}
	for stream, events := range w.events {
		if slices.Contains(known.code.Categories(), stream.Category()) {
			applied[stream] = eventstore.Version(len(events))
		}
	}
	for at := range w.parked(ctx) {
		if at.generation != known.number {
			continue
		}
		if at.Parked.Version <= at.Version {
			w.fail("%s has a left-over park record at %d below its checkpoint %d%s", at.Stream, at.Parked.Version, at.Version, w.in(known.number))
		}
		applied[at.Stream] = min(applied[at.Stream], at.Parked.Version-1)
	}
	if w.failure != "" {
		return
	}
	end := known.clone()
	defer end.end()
	for _, stream := range slices.SortedFunc(maps.Keys(applied), eventstore.StreamID.Compare) {
		w.advance(end, stream, max(applied[stream], end.at[stream]))
	}
	w.compareWith(end, promiseInEnd)
}

// compareWith compares the rows of a generation with its folds, and forgets those that do
// not fit where another one does.
func (w *world) compareWith(g *generation, promise string) {
	if w.failure != "" {
		return
	}
	actual, err := w.rows(g)
	if err != nil {
		w.fail("%v", err)
		return
	}
	var fit []*fold
	var expected, have []projection.Row
	for _, f := range g.folds {
		if f.err != nil {
			w.fail("%v", f.err)
			return
		}
		rows := f.sorted()
		actual := w.withoutEarly(g.code, f, actual)
		if _, _, _, differ := firstDifference(rows, actual); !differ {
			fit = append(fit, f)
		} else if expected == nil {
			expected, have = rows, actual
		}
	}
	if len(fit) > 0 {
		for _, f := range g.folds {
			if !slices.Contains(fit, f) {
				f.stop()
			}
		}
		g.folds = fit
		return
	}
	id, want, is, _ := firstDifference(expected, have)
	w.row, w.code = &id, g.code
	w.fail("%s\n  %s\n    expected %s\n    is       %s\n  likely cause: %s",
		promise, nameRow(id)+w.in(g.number), orNone(want), orNone(is), w.likelyCause(g, id, is))
}

// rows returns what is in the views of a generation, sorted.
func (w *world) rows(g *generation) ([]projection.Row, error) {
	var rows []projection.Row
	for _, view := range g.code.Views() {
		for row, err := range w.views.ScanRows(context.Background(), w.id(g.number), view) {
			if err != nil {
				return nil, err
			}
			rows = append(rows, row)
		}
	}
	return rows, nil // views and keys come in their order
}

// withoutEarly takes rows out that may be there before their events are applied, or although
// these are skipped: those of a view that only inserts, as they would be.
func (w *world) withoutEarly(code *projection.Projection, f *fold, actual []projection.Row) []projection.Row {
	coming := w.coming[code.Version()].rows
	early := func(row projection.Row) bool {
		return code.OnlyInserts(row.ID.View) && !bytes.Equal(f.rows[row.ID], row.Content) && bytes.Equal(coming[row.ID], row.Content)
	}
	if !slices.ContainsFunc(actual, early) {
		return actual
	}
	return slices.DeleteFunc(slices.Clone(actual), early)
}

func firstDifference(expected, actual []projection.Row) (id projection.RowID, want, have []byte, differ bool) {
	for i := 0; i < len(expected) || i < len(actual); i++ {
		switch {
		case i == len(actual) || i < len(expected) && expected[i].ID.Compare(actual[i].ID) < 0:
			return expected[i].ID, expected[i].Content, nil, true
		case i == len(expected) || expected[i].ID.Compare(actual[i].ID) > 0:
			return actual[i].ID, nil, actual[i].Content, true
		case !bytes.Equal(expected[i].Content, actual[i].Content):
			return expected[i].ID, expected[i].Content, actual[i].Content, true
		}
	}
	return id, nil, nil, false
}

// likelyCause folds the history with each event once more and once less, and says
// which of these histories the row would fit.
func (w *world) likelyCause(g *generation, id projection.RowID, have []byte) string {
	history := g.folds[0].history
	fits := func(history []eventstore.Commit) bool {
		rows, err := projection.Replay(g.code, each(history))
		if err != nil {
			return false
		}
		i := slices.IndexFunc(rows, func(r projection.Row) bool { return r.ID == id })
		return i < 0 && have == nil || i >= 0 && bytes.Equal(rows[i].Content, have)
	}
	if w.fitsUnskipped(g, fits) {
		return "an event was applied after it was marked to skip"
	}
	if reversed := byStream(history, true); fits(reversed) && !fits(history) {
		return "the fold depends on the order of events of different streams, which nothing promises"
	}
	for i, c := range history {
		if fits(slices.Insert(slices.Clone(history), i, c)) {
			return fmt.Sprintf("%s was applied twice", c.EventID(0))
		}
		if fits(slices.Delete(slices.Clone(history), i, i+1)) {
			return fmt.Sprintf("%s was not applied, or what it did was overwritten", c.EventID(0))
		}
	}
	for i, c := range w.commits {
		if rest := slices.DeleteFunc(slices.Clone(history), func(e eventstore.Commit) bool { return e.ID == c.ID && e.Stream == c.Stream }); fits(rest) {
			return fmt.Sprintf("the commit %s@%d was not applied, or what it did was overwritten", w.commits[i].Stream, c.First)
		}
	}
	if later := w.appliedEarly(g); later.Version > 0 && fits(append(slices.Clone(history), w.events[later.Stream][later.Version-1])) {
		return fmt.Sprintf("%s was applied, and the checkpoint does not say so", later)
	}
	return "several events were applied twice or not at all, or on a row that somebody else had written meanwhile"
}

// appliedEarly is a guess at an event that a row shows and no checkpoint covers.
func (w *world) appliedEarly(g *generation) (id eventstore.EventID) {
	for stream, events := range w.events {
		if at := g.at[stream]; int(at) < len(events) && (id.Version == 0 || stream.Compare(id.Stream) < 0) {
			id = eventstore.EventID{Stream: stream, Version: at + 1}
		}
	}
	return id
}

func each(commits []eventstore.Commit) iter.Seq2[eventstore.Commit, error] {
	return func(yield func(eventstore.Commit, error) bool) {
		for _, c := range commits {
			if !yield(c, nil) {
				return
			}
		}
	}
}

func orNone(content []byte) string {
	if content == nil {
		return "no row"
	}
	return string(content)
}
