package projectiontest

import (
	"context"
	"fmt"
	"slices"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// coordinator starts one of those who rebuild: each acts by what it has seen of the state, at
// a moment of its own, and may be killed anywhere.
func (w *world) coordinator(ctx context.Context, number int) *actor {
	a := w.spawn(fmt.Sprintf("coordinator %d", number), coordinator, func(a *actor) {
		for {
			a.busy = false
			a.wait()
			if w.calm || w.acts == 0 || !w.choices.rarely(2) {
				continue
			}
			w.acts--
			a.busy = true
			w.coordinate(ctx, a)
			a.sweeps = false
		}
	})
	a.again = func() *actor { return w.coordinator(ctx, number) }
	return a
}

// rebuilder returns one that does everything in turn, and a little at once.
func (w *world) rebuilder(a *actor, program *projection.Projection, fixed bool) (*projection.Rebuilder, error) {
	opts := projection.RebuildOptions{Name: a.name, Sequential: true, Lease: -1, Readers: 1 + w.choices.pick(3), Ranges: 1 + w.choices.pick(3)}
	if w.choices.rarely(4) {
		opts.Memory = 1500 // a few rows
	}
	from := projection.RebuildSource(source{a, fixed})
	if w.choices.rarely(4) {
		from = lister{source{a, fixed}}
	}
	return projection.NewRebuilder(from, views{a, w.views}, program, opts)
}

// coordinate does what an operator may do next, mostly what leads on.
func (w *world) coordinate(ctx context.Context, a *actor) {
	program, fixed := w.scene.Next, !w.choices.rarely(4)
	if w.choices.rarely(8) {
		others := append([]*projection.Projection{w.scene.Projection}, w.scene.Programs...)
		program = others[w.choices.pick(len(others))]
	}
	r, err := w.rebuilder(a, program, fixed)
	if err != nil {
		panic(err) // Run has checked the options
	}
	if !fixed || program != w.scene.Next {
		a.tracef("runs %s code%s", build(fixed), w.versions(program))
	}
	switch g := w.state().Rebuilding(); {
	case g == nil:
		w.coordinateIdle(ctx, a, r)
	case g.Rebuild.Phase != projection.PhaseCatchUp || g.Rebuild.Swept.IsZero():
		w.coordinateRebuild(ctx, a, r)
	default:
		w.coordinateReady(ctx, a, r)
	}
}

// coordinateIdle is for where nothing is rebuilt.
func (w *world) coordinateIdle(ctx context.Context, a *actor, r *projection.Rebuilder) {
	switch w.choices.pick(10) {
	default:
		a.tracef("starts a rebuild")
		if _, err := r.Start(ctx, projection.StartOptions{By: a.name}); err == nil {
			w.runRebuild(ctx, a, r)
		}
	case 6:
		w.switchOver(ctx, a, r, w.choices.rarely(3))
	case 7, 8:
		w.rollBack(ctx, a, r)
	case 9:
		a.tracef("retires the previous generation")
		_, _ = projection.Retire(ctx, views{a, w.views}, w.scene.Projection.Name(), projection.RetireOptions{Force: true})
	}
}

// coordinateRebuild is for a rebuild that is under way.
func (w *world) coordinateRebuild(ctx context.Context, a *actor, r *projection.Rebuilder) {
	switch w.choices.pick(10) {
	default:
		w.runRebuild(ctx, a, r)
	case 6:
		w.rollBack(ctx, a, r)
	case 7:
		w.switchOver(ctx, a, r, w.choices.rarely(3))
	case 8:
		w.pauseOrResumeRebuild(ctx, a)
	case 9:
		w.cancelRebuild(ctx, a)
	}
}

// coordinateReady is for a rebuild that could be switched to.
func (w *world) coordinateReady(ctx context.Context, a *actor, r *projection.Rebuilder) {
	switch w.choices.pick(10) {
	default:
		w.compareGenerations(ctx, a, r)
		w.switchOver(ctx, a, r, w.choices.rarely(4))
	case 5:
		w.switchOver(ctx, a, r, w.choices.rarely(2))
	case 6:
		w.compareGenerations(ctx, a, r)
	case 7:
		w.runRebuild(ctx, a, r)
	case 8:
		w.rollBack(ctx, a, r)
	case 9:
		w.cancelRebuild(ctx, a)
	}
}

func (w *world) runRebuild(ctx context.Context, a *actor, r *projection.Rebuilder) {
	a.tracef("carries the rebuild on")
	a.sweeps = true // in its last phase
	_, err := r.Run(ctx)
	a.sweeps = false
	if err != nil {
		w.lossy = w.lossy || len(w.recorded()) > 0 // it may have left a stream in the middle
		a.tracef("stops: %v", err)
	}
}

// recorded returns the park records that there are.
func (w *world) recorded() map[parkedEvent]bool {
	records := map[parkedEvent]bool{}
	for at := range w.parked(context.Background()) {
		records[parkedEvent{at.generation, eventstore.EventID{Stream: at.Stream, Version: at.Parked.Version}}] = true
	}
	return records
}

// parkedEvent is where a stream is parked in a generation.
type parkedEvent struct {
	generation uint64
	eventstore.EventID
}

func (w *world) compareGenerations(ctx context.Context, a *actor, r *projection.Rebuilder) {
	a.tracef("compares")
	compared, err := r.Compare(ctx, projection.CompareOptions{Full: w.choices.rarely(2), Keys: 5})
	if err != nil {
		a.tracef("stops: %v", err)
		return
	}
	a.tracef("found %d rows equal, %d changed; %d wrong of %d", compared.Equal, compared.Changed, compared.Wrong, compared.Checked)
	w.wrong(compared)
}

// wrong fails where a comparison says that a generation is wrong, which it never is.
func (w *world) wrong(c projection.Comparison) bool {
	if c.Wrong == 0 || w.openSkips() {
		return false
	}
	d := c.WrongRows[0]
	w.fail("a comparison finds rows of a generation wrong\n  row %q, %q of view %q of %s\n    folded %s\n    is     %s",
		d.Key.Partition, d.Key.Sort, d.View, c.Generation, orNone(d.Old), orNone(d.New))
	return true
}

func (w *world) switchOver(ctx context.Context, a *actor, r *projection.Rebuilder, forced bool) {
	a.tracef("switches%s", ifSet(forced, " by force"))
	a.switches, a.forced, a.waits = true, forced, w.recorded()
	_, err := r.Switch(ctx, projection.SwitchOptions{Force: forced})
	a.switches, a.waits = false, nil
	if err != nil {
		a.tracef("stops: %v", err)
	}
}

func (w *world) rollBack(ctx context.Context, a *actor, r *projection.Rebuilder) {
	a.tracef("rolls back")
	a.switches, a.forced = true, true
	_, err := r.Rollback(ctx, projection.RollbackOptions{})
	a.switches = false
	if err != nil {
		a.tracef("stops: %v", err)
	}
}

func (w *world) cancelRebuild(ctx context.Context, a *actor) {
	a.tracef("cancels the rebuild")
	_, _ = projection.CancelRebuild(ctx, views{a, w.views}, w.scene.Projection.Name(), 0)
}

func (w *world) pauseOrResumeRebuild(ctx context.Context, a *actor) {
	if w.choices.rarely(3) {
		a.tracef("pauses the rebuild")
		_ = projection.PauseRebuild(ctx, views{a, w.views}, w.scene.Projection.Name())
		return
	}
	a.tracef("resumes the rebuild")
	_ = projection.ResumeRebuild(ctx, views{a, w.views}, w.scene.Projection.Name())
}

// settled returns the commits that somebody has taken care of: those that no feed and no
// worker holds.
func (w *world) settled() []eventstore.Commit {
	open := slices.Clone(w.pool)
	for _, a := range w.actors {
		open = append(open, a.batch...)
	}
	return slices.DeleteFunc(slices.Clone(w.commits), func(c eventstore.Commit) bool {
		return slices.ContainsFunc(open, func(o eventstore.Announcement) bool { return o.Stream == c.Stream && o.First == c.First })
	})
}
