package projectiontest

import (
	"context"
	"errors"
	"fmt"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

func (w *world) engine(a *actor, program *projection.Projection, fixed bool) *projection.Engine {
	engine, err := projection.NewEngine(source{a, fixed}, views{a, w.views}, projection.Options{Name: a.name, Sequential: true}, program)
	if err != nil {
		panic(err) // Run has checked the options
	}
	return engine
}

// write appends the history, in the order of each stream, streams mixed.
func (w *world) write(ctx context.Context, a *actor) {
	revisions := map[eventstore.StreamID]eventstore.Revision{}
	left := w.scene.writes
	for len(left) > 0 {
		a.wait()
		if early := len(w.commits) < w.style.early; !w.calm && !early && !w.choices.rarely(w.style.writesEvery) {
			continue // spread over the schedule
		}
		i := w.choices.pick(min(len(left), 256))
		for j := range i { // not before the same stream's earlier commits
			if left[j].Stream == left[i].Stream {
				i = j
				break
			}
		}
		write := left[i]
		write.Revision = revisions[write.Stream]
		left = append(append([]eventstore.Write(nil), left[:i]...), left[i+1:]...)
		c, err := w.store.Append(ctx, write)
		if err != nil {
			w.fail("append to %s: %v", write.Stream, err)
			return
		}
		revisions[write.Stream] = c.Revision
		w.append(c)
	}
}

// append makes a commit known to the world and its feed.
func (w *world) append(c eventstore.Commit) {
	w.commits = append(w.commits, c)
	w.events[c.Stream] = append(w.events[c.Stream], alone(c)...)
	for _, event := range alone(c) {
		for _, f := range w.coming {
			f.add(event)
		}
	}
	for i, e := range c.Events {
		w.tracef(c.Stream, "writer: appends %s, %s %s", c.EventID(i), e.Type, clip(e.Payload))
		if w.calm || w.style.breaks == 0 || !w.choices.rarely(w.style.breaks) {
			continue
		}
		if w.scene.Next != nil && w.choices.rarely(2) {
			w.tracef(c.Stream, "        older code that handles it can not read it")
			w.broken[c.EventID(i)] = damagedPayload
			continue
		}
		w.tracef(c.Stream, "        older code does not know it")
		w.broken[c.EventID(i)] = unknownType
	}
	announcement := eventstore.Announce(&c)
	w.told = append(w.told, announcement)
	if w.scene.Lossy && !w.calm && w.choices.rarely(8) {
		w.tracef(c.Stream, "feed:   loses %s@%d", c.Stream, c.First)
		w.lossy = true
		return
	}
	w.pool = append(w.pool, announcement)
}

// worker takes batches from the feed until its process ends; what it held then
// comes again.
func (w *world) worker(ctx context.Context, number int) *actor {
	a := w.spawn(fmt.Sprintf("worker %d", number), worker, func(a *actor) {
		defer func() { w.pool = append(w.pool, a.batch...) }()
		// Two builds run at once, as during a deployment: one can apply everything.
		fixed := w.choices.rarely(3)
		a.program = w.workersProgram()
		if fixed || len(w.scene.Programs) > 1 {
			a.tracef("runs %s code%s", build(fixed), ifSet(len(w.scene.Programs) > 1, w.versions(a.program)))
		}
		engine := w.engine(a, a.program, fixed)
		a.busy = true
		for {
			if err := engine.Prepare(ctx); err == nil {
				break
			} else if errors.Is(err, projection.ErrNotBuilt) && w.scene.Next != nil {
				return // another program may do
			}
			a.wait()
		}
		for {
			a.busy, a.about = false, nil
			a.wait()
			a.busy = true
			if !w.calm && w.style.sweeps && w.choices.rarely(120) {
				w.sweep(ctx, a, engine)
				continue
			}
			if a.batch = w.takeBatch(a); len(a.batch) > 0 {
				w.handle(ctx, a, engine, fixed)
			}
		}
	})
	a.again = func() *actor { return w.worker(ctx, number) }
	return a
}

// workersProgram chooses one, or in the end the newest.
func (w *world) workersProgram() *projection.Projection {
	if w.calm {
		return w.scene.newest()
	}
	return w.scene.Programs[w.choices.pick(len(w.scene.Programs))]
}

func (w *world) versions(program *projection.Projection) string {
	text := fmt.Sprintf(" of version %d", program.Version())
	if old := program.Replaced(); old != nil {
		text += fmt.Sprintf(" and %d", old.Version())
	}
	return text
}

// sweep may fail and is not needed. What it leaves in the middle is, as with an operator.
func (w *world) sweep(ctx context.Context, a *actor, engine *projection.Engine) {
	a.tracef("begins a sweep")
	a.sweeps = true
	_, _ = engine.Sweep(ctx, nil)
	a.sweeps = false
}

// handle applies a batch, and leaves a heartbeat now and then.
func (w *world) handle(ctx context.Context, a *actor, engine *projection.Engine, fixed bool) {
	failed := engine.Handle(ctx, eventstore.Batch{Announcements: w.contents(a.batch, fixed)})
	if len(failed) < len(a.batch) {
		w.acknowledged(a)
	}
	a.batch = nil
	for _, left := range failed {
		a.tracef("gives back %s@%d", left.Stream, left.First)
		w.pool = append(w.pool, w.original(left))
	}
	if w.scene.Next != nil && !w.calm && w.choices.rarely(4) {
		engine.Beat(ctx)
	}
}

// acknowledged notes which generations commits are missing from, since the worker's program
// does not carry them.
func (w *world) acknowledged(a *actor) {
	for _, g := range w.live() {
		if !carries(a.program, g.Version) {
			w.generation(g).missed = true
		}
	}
}

// takeBatch takes announcements out of the pool in any order, and repeats old ones.
func (w *world) takeBatch(a *actor) []eventstore.Announcement {
	var batch []eventstore.Announcement
	for n := 1 + w.choices.pick(4); n > 0 && len(w.pool) > 0; n-- {
		i := w.choices.pick(min(len(w.pool), 256))
		batch = append(batch, w.pool[i])
		w.pool = append(append([]eventstore.Announcement(nil), w.pool[:i]...), w.pool[i+1:]...)
	}
	// Repeats heal what was lost, so they come with something new, or rarely alone.
	for !w.calm && len(w.told) > 0 && (len(batch) > 0 || w.choices.rarely(16)) && w.choices.rarely(4) {
		batch = append(batch, w.told[w.choices.pick(min(len(w.told), 256))])
	}
	if len(batch) > 0 {
		a.about = streamsOf(batch)
		a.tracef("is handed %s", places(batch))
	}
	return batch
}

// contents returns announcements as a feed hands them over: some without content.
func (w *world) contents(batch []eventstore.Announcement, fixed bool) []eventstore.Announcement {
	seen := make([]eventstore.Announcement, len(batch))
	for i, a := range batch {
		seen[i] = a
		if w.choices.rarely(3) {
			seen[i].Commit = nil
			continue
		}
		c := w.asSeenBy(*a.Commit, fixed)
		seen[i].Commit = &c
	}
	return seen
}

// original returns an announcement as the writer made it.
func (w *world) original(seen eventstore.Announcement) eventstore.Announcement {
	for _, a := range w.told {
		if a.Stream == seen.Stream && a.First == seen.First {
			return a
		}
	}
	return seen
}
