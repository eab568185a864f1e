package projectiontest

import (
	"context"
	"time"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// finish repairs what only an operator or a sweep can, carries a rebuild that is under way
// to its end, and compares.
func (w *world) finish(ctx context.Context) {
	w.compareAll(ctx)
	w.fixed = true
	w.finishActor(w.spawn("last worker", worker, func(a *actor) { w.repair(ctx, a) }))
	if w.failure == "" && w.scene.Next != nil {
		w.finishActor(w.spawn("last coordinator", coordinator, func(a *actor) { w.bringToItsEnd(ctx, a) }))
	}
	if w.failure == "" {
		w.compareAll(ctx)
	}
	if s, err := w.views.State(ctx, w.scene.Projection.Name()); err != nil || s.Paused != nil {
		w.fail("the projection is still paused after it was resumed and swept: %v", err)
	}
	for at := range w.parked(ctx) {
		w.fail("%s is still parked at %d after everything was fixed%s", at.Stream, at.Version, w.in(at.generation))
	}
	w.checkSkips(ctx)
}

// repair retries everything with code that is fixed, and sweeps where something was lost.
func (w *world) repair(ctx context.Context, a *actor) {
	name := w.scene.Projection.Name()
	missed := w.lossy || w.state().Paused != nil
	for _, g := range w.live() {
		missed = missed || w.generation(g).missed
	}
	if err := projection.Resume(ctx, w.views, name); err != nil {
		w.fail("resume: %v", err)
		return
	}
	if w.scene.Next == nil || len(w.live()) > 0 {
		w.repairFed(ctx, a, missed)
	}
	w.lossy = false
}

// repairFed does so with what is fed.
func (w *world) repairFed(ctx context.Context, a *actor, missed bool) {
	engine := w.engine(a, w.scene.newest(), true)
	if err := engine.Prepare(ctx); err != nil {
		w.fail("prepare: %v", err)
		return
	}
	for at := range w.parked(ctx) {
		a.about = []eventstore.StreamID{at.Stream}
		if err := engine.Retry(ctx, w.scene.Projection.Name(), at.Stream); err != nil {
			w.fail("retry of %s: %v", at.Stream, err)
		}
	}
	a.about = nil
	if !missed {
		return
	}
	if _, err := engine.Sweep(ctx, nil); err != nil {
		w.fail("sweep: %v", err)
	}
	for _, g := range w.live() {
		w.generation(g).missed = false
	}
}

// bringToItsEnd: a rebuild that is begun and left alone ends, and is right. One is begun
// where there is nothing to read.
func (w *world) bringToItsEnd(ctx context.Context, a *actor) {
	name := w.scene.Projection.Name()
	if len(w.live()) == 0 && w.state().Rebuilding() == nil {
		r, err := w.rebuilder(a, w.scene.Next, true)
		if err == nil {
			_, err = r.Start(ctx, projection.StartOptions{})
		}
		if err != nil {
			w.fail("no rebuild can be started where there is no generation: %v", err)
		}
	}
	g := w.state().Rebuilding()
	if g == nil {
		return
	}
	time.Sleep(2 * time.Minute) // the heartbeats of those who are gone are old
	if err := projection.ResumeRebuild(ctx, views{a, w.views}, name); err != nil {
		w.fail("the rebuild can not be resumed: %v", err)
		return
	}
	r, err := w.rebuilder(a, w.codeOf(g.Version), true)
	if err != nil {
		w.fail("%v", err)
		return
	}
	if _, err := r.Run(ctx); err != nil {
		w.fail("the rebuild of generation %d does not come to its end: %v", g.Number, err)
		return
	}
	if w.state().Paused != nil {
		w.repair(ctx, a) // there was nothing to sweep before
	}
	compared, err := r.Compare(ctx, projection.CompareOptions{Full: true})
	if err != nil {
		w.fail("the comparison of generation %d fails: %v", g.Number, err)
		return
	}
	if w.wrong(compared) {
		return
	}
	a.switches = true
	if _, err := r.Switch(ctx, projection.SwitchOptions{}); err != nil && !w.openSkips() {
		w.fail("nobody can switch to generation %d: %v", g.Number, err)
	}
}
