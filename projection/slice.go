package projection

import (
	"context"
	"fmt"
	"slices"

	"github.com/leftfold/leftfold/eventstore"
)

// step is an event on its way into a slice, or a stretch of events that the
// projection passes over.
type step struct {
	work *work
	// to is the checkpoint behind the step.
	to      eventstore.Version
	event   *envelope // nil: only the checkpoint moves
	effects []effect
	// commit and index are where the event is decoded anew.
	commit *commit
	index  int
}

// stored is a row as it is known to be in the view store.
type stored struct {
	rev     eventstore.EventID
	content []byte
	exists  bool
}

// applier applies the work of one round.
type applier struct {
	*round
	limits Limits
	rows   map[RowID]stored
}

// apply folds works into slices and writes them one after the other. It stops at
// the first failed condition, an [ErrChanged]; what was written before stays.
func (r *round) apply(ctx context.Context, works []*work) error {
	a := applier{round: r, limits: r.views.Limits(), rows: map[RowID]stored{}}
	var steps []*step
	for _, w := range works {
		steps = append(steps, a.plan(w)...)
	}
	if err := a.prefetch(ctx, steps); err != nil {
		return err
	}
	mostSteps := max(1, mostEvents>>r.conflicts)
	for len(steps) > 0 {
		n := a.cut(steps, mostSteps)
		if err := a.write(ctx, steps[:n]); err != nil {
			return err
		}
		steps = slices.DeleteFunc(steps[n:], (*step).dead)
	}
	return nil
}

// plan turns the commits of a work into steps, up to the first event that can not
// be applied.
func (a *applier) plan(w *work) []*step {
	var steps []*step
	at := w.applied // planned so far
	passOver := func(to eventstore.Version) {
		if to > at {
			steps = append(steps, &step{work: w, to: to})
		}
	}
	seen := at
	for _, c := range w.commits {
		var events []decoded
		for i := range c.Events {
			id := c.EventID(i)
			if id.Version <= at {
				continue
			}
			handlers := a.projection.handlers[c.Events[i].Type]
			known := a.projection.events.Knows(c.Events[i].Type, c.Events[i].Schema)
			if len(handlers) == 0 && known {
				seen = id.Version
				continue
			}
			if events == nil {
				events = a.decoders.decode(c, a.projection.events)
			}
			e := &envelope{id: id, time: c.Time, metadata: c.Metadata, typ: c.Events[i].Type, schema: c.Events[i].Schema, value: events[i].value}
			s, f := a.step(w, e, handlers, known, events[i].err)
			if s != nil {
				s.commit, s.index = c, i
			}
			passOver(id.Version - 1)
			if f != nil {
				w.failure = f
				return steps
			}
			steps = append(steps, s)
			at, seen = id.Version, id.Version
		}
	}
	passOver(seen)
	return steps
}

func (a *applier) step(w *work, e *envelope, handlers []handler, known bool, err error) (*step, *failure) {
	if !known {
		return nil, &failure{event: e, unknown: true,
			err: &eventstore.EventError{ID: e.id, Type: e.typ, Schema: e.schema, Err: eventstore.ErrUnregistered}}
	}
	s := &step{work: w, to: e.id.Version, event: e}
	for i := 0; i < len(handlers) && err == nil; i++ {
		var effects []effect
		err = guard(func() (err error) { effects, err = handlers[i].effects(e); return err })
		s.effects = append(s.effects, effects...)
	}
	if n := len(s.effects) + 1; err == nil && n > a.limits.Items {
		err = &LimitError{What: "items changed by one event", Size: n, Limit: a.limits.Items}
	}
	if err != nil {
		return nil, &failure{event: e, err: err}
	}
	return s, nil
}

// dead: the step lies at or behind the event that stopped its stream.
func (s *step) dead() bool {
	f := s.work.failure
	return f != nil && s.to >= f.event.id.Version
}

