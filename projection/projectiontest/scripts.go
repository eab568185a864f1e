package projectiontest

import (
	"context"
	"fmt"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

func (w *world) engine(a *actor, fixed bool) *projection.Engine {
	engine, err := projection.NewEngine(source{a, fixed}, views{a, w.views}, projection.Options{Name: a.name, Sequential: true}, w.scene.Projection)
	if err != nil {
		panic(err) // Run has checked the options
	}
	return engine
}

// writesEvery is how many turns the writer takes for a commit, on average.
const writesEvery = 8

// write appends the history, in the order of each stream, streams mixed.
func (w *world) write(ctx context.Context, a *actor) {
	revisions := map[eventstore.StreamID]eventstore.Revision{}
	left := w.scene.writes
	for len(left) > 0 {
		a.wait()
		if !w.calm && !w.choices.rarely(writesEvery) {
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
	for i, e := range c.Events {
		w.tracef(c.Stream, "writer: appends %s, %s %s", c.EventID(i), e.Type, clip(e.Payload))
		if !w.calm && w.choices.rarely(6) {
			w.tracef(c.Stream, "        older code does not know it")
			w.broken[c.EventID(i)] = true
		}
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
	return w.spawn(fmt.Sprintf("worker %d", number), func(a *actor) {
		var batch []eventstore.Announcement
		defer func() { w.pool = append(w.pool, batch...) }()
		// Two builds run at once, as during a deployment: one can apply everything.
		fixed := w.choices.rarely(3)
		if fixed {
			a.tracef("runs newer code")
		}
		engine := w.engine(a, fixed)
		a.busy = true
		for engine.Prepare(ctx) != nil {
			a.wait()
		}
		for {
			a.busy, a.about = false, nil
			a.wait()
			a.busy = true
			if !w.calm && w.choices.rarely(120) {
				a.tracef("begins a sweep")
				_, _ = engine.Sweep(ctx, nil) // it may fail and is not needed
				continue
			}
			if batch = w.takeBatch(a); len(batch) == 0 {
				continue
			}
			failed := engine.Handle(ctx, eventstore.Batch{Announcements: w.contents(batch, fixed)})
			batch = nil
			for _, left := range failed {
				a.tracef("gives back %s@%d", left.Stream, left.First)
				w.pool = append(w.pool, w.original(left))
			}
		}
	})
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
