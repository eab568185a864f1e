package memviews

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/leftfold/leftfold/projection"
)

// State implements [projection.StateStore].
func (v *Views) State(ctx context.Context, name string) (projection.State, error) {
	if ctx.Err() != nil {
		return projection.State{}, context.Cause(ctx)
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	s := v.states[name].Clone()
	s.Projection = name
	return s, nil
}

// States implements [projection.StateLister].
func (v *Views) States(ctx context.Context) iter.Seq2[projection.State, error] {
	return func(yield func(projection.State, error) bool) {
		v.mu.RLock()
		names := slices.Sorted(maps.Keys(v.states))
		v.mu.RUnlock()
		for i := 0; i < len(names) || ctx.Err() != nil; i++ {
			if ctx.Err() != nil {
				yield(projection.State{}, context.Cause(ctx))
				return
			}
			if s, err := v.State(ctx, names[i]); !yield(s, err) || err != nil {
				return
			}
		}
	}
}

// PutState implements [projection.StateStore].
func (v *Views) PutState(ctx context.Context, s projection.State) (projection.State, error) {
	if ctx.Err() != nil {
		return projection.State{}, context.Cause(ctx)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if stored := v.states[s.Projection].Revision; stored != s.Revision {
		return projection.State{}, fmt.Errorf("%w: state of projection %q is at revision %d, not %d", projection.ErrChanged, s.Projection, stored, s.Revision)
	}
	s.Revision++
	v.states[s.Projection] = s.Clone()
	return s, nil
}

// Beat implements [projection.StateStore].
func (v *Views) Beat(ctx context.Context, b projection.Heartbeat) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.beats[b.Projection] == nil {
		v.beats[b.Projection] = map[string]projection.Heartbeat{}
	}
	maps.DeleteFunc(v.beats[b.Projection], func(_ string, old projection.Heartbeat) bool {
		return old.At.Before(b.At.Add(-projection.HeartbeatsKept))
	})
	b.Frozen = slices.Clone(b.Frozen)
	v.beats[b.Projection][b.Worker] = b
	return nil
}

// Heartbeats implements [projection.StateStore].
func (v *Views) Heartbeats(ctx context.Context, name string) ([]projection.Heartbeat, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	beats := slices.SortedFunc(maps.Values(v.beats[name]), func(a, b projection.Heartbeat) int { return strings.Compare(a.Worker, b.Worker) })
	for i := range beats {
		beats[i].Frozen = slices.Clone(beats[i].Frozen)
	}
	return beats, nil
}
