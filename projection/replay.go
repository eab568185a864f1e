package projection

import (
	"fmt"
	"iter"
	"slices"

	"github.com/leftfold/leftfold/eventstore"
)

// ReplayOption is an option of [Try] and [Replay].
type ReplayOption interface{ apply(*replay) }

type replayOption func(*replay)

func (o replayOption) apply(r *replay) { o(r) }

// Skipping makes a fold pass over some events, as generations do over those in
// State.Skips.
func Skipping(events ...eventstore.EventID) ReplayOption {
	return replayOption(func(r *replay) {
		for _, id := range events {
			r.skips[id] = true
		}
	})
}

// Try yields what a projection makes of a history, one change for each event of a stream
// that it follows: in memory, without checkpoints, slices or a store. The commits of a
// stream must come in order. It ends with the first error, of commits or of an event,
// which the error names.
func Try(p *Projection, commits iter.Seq2[eventstore.Commit, error], opts ...ReplayOption) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		r := newReplay(p, true, opts)
		for change, err := range r.run(commits) {
			if !yield(change, err) || err != nil {
				return
			}
		}
	}
}

// Replay folds commits in memory and returns the rows they lead to, sorted: the end of
// [Try]. It is the plain fold that the engine's work is measured against. The error names
// the event that failed, or the last one of a row that can not be kept.
func Replay(p *Projection, commits iter.Seq2[eventstore.Commit, error], opts ...ReplayOption) ([]Row, error) {
	r := newReplay(p, false, opts)
	for _, err := range r.run(commits) {
		if err != nil {
			return nil, err
		}
	}
	return r.end()
}

// replay is a plain fold on its way.
type replay struct {
	p        *Projection
	decoders decoders
	rows     map[RowID]*working
	skips    skips
	observe  bool // else changes have no rows
	// take, where it is set, says which effects are carried out; changed is told of their
	// rows.
	take    func(*envelope, effect) bool
	changed func(*working)
}

func newReplay(p *Projection, observe bool, opts []ReplayOption) *replay {
	r := &replay{p: p, decoders: newDecoders([]*Projection{p}), rows: map[RowID]*working{}, skips: skips{}, observe: observe}
	for _, o := range opts {
		o.apply(r)
	}
	return r
}

func (r *replay) run(commits iter.Seq2[eventstore.Commit, error]) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		for stored, err := range commits {
			if err != nil {
				yield(Change{}, err)
				return
			}
			if !r.p.follows(stored.Stream.Category()) {
				continue
			}
			c := commit{Commit: stored}
			for i := range c.Events {
				change, err := r.event(&c, i)
				if !yield(change, err) || err != nil {
					return
				}
			}
		}
	}
}

func (r *replay) event(c *commit, i int) (Change, error) {
	event := r.decoders.decode(c, i, r.p.events)
	e := &envelope{id: c.EventID(i), time: c.Time, metadata: c.Metadata, typ: c.Events[i].Type, schema: c.Events[i].Schema, value: event.value}
	change := Change{Event: e.id, Type: e.typ, Time: e.time, Skipped: r.skips[e.id]}
	if change.Skipped {
		return change, nil
	}
	if !r.p.events.Knows(e.typ, e.schema) {
		return change, &eventstore.EventError{ID: e.id, Type: e.typ, Schema: e.schema, Err: eventstore.ErrUnregistered}
	}
	if event.err != nil {
		return change, event.err
	}
	for _, h := range r.p.handlers[e.typ] {
		var effects []effect
		err := guard(func() (err error) { effects, err = h.effects(e); return err })
		for j := 0; j < len(effects) && err == nil; j++ {
			err = r.effect(&change, e, effects[j])
		}
		if err != nil {
			return change, fmt.Errorf("projection %q: event %s (%s): %w", r.p.name, e.id, e.typ, err)
		}
	}
	return change, nil
}

func (r *replay) effect(change *Change, e *envelope, f effect) (err error) {
	if r.take != nil && !r.take(e, f) {
		return nil
	}
	w := r.rows[f.id]
	if w == nil {
		w = &working{id: f.id}
		r.rows[f.id] = w
	}
	w.rev, w.typ = e.id, e.typ
	if r.observe {
		err = change.add(w, e, f)
	} else {
		err = w.change(e, f)
	}
	if r.changed != nil {
		r.changed(w)
	}
	return err
}

// add carries out an effect and notes what it did.
func (c *Change) add(w *working, e *envelope, f effect) error {
	row, err := w.observe(e, f)
	if err == nil && row.changed() {
		c.Rows = append(c.Rows, row)
	}
	return err
}

// end returns the rows.
func (r *replay) end() ([]Row, error) {
	var result []Row
	for _, w := range r.rows {
		write, err := w.write()
		if err != nil {
			return nil, fmt.Errorf("projection %q: after event %s: %w", r.p.name, w.rev, err)
		}
		if !write.Delete {
			result = append(result, write.Row)
		}
	}
	slices.SortFunc(result, func(a, b Row) int { return a.ID.Compare(b.ID) })
	return result, nil
}
