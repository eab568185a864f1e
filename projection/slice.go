package projection

import (
	"context"
	"slices"
)

// applier applies the work of one round.
type applier struct {
	*round
	limits Limits
	rows   map[RowID]stored
	// observe: what each event changes is wanted, so every row is read.
	observe bool
}

func (r *round) applier() *applier {
	return &applier{round: r, limits: r.views.Limits(), rows: map[RowID]stored{}, observe: r.opts.Changes != nil}
}

// apply folds works into slices and writes them one after the other, or runs a reaction
// on them. It stops at the first failed condition, an [ErrChanged]; what was written
// before stays.
func (r *round) apply(ctx context.Context, works []*work) error {
	if r.projection.isReaction() {
		return r.react(ctx, works)
	}
	a := r.applier()
	var steps []*step
	for _, w := range works {
		steps = append(steps, a.plan(w)...)
	}
	if err := a.prefetch(ctx, steps); err != nil {
		return err
	}
	if a.limits.Apart && len(r.projection.views) == 1 && r.projection.perStream() {
		return a.applyApart(ctx, works, steps)
	}
	return a.applyTogether(ctx, steps)
}

func (a *applier) applyTogether(ctx context.Context, steps []*step) error {
	mostSteps := max(1, mostEvents>>a.conflicts)
	for len(steps) > 0 {
		n := a.cut(steps, mostSteps)
		if err := a.write(ctx, steps[:n]); err != nil {
			return err
		}
		steps = slices.DeleteFunc(steps[n:], (*step).dead)
	}
	return nil
}

// prefetch reads the rows that the steps fold into. Rows that are taken to be
// fresh are read too once a condition has failed, and all rows to observe them.
func (a *applier) prefetch(ctx context.Context, steps []*step) error {
	var ids []RowID
	wanted := map[RowID]bool{}
	for _, s := range steps {
		for _, e := range s.effects {
			if a.mustRead(e) && !wanted[e.id] {
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
		a.rows[row.ID] = stored{rev: row.Rev, content: row.Content, exists: true, origin: row.Origin}
	}
	return err
}

// mustRead: who deletes a row that a rebuild has put has to say so.
func (a *applier) mustRead(e effect) bool {
	return a.observe || a.removes(e) || e.folder != nil && (!e.fresh || a.conflicts > 0)
}

// removes: the row is deleted in a generation that a rebuild has filled.
func (a *applier) removes(e effect) bool {
	return a.entry.Rebuild != nil && e.folder == nil && e.content == nil
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
			if !rows[e.id] && !e.insert {
				items++
			}
		}
		if n > 0 && (items > a.limits.Items || n >= most) {
			return n
		}
		streams[s.work] = true
		for _, e := range s.effects {
			if !e.insert {
				rows[e.id] = true
			}
		}
	}
	return len(steps)
}

// write folds some steps and applies them as one slice. A stream that fails is
// taken out at its bad event and the rows are folded again without it. What is too
// much together is halved, until it fits or the event is alone that is too much.
func (a *applier) write(ctx context.Context, steps []*step) error {
	steps = slices.DeleteFunc(slices.Clone(steps), (*step).dead)
	for len(steps) > 0 {
		writes, failed, err := a.fold(steps)
		if err == nil {
			return a.put(ctx, steps, writes)
		}
		if failed == nil && len(steps) > 1 {
			a.renew(steps)
			half := len(steps) / 2
			if err := a.write(ctx, steps[:half]); err != nil {
				return err
			}
			return a.write(ctx, steps[half:])
		}
		if failed == nil {
			failed = steps[0]
		}
		failed.work.failure = &failure{event: failed.event, err: err}
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
			slice.Moves = append(slice.Moves, s.work.move(0))
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
		// A row that was absent may have left a tombstone, whose origin nobody has read.
		origin := w.Row.Origin || a.entry.Rebuild != nil && !a.rows[w.Row.ID].exists
		now := stored{rev: w.Row.Rev, content: w.Row.Content, exists: true, origin: origin}
		if w.Delete {
			now = stored{origin: origin} // a row that is absent has no revision
		}
		a.rows[w.Row.ID] = now
	}
	a.report(ctx, steps)
	return nil
}

// report tells who listens what the steps of a slice did that is stored now.
func (a *applier) report(ctx context.Context, steps []*step) {
	if a.opts.Changes == nil {
		return
	}
	var changes []Change
	for _, s := range steps {
		changes = append(changes, s.passed...)
		if s.event != nil {
			changes = append(changes, s.change)
		}
	}
	a.opts.Changes(ctx, changes)
}
