package projectiontest

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// views is a view store as one actor sees it.
type views struct {
	*actor
	projection.ViewStore
}

func (v views) Checkpoints(ctx context.Context, g projection.GenerationID, streams []eventstore.StreamID) ([]projection.Checkpoint, error) {
	if err := v.access(ctx, "reads the checkpoints of %s%s", names(streams), v.world.in(g.Number)); err != nil {
		return nil, err
	}
	return v.ViewStore.Checkpoints(ctx, g, streams)
}

func (v views) AllCheckpoints(ctx context.Context, g projection.GenerationID, parked bool) iter.Seq2[projection.Checkpoint, error] {
	what := fmt.Sprintf("reads all checkpoints%s%s", ifSet(parked, " with a park record"), v.world.in(g.Number))
	return accessed(ctx, v.actor, what, v.ViewStore.AllCheckpoints(ctx, g, parked))
}

func (v views) Rows(ctx context.Context, g projection.GenerationID, ids []projection.RowID) ([]projection.Row, error) {
	if err := v.access(ctx, "reads %s%s", rowNames(ids), v.world.in(g.Number)); err != nil {
		return nil, err
	}
	return v.ViewStore.Rows(ctx, g, ids)
}

func (v views) ScanRows(ctx context.Context, g projection.GenerationID, view string) iter.Seq2[projection.Row, error] {
	return accessed(ctx, v.actor, fmt.Sprintf("reads all rows of view %q%s", view, v.world.in(g.Number)), v.ViewStore.ScanRows(ctx, g, view))
}

// accessed is a sequence whose reading is an access.
func accessed[T any](ctx context.Context, a *actor, what string, all iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		if err := a.access(ctx, "%s", what); err != nil {
			var none T
			yield(none, err)
			return
		}
		all(yield)
	}
}

func (v views) State(ctx context.Context, name string) (projection.State, error) {
	if err := v.quietAccess(ctx, "reads the state"); err != nil {
		return projection.State{}, err
	}
	return v.ViewStore.State(ctx, name)
}

func (v views) PutState(ctx context.Context, s projection.State) (stored projection.State, err error) {
	err = v.request(ctx, "writes the state", false, func(ctx context.Context) error {
		before := v.world.state()
		now, err := v.ViewStore.PutState(ctx, s)
		if err == nil {
			stored = now // a copy that comes late is refused, and changes nothing
			v.world.stateChanged(v.actor, before, now)
		}
		return err
	})
	return stored, err
}

func (v views) Beat(ctx context.Context, b projection.Heartbeat) error {
	if err := v.quietAccess(ctx, "leaves a heartbeat"); err != nil {
		return err
	}
	return v.ViewStore.Beat(ctx, b)
}

func (v views) Heartbeats(ctx context.Context, name string) ([]projection.Heartbeat, error) {
	if err := v.quietAccess(ctx, "reads the heartbeats"); err != nil {
		return nil, err
	}
	return v.ViewStore.Heartbeats(ctx, name)
}

func (v views) Apply(ctx context.Context, s projection.Slice) error {
	return v.request(ctx, "applies "+describe(s)+v.world.in(s.Generation.Number), true, func(ctx context.Context) error {
		err := v.ViewStore.Apply(ctx, s)
		v.world.check(s.Generation.Number)
		return err
	})
}

func (v views) Park(ctx context.Context, g projection.GenerationID, stream eventstore.StreamID, at eventstore.Version, p *projection.Parked) error {
	what := fmt.Sprintf("removes the park record of %s at %d", stream, at)
	if p != nil {
		what = fmt.Sprintf("parks %s@%d at %d%s", stream, p.Version, at, ifSet(p.Skip, ", to be skipped"))
	}
	return v.request(ctx, what+v.world.in(g.Number), true, func(ctx context.Context) error {
		err := v.ViewStore.Park(ctx, g, stream, at, p)
		if p != nil {
			id := eventstore.EventID{Stream: stream, Version: p.Version}
			if err == nil && p.Skip {
				v.world.skips.mark(g.Number, id)
			}
			if v.waits != nil {
				v.waits[parkedEvent{g.Number, id}] = true
			}
		}
		v.world.check(g.Number)
		return err
	})
}

