// Package memviews keeps views in memory, for tests. It refuses exactly what the
// real view stores refuse.
package memviews

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// Options says what the store can do. The zero value works.
type Options struct {
	// Limits of a slice. Defaults to those on DynamoDB: 100 items, about 3.8 MB.
	Limits projection.Limits
}

// Views implements [projection.ViewStore]. It is made by [New].
type Views struct {
	limits projection.Limits

	mu          sync.RWMutex
	generations map[projection.GenerationID]*generation
	states      map[string]projection.State
	beats       map[string]map[string]projection.Heartbeat
}

var _ projection.ViewStore = (*Views)(nil)

type generation struct {
	checkpoints map[eventstore.StreamID]projection.Checkpoint
	// rows have tombstones among them: origin rows without a revision.
	rows      map[projection.RowID]projection.Row
	manifests map[manifestPart][]projection.Head
}

// New returns an empty store.
func New(opts Options) *Views {
	if opts.Limits == (projection.Limits{}) {
		opts.Limits = projection.Limits{Items: 100, Bytes: 4<<20 - 100*4096} // as dynamoviews has them
	}
	return &Views{limits: opts.Limits, generations: map[projection.GenerationID]*generation{},
		states: map[string]projection.State{}, beats: map[string]map[string]projection.Heartbeat{}}
}

// Limits implements [projection.SliceStore].
func (v *Views) Limits() projection.Limits { return v.limits }

// of returns a generation, empty where nothing was written. The caller holds mu.
func (v *Views) of(g projection.GenerationID) *generation {
	if found := v.generations[g]; found != nil {
		return found
	}
	return &generation{checkpoints: map[eventstore.StreamID]projection.Checkpoint{}, rows: map[projection.RowID]projection.Row{},
		manifests: map[manifestPart][]projection.Head{}}
}

// Checkpoints implements [projection.SliceStore].
func (v *Views) Checkpoints(ctx context.Context, g projection.GenerationID, streams []eventstore.StreamID) ([]projection.Checkpoint, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	found := make([]projection.Checkpoint, len(streams))
	for i, s := range streams {
		found[i] = handOut(v.of(g).checkpoints[s])
		found[i].Stream = s
	}
	return found, nil
}

func handOut(c projection.Checkpoint) projection.Checkpoint {
	if c.Parked != nil {
		c.Parked = new(*c.Parked)
	}
	return c
}

// Apply implements [projection.SliceStore].
func (v *Views) Apply(ctx context.Context, s projection.Slice) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := s.Check(v.limits); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	g := v.of(s.Generation)
	// Inserted rows come first, as stores write them that charge for transactions: what
	// relies on them coming with the slice must fail here.
	v.generations[s.Generation] = g
	for _, w := range s.Writes {
		if w.Insert {
			g.put(w.Row)
		}
	}
	for _, m := range s.Moves {
		c := g.checkpoints[m.Stream]
		if c.Version != m.From {
			return fmt.Errorf("%w: checkpoint of %q is %d, not %d", projection.ErrChanged, m.Stream, c.Version, m.From)
		}
		if c.Parked != nil && !m.Parked {
			return fmt.Errorf("%w: %q is parked at %d", projection.ErrChanged, m.Stream, c.Parked.Version)
		}
		if marked(c) != m.Skip {
			return fmt.Errorf("%w: %q has a record above %d that is marked to skip: %v", projection.ErrChanged, m.Stream, c.Version, marked(c))
		}
	}
	for _, w := range s.Writes {
		if row := g.rows[w.Row.ID]; w.Conditional && row.Rev != w.Expect {
			return fmt.Errorf("%w: row %q of view %q", projection.ErrChanged, w.Row.ID.Key.Partition, w.Row.ID.View)
		}
	}
	for _, m := range s.Moves {
		c := g.checkpoints[m.Stream]
		c.Stream, c.Version = m.Stream, m.To
		g.checkpoints[m.Stream] = c
	}
	for _, w := range s.Writes {
		if w.Delete {
			g.remove(w)
		} else {
			g.put(w.Row)
		}
	}
	return nil
}

// marked: the event is still to be skipped.
func marked(c projection.Checkpoint) bool { return c.Waits() && c.Parked.Skip }

func (g *generation) put(row projection.Row) {
	row.Content, row.Origin = slices.Clone(row.Content), g.rows[row.ID].Origin
	g.rows[row.ID] = row
}