// prefetch reads the rows that the steps fold into. Rows that are taken to be
// fresh are read too once a condition has failed.
func (a *applier) prefetch(ctx context.Context, steps []*step) error {
	var ids []RowID
	wanted := map[RowID]bool{}
	for _, s := range steps {
		for _, e := range s.effects {
			if e.folder != nil && (!e.fresh || a.conflicts > 0) && !wanted[e.id] {
				wanted[e.id] = true
				ids = append(ids, e.id)
			}
		}
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := a.views.Rows(ctx, a.generation, ids)
	for _, row := range rows {
		a.rows[row.ID] = stored{rev: row.Rev, content: row.Content, exists: true}
	}
	return err
}

// cut returns how many steps fit into one slice, at least one.
func (a *applier) cut(steps []*step, most int) int {
	rows, streams := map[RowID]bool{}, map[*work]bool{}
	for n, s := range steps {
		items := len(rows) + len(streams)
		if !streams[s.work] {
			items++
		}
		for _, e := range s.effects {
			if !rows[e.id] {
				items++
			}
		}
		if n > 0 && (items > a.limits.Items || n >= most) {
			return n
		}
		streams[s.work] = true
		for _, e := range s.effects {
			rows[e.id] = true
		}
	}
	return len(steps)
}

// write folds some steps and applies them as one slice. A stream that fails is
// taken out at its bad event and the rows are folded again without it; a slice of
// too many bytes is halved.
func (a *applier) write(ctx context.Context, steps []*step) error {
	steps = slices.DeleteFunc(slices.Clone(steps), (*step).dead)
	for len(steps) > 0 {
		writes, size, bad := a.fold(steps)
		if bad == nil && size > a.limits.Bytes {
			if len(steps) > 1 {
				a.renew(steps)
				half := len(steps) / 2
				if err := a.write(ctx, steps[:half]); err != nil {
					return err
				}
				return a.write(ctx, steps[half:])
			}
			bad = &failure{event: steps[0].event, err: &LimitError{What: "bytes changed by one event", Size: size, Limit: a.limits.Bytes}}
			steps[0].work.failure = bad
		}
		if bad == nil {
			return a.put(ctx, steps, writes)
		}
		steps = slices.DeleteFunc(steps, (*step).dead)
		a.renew(steps)
	}
	return nil
}

// renew decodes the events of steps that were folded before: a row may have taken
// over parts of one and changed them.
func (a *applier) renew(steps []*step) {
	for _, s := range steps {
		if s.event != nil {
			s.event.value = decodeEvent(s.commit, s.index, a.projection.events).value
		}
	}
}

// put writes a folded slice, and remembers what is stored now.
func (a *applier) put(ctx context.Context, steps []*step, writes []RowWrite) error {
	slice := Slice{Generation: a.generation, Writes: writes}
	move := map[*work]int{}
	for _, s := range steps {
		i, ok := move[s.work]
		if !ok {
			i = len(slice.Moves)
			move[s.work] = i
			slice.Moves = append(slice.Moves, Move{Stream: s.work.task.stream, From: s.work.applied, Parked: s.work.parked != nil})
		}
		slice.Moves[i].To = s.to
	}
	if err := a.views.Apply(ctx, slice); err != nil {
		return err
	}
	for w, i := range move {
		a.status.applied(uint64(slice.Moves[i].To - w.applied))
		w.applied = slice.Moves[i].To
	}
	for _, w := range writes {
		a.rows[w.Row.ID] = stored{rev: w.Row.Rev, content: w.Row.Content, exists: !w.Delete}
	}
	return nil
}

// working is a row while a slice is folded.
type working struct {
	id      RowID
	base    stored
	read    bool // the base counts: the write is conditional on it
	row     any  // decoded, nil while it is as emitted
	content []byte
	exists  bool
	last    *step
}

// fold runs the views' code over the steps, on copies. If an event fails it marks
// its stream and returns the failure.
func (a *applier) fold(steps []*step) (writes []RowWrite, size int, bad *failure) {
	rows := map[RowID]*working{}
	var order []*working
	for _, s := range steps {
		for _, e := range s.effects {
			w := rows[e.id]
			if w == nil {
				w = &working{id: e.id, base: a.rows[e.id]}
				rows[e.id] = w
				order = append(order, w)
			}
			w.last = s
			if err := w.change(s.event, e); err != nil {
				return nil, 0, s.fail(err)
			}
		}
	}
	for _, w := range order {
		write, err := w.write()
		if err != nil {
			return nil, 0, w.last.fail(err)
		}
		writes = append(writes, write)
		size += len(write.Row.Content) + len(w.id.Key.Partition) + len(w.id.Key.Sort)
	}
	return writes, size, nil
}

func (s *step) fail(err error) *failure {
	s.work.failure = &failure{event: s.event, err: err}
	return s.work.failure
}

// change carries out one effect.
func (w *working) change(event *envelope, e effect) error {
	if e.folder == nil {
		w.row, w.content, w.exists = nil, e.content, e.content != nil
		return nil
	}
	if !w.read {
		w.read, w.content, w.exists = true, w.base.content, w.base.exists
	}
	return guard(func() (err error) {
		if w.row == nil {
			var content []byte
			if w.exists {
				content = w.content
			}
			if w.row, err = e.folder.load(content); err != nil {
				return err
			}
		}
		if w.exists, err = e.folder.fold(w.row, event); err == nil && !w.exists {
			w.row = nil
		}
		return err
	})
}

// write returns what becomes of the row.
func (w *working) write() (RowWrite, error) {
	content := w.content
	if w.row != nil {
		var err error
		if err = guard(func() (err error) { content, err = encodeRow(w.row); return err }); err != nil {
			return RowWrite{}, fmt.Errorf("row %q of view %q: %w", w.id.Key.Partition, w.id.View, err)
		}
	}
	if !w.exists {
		content = nil
	}
	if len(content) > MaxRowBytes {
		return RowWrite{}, &LimitError{Row: w.id, What: "bytes of a row", Size: len(content), Limit: MaxRowBytes}
	}
	return RowWrite{
		Row:         Row{ID: w.id, Rev: w.last.event.id, Content: content},
		Delete:      !w.exists,
		Conditional: w.read,
		Expect:      w.base.rev,
	}, nil
}

// guard turns a panic of a view's code into an error.
func guard(run func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return run()
}
