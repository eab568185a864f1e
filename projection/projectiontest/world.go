package projectiontest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
	"github.com/leftfold/leftfold/projection"
)

const (
	// mostTurns bounds a schedule; then nothing bad happens any more. One with rebuilds
	// has more of them.
	mostTurns, mostTurnsOfRebuilds = 600, 1500
	// mostCalm bounds the calm end of a schedule, and mostCalmEach adds to it for
	// each commit. Two or three turns for each are what is needed.
	mostCalm, mostCalmEach = 1000, 20
	// mostOfOne bounds how long somebody takes who is alone.
	mostOfOne = 20_000
)

// world is one run of one schedule.
type world struct {
	scene   *scene
	choices *choices
	store   *memstore.Store
	views   projection.ViewStore
	actors  []*actor
	style   style

	// Announcements: those not yet handed out or given back, and all there were.
	pool []eventstore.Announcement
	told []eventstore.Announcement

	commits []eventstore.Commit                         // in the order of appends
	events  map[eventstore.StreamID][]eventstore.Commit // the same, of one event each
	broken  map[eventstore.EventID]brokenness
	fixed   bool // the broken events are fixed for everybody
	skips   skips
	lossy   bool // only a sweep finds all that happened
	calm    bool // nothing bad happens any more

	generations map[uint64]*generation
	coming      map[int]*fold // of all that was appended, by version
	acts        int           // how much coordinators still begin
	late        int           // requests that are under way

	trace   []line
	failure string            // the first broken promise, and how
	promise string            // which one it is
	row     *projection.RowID // that was wrong, if it was one
	code    *projection.Projection
}

// style is what a schedule is like.
type style struct {
	early       int  // commits that are there soon
	writesEvery int  // turns that a commit takes behind them, on average
	breaks      int  // one event in so many is broken, 0: none
	sweeps      bool // workers sweep now and then
	unprepared  bool // nobody has made the first generation
}

func newWorld(t testing.TB, s *scene, c *choices) *world {
	w := &world{
		scene: s, choices: c, store: memstore.New(), broken: map[eventstore.EventID]brokenness{}, skips: newSkips(),
		events: map[eventstore.StreamID][]eventstore.Commit{}, generations: map[uint64]*generation{}, coming: map[int]*fold{},
		style: style{writesEvery: 8, breaks: 6, sweeps: true},
	}
	w.views = s.Views(t, projection.Limits{Items: 1 + max(s.width, 2) + c.pick(6), Bytes: 4 << 20})
	if s.Next != nil {
		w.style = style{early: c.pick(len(s.writes) + 1), writesEvery: []int{8, 20, 50}[c.pick(3)], breaks: []int{6, 12, 0}[c.pick(3)], sweeps: c.rarely(2), unprepared: c.rarely(4)}
		w.acts = 3 + c.pick(8)
	}
	for _, p := range []*projection.Projection{s.Projection, s.Next} {
		if p != nil {
			w.coming[p.Version()] = newFold(p)
		}
	}
	return w
}

// end gives back what the world holds.
func (w *world) end() {
	for _, g := range w.generations {
		g.end()
	}
	for _, f := range w.coming {
		f.stop()
	}
}

func (w *world) fail(format string, args ...any) {
	if w.failure == "" {
		w.promise, w.failure = format, fmt.Sprintf(format, args...)
	}
}

// run plays the schedule: first the wild part, then a calm one in which everything
// that was announced is delivered; only a feed that lost something gets a sweep.
func (w *world) run(ctx context.Context) {
	w.begin(ctx)
	most := mostTurns
	if w.scene.Next != nil {
		most = mostTurnsOfRebuilds
	}
	for turns := 0; turns < most && w.failure == "" && !w.atRest(); turns++ {
		w.pass()
		w.turn()
	}
	w.settle(ctx)
}

