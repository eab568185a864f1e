package projection

import "github.com/leftfold/leftfold/eventstore"

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
	// change is what the event does, passed are the events of a stretch, where the
	// applier observes.
	change Change
	passed []Change
}

// plan turns the commits of a work into steps, up to the first event that can not
// be applied.
func (a *applier) plan(w *work) []*step {
	var steps []*step
	at := w.applied // planned so far
	var passed []Change
	passOver := func(to eventstore.Version) {
		if to > at {
			steps = append(steps, &step{work: w, to: to, passed: passed})
			passed = nil
		}
	}
	seen := at
	for _, c := range w.commits {
		for i := range c.Events {
			id := c.EventID(i)
			if id.Version <= at {
				continue
			}
			handlers := a.projection.handlers[c.Events[i].Type]
			known := a.projection.events.Knows(c.Events[i].Type, c.Events[i].Schema)
			if a.skips[id] || len(handlers) == 0 && known {
				seen = id.Version
				if a.observe {
					passed = append(passed, a.changeOf(c, i))
				}
				continue
			}
			event := a.decoders.decode(c, i, a.projection.events)
			e := &envelope{id: id, time: c.Time, metadata: c.Metadata, typ: c.Events[i].Type, schema: c.Events[i].Schema, value: event.value}
			s, f := a.step(w, e, handlers, known, event.err)
			if s != nil {
				s.commit, s.index, s.change = c, i, a.changeOf(c, i)
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

func (r *round) changeOf(c *commit, i int) Change {
	return Change{Generation: r.generation, Event: c.EventID(i), Type: c.Events[i].Type, Time: c.Time, Skipped: r.skips[c.EventID(i)]}
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
	n := 1
	for _, e := range s.effects {
		if !e.insert {
			n++
		}
	}
	if err == nil && n > a.limits.Items {
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
