package projectiontest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
	"github.com/leftfold/leftfold/projection"
)

// operators is how many there are: two can decide differently about one event.
const operators = 2

const (
	// mostTurns bounds a schedule; then nothing bad happens any more.
	mostTurns = 600
	// mostCalm bounds the calm end of a schedule, and mostCalmEach adds to it for
	// each commit. Two or three turns for each are what is needed.
	mostCalm, mostCalmEach = 1000, 20
)

// world is one run of one schedule.
type world struct {
	scene   *scene
	choices *choices
	store   *memstore.Store
	views   projection.ViewStore

	// Announcements: those not yet handed out or given back, and all there were.
	pool []eventstore.Announcement
	told []eventstore.Announcement

	commits []eventstore.Commit // in the order of appends
	broken  map[eventstore.EventID]bool
	fixed   bool // the broken events are fixed for everybody
	skips   skips
	lossy   bool // only a sweep finds all that happened
	calm    bool // nothing bad happens any more

	trace   []line
	failure string            // the first broken promise, and how
	promise string            // which one it is
	row     *projection.RowID // that was wrong, if it was one
}

func newWorld(t testing.TB, s *scene, c *choices) *world {
	w := &world{scene: s, choices: c, store: memstore.New(), broken: map[eventstore.EventID]bool{}, skips: newSkips()}
	w.views = s.Views(t, projection.Limits{Items: 1 + max(s.width, 2) + c.pick(6), Bytes: 4 << 20})
	return w
}

func (w *world) fail(format string, args ...any) {
	if w.failure == "" {
		w.promise, w.failure = format, fmt.Sprintf(format, args...)
	}
}

// run plays the schedule: first the wild part, then a calm one in which everything
// that was announced is delivered; only a feed that lost something gets a sweep.
func (w *world) run(ctx context.Context) {
	writer := w.spawn("writer", func(a *actor) { w.write(ctx, a) })
	workers := make([]*actor, w.scene.workers)
	for i := range workers {
		workers[i] = w.worker(ctx, i+1)
	}
	actors := slices.Concat([]*actor{writer, w.operator(ctx, 1), w.operator(ctx, 2)}, workers)
	for turns := 0; turns < mostTurns && w.failure == "" && !w.atRest(writer, workers); turns++ {
		w.turn(ctx, actors)
	}
	w.settle(ctx, actors)
}

func (w *world) atRest(writer *actor, workers []*actor) bool {
	return writer.ended && len(w.pool) == 0 && !slices.ContainsFunc(workers, func(a *actor) bool { return a.busy })
}

// turn lets one actor run for a while.
func (w *world) turn(ctx context.Context, actors []*actor) {
	i := w.choices.pick(len(actors))
	for burst := 1 + w.choices.pick(4); burst > 0 && w.failure == ""; burst-- {
		a := actors[i]
		if a.ended {
			return
		}
		t := goOn
		if a.busy && (isWorker(a) || isOperator(a) && w.scene.Lossy) {
			switch w.choices.pick(24) {
			case 23:
				t = crash
			case 22:
				t = fail
			}
		}
		if t == crash {
			a.tracef("crashes before it %s", a.pending)
		}
		if isOperator(a) && t != goOn {
			w.lossy = true // what was dropped while a stream was parked is left to a sweep
		}
		a.run(t)
		switch {
		case a.ended && isOperator(a):
			actors[i] = w.operator(ctx, i)
			return
		case a.ended && isWorker(a):
			actors[i] = w.worker(ctx, i-operators)
			return
		}
	}
}

// settle ends the schedule in peace.
func (w *world) settle(ctx context.Context, actors []*actor) {
	w.calm = true
	for turns := 0; w.failure == ""; turns++ {
		if turns == mostCalm+mostCalmEach*len(w.scene.writes) {
			w.fail("the workers do not come to rest")
			break
		}
		moved := false
		for _, a := range actors {
			if !a.ended && (a.busy || a.name == "writer" && w.failure == "" || isWorker(a) && len(w.pool) > 0) {
				a.run(goOn)
				moved = true
			}
		}
		if !moved {
			break
		}
	}
	for _, a := range actors {
		if !a.ended {
			a.run(crash)
		}
	}
	if w.failure == "" {
		w.finish(ctx)
	}
}

func isWorker(a *actor) bool { return a.name != "writer" && !isOperator(a) }

func isOperator(a *actor) bool { return strings.HasPrefix(a.name, "operator") }

// finish repairs what only an operator or a sweep can, and compares.
func (w *world) finish(ctx context.Context) {
	if !w.lossy {
		w.compare(ctx)
	}
	w.fixed = true
	last := w.spawn("last worker", func(a *actor) {
		engine := w.engine(a, true)
		if err := engine.Prepare(ctx); err != nil {
			w.fail("prepare: %v", err)
			return
		}
		if err := projection.Resume(ctx, w.views, w.scene.Projection.Name()); err != nil {
			w.fail("resume: %v", err)
			return
		}
		for c := range w.parked(ctx) {
			a.about = []eventstore.StreamID{c.Stream}
			if err := engine.Retry(ctx, w.scene.Projection.Name(), c.Stream); err != nil {
				w.fail("retry of %s: %v", c.Stream, err)
			}
		}
		a.about = nil
		if w.lossy {
			if _, err := engine.Sweep(ctx, nil); err != nil {
				w.fail("sweep: %v", err)
			}
		}
	})
	for !last.ended {
		last.run(goOn)
	}
	if w.failure == "" {
		w.compare(ctx)
	}
	if s, err := w.views.State(ctx, w.scene.Projection.Name()); err != nil || s.Paused != nil {
		w.fail("the projection is still paused after it was resumed and swept: %v", err)
	}
	for c := range w.parked(ctx) {
		w.fail("%s is still parked at %d after everything was fixed", c.Stream, c.Version)
	}
	w.checkSkips(ctx)
}

func (w *world) generation() projection.GenerationID {
	return projection.GenerationID{Projection: w.scene.Projection.Name(), Number: 1}
}

// parked yields the streams that have a park record.
func (w *world) parked(ctx context.Context) func(func(projection.Checkpoint) bool) {
	return func(yield func(projection.Checkpoint) bool) {
		for c, err := range w.views.AllCheckpoints(ctx, w.generation(), true) {
			if err != nil {
				w.fail("%v", err)
				return
			}
			if !yield(c) {
				return
			}
		}
	}
}