// begin brings everybody on the stage.
func (w *world) begin(ctx context.Context) {
	if w.scene.Next != nil && !w.style.unprepared {
		first := w.spawn("first worker", worker, func(a *actor) {
			if err := w.engine(a, w.scene.Projection, true).Prepare(ctx); err != nil {
				w.fail("prepare: %v", err)
			}
		})
		w.calm = true
		w.finishActor(first)
		w.calm = false
	}
	w.actors = []*actor{w.spawn("writer", writer, func(a *actor) { w.write(ctx, a) }), w.operator(ctx, 1), w.operator(ctx, 2)}
	for i := range w.scene.workers {
		w.actors = append(w.actors, w.worker(ctx, i+1))
	}
	for i := range w.scene.coordinators {
		w.actors = append(w.actors, w.coordinator(ctx, i+1))
	}
	if len(w.scene.Readers) > 0 {
		w.actors = append(w.actors, w.reader(ctx))
	}
}

func (w *world) atRest() bool {
	return w.actors[0].ended && len(w.pool) == 0 && w.acts == 0 &&
		!slices.ContainsFunc(w.actors, func(a *actor) bool { return a.busy && (a.kind == worker || a.kind == coordinator) })
}

// pass lets time pass, in a schedule with rebuilds.
func (w *world) pass() {
	if w.scene.Next == nil || !w.choices.rarely(40) {
		return
	}
	long := []time.Duration{time.Second, 15 * time.Second, 2 * time.Minute, projection.RetiredFor + time.Minute}[w.choices.pick(4)]
	w.trace = append(w.trace, line{text: fmt.Sprintf("time:   %s pass", long)})
	time.Sleep(long) // nobody waits in a bubble
}

// turn lets one actor run for a while.
func (w *world) turn() {
	i := w.choices.pick(len(w.actors))
	for burst := 1 + w.choices.pick(4); burst > 0 && w.failure == ""; burst-- {
		a := w.actors[i]
		if a.ended {
			return
		}
		t := w.accident(a)
		if t == crash {
			a.tracef("crashes before it %s", a.pending)
		}
		w.lossy = w.lossy || t != goOn && a.leaves()
		a.run(t)
		if a.ended && a.again != nil {
			w.actors[i] = a.again()
			return
		}
		if a.ended && a.kind == request {
			w.actors = slices.Delete(w.actors, i, i+1)
			return
		}
	}
}

// accident says what befalls an actor.
func (w *world) accident(a *actor) turn {
	often := 0
	switch {
	case !a.busy:
	case a.kind == worker, a.kind == operator && w.scene.Lossy:
		often = 24
	case a.kind == coordinator:
		often = 120
	}
	if often == 0 {
		return goOn
	}
	switch w.choices.pick(often) {
	case often - 1:
		return crash
	case often - 2:
		return fail
	}
	return goOn
}

// settle ends the schedule in peace.
func (w *world) settle(ctx context.Context) {
	w.calm = true
	w.calmWorkers(ctx)
	for turns := 0; w.failure == ""; turns++ {
		if turns == mostCalm+mostCalmEach*len(w.scene.writes) {
			w.fail("the workers do not come to rest")
			break
		}
		moved := false
		for _, a := range w.actors {
			if !a.ended && (a.busy || a.kind == writer && w.failure == "" || a.kind == worker && len(w.pool) > 0) {
				a.run(goOn)
				moved = true
			}
		}
		if !moved {
			break
		}
	}
	for _, a := range w.actors {
		if !a.ended {
			a.run(crash)
		}
	}
	if w.failure == "" {
		w.finish(ctx)
	}
}

// calmWorkers ends the deployment: workers carry everything.
func (w *world) calmWorkers(ctx context.Context) {
	if w.scene.Next == nil || w.failure != "" {
		return
	}
	n := 0
	for i, a := range w.actors {
		if a.kind != worker {
			continue
		}
		if n++; !a.ended && a.program == w.scene.Next {
			continue
		}
		if !a.ended {
			a.run(crash)
		}
		w.actors[i] = w.worker(ctx, n)
	}
}

// finishActor lets an actor run to its end, which it has to come to.
func (w *world) finishActor(a *actor) {
	for turns := 0; !a.ended; turns++ {
		if turns == mostOfOne {
			w.fail("the %s does not come to its end", a.name)
		}
		t := goOn
		if w.failure != "" {
			t = crash
		}
		a.run(t)
	}
}
