package projectiontest

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// stateChanged holds at each change of the state: it is one that the roles and phases of
// generations allow.
func (w *world) stateChanged(a *actor, before, after projection.State) {
	for _, what := range whatChanged(before, after) {
		a.tracef("%s", what)
	}
	for _, id := range after.Skips {
		w.skips.listed[id] = true
	}
	for _, id := range before.Skips {
		if !slices.Contains(after.Skips, id) && !w.waitsToBeSkipped(id) {
			w.skips.undone[id] = true
		}
	}
	if w.failure != "" {
		return
	}
	if after.Counter < before.Counter {
		w.fail("the counter of generations has gone back from %d to %d", before.Counter, after.Counter)
	}
	active := 0
	for i := range after.Generations {
		g := &after.Generations[i]
		if old := before.Find(g.Number); old == nil {
			w.begun(before, *g)
		} else {
			w.moved(*old, *g)
		}
		if g.Role == projection.Active {
			active++
		}
	}
	for _, g := range before.Generations {
		if after.Find(g.Number) == nil && (g.Role != projection.Retired || g.Cleared == 0) {
			w.fail("generation %d, which is %s, is taken out of the state", g.Number, g.Role)
		}
	}
	if active > 1 || active == 0 && before.With(projection.Active) != nil {
		w.fail("%d generations are active", active)
	}
	w.checkAll()
	w.switched(a, before, after)
}

// begun: a number is never used again.
func (w *world) begun(before projection.State, g projection.Generation) {
	if g.Number <= before.Counter {
		w.fail("generation %d was there before: a number comes twice", g.Number)
	}
}

// roles are those that a role can become.
var roles = map[projection.Role][]projection.Role{
	projection.Building: {projection.Active, projection.Retired},
	projection.Active:   {projection.Previous},
	projection.Previous: {projection.Active, projection.Retired},
}

func (w *world) moved(old, g projection.Generation) {
	if old.Role != g.Role && !slices.Contains(roles[old.Role], g.Role) {
		w.fail("generation %d is %s and was %s", g.Number, g.Role, old.Role)
	}
	if old.Role == projection.Building && g.Role == projection.Active && (g.Folding() || g.Rebuild != nil && g.Rebuild.Swept.IsZero() && !w.lossy) {
		w.fail("generation %d is active, and was not brought to its end", g.Number)
	}
	a, b := old.Rebuild, g.Rebuild
	switch {
	case a == nil || b == nil:
	case !follows(a.Phase, b.Phase):
		w.fail("the rebuild of generation %d has gone back from %s to %s", g.Number, a.Phase, b.Phase)
	case a.Phase != projection.PhaseHeads && a.Manifest != b.Manifest:
		w.fail("the manifest of generation %d was sealed, and is another one", g.Number)
	case b.Share() < a.Share():
		w.fail("ranges of generation %d were filled, and are not any more", g.Number)
	case b.Phase == projection.PhaseCatchUp && b.Share() < 1:
		w.fail("generation %d is fed before all of its ranges were filled", g.Number)
	}
}

func follows(a, b projection.Phase) bool {
	order := []projection.Phase{projection.PhaseHeads, projection.PhaseFold, projection.PhaseCatchUp}
	return slices.Index(order, b) >= slices.Index(order, a)
}

// switched holds where readers get another generation, also by a request that is late: it has
// everything that is settled now, but for what is parked. And unless it was by force no stream is
// parked that was before somebody decided on it, or that the sweep for it has parked.
func (w *world) switched(a *actor, before, after projection.State) {
	now, was := after.With(projection.Active), before.With(projection.Active)
	if w.failure != "" || now == nil || was != nil && was.Number == now.Number || was == nil && !a.switches {
		return
	}
	parked := map[eventstore.StreamID]bool{}
	for at := range w.parked(context.Background()) {
		if at.generation != now.Number {
			continue
		}
		parked[at.Stream] = true
		if id := (eventstore.EventID{Stream: at.Stream, Version: at.Parked.Version}); !a.forced && at.Waits() && a.waits[parkedEvent{now.Number, id}] {
			w.fail("readers are switched to generation %d although %s is parked there", now.Number, id)
		}
	}
	if w.lossy {
		return
	}
	known := w.generation(*now)
	for _, c := range w.settled() {
		if known.at[c.Stream] < c.Last() && !parked[c.Stream] && slices.Contains(known.code.Categories(), c.Stream.Category()) {
			w.fail("readers are switched to generation %d, and do not see %s@%d, which was acknowledged before", now.Number, c.Stream, c.First)
		}
	}
}

// whatChanged tells in words what a write of the state has changed.
func whatChanged(before, after projection.State) (said []string) {
	say := func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
	for _, g := range after.Generations {
		old := before.Find(g.Number)
		if old == nil {
			say("begins generation %d of version %d, %s%s", g.Number, g.Version, g.Role, ifSet(g.Rebuild != nil, ", by a rebuild"))
			continue
		}
		if old.Role != g.Role {
			say("makes generation %d %s", g.Number, g.Role)
		}
		if old.Cleared != g.Cleared {
			say("notes that generation %d was cleared", g.Number)
		}
		if old.Rebuild != nil && g.Rebuild != nil && !reflect.DeepEqual(old.Rebuild, g.Rebuild) {
			say("generation %d: %s", g.Number, strings.Join(rebuildChanges(old.Rebuild, g.Rebuild), ", "))
		}
	}
	for _, g := range before.Generations {
		if after.Find(g.Number) == nil {
			say("takes generation %d out of the state", g.Number)
		}
	}
	for _, id := range after.Skips {
		if !slices.Contains(before.Skips, id) {
			say("lists %s as skipped", id)
		}
	}
	for _, id := range before.Skips {
		if !slices.Contains(after.Skips, id) {
			say("lists %s no more", id)
		}
	}
	return said
}

func rebuildChanges(old, now *projection.Rebuild) (said []string) {
	say := func(changed bool, format string, args ...any) {
		if changed {
			said = append(said, fmt.Sprintf(format, args...))
		}
	}
	say(old.Coordinator != now.Coordinator && now.Coordinator != "", "takes it over")
	say(old.Coordinator != now.Coordinator && now.Coordinator == "", "lets it go")
	say(old.Phase != now.Phase && now.Phase == projection.PhaseFold, "seals the heads of %d streams", now.Manifest.Streams)
	say(old.Share() != now.Share(), "%.0f%% of the keys are filled", 100*now.Share())
	say(old.Phase != now.Phase && now.Phase == projection.PhaseCatchUp, "is fed from now on")
	say(!old.Swept.Equal(now.Swept) && now.Swept.IsZero(), "has to be swept again")
	say(!old.Swept.Equal(now.Swept) && !now.Swept.IsZero(), "is swept")
	say(old.Paused != now.Paused, "%s", ifSet(now.Paused, "is paused")+ifSet(!now.Paused, "is resumed"))
	say(!reflect.DeepEqual(old.Compared, now.Compared), "is compared")
	say(old.Failure != now.Failure && now.Failure != "", "has failed at %s", now.Failed)
	say(len(said) == 0, "is noted")
	return said
}
