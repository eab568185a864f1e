package projectiontest

import (
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// fold is a plain fold of a history that goes on, event by event.
type fold struct {
	code    *projection.Projection
	stored  map[string]string // the names by which view stores know the views
	rows    map[projection.RowID][]byte
	history []eventstore.Commit // what was folded, of one event each
	pull    func() (projection.Change, error, bool)
	stop    func()
	err     error
}

func newFold(code *projection.Projection) *fold {
	f := &fold{code: code, stored: map[string]string{}, rows: map[projection.RowID][]byte{}}
	for _, v := range code.Declared() {
		f.stored[v.Name] = v.Stored
	}
	next := func(yield func(eventstore.Commit, error) bool) {
		for yield(f.history[len(f.history)-1], nil) {
		}
	}
	f.pull, f.stop = iter.Pull2(projection.Try(code, next))
	return f
}

// add folds an event. The first one that can not be folded is the last one, and the fold's
// err.
func (f *fold) add(event eventstore.Commit) {
	if f.err != nil || !slices.Contains(f.code.Categories(), event.Stream.Category()) {
		return
	}
	f.history = append(f.history, event)
	change, err, _ := f.pull()
	if err != nil {
		f.err = fmt.Errorf("plain fold: %w", err)
		return
	}
	for _, c := range change.Rows {
		id := projection.RowID{View: f.stored[c.Row.View], Key: c.Row.Key}
		if c.After == nil {
			delete(f.rows, id)
		} else {
			f.rows[id] = c.After
		}
	}
}

// clone returns a fold of the same history, which goes on by itself.
func (f *fold) clone() *fold {
	g := newFold(f.code)
	for _, event := range f.history {
		g.add(event)
	}
	return g
}

// sorted returns the rows.
func (f *fold) sorted() []projection.Row {
	rows := make([]projection.Row, 0, len(f.rows))
	for _, id := range slices.SortedFunc(maps.Keys(f.rows), projection.RowID.Compare) {
		rows = append(rows, projection.Row{ID: id, Content: f.rows[id]})
	}
	return rows
}

// alone returns the events of a commit as commits of one event each.
func alone(c eventstore.Commit) []eventstore.Commit {
	events := make([]eventstore.Commit, len(c.Events))
	for i := range c.Events {
		events[i] = c
		events[i].First, events[i].Events = c.EventID(i).Version, c.Events[i:i+1]
	}
	return events
}
