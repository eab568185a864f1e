package projectiontest

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// operator is somebody who retries parked streams now and then, with fixed code or broken,
// or skips the event, and may think better of that.
func (w *world) operator(ctx context.Context) *actor {
	return w.spawn("operator", func(a *actor) {
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
}

func (w *world) operate(ctx context.Context, a *actor) {
	fixed := w.choices.pick(3) > 0
	for c := range w.parked(ctx) {
		engine := w.engine(a, fixed)
		if engine.Prepare(ctx) != nil {
			return
		}
		a.about = []eventstore.StreamID{c.Stream}
		if id := (eventstore.EventID{Stream: c.Stream, Version: c.Parked.Version}); w.choices.rarely(3) && w.bearable(id) {
			w.skip(ctx, a, engine, id)
			continue
		}
		a.tracef("retries %s with %s code", c.Stream, build(fixed))
		_ = engine.Retry(ctx, w.scene.Projection.Name(), c.Stream) // may fail again
	}
	if w.choices.rarely(8) {
		w.unskip(ctx, a, w.engine(a, fixed))
	}
}

// skips is what operators have decided.
type skips struct {
	// marked are the events that were marked to skip: no row may show them from then on.
	marked map[eventstore.EventID]bool
	// doubted are those of which somebody has tried to take the skip back, undone those
	// of which somebody has.
	doubted, undone map[eventstore.EventID]bool
}

func newSkips() skips {
	return skips{map[eventstore.EventID]bool{}, map[eventstore.EventID]bool{}, map[eventstore.EventID]bool{}}
}

func (s skips) option() projection.ReplayOption {
	return projection.Skipping(slices.Collect(maps.Keys(s.marked))...)
}

// bearable reports whether the projection goes on without an event: one that fails on later
// events because of it, such as a cancellation of what was never booked, has no rows that
// could be expected. Other streams may come later, so the event's own must do by itself.
func (w *world) bearable(id eventstore.EventID) bool {
	without := skips{marked: maps.Clone(w.skips.marked)}
	without.marked[id] = true
	history := w.scene.commits()
	own := slices.DeleteFunc(slices.Clone(history), func(c eventstore.Commit) bool { return c.Stream != id.Stream })
	for _, commits := range [][]eventstore.Commit{own, history} {
		if _, err := projection.Replay(w.scene.Projection, each(commits), without.option()); err != nil {
			return false
		}
	}
	return true
}

// commits is the history as it will be stored, but for IDs and times.
func (s *scene) commits() []eventstore.Commit {
	var commits []eventstore.Commit
	heads := map[eventstore.StreamID]eventstore.Version{}
	for i, w := range s.writes {
		commits = append(commits, eventstore.Commit{Stream: w.Stream, First: heads[w.Stream] + 1, Events: w.Events, Time: time.Unix(int64(i), 0).UTC()})
		heads[w.Stream] += eventstore.Version(len(w.Events))
	}
	return commits
}

// skip skips the event that a stream was parked at a moment ago.
func (w *world) skip(ctx context.Context, a *actor, engine *projection.Engine, id eventstore.EventID) {
	a.tracef("skips %s", id)
	err := engine.Skip(ctx, w.scene.Projection.Name(), id)
	if err == nil && !w.skips.marked[id] {
		w.fail("the skip of %s is done, and no record was marked", id)
	}
}

// unskip takes back one of the skips.
func (w *world) unskip(ctx context.Context, a *actor, engine *projection.Engine) {
	all := slices.SortedFunc(maps.Keys(w.skips.marked), eventstore.EventID.Compare)
	if len(all) == 0 {
		return
	}
	id := all[w.choices.pick(len(all))]
	a.about = []eventstore.StreamID{id.Stream}
	a.tracef("takes the skip of %s back", id)
	w.skips.doubted[id] = true
	if engine.Unskip(ctx, w.scene.Projection.Name(), id) == nil {
		w.skips.undone[id] = true
	}
}

// checkSkips holds in the end: the state has every event that was skipped, and none of
// which the skip was taken back.
func (w *world) checkSkips(ctx context.Context) {
	s, err := w.views.State(ctx, w.scene.Projection.Name())
	if err != nil {
		w.fail("%v", err)
		return
	}
	for id := range w.skips.marked {
		if !w.skips.doubted[id] && !slices.Contains(s.Skips, id) {
			w.fail("%s was marked to skip, and the state does not say so", id)
		}
	}
	for _, id := range s.Skips {
		if w.skips.undone[id] || !w.skips.marked[id] {
			w.fail("the state says to skip %s: %s", id, ifSet(w.skips.undone[id], "this was taken back"))
		}
	}
}

// fitsUnskipped reports whether a row is the fold of the history with a skipped event.
func (w *world) fitsUnskipped(commits []eventstore.Commit, row projection.RowID, have []byte) bool {
	for id := range w.skips.marked {
		fewer := maps.Clone(w.skips.marked)
		delete(fewer, id)
		rows, err := projection.Replay(w.scene.Projection, each(commits), skips{marked: fewer}.option())
		i := slices.IndexFunc(rows, func(r projection.Row) bool { return r.ID == row })
		if err == nil && i >= 0 && bytes.Equal(rows[i].Content, have) {
			return true
		}
	}
	return false
}
