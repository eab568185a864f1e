package projection

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

// SweepReport is what a sweep found.
type SweepReport struct {
	// Streams were looked at; Behind had events that a projection had not
	// applied, or a left-over park record.
	Streams, Behind int
	// Parked counts streams that wait in a projection, each once for each generation:
	// those that waited before, about which nothing was done, and those that the sweep
	// parked.
	Parked int
	// Events were handed on: all that lie behind the lowest checkpoint of their stream. A
	// reaction that has looked at them need not have done anything.
	Events int
	// Left are streams that an error kept from their heads, Damaged those among
	// them that the store can not read, where nothing else kept them back.
	Left, Damaged int
	// Ahead are checkpoints beyond their stream's head. Nothing was done about them.
	Ahead []*AheadError
	// Fed are the projections that events were applied in meanwhile.
	Fed []string
	// Paused are the projections that were passed over, since they are paused.
	Paused []string
	// Rebuilding are those that got nothing, since a rebuild was filling what they have.
	Rebuilding []string
	// Took is how long it took.
	Took time.Duration
	// Next is where [Engine.SweepFrom] goes on where the sweep was interrupted; else it
	// is zero.
	Next SweepCursor
}

// Sweep brings every stream of every followed category to its head, as read at its
// turn: it finds what no feed announced, and finishes left-over park records. A
// first generation that is still being built becomes active at its end. It passes over a
// projection that is paused, and ends a pause that somebody has resumed before it began.
//
// Where an event fails for now, its stream is left behind, the others go on, and
// the error says so at the end. progress, if not nil, is called from time to time
// with what was done so far.
//
// It ends with a heartbeat for each projection that it has not passed over, which says
// when that was.
//
// Cost: one read of the checkpoints of each stream, one of the stream behind them.
func (e *Engine) Sweep(ctx context.Context, progress func(SweepReport)) (SweepReport, error) {
	return e.SweepFrom(ctx, SweepCursor{}, progress)
}

// SweepFrom is Sweep from the place on where another one was interrupted, by the end of
// its context or an error. The report is of this part alone; the error of the last part
// also says that something was left behind before.
func (e *Engine) SweepFrom(ctx context.Context, from SweepCursor, progress func(SweepReport)) (SweepReport, error) {
	if progress == nil {
		progress = func(SweepReport) {}
	}
	s := sweeper{engine: e, from: from, progress: progress, began: time.Now(), known: map[*feeder]knowledge{}, applied: map[*feeder]uint64{}}
	s.report.Next = from
	for _, f := range e.feeders {
		known, err := f.live(ctx)
		if err != nil {
			return s.report, err
		}
		s.known[f], s.applied[f] = known, f.status.count()
		switch {
		case known.paused.stops():
			s.report.Paused = append(s.report.Paused, f.projection.name)
		case len(known.generations) == 0 && known.coming:
			s.report.Rebuilding = append(s.report.Rebuilding, f.projection.name)
		}
	}
	s.report.Next = from.begun(s.known)
	if err := s.run(ctx); err != nil {
		return s.report, errors.Join(err, s.findings())
	}
	err := s.end(ctx)
	s.report.Took = time.Since(s.began)
	return s.report, err
}

// end is for what follows once every stream was looked at.
func (s *sweeper) end(ctx context.Context) error {
	next := s.report.Next
	var err error
	for _, f := range s.engine.feeders {
		swept := next.of(f.projection.name, s.known[f].generations)
		if s.known[f].paused.stops() || len(swept) == 0 && len(s.known[f].generations) > 0 {
			continue // it was passed over, now or at the beginning
		}
		if s.from.IsZero() {
			f.status.checked(s.began)
		}
		if next.Left == next.Damaged { // nothing more that another sweep could reach
			f.status.swept(time.Now().UTC(), s.report.Behind)
			if s.engine.working.Load() {
				f.beat(ctx, s.engine.opts.Name, false)
			} else {
				f.beat(ctx, SweepWorker, true)
			}
			resumed := next.Resumed[f.projection.name]
			err = errors.Join(err, f.built(ctx, swept, resumed), f.endPause(ctx, resumed), f.clearRetired(ctx))
		}
	}
	if err == nil {
		s.report.Next = SweepCursor{}
	}
	return errors.Join(s.findings(), s.from.findings(), err)
}

type sweeper struct {
	engine   *Engine
	from     SweepCursor
	known    map[*feeder]knowledge // at the beginning
	applied  map[*feeder]uint64    // events, before the beginning
	progress func(SweepReport)
	began    time.Time
	report   SweepReport
	left     []error // for the first of the streams counted in report.Left
}

// run reads chunks and applies them. Unless Options.Sequential is set, reading and
// decoding go on in a goroutine of their own while rows are written here.
func (s *sweeper) run(ctx context.Context) error {
	if s.engine.opts.Sequential {
		reader := sweepReader{engine: s.engine, after: s.from.After, known: s.known, out: s.apply}
		return reader.readAll(ctx)
	}
	ctx, cancel := context.WithCancel(ctx)
	chunks := make(chan chunk, 1) // the reader sends and closes; one waits while one is applied
	send := func(ctx context.Context, c chunk) error {
		select {
		case chunks <- c:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(chunks)
		reader := sweepReader{engine: s.engine, after: s.from.After, known: s.known, out: send}
		if err := reader.readAll(ctx); err != nil {
			_ = send(ctx, chunk{err: err}) // fails only when nobody listens any more
		}
	})
	defer reading.Wait()
	defer cancel()
	for c := range chunks {
		if c.err != nil {
			return c.err
		}
		if err := s.apply(ctx, c); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// mostLeft is how many streams that were left the error of a sweep names.
const mostLeft = 5

func (s *sweeper) leave(stream eventstore.StreamID, err error, damaged bool) {
	s.report.Left++
	if damaged {
		s.report.Damaged++
	}
	if len(s.left) < mostLeft {
		s.left = append(s.left, fmt.Errorf("sweep: %q was left behind: %w", stream, err))
	}
}

// fed returns the names of those that events were applied in since the beginning.
func (s *sweeper) fed() (names []string) {
	for _, f := range s.engine.feeders {
		if f.status.count() > s.applied[f] {
			names = append(names, f.projection.name)
		}
	}
	return names
}

// findings is an error that says what the sweep could do nothing about, so far.
func (s *sweeper) findings() error {
	errs := s.left
	for _, a := range s.report.Ahead {
		errs = append(errs, a)
	}
	return errors.Join(errs...)
}

func (s *sweeper) apply(ctx context.Context, c chunk) error {
	o := s.engine.deliver(ctx, c.deliveries)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	s.report.Parked += o.parked
	s.report.Fed = s.fed()
	if o.err != nil {
		return fmt.Errorf("sweep: %w", o.err)
	}
	for i, why := range o.undone {
		s.leave(c.deliveries[i].stream, why, why.onlyDamage())
	}
	for _, d := range c.damaged {
		s.leave(d.stream, d.err, true)
	}
	s.report.Streams += c.streams
	s.report.Behind += c.behind
	s.report.Parked += c.parked
	s.report.Events += c.events
	s.report.Ahead = append(s.report.Ahead, c.ahead...)
	s.report.Took = time.Since(s.began)
	s.report.Next = s.report.Next.moved(c.done, s.from, s.report)
	s.progress(s.report)
	return nil
}
