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
	// Parked counts streams that wait in a projection, each once for each
	// generation: nothing was done about them.
	Parked int
	// Events were handed on.
	Events int
	// Left are streams that an error kept from their heads, Damaged those among
	// them that the store can not read.
	Left, Damaged int
	// Ahead are checkpoints beyond their stream's head. Nothing was done about them.
	Ahead []*AheadError
	// Took is how long it took.
	Took time.Duration
}

// Sweep brings every stream of every followed category to its head, as read at its
// turn: it finds what no feed announced, and finishes left-over park records. A
// first generation that is still being built becomes active at its end.
//
// Where an event fails for now, its stream is left behind, the others go on, and
// the error says so at the end. progress, if not nil, is called from time to time
// with what was done so far.
//
// Cost: one read of the checkpoints of each stream, one of the stream behind them.
func (e *Engine) Sweep(ctx context.Context, progress func(SweepReport)) (SweepReport, error) {
	if progress == nil {
		progress = func(SweepReport) {}
	}
	s := sweeper{engine: e, progress: progress, began: time.Now(), generations: map[*feeder][]Generation{}}
	for _, f := range e.feeders {
		known, err := f.live(ctx)
		if err != nil {
			return s.report, err
		}
		s.generations[f] = known
	}
	if err := s.run(ctx); err != nil {
		return s.report, err
	}
	errs := s.left
	for _, f := range e.feeders {
		if s.report.Left == s.report.Damaged { // nothing more that another sweep could reach
			f.status.swept(time.Now().UTC(), s.report.Behind)
			errs = append(errs, f.built(ctx, s.generations[f]))
		}
	}
	for _, a := range s.report.Ahead {
		errs = append(errs, a)
	}
	s.report.Took = time.Since(s.began)
	return s.report, errors.Join(errs...)
}

type sweeper struct {
	engine      *Engine
	generations map[*feeder][]Generation
	progress    func(SweepReport)
	began       time.Time
	report      SweepReport
	left        []error // for the first of the streams counted in report.Left
}

// run reads chunks and applies them. Unless Options.Sequential is set, reading and
// decoding go on in a goroutine of their own while rows are written here.
func (s *sweeper) run(ctx context.Context) error {
	if s.engine.opts.Sequential {
		reader := sweepReader{engine: s.engine, generations: s.generations, out: s.apply}
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
		reader := sweepReader{engine: s.engine, generations: s.generations, out: send}
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

func (s *sweeper) leave(stream eventstore.StreamID, err error) {
	s.report.Left++
	if errors.Is(err, eventstore.ErrCorrupt) {
		s.report.Damaged++
	}
	if len(s.left) < mostLeft {
		s.left = append(s.left, fmt.Errorf("sweep: %q was left behind: %w", stream, err))
	}
}

func (s *sweeper) apply(ctx context.Context, c chunk) error {
	o := s.engine.deliver(ctx, c.deliveries)
	for i, err := range o.undone {
		if o.err == nil {
			s.leave(c.deliveries[i].stream, err)
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if o.err != nil {
		return fmt.Errorf("sweep: %w", o.err)
	}
	for _, d := range c.damaged {
		s.leave(d.stream, d.err)
	}
	s.report.Streams += c.streams
	s.report.Behind += c.behind
	s.report.Parked += c.parked
	s.report.Events += c.events
	s.report.Ahead = append(s.report.Ahead, c.ahead...)
	s.report.Took = time.Since(s.began)
	s.progress(s.report)
	return nil
}
