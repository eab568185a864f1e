package projectiontest

import (
	"context"
	"maps"
	"slices"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// generation is what is known of a generation, from the moment on at which it is fed.
type generation struct {
	number uint64
	code   *projection.Projection
	at     map[eventstore.StreamID]eventstore.Version // its checkpoints, when they were looked at last
	// folds are of what the checkpoints say. There is more than one where it is open
	// whether an event was skipped.
	folds []*fold
	// missed: a program that does not carry it has acknowledged commits.
	missed bool
}

func (g *generation) end() {
	for _, f := range g.folds {
		f.stop()
	}
}

// state is what is stored of the projection.
func (w *world) state() projection.State {
	s, err := w.views.State(context.Background(), w.scene.Projection.Name())
	if err != nil {
		w.fail("state: %v", err)
	}
	return s
}

// live returns the generations that workers feed, if they carry them.
func (w *world) live() []projection.Generation {
	return slices.DeleteFunc(w.state().Generations, func(g projection.Generation) bool { return g.Role == projection.Retired || g.Folding() })
}

// codeOf returns the code of a version.
func (w *world) codeOf(version int) *projection.Projection {
	if w.scene.Next != nil && w.scene.Next.Version() == version {
		return w.scene.Next
	}
	return w.scene.Projection
}

func (w *world) id(number uint64) projection.GenerationID {
	return projection.GenerationID{Projection: w.scene.Projection.Name(), Number: number}
}

// in names a generation in a trace with several of them.
func (w *world) in(number uint64) string {
	if w.scene.Next == nil {
		return ""
	}
	return " of " + w.id(number).String()
}

// generation returns what is known of a live generation. One that a rebuild has folded
// begins with what is sealed.
func (w *world) generation(g projection.Generation) *generation {
	if known := w.generations[g.Number]; known != nil {
		return known
	}
	known := &generation{number: g.Number, code: w.codeOf(g.Version), at: map[eventstore.StreamID]eventstore.Version{}}
	known.folds = []*fold{newFold(known.code)}
	w.generations[g.Number] = known
	if g.Rebuild == nil {
		return known
	}
	heads, skipped := w.manifest(g)
	for _, h := range heads {
		for _, event := range w.events[h.Stream][:h.Version] {
			if !slices.Contains(skipped, event.EventID(0)) {
				known.folds[0].add(event)
			}
		}
		known.at[h.Stream] = h.Version
	}
	return known
}

// manifest returns what is sealed.
func (w *world) manifest(g projection.Generation) (heads []projection.Head, skipped []eventstore.EventID) {
	m := g.Rebuild.Manifest
	for part := range m.Parts + m.SkipParts {
		found, err := w.views.Manifest(context.Background(), w.id(g.Number), m.Attempt, part)
		if err != nil {
			w.fail("manifest of generation %d: %v", g.Number, err)
			return nil, nil
		}
		if part < m.Parts {
			heads = append(heads, found...)
			continue
		}
		for _, h := range found {
			skipped = append(skipped, eventstore.EventID{Stream: h.Stream, Version: h.Version})
		}
	}
	return heads, skipped
}

// advance takes in that a checkpoint has moved.
func (w *world) advance(g *generation, stream eventstore.StreamID, to eventstore.Version) {
	if to < g.at[stream] {
		w.fail("the checkpoint of %s has moved back from %d to %d%s", stream, g.at[stream], to, w.in(g.number))
		return
	}
	if int(to) > len(w.events[stream]) {
		w.fail("the checkpoint of %s is %d, and its head %d%s", stream, to, len(w.events[stream]), w.in(g.number))
		return
	}
	for _, event := range w.events[stream][g.at[stream]:to] {
		id := event.EventID(0)
		if w.skips.in(g.number, id) {
			continue
		}
		if w.skips.listed[id] { // whoever has passed it may have known that, or not
			for _, f := range g.folds {
				g.folds = append(g.folds, f.clone())
				f.add(event)
			}
			continue
		}
		for _, f := range g.folds {
			f.add(event)
		}
	}
	g.at[stream] = to
}

// clone returns a copy to go on with.
func (g *generation) clone() *generation {
	c := &generation{number: g.number, code: g.code, at: map[eventstore.StreamID]eventstore.Version{}}
	maps.Copy(c.at, g.at)
	for _, f := range g.folds {
		c.folds = append(c.folds, f.clone())
	}
	return c
}

// openSkips reports whether an operator has decided to skip an event: then generations may
// differ in what they pass over, and a comparison may say so.
func (w *world) openSkips() bool { return len(w.skips.marked) > 0 }