func (v views) PutManifest(ctx context.Context, g projection.GenerationID, attempt string, part int, heads []projection.Head) error {
	what := fmt.Sprintf("writes part %d of a manifest%s: %s", part, v.world.in(g.Number), headNames(heads))
	return v.request(ctx, what, true, func(ctx context.Context) error {
		return v.ViewStore.PutManifest(ctx, g, attempt, part, heads)
	})
}

func (v views) Manifest(ctx context.Context, g projection.GenerationID, attempt string, part int) ([]projection.Head, error) {
	if err := v.quietAccess(ctx, "reads part %d of the manifest%s", part, v.world.in(g.Number)); err != nil {
		return nil, err
	}
	return v.ViewStore.Manifest(ctx, g, attempt, part)
}

// Fill puts one thing after the other, in any order, and may end in the middle.
func (v views) Fill(ctx context.Context, g projection.GenerationID, f projection.Filling) error {
	cut, rest := v.world.cut(f)
	for _, f := range []projection.Filling{cut, rest} {
		if len(f.Checkpoints)+len(f.Rows) == 0 {
			continue
		}
		err := v.slowRequest(ctx, fillsLate, "fills "+describeFilling(f)+v.world.in(g.Number), true, func(ctx context.Context) error {
			err := v.ViewStore.Fill(ctx, g, f)
			v.world.check(g.Number)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// cut divides a filling at random. The row of a stream stays with its checkpoint.
func (w *world) cut(f projection.Filling) (some, rest projection.Filling) {
	if w.calm || !w.choices.rarely(3) {
		return f, rest
	}
	own := map[string]bool{}
	for _, c := range f.Checkpoints {
		if own[c.Stream.String()] = w.choices.rarely(2); own[c.Stream.String()] {
			some.Checkpoints = append(some.Checkpoints, c)
		} else {
			rest.Checkpoints = append(rest.Checkpoints, c)
		}
	}
	for _, row := range f.Rows {
		if projection.IsPerStream(row.ID.View) && own[row.ID.Key.Partition] || !projection.IsPerStream(row.ID.View) && w.choices.rarely(2) {
			some.Rows = append(some.Rows, row)
		} else {
			rest.Rows = append(rest.Rows, row)
		}
	}
	return some, rest
}

func (v views) Clear(ctx context.Context, g projection.GenerationID, names []string) error {
	return v.request(ctx, "clears "+g.String(), true, func(ctx context.Context) error {
		return v.ViewStore.Clear(ctx, g, names)
	})
}

const (
	// mostLate is how many requests are late at once, at the most.
	mostLate = 3
	// One request in so many is late. What is filled late does the most harm.
	othersLate, fillsLate = 24, 4
)

// lateFor are how many turns of their own requests come late.
var lateFor = []int{8, 40, 160}

// request carries out a write. In a schedule with rebuilds it may be under way for a long
// time, after who made it has sent it again, or has given up.
func (v views) request(ctx context.Context, what string, told bool, do func(context.Context) error) error {
	return v.slowRequest(ctx, othersLate, what, told, do)
}

func (v views) slowRequest(ctx context.Context, often int, what string, told bool, do func(context.Context) error) error {
	access := v.access
	if !told {
		access = v.quietAccess
	}
	if err := access(ctx, "%s", what); err != nil {
		return err
	}
	w := v.world
	if w.scene.Next != nil && !w.calm && w.late < mostLate && w.choices.rarely(often) {
		w.delay(ctx, v.actor, what, do)
		if w.choices.rarely(2) {
			w.lossy = w.lossy || v.leaves()
			return fmt.Errorf("%s: no answer: %w", what, errInjected)
		}
	}
	err := do(ctx)
	if err != nil && told {
		v.tracef("refused: %v", err)
	}
	if lost := v.answered("%s", what); err == nil && lost != nil {
		err = lost
	}
	return err
}

// delay lets a copy of a request come later.
func (w *world) delay(ctx context.Context, a *actor, what string, do func(context.Context) error) {
	a.tracef("and the request is on its way for long")
	w.late++
	about, ctx := slices.Clone(a.about), context.WithoutCancel(ctx)
	late := w.spawn("late request of "+a.name, request, func(l *actor) {
		l.about, l.busy = about, true
		for n := w.choices.pick(lateFor[w.choices.pick(len(lateFor))]); n > 0; n-- {
			l.wait()
		}
		l.tracef("%s", what)
		if err := do(ctx); err != nil {
			l.tracef("refused: %v", err)
		}
		w.late--
	})
	w.actors = append(w.actors, late)
}
