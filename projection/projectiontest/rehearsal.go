package projectiontest

import (
	"context"
	"fmt"
	"slices"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
)

// rehearsal is the history in peace: one worker, one event after the other, nothing
// fails. It can be run again, on the same commits at the same times.
type rehearsal struct {
	projection *projection.Projection
	store      *memstore.Store
	commits    []eventstore.Commit // of one event each
}

// step is what one event did in a rehearsal.
type step struct {
	event  string                // "stream@version (TYPE)"
	writes []projection.RowWrite // in the order of the rows
	err    string                // why it could not be applied, if so
}

// plenty is more than any event of a test changes.
var plenty = projection.Limits{Items: 1 << 20, Bytes: 1 << 30}

func newRehearsal(ctx context.Context, p *projection.Projection, writes []eventstore.Write) (*rehearsal, error) {
	r := &rehearsal{projection: p, store: memstore.New()}
	for _, w := range writes {
		for i := range w.Events {
			c, err := r.store.Append(ctx, eventstore.Write{Stream: w.Stream, Revision: eventstore.Any, Events: w.Events[i : i+1]})
			if err != nil {
				return nil, fmt.Errorf("append to %s: %w", w.Stream, err)
			}
			r.commits = append(r.commits, c)
		}
	}
	return r, nil
}

// run applies the history to empty views, up to the first event that fails.
func (r *rehearsal) run(ctx context.Context) ([]step, error) {
	views := &notes{ViewStore: memviews.New(memviews.Options{Limits: plenty})}
	engine, err := projection.NewEngine(r.store, views, projection.Options{Sequential: true}, r.projection)
	if err != nil {
		return nil, err
	}
	if err := engine.Prepare(ctx); err != nil {
		return nil, err
	}
	var steps []step
	for i := range r.commits {
		views.step = step{event: nameOf(&r.commits[i])}
		a := eventstore.Announce(&r.commits[i])
		if failed := engine.Handle(ctx, eventstore.Batch{Announcements: []eventstore.Announcement{a}}); len(failed) > 0 {
			views.step.err = engine.Heartbeats(a.Time)[0].LastError
		}
		slices.SortFunc(views.step.writes, func(a, b projection.RowWrite) int { return a.Row.ID.Compare(b.Row.ID) })
		if steps = append(steps, views.step); views.step.err != "" {
			break
		}
	}
	return steps, nil
}

// notes is a view store that notes what becomes of an event.
type notes struct {
	projection.ViewStore
	step step
}

func (n *notes) Apply(ctx context.Context, s projection.Slice) error {
	n.step.writes = append(n.step.writes, s.Writes...)
	return n.ViewStore.Apply(ctx, s)
}

func (n *notes) Park(ctx context.Context, g projection.GenerationID, stream eventstore.StreamID, at eventstore.Version, p *projection.Parked) error {
	if p != nil {
		n.step.err = p.Error
	}
	return n.ViewStore.Park(ctx, g, stream, at, p)
}

// nameOf names the event of a commit that has one.
func nameOf(c *eventstore.Commit) string {
	return fmt.Sprintf("%s (%s)", c.EventID(0), c.Events[0].Type)
}

// rows returns the rows that the step has put.
func (s *step) rows() []projection.Row { return rowsAfter([]step{*s}) }

// rowsAfter returns the rows that steps lead to.
func rowsAfter(steps []step) []projection.Row {
	byID := map[projection.RowID]projection.Row{}
	for _, s := range steps {
		for _, w := range s.writes {
			if delete(byID, w.Row.ID); !w.Delete {
				byID[w.Row.ID] = w.Row
			}
		}
	}
	var rows []projection.Row
	for _, row := range byID {
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b projection.Row) int { return a.ID.Compare(b.ID) })
	return rows
}
