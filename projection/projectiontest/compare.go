package projectiontest

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// check holds at every moment: the rows are the fold of what the checkpoints say, without
// the events that are marked to skip, each from the moment on at which the mark was stored;
// and a stream that waits does so right before the event that failed.
func (w *world) check() {
	if w.failure != "" {
		return
	}
	ctx := context.Background()
	applied := map[eventstore.StreamID]eventstore.Version{}
	for c, err := range w.views.AllCheckpoints(ctx, w.generation(), false) {
		if err != nil {
			w.fail("%v", err)
			return
		}
		applied[c.Stream] = c.Version
		if c.Waits() && c.Parked.Version != c.Version+1 {
			w.fail("%s is parked at %d while its checkpoint is %d: what lies between is not applied", c.Stream, c.Parked.Version, c.Version)
		}
	}
	w.compareWith(ctx, w.upTo(applied), "the rows are not the fold of what the checkpoints say")
}

// compare holds in the end: the rows are the fold of everything that is not behind
// a parked event.
func (w *world) compare(ctx context.Context) {
	w.check()
	applied := map[eventstore.StreamID]eventstore.Version{}
	for _, c := range w.commits {
		applied[c.Stream] = c.Last()
	}
	for c := range w.parked(ctx) {
		if c.Parked.Version <= c.Version {
			w.fail("%s has a left-over park record at %d below its checkpoint %d", c.Stream, c.Parked.Version, c.Version)
		}
		applied[c.Stream] = min(applied[c.Stream], c.Parked.Version-1)
	}
	w.compareWith(ctx, w.upTo(applied), "the rows are not the fold of the events")
}

// upTo returns the history cut at some versions.
func (w *world) upTo(applied map[eventstore.StreamID]eventstore.Version) []eventstore.Commit {
	var commits []eventstore.Commit
	for _, c := range w.commits {
		if last := applied[c.Stream]; c.First <= last {
			c.Events = c.Events[:min(int(last-c.First+1), len(c.Events))]
			commits = append(commits, c)
		}
	}
	return commits
}

func (w *world) compareWith(ctx context.Context, commits []eventstore.Commit, promise string) {
	expected, err := projection.Replay(w.scene.Projection, each(commits), w.skips.option())
	if err != nil {
		w.fail("plain fold: %v", err)
		return
	}
	actual, err := w.rows(ctx)
	if err != nil {
		w.fail("%v", err)
		return
	}
	if actual, err = w.withoutEarly(expected, actual); err != nil {
		w.fail("plain fold: %v", err)
		return
	}
	id, want, have, differ := firstDifference(expected, actual)
	if !differ {
		return
	}
	if w.failure == "" {
		w.row = &id
	}
	w.fail("%s\n  %s\n    expected %s\n    is       %s\n  likely cause: %s",
		promise, nameRow(id), orNone(want), orNone(have), w.likelyCause(commits, id, have))
}

// rows returns what is in the views, sorted.
func (w *world) rows(ctx context.Context) ([]projection.Row, error) {
	var rows []projection.Row
	for _, view := range w.scene.Projection.Views() {
		for row, err := range w.views.ScanRows(ctx, w.generation(), view) {
			if err != nil {
				return nil, err
			}
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, func(a, b projection.Row) int { return a.ID.Compare(b.ID) })
	return rows, nil
}

// withoutEarly takes rows out that may be there before their events are applied, or although
// these are skipped: those of a view that only inserts, as they would be.
func (w *world) withoutEarly(expected, actual []projection.Row) ([]projection.Row, error) {
	p := w.scene.Projection
	if !slices.ContainsFunc(p.Views(), p.OnlyInserts) {
		return actual, nil
	}
	coming, err := projection.Replay(p, each(w.commits))
	if err != nil {
		return nil, err
	}
	has := func(rows []projection.Row, row projection.Row) bool {
		i, found := slices.BinarySearchFunc(rows, row, func(a, b projection.Row) int { return a.ID.Compare(b.ID) })
		return found && bytes.Equal(rows[i].Content, row.Content)
	}
	return slices.DeleteFunc(actual, func(row projection.Row) bool {
		return p.OnlyInserts(row.ID.View) && !has(expected, row) && has(coming, row)
	}), nil
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
func (w *world) likelyCause(commits []eventstore.Commit, id projection.RowID, have []byte) string {
	fits := func(history []eventstore.Commit) bool {
		rows, err := projection.Replay(w.scene.Projection, each(history), w.skips.option())
		if err != nil {
			return false
		}
		i := slices.IndexFunc(rows, func(r projection.Row) bool { return r.ID == id })
		return i < 0 && have == nil || i >= 0 && bytes.Equal(rows[i].Content, have)
	}
	if w.fitsUnskipped(commits, id, have) {
		return "an event was applied after it was marked to skip"
	}
	if reversed := byStream(commits, true); fits(reversed) && !fits(commits) {
		return "the fold depends on the order of events of different streams, which nothing promises"
	}
	for i, c := range commits {
		for j := range c.Events {
			if fits(altered(commits, i, c.Events[:j+1], c.Events[j:], j)) {
				return fmt.Sprintf("%s was applied twice", c.EventID(j))
			}
			if fits(altered(commits, i, c.Events[:j], c.Events[j+1:], j+1)) {
				return fmt.Sprintf("%s was not applied, or what it did was overwritten", c.EventID(j))
			}
		}
		if fits(slices.Delete(slices.Clone(commits), i, i+1)) {
			return fmt.Sprintf("the commit %s@%d was not applied, or what it did was overwritten", c.Stream, c.First)
		}
	}
	return "several events were applied twice or not at all, or on a row that somebody else had written meanwhile"
}

// altered returns a history in which commit i is replaced by two stretches of its
// events; the second begins with event second of the commit.
func altered(commits []eventstore.Commit, i int, first, rest []eventstore.Event, second int) []eventstore.Commit {
	a, b := commits[i], commits[i]
	a.Events, b.Events = first, rest
	b.First += eventstore.Version(second)
	return slices.Concat(commits[:i], []eventstore.Commit{a, b}, commits[i+1:])
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
