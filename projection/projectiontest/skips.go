package projectiontest

import (
	"context"
	"maps"
	"slices"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// skips is what operators have decided.
type skips struct {
	// marked are the events that were marked to skip, in these generations: no row of theirs
	// may show them from then on.
	marked map[eventstore.EventID][]uint64
	// listed are those that were in the state: generations pass over them that have not come
	// to them, as soon as who feeds them knows.
	listed map[eventstore.EventID]bool
	// doubted are those of which somebody has tried to take the skip back, undone those
	// of which somebody has, and which were not marked again since.
	doubted, undone map[eventstore.EventID]bool
}

func newSkips() skips {
	return skips{map[eventstore.EventID][]uint64{}, map[eventstore.EventID]bool{}, map[eventstore.EventID]bool{}, map[eventstore.EventID]bool{}}
}

// mark notes that an event is marked in a generation, perhaps again.
func (s skips) mark(generation uint64, id eventstore.EventID) {
	if !s.in(generation, id) {
		s.marked[id] = append(s.marked[id], generation)
	}
	s.undone[id] = false
}

// in reports whether an event was marked in a generation.
func (s skips) in(generation uint64, id eventstore.EventID) bool {
	return slices.Contains(s.marked[id], generation)
}

func (s skips) all() []eventstore.EventID {
	return slices.SortedFunc(maps.Keys(s.marked), eventstore.EventID.Compare)
}

// waitsToBeSkipped reports whether somebody has marked an event whose skip is not carried out.
func (w *world) waitsToBeSkipped(id eventstore.EventID) bool {
	for at := range w.parked(context.Background()) {
		if at.Stream == id.Stream && at.Waits() && at.Parked.Skip && at.Parked.Version == id.Version {
			return true
		}
	}
	return false
}

// checkSkips holds in the end: the state has every event that was skipped, and none of
// which the skip was taken back.
func (w *world) checkSkips(ctx context.Context) {
	s, err := w.views.State(ctx, w.scene.Projection.Name())
	if err != nil {
		w.fail("%v", err)
		return
	}
	for id, marked := range w.skips.marked {
		live := slices.ContainsFunc(marked, func(g uint64) bool { return s.Find(g) != nil && s.Find(g).Role != projection.Retired })
		if live && !w.skips.doubted[id] && !slices.Contains(s.Skips, id) {
			w.fail("%s was marked to skip, and the state does not say so", id)
		}
	}
	for _, id := range s.Skips {
		if w.skips.undone[id] || len(w.skips.marked[id]) == 0 {
			w.fail("the state says to skip %s: %s", id, ifSet(w.skips.undone[id], "this was taken back"))
		}
	}
}

// fitsUnskipped reports whether a row is the fold of the history with a skipped event.
func (w *world) fitsUnskipped(g *generation, fits func([]eventstore.Commit) bool) bool {
	for id := range w.skips.marked {
		if id.Version > g.at[id.Stream] || !w.skips.in(g.number, id) {
			continue
		}
		var history []eventstore.Commit
		for stream, at := range g.at {
			for _, event := range w.events[stream][:at] {
				if other := event.EventID(0); other == id || !w.skips.in(g.number, other) {
					history = append(history, event)
				}
			}
		}
		if fits(history) {
			return true
		}
	}
	return false
}
