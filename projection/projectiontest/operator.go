package projectiontest

import (
	"context"
	"fmt"
	"slices"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// operator starts one of the operators: somebody who retries parked streams now and then, with fixed code or broken,
// or skips the event, and may think better of that, and who pauses and resumes.
func (w *world) operator(ctx context.Context, number int) *actor {
	a := w.spawn(fmt.Sprintf("operator %d", number), operator, func(a *actor) {
		for {
			a.busy, a.about = false, nil
			a.wait()
			if w.calm || !w.choices.rarely(4) {
				continue
			}
			a.busy = true
			w.operate(ctx, a)
		}
	})
	a.again = func() *actor { return w.operator(ctx, number) }
	return a
}

func (w *world) operate(ctx context.Context, a *actor) {
	if w.scene.Lossy && w.choices.rarely(6) {
		w.pauseOrResume(ctx, a)
	}
	fixed := w.choices.pick(3) > 0
	for at := range w.parked(ctx) {
		engine := w.engine(a, w.scene.newest(), fixed)
		if engine.Prepare(ctx) != nil {
			return
		}
		a.about = []eventstore.StreamID{at.Stream}
		if id := (eventstore.EventID{Stream: at.Stream, Version: at.Parked.Version}); w.choices.rarely(3) && w.bearable(id) {
			w.skip(ctx, a, engine, id)
			continue
		}
		a.tracef("retries %s with %s code", at.Stream, build(fixed))
		_ = engine.Retry(ctx, w.scene.Projection.Name(), at.Stream) // may fail again
	}
	if w.choices.rarely(8) {
		w.unskip(ctx, a, w.engine(a, w.scene.newest(), fixed))
	}
}

// parkedAt is a checkpoint with a park record.
type parkedAt struct {
	generation uint64
	projection.Checkpoint
}

// parked yields the streams that have a park record, in each generation that is fed.
func (w *world) parked(ctx context.Context) func(func(parkedAt) bool) {
	return func(yield func(parkedAt) bool) {
		for _, g := range w.live() {
			for c, err := range w.views.AllCheckpoints(ctx, w.id(g.Number), true) {
				if err != nil {
					w.fail("%v", err)
					return
				}
				if !yield(parkedAt{g.Number, c}) {
					return
				}
			}
		}
	}
}

// pauseOrResume does one or the other. What is dropped in a pause is left to a sweep.
func (w *world) pauseOrResume(ctx context.Context, a *actor) {
	w.lossy = true
	name := w.scene.Projection.Name()
	if w.choices.rarely(2) {
		a.tracef("resumes the projection")
		_ = projection.Resume(ctx, views{a, w.views}, name) // it may fail
		return
	}
	a.tracef("pauses the projection")
	_ = projection.Pause(ctx, views{a, w.views}, name, projection.Paused{By: a.name})
}

// bearable reports whether the projection goes on without an event: one that fails on later
// events because of it, such as a cancellation of what was never booked, has no rows that
// could be expected. Other streams may come later, so the event's own must do by itself.
func (w *world) bearable(id eventstore.EventID) bool {
	without := projection.Skipping(append(w.skips.all(), id)...)
	own := slices.DeleteFunc(slices.Clone(w.scene.commits), func(c eventstore.Commit) bool { return c.Stream != id.Stream })
	for _, code := range []*projection.Projection{w.scene.Projection, w.scene.Next} {
		for _, commits := range [][]eventstore.Commit{own, w.scene.commits} {
			if code == nil {
				continue
			}
			if _, err := projection.Replay(code, each(commits), without); err != nil {
				return false
			}
		}
	}
	return true
}

// skip skips the event that a stream was parked at a moment ago.
func (w *world) skip(ctx context.Context, a *actor, engine *projection.Engine, id eventstore.EventID) {
	a.tracef("skips %s", id)
	err := engine.Skip(ctx, w.scene.Projection.Name(), id)
	if err == nil && len(w.skips.marked[id]) == 0 {
		w.fail("the skip of %s is done, and no record was marked", id)
	}
}

// unskip takes back one of the skips.
func (w *world) unskip(ctx context.Context, a *actor, engine *projection.Engine) {
	all := w.skips.all()
	if len(all) == 0 {
		return
	}
	id := all[w.choices.pick(len(all))]
	a.about = []eventstore.StreamID{id.Stream}
	a.tracef("takes the skip of %s back", id)
	w.skips.doubted[id] = true
	_ = engine.Unskip(ctx, w.scene.Projection.Name(), id) // it may fail
}
