package projection

import (
	"context"
	"errors"
)

// Plan is what a rebuild would do.
type Plan struct {
	Projection string `json:"projection"`
	Version    int    `json:"version"`
	// Against is the generation that readers use now, of version From; 0 for none.
	Against uint64 `json:"against,omitempty"`
	From    int    `json:"from,omitempty"`
	// Streams, Events and Bytes are what is read once; the plan itself has read it as often as
	// the rebuild would without its sweep.
	Streams int    `json:"streams"`
	Events  uint64 `json:"events"`
	Bytes   uint64 `json:"bytes"`
	// Passes is how often the log is folded, since not all rows fit into memory, or since
	// that is asked for.
	Passes int `json:"passes"`
	// Rows and Checkpoints are what is written.
	Rows        int `json:"rows"`
	Checkpoints int `json:"checkpoints"`
	// Units are those that the rebuild would use, without a comparison.
	Units Units `json:"units"`
	// Failure is the event that the fold would fail on, or nil. In JSON it is not there.
	Failure *FoldError `json:"-"`
}

// Plan folds the whole log in memory, as a rebuild would, writes nothing, and says what would
// be written and whether an event would fail. It may be called at any time. Cost: a read of
// the log for the heads, and one for each pass.
func (r *Rebuilder) Plan(ctx context.Context) (Plan, error) {
	plan := Plan{Projection: r.p.name, Version: r.p.version}
	s, err := r.views.State(ctx, r.p.name)
	if err != nil {
		return plan, err
	}
	if g := s.With(Active); g != nil {
		plan.Against, plan.From = g.Number, g.Version
	}
	r.meter.note(func(p *RebuildProgress) { *p = RebuildProgress{Phase: PhaseHeads, Units: p.Units} })
	before := r.meter.progress().Units.Read
	h, err := r.list(ctx, r.p)
	if err != nil {
		return plan, err
	}
	plan.Streams, plan.Events = len(h.all), h.events
	listed := r.meter.progress().Units.Read
	take := func(_ context.Context, f Filling) error {
		plan.Rows += len(f.Rows)
		plan.Checkpoints += len(f.Checkpoints)
		plan.Units.Write += unitsOf(f).Write
		return nil
	}
	id := GenerationID{r.p.name, s.Counter + 1}
	for keys := (KeyRange{0, allKeys}); keys.From < keys.To; plan.Passes++ {
		r.meter.note(func(p *RebuildProgress) {
			*p = RebuildProgress{Phase: PhaseFold, StreamsOf: plan.Streams, EventsOf: plan.Events,
				Share: KeyRange{0, keys.From}.share(), Part: partOf(keys, r.opts.Ranges).share(), Units: p.Units}
		})
		done, _, err := r.foldRange(ctx, &sealed{heads: h, skips: skipsOf(s.Skips)}, &rangeFold{id: id, keys: partOf(keys, r.opts.Ranges), fill: take})
		if failed, ok := errors.AsType[*FoldError](err); ok {
			plan.Failure = failed
			break
		}
		if err != nil {
			return plan, err
		}
		keys.From = done.To
	}
	plan.count(h, listed-before, r.meter.progress().Units.Read-listed)
	return plan, nil
}

// count adds up what was read: once for the heads, where the store has not got them ready, and
// for each pass.
func (p *Plan) count(h *heads, forHeads, forPasses float64) {
	once := forHeads // a fold that fails does not read all
	if once == 0 {
		once = forPasses / float64(max(1, p.Passes))
	}
	p.Bytes = uint64(once * readBytes)
	manifest := 0
	for _, head := range h.all {
		manifest += len(head.Stream.String()) + HeadBytes
	}
	p.Units.Write += writeUnits(manifest)
	// The sweep lists the heads once more, and reads the checkpoints.
	p.Units.Read = 2*forHeads + forPasses + float64(p.Checkpoints)*itemOverhead/readBytes
}
