package projection

import (
	"fmt"
	"iter"
	"slices"

	"github.com/leftfold/leftfold/eventstore"
)

// Replay folds commits in memory and returns the rows they lead to, sorted: what the
// projection makes of a history, without checkpoints, slices or a store. It is the
// plain fold that the engine's work is measured against. The commits of a stream
// must come in order. The error names the event that failed, or the last one of a row
// that can not be kept.
func Replay(p *Projection, commits iter.Seq2[eventstore.Commit, error]) ([]Row, error) {
	decoders := newDecoders([]*Projection{p})
	rows := map[RowID]*working{}
	for stored, err := range commits {
		if err != nil {
			return nil, err
		}
		if !p.follows(stored.Stream.Category()) {
			continue
		}
		c := commit{Commit: stored}
		for i, event := range decoders.decode(&c, p.events) {
			if err := replayEvent(p, &c, i, event, rows); err != nil {
				return nil, err
			}
		}
	}
	return replayed(p, rows)
}

func replayEvent(p *Projection, c *commit, i int, event decoded, rows map[RowID]*working) error {
	e := &envelope{id: c.EventID(i), time: c.Time, metadata: c.Metadata, typ: c.Events[i].Type, schema: c.Events[i].Schema, value: event.value}
	if !p.events.Knows(e.typ, e.schema) {
		return &eventstore.EventError{ID: e.id, Type: e.typ, Schema: e.schema, Err: eventstore.ErrUnregistered}
	}
	if event.err != nil {
		return event.err
	}
	for _, h := range p.handlers[e.typ] {
		var effects []effect
		err := guard(func() (err error) { effects, err = h.effects(e); return err })
		for j := 0; j < len(effects) && err == nil; j++ {
			id := effects[j].id
			if rows[id] == nil {
				rows[id] = &working{id: id}
			}
			rows[id].last = &step{event: e}
			err = rows[id].change(e, effects[j])
		}
		if err != nil {
			return fmt.Errorf("projection %q: event %s (%s): %w", p.name, e.id, e.typ, err)
		}
	}
	return nil
}

func replayed(p *Projection, rows map[RowID]*working) ([]Row, error) {
	var result []Row
	for _, w := range rows {
		write, err := w.write()
		if err != nil {
			return nil, fmt.Errorf("projection %q: after event %s: %w", p.name, w.last.event.id, err)
		}
		if !write.Delete {
			result = append(result, write.Row)
		}
	}
	slices.SortFunc(result, func(a, b Row) int { return a.ID.Compare(b.ID) })
	return result, nil
}