// remove believes what the write says of the row's origin, as stores do that would have to
// read the row for it.
func (g *generation) remove(w projection.RowWrite) {
	switch absent := w.Conditional && w.Expect == (eventstore.EventID{}); {
	case absent: // only a check
	case w.Row.Origin:
		g.rows[w.Row.ID] = projection.Row{ID: w.Row.ID, Origin: true}
	default:
		delete(g.rows, w.Row.ID)
	}
}

func isTombstone(row projection.Row) bool { return row.Rev == (eventstore.EventID{}) }

// Park implements [projection.SliceStore].
func (v *Views) Park(ctx context.Context, id projection.GenerationID, stream eventstore.StreamID, at eventstore.Version, p *projection.Parked) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	g := v.of(id)
	c := g.checkpoints[stream]
	if c.Version != at {
		return fmt.Errorf("%w: checkpoint of %q is %d, not %d", projection.ErrChanged, stream, c.Version, at)
	}
	if p == nil && c.Waits() {
		return fmt.Errorf("%w: %q is parked at %d", projection.ErrChanged, stream, c.Parked.Version)
	}
	if p != nil && !p.Skip && marked(c) {
		return fmt.Errorf("%w: the record of %q at %d is marked to skip", projection.ErrChanged, stream, c.Parked.Version)
	}
	v.generations[id] = g
	if c.Stream, c.Parked = stream, p; c.Version == 0 && p == nil {
		delete(g.checkpoints, stream)
		return nil
	}
	g.checkpoints[stream] = handOut(c)
	return nil
}

// AllCheckpoints implements [projection.SliceStore].
func (v *Views) AllCheckpoints(ctx context.Context, g projection.GenerationID, parked bool) iter.Seq2[projection.Checkpoint, error] {
	return func(yield func(projection.Checkpoint, error) bool) {
		if ctx.Err() != nil {
			yield(projection.Checkpoint{}, context.Cause(ctx))
			return
		}
		v.mu.RLock()
		all := slices.SortedFunc(maps.Values(v.of(g).checkpoints), func(a, b projection.Checkpoint) int { return a.Stream.Compare(b.Stream) })
		v.mu.RUnlock()
		for _, c := range all {
			if ctx.Err() != nil {
				yield(projection.Checkpoint{}, context.Cause(ctx))
				return
			}
			if (c.Parked != nil || !parked) && !yield(handOut(c), nil) {
				return
			}
		}
	}
}

// Rows implements [projection.RowReader].
func (v *Views) Rows(ctx context.Context, g projection.GenerationID, ids []projection.RowID) ([]projection.Row, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	var rows []projection.Row
	seen := make(map[projection.RowID]bool, len(ids))
	for _, id := range ids {
		if row, ok := v.of(g).rows[id]; ok && !isTombstone(row) && !seen[id] {
			seen[id] = true
			row.Content = slices.Clone(row.Content)
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// sorted returns the rows of a view in the order of their keys.
func (v *Views) sorted(g projection.GenerationID, want func(projection.RowID) bool) []projection.Row {
	v.mu.RLock()
	defer v.mu.RUnlock()
	var rows []projection.Row
	for id, row := range v.of(g).rows {
		if want(id) && !isTombstone(row) {
			row.Content = slices.Clone(row.Content)
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, func(a, b projection.Row) int { return a.ID.Compare(b.ID) })
	return rows
}

// Page implements [projection.RowReader].
func (v *Views) Page(ctx context.Context, g projection.GenerationID, q projection.PageQuery) ([]projection.Row, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	rows := v.sorted(g, func(id projection.RowID) bool {
		if id.View != q.View || id.Key.Partition != q.Partition {
			return false
		}
		return q.After == nil || !q.Backward && id.Key.Sort > *q.After || q.Backward && id.Key.Sort < *q.After
	})
	if q.Backward {
		slices.Reverse(rows)
	}
	return rows[:min(len(rows), q.Limit)], nil
}

// ScanRows implements [projection.RowReader].
func (v *Views) ScanRows(ctx context.Context, g projection.GenerationID, view string) iter.Seq2[projection.Row, error] {
	return func(yield func(projection.Row, error) bool) {
		if ctx.Err() != nil {
			yield(projection.Row{}, context.Cause(ctx))
			return
		}
		for _, row := range v.sorted(g, func(id projection.RowID) bool { return id.View == view }) {
			if ctx.Err() != nil {
				yield(projection.Row{}, context.Cause(ctx))
				return
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}
