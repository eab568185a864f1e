package projection

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

const (
	// sweepStreams is how many streams are looked at together.
	sweepStreams = 256
	// sweepEvents is how many events are handed on at once, about.
	sweepEvents = 4096
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

// live reads the state and returns the generations to feed.
func (f *feeder) live(ctx context.Context) ([]Generation, error) {
	release, err := f.hold(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	s, err := f.views.State(ctx, f.projection.name)
	if err != nil {
		return nil, err
	}
	f.learn(s)
	return append([]Generation(nil), f.known...), nil
}

type sweeper struct {
	engine      *Engine
	generations map[*feeder][]Generation
	progress    func(SweepReport)
	began       time.Time
	report      SweepReport
	left        []error // for the first of the streams counted in report.Left
}

// chunk is a part of the sweep: what its streams hold behind the checkpoints.
type chunk struct {
	deliveries []*delivery
	events     int
	weight     int
	streams    int
	parked     int
	behind     int
	damaged    []damagedStream
	ahead      []*AheadError
	err        error
}

// run reads chunks and applies them. Unless Options.Sequential is set, reading and
// decoding go on in a goroutine of their own while rows are written here.
func (s *sweeper) run(ctx context.Context) error {
	if s.engine.opts.Sequential {
		reader := sweepReader{sweeper: s, ctx: ctx, out: func(c chunk) error { return s.apply(ctx, c) }}
		return reader.readAll()
	}
	ctx, cancel := context.WithCancel(ctx)
	chunks := make(chan chunk, 1) // one waits while one is applied
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(chunks)
		reader := sweepReader{sweeper: s, ctx: ctx, out: func(c chunk) error {
			select {
			case chunks <- c:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}}
		if err := reader.readAll(); err != nil {
			_ = reader.out(chunk{err: err}) // fails only when nobody listens any more
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

// damagedStream is one that could not be read.
type damagedStream struct {
	stream eventstore.StreamID
	err    error
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

// sweepReader finds what the streams hold behind their checkpoints.
type sweepReader struct {
	*sweeper
	ctx  context.Context // of one sweep; the reader lives no longer
	out  func(chunk) error
	next chunk
}

func (r *sweepReader) flush() error {
	c := r.next
	r.next = chunk{}
	return r.out(c)
}

func (r *sweepReader) readAll() error {
	for _, category := range r.categories() {
		var streams []eventstore.StreamID
		for stream, err := range r.engine.source.Streams(r.ctx, category, eventstore.StreamID{}) {
			if err != nil {
				return err
			}
			if streams = append(streams, stream); len(streams) == sweepStreams {
				if err := r.readStreams(category, streams); err != nil {
					return err
				}
				streams = streams[:0]
			}
		}
		if err := r.readStreams(category, streams); err != nil {
			return err
		}
	}
	return r.flush()
}

func (r *sweepReader) categories() []string {
	var categories []string
	seen := map[string]bool{}
	for _, f := range r.engine.feeders {
		for _, c := range f.projection.categories {
			if !seen[c] {
				seen[c] = true
				categories = append(categories, c)
			}
		}
	}
	return categories
}

// place is where the generations stand in a stream.
type place struct {
	from     eventstore.Version // the lowest checkpoint of those that are not parked
	waiting  bool               // every generation is parked
	leftover bool
	most     eventstore.Version // the highest checkpoint
	of       GenerationID       // whose that is
}

func (r *sweepReader) readStreams(category string, streams []eventstore.StreamID) error {
	if len(streams) == 0 {
		return nil
	}
	places, err := r.places(category, streams)
	if err != nil {
		return err
	}
	for i, stream := range streams {
		r.next.streams++
		if places[i].waiting {
			continue
		}
		if err := r.readStream(stream, places[i]); err != nil {
			return err
		}
	}
	return nil
}

func (r *sweepReader) places(category string, streams []eventstore.StreamID) ([]place, error) {
	places := make([]place, len(streams))
	for i := range places {
		places[i].waiting = true
	}
	for _, f := range r.engine.feeders {
		if !f.projection.follows(category) {
			continue
		}
		for _, g := range r.generations[f] {
			id := GenerationID{f.projection.name, g.Number}
			checkpoints, err := r.engine.views.Checkpoints(r.ctx, id, streams)
			if err != nil {
				return nil, err
			}
			for i, c := range checkpoints {
				if !places[i].add(id, c, f.projection) {
					r.next.parked++
				}
			}
		}
	}
	return places, nil
}

// add takes a generation's checkpoint in, and reports false where the stream is
// parked there.
func (p *place) add(g GenerationID, c Checkpoint, projection *Projection) bool {
	if c.Version > p.most {
		p.most, p.of = c.Version, g
	}
	parked := c.Waits() && !(c.Parked.Unknown && projection.events.Knows(c.Parked.Type, c.Parked.Schema))
	if parked {
		return false
	}
	p.leftover = p.leftover || c.Parked != nil
	if p.waiting || c.Version < p.from {
		p.from, p.waiting = c.Version, false
	}
	return true
}

// decoded returns a commit that is decoded already, here, where rows are not waited for.
func (r *sweepReader) decoded(stored eventstore.Commit) *commit {
	c := &commit{Commit: stored}
	for registry := range r.engine.decoders {
		r.engine.decoders.decode(c, registry)
	}
	return c
}

// readStream hands on what a stream holds behind a place. It reads from the
// checkpoint itself, so that a checkpoint without its event is noticed.
func (r *sweepReader) readStream(stream eventstore.StreamID, p place) error {
	d := &delivery{stream: stream}
	head := eventstore.Version(0)
	behind := p.leftover
	for c, err := range r.engine.source.Read(r.ctx, stream, p.from) {
		if errors.Is(err, eventstore.ErrCorrupt) {
			r.next.damaged = append(r.next.damaged, damagedStream{stream, err})
			p.most = 0 // its head is not known
			break
		}
		if err != nil {
			return err
		}
		if head = c.Last(); head <= p.from {
			continue
		}
		behind = true
		d.commits = append(d.commits, r.decoded(c))
		d.reach = head
		r.next.events += len(c.Events)
		r.next.weight += weight(&c)
		if r.next.weight >= sweepEvents {
			r.next.deliveries = append(r.next.deliveries, d)
			if err := r.flush(); err != nil {
				return err
			}
			d = &delivery{stream: stream}
		}
	}
	if head < p.most {
		r.next.ahead = append(r.next.ahead, &AheadError{Generation: p.of, Stream: stream, Checkpoint: p.most})
	}
	if behind {
		r.next.behind++
	}
	if len(d.commits) > 0 || p.leftover {
		r.next.deliveries = append(r.next.deliveries, d)
	}
	return nil
}
