package projection

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

// keep makes this coordinator the one of a rebuild that nobody works on.
func (r *Rebuilder) keep(ctx context.Context, g Generation) error {
	return r.change(ctx, g, func(_ *State, now *Generation) error {
		if now.Rebuild.Coordinator != "" {
			return errAsIs
		}
		now.Rebuild.Coordinator = r.opts.Name
		return nil
	})
}

// release says that this coordinator has stopped, and why if the fold has failed. Where it is
// interrupted it may pause the rebuild by that, which it then returns.
func (r *Rebuilder) release(ctx context.Context, why error) (paused *Generation, err error) {
	pause := r.opts.PauseAtEnd && ctx.Err() != nil
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), mostGoodbye)
	defer cancel()
	err = changeRebuild(ctx, r.views, r.p.name, func(_ *State, g *Generation) error {
		paused = nil
		if g.Rebuild.Coordinator != r.opts.Name {
			return errAsIs
		}
		g.Rebuild.Coordinator = ""
		if failed, ok := errors.AsType[*FoldError](why); ok {
			g.Rebuild.Failure, g.Rebuild.Failed = clip(failed.Error()), failed.Event
		}
		if pause && !g.Rebuild.Finished() {
			g.Rebuild.Paused, paused = true, g
		}
		return nil
	})
	if errors.Is(err, ErrNoRebuild) {
		return nil, nil
	}
	return paused, err
}

// rival is what is known of another coordinator.
type rival struct {
	name string
	beat time.Time // of its last heartbeat
	seen time.Time // by our own clock
}

// works reports whether this coordinator is the one of a rebuild, and has said in which ranges:
// it may have been killed, and be back under its name with others.
func (r *Rebuilder) works(b *Rebuild) bool {
	return b.Coordinator == r.opts.Name && cmp.Or(r.opts.Ranges, b.Ranges) == b.Ranges
}

// takeOver makes this coordinator the one of a rebuild, once no other works on it; else it
// waits a moment.
func (r *Rebuilder) takeOver(ctx context.Context, s State, g Generation, other *rival) error {
	if name := g.Rebuild.Coordinator; name != "" && name != r.opts.Name && r.opts.Lease > 0 {
		beat, err := r.lastBeat(ctx, name)
		if err != nil {
			return err
		}
		if now := time.Now(); other.name != name || !other.beat.Equal(beat) {
			*other = rival{name, beat, now}
		}
		if time.Since(other.seen) < r.opts.Lease {
			return sleep(ctx, min(r.opts.HeartbeatEvery, r.opts.Lease))
		}
		r.opts.Logger.WarnContext(ctx, "another coordinator has fallen silent; this one goes on", "generation", GenerationID{r.p.name, g.Number}.String(), "coordinator", name)
	}
	i := slices.IndexFunc(s.Generations, func(o Generation) bool { return o.Number == g.Number })
	b := s.Generations[i].Rebuild
	b.Coordinator, b.Failure, b.Failed = r.opts.Name, "", eventstore.EventID{}
	b.Ranges = cmp.Or(r.opts.Ranges, b.Ranges)
	_, err := r.views.PutState(ctx, s)
	if err == nil && !r.opts.Sequential {
		r.beat(ctx, g)
	}
	return err
}

func (r *Rebuilder) lastBeat(ctx context.Context, name string) (time.Time, error) {
	beats, err := r.views.Heartbeats(ctx, r.p.name)
	for _, b := range beats {
		if b.Coordinator == name && b.Rebuild != nil {
			r.meter.tell(*b.Rebuild)
			return b.At, err
		}
	}
	return time.Time{}, err
}
