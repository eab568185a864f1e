package projection

import (
	"context"
	"errors"

	"github.com/leftfold/leftfold/eventstore"
)

// sink takes what a fold leads to, one filling at a time but where rangeFold.together says else.
type sink func(ctx context.Context, f Filling) error

// foldNext folds the log up to the sealed heads for the next range of keys, and fills what it
// leads to.
func (r *Rebuilder) foldNext(ctx context.Context, g Generation) error {
	id := GenerationID{r.p.name, g.Number}
	s, err := r.manifest(ctx, g)
	if err != nil {
		return err
	}
	b := g.Rebuild
	keys := partOf(b.next(), b.Ranges)
	r.meter.note(func(p *RebuildProgress) {
		*p = RebuildProgress{Generation: g.Number, Phase: PhaseFold, StreamsOf: b.Manifest.Streams, EventsOf: b.Manifest.Events,
			Share: b.Share(), Part: keys.share(), Rows: p.Rows, Checkpoints: p.Checkpoints, Applied: b.Applied, Units: p.Units}
	})
	fill := func(ctx context.Context, f Filling) error {
		if err := r.views.Fill(ctx, id, f); err != nil {
			return err
		}
		return r.meter.spend(ctx, unitsOf(f))
	}
	done, applied, err := r.foldRange(ctx, s, &rangeFold{id: id, keys: keys, fill: fill, together: !r.opts.Sequential})
	if err != nil {
		return err
	}
	return r.change(ctx, g, func(_ *State, now *Generation) error {
		if now.Rebuild.Phase != PhaseFold {
			return errAsIs // others have filled it, too
		}
		now.Rebuild.record(done)
		now.Rebuild.Applied += applied
		return nil
	})
}

// partOf cuts a range to one of so many parts of all.
func partOf(keys KeyRange, ranges int) KeyRange {
	n := uint64(max(1, ranges))
	width := allKeys / n
	if to := (keys.From/width + 1) * width; to < keys.To && to+n <= allKeys {
		keys.To = to
	}
	return keys
}

// catchUp lets workers feed the generation. Everything is there: all ranges are recorded.
func (r *Rebuilder) catchUp(ctx context.Context, g Generation) error {
	return r.change(ctx, g, func(_ *State, now *Generation) error {
		if now.Rebuild.Phase != PhaseFold || now.Rebuild.Manifest.Attempt != g.Rebuild.Manifest.Attempt || now.Rebuild.next() != (KeyRange{}) {
			return errAsIs // somebody else was here
		}
		now.Rebuild.Phase = PhaseCatchUp
		return nil
	})
}

// rangeFold folds the rows of a range of keys.
type rangeFold struct {
	*replay
	r     *Rebuilder
	id    GenerationID
	heads *heads
	keys  KeyRange
	at    []eventstore.Version // folded so far, by the place of the stream in heads
	fill  sink
	only  map[RowID]bool // nil: all rows of the range
	keep  bool           // fill keeps in memory what it is handed
	// together: fill may be called by several goroutines at once.
	together bool

	inserts []Row // not filled yet
	size    int   // of the rows, about
	filling inFlight
	touched bool // by the event that is folded
	applied uint64
}

// foldRange folds the log for a range, or for the lower part of it that fits into memory, and
// hands what it leads to to fill. It returns what is done. Of f it needs who it is for.
func (r *Rebuilder) foldRange(ctx context.Context, s *sealed, f *rangeFold) (done KeyRange, applied uint64, err error) {
	f.replay, f.r, f.heads, f.at = newReplay(r.p, false, nil), r, s.heads, make([]eventstore.Version, len(s.heads.all))
	f.decoders, f.skips, f.take, f.changed = r.decoders, s.skips, f.touch, f.measure
	before := r.meter.progress().Applied
	err = r.scan(ctx, r.p.follows, true, func(chunk []*commit) error {
		for _, c := range chunk {
			if err := f.commit(c); err != nil {
				return err
			}
		}
		r.meter.note(func(p *RebuildProgress) {
			p.Events += eventsIn(chunk)
			p.Applied = before + f.applied
		})
		if f.shrink() {
			r.meter.note(func(p *RebuildProgress) { p.Part = f.keys.share() })
		}
		if f.keep {
			return nil
		}
		return f.putInserts(ctx, fillAtOnce)
	})
	if err == nil {
		err = f.rest(ctx)
	}
	if err == nil {
		err = f.finish(ctx)
	}
	return f.keys, f.applied, err
}

func eventsIn(chunk []*commit) (n uint64) {
	for _, c := range chunk {
		n += uint64(len(c.Events))
	}
	return n
}

// commit folds what a commit has up to the head of its stream, if it comes next.
func (f *rangeFold) commit(c *commit) error {
	i, known := f.heads.index[c.Stream]
	if !known || c.First != f.at[i]+1 || c.First > f.heads.all[i].Version {
		return nil // left to catch-up, or to rest
	}
	for n := range c.Events {
		if c.EventID(n).Version > f.heads.all[i].Version {
			break // a comparison may end inside of a commit
		}
		f.touched = false
		if _, err := f.event(c, n); err != nil {
			return f.failed(c, n, err)
		}
		if f.touched {
			f.applied++
		}
	}
	f.at[i] = c.Last()
	return nil
}

// failed names the event once.
func (f *rangeFold) failed(c *commit, n int, err error) error {
	if _, named := errors.AsType[*eventstore.EventError](err); !named {
		err = errors.Unwrap(err)
	}
	return &FoldError{Generation: f.id, Event: c.EventID(n), Type: c.Events[n].Type, Err: err}
}

// rest reads the streams of which the scan did not show everything, in order, up to their
// heads.
func (f *rangeFold) rest(ctx context.Context) error {
	for i, head := range f.heads.all {
		if f.at[i] >= head.Version {
			continue
		}
		for stored, err := range f.r.source.Read(ctx, head.Stream, f.at[i]+1) {
			if err != nil {
				return err
			}
			if stored.First > head.Version {
				break
			}
			if err := f.commit(&commit{Commit: stored}); err != nil {
				return err
			}
		}
		if f.at[i] < head.Version {
			return &AheadError{Generation: f.id, Stream: head.Stream, Checkpoint: head.Version}
		}
	}
	return nil
}
