package projection

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

// sweep brings every stream of the store to its head, as read now, in a generation that is
// in catch-up: commits that were acknowledged before that are in the store, and in no
// manifest perhaps. It reads the whole log for that: a directory may not list yet what was
// acknowledged already. The state must be as it was read before, so that nobody has paused
// the projection meanwhile.
func (r *Rebuilder) sweep(ctx context.Context, s State, g Generation) error {
	began := time.Now().UTC()
	late, err := r.sweepGeneration(ctx, s, g)
	if err != nil {
		return err
	}
	s.Find(g.Number).Rebuild.Swept = began
	_, err = r.views.PutState(ctx, s)
	r.opts.Logger.InfoContext(ctx, "rebuild: swept", "generation", GenerationID{r.p.name, g.Number}.String(), "behind", len(late))
	return err
}

// sweepFenced sweeps a generation before readers get it, and returns the state by which they
// may. Where a worker keeps a commit from it meanwhile that state is not the stored one any
// more: the fence is in it before the heads are listed. Unless it is forced no stream may be
// parked by that.
func (r *Rebuilder) sweepFenced(ctx context.Context, s State, g Generation, force bool) (State, error) {
	if fence := s.Find(g.Number); !fence.Missed.IsZero() && !fence.Sweeping {
		fence.Sweeping = true
		var err error
		if s, err = r.views.PutState(ctx, s); err != nil {
			return s, err
		}
	}
	late, err := r.sweepGeneration(ctx, s, g)
	if err == nil && !force {
		err = r.checkParked(ctx, g, late)
	}
	now := s.Find(g.Number)
	now.Missed, now.Sweeping = time.Time{}, false
	return s, err
}

// checkParked refuses a generation in which a sweep has parked streams.
func (r *Rebuilder) checkParked(ctx context.Context, g Generation, late []*delivery) error {
	id, parked := GenerationID{r.p.name, g.Number}, 0
	for part := range slices.Chunk(late, sweepStreams) {
		var streams []eventstore.StreamID
		for _, d := range part {
			streams = append(streams, d.stream)
		}
		checkpoints, err := r.views.Checkpoints(ctx, id, streams)
		if err != nil {
			return err
		}
		for _, c := range checkpoints {
			if c.Waits() {
				parked++
			}
		}
	}
	if parked == 0 {
		return nil
	}
	return &NotReadyError{Generation: id, Obstacles: []string{streamsAre(parked) + " parked in it: it was swept just now"}}
}

// sweepGeneration returns what was behind. What workers of this program's versions feed is
// swept along where a stream is behind.
func (r *Rebuilder) sweepGeneration(ctx context.Context, s State, g Generation) (late []*delivery, err error) {
	if s.Paused.stops() {
		return nil, &PausedError{Projection: r.p.name, Paused: *s.Paused}
	}
	if err := r.checkCarried(s, g); err != nil {
		return nil, err
	}
	code := r.p.code(g.Version)
	r.meter.note(func(p *RebuildProgress) {
		*p = RebuildProgress{Generation: g.Number, Phase: PhaseCatchUp, Share: 1, Rows: p.Rows, Checkpoints: p.Checkpoints, Applied: p.Applied, Units: p.Units}
		if g.Rebuild != nil {
			p.StreamsOf = g.Rebuild.Manifest.Streams // about
		}
	})
	h, err := r.list(ctx, code)
	if err != nil {
		return nil, err
	}
	late, err = r.late(ctx, GenerationID{r.p.name, g.Number}, code, h, skipsOf(s.Skips))
	if err != nil {
		return nil, err
	}
	r.meter.note(func(p *RebuildProgress) { p.StreamsOf, p.Behind = len(h.all), len(late) })
	for part := range slices.Chunk(late, sweepStreams) {
		o := r.engine.deliver(ctx, part)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if o.err != nil {
			return nil, fmt.Errorf("sweep of %s: %w", GenerationID{r.p.name, g.Number}.text(), o.err)
		}
		for i, why := range o.undone {
			return nil, fmt.Errorf("sweep of %s: %q was left behind: %w", GenerationID{r.p.name, g.Number}.text(), part[i].stream, why)
		}
	}
	return late, nil
}

// late returns deliveries for the streams whose checkpoints are not at their heads, or have a
// left-over park record. What is parked stays.
func (r *Rebuilder) late(ctx context.Context, g GenerationID, code *Projection, h *heads, skips skips) ([]*delivery, error) {
	waits := make([]bool, len(h.all))
	leftover := make([]bool, len(h.all))
	at := make([]eventstore.Version, len(h.all))
	for c, err := range r.allCheckpoints(ctx, g) {
		if err != nil {
			return nil, err
		}
		if i, known := h.index[c.Stream]; known {
			at[i] = c.Version
			waits[i] = c.Waits() && !canRetry(c, code, skips)
			leftover[i] = c.Parked != nil
		}
	}
	var late []*delivery
	for i, head := range h.all {
		if !waits[i] && (at[i] < head.Version || leftover[i]) {
			late = append(late, &delivery{stream: head.Stream, reach: head.Version})
		}
	}
	return late, nil
}
