package projection

import (
	"context"
	"errors"
	"slices"

	"github.com/leftfold/leftfold/eventstore"
)

const (
	// sweepStreams is how many streams are looked at together.
	sweepStreams = 256
	// sweepAtOnce is how many streams a chunk has, about, where few of them are behind.
	sweepAtOnce = 4 * sweepStreams
	// sweepEvents is how many events are handed on at once, about.
	sweepEvents = 4096
)

// sweepReader finds what the streams hold behind their checkpoints, and hands it on
// in chunks.
type sweepReader struct {
	engine *Engine
	after  eventstore.StreamID
	known  map[*feeder]knowledge // at the beginning of the sweep
	out    func(context.Context, chunk) error
	next   chunk
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
	// done is the last stream that is in it, or in an earlier one, to its head.
	done eventstore.StreamID
	err  error
}

// damagedStream is one that could not be read.
type damagedStream struct {
	stream eventstore.StreamID
	err    error
}

func (r *sweepReader) flush(ctx context.Context) error {
	c := r.next
	r.next = chunk{}
	return r.out(ctx, c)
}

func (r *sweepReader) readAll(ctx context.Context) error {
	for _, category := range r.categories() {
		var streams []eventstore.StreamID
		for stream, err := range r.engine.source.Streams(ctx, category, r.behind(category)) {
			if err != nil {
				return err
			}
			if streams = append(streams, stream); len(streams) == sweepStreams {
				if err := r.readStreams(ctx, category, streams); err != nil {
					return err
				}
				streams = streams[:0]
			}
		}
		if err := r.readStreams(ctx, category, streams); err != nil {
			return err
		}
	}
	return r.flush(ctx)
}

// categories returns those that are to be read, in the order of their streams.
func (r *sweepReader) categories() []string {
	var categories []string
	for _, f := range r.engine.feeders {
		if !r.known[f].paused.stops() {
			for _, code := range f.projection.codes() {
				categories = append(categories, code.categories...)
			}
		}
	}
	slices.Sort(categories)
	return slices.DeleteFunc(slices.Compact(categories), func(c string) bool { return !r.after.IsZero() && c < r.after.Category() })
}

// behind returns the stream behind which a category is read.
func (r *sweepReader) behind(category string) (after eventstore.StreamID) {
	if !r.after.IsZero() && category == r.after.Category() {
		return r.after
	}
	return after
}

// place is where the generations stand in a stream.
type place struct {
	from     eventstore.Version // the lowest checkpoint of those that are not parked
	waiting  bool               // every generation is parked
	leftover bool
	most     eventstore.Version // the highest checkpoint
	of       GenerationID       // whose that is
}

func (r *sweepReader) readStreams(ctx context.Context, category string, streams []eventstore.StreamID) error {
	if len(streams) == 0 {
		return nil
	}
	places, err := r.places(ctx, category, streams)
	if err != nil {
		return err
	}
	for i, stream := range streams {
		r.next.streams++
		if !places[i].waiting {
			if err := r.readStream(ctx, stream, places[i]); err != nil {
				return err
			}
		}
		r.next.done = stream
	}
	if len(r.next.deliveries) == 0 || r.next.streams >= sweepAtOnce {
		return r.flush(ctx) // an interrupted sweep goes on from here
	}
	return nil
}

func (r *sweepReader) places(ctx context.Context, category string, streams []eventstore.StreamID) ([]place, error) {
	places := make([]place, len(streams))
	for i := range places {
		places[i].waiting = true
	}
	for _, f := range r.engine.feeders {
		if r.known[f].paused.stops() {
			continue
		}
		for _, g := range r.known[f].generations {
			code := f.projection.code(g.Version)
			if !code.follows(category) {
				continue
			}
			id := GenerationID{f.projection.name, g.Number}
			checkpoints, err := r.engine.views.Checkpoints(ctx, id, streams)
			if err != nil {
				return nil, err
			}
			for i, c := range checkpoints {
				if !places[i].add(id, c, c.Waits() && !canRetry(c, code, r.known[f].skips)) {
					r.next.parked++
				}
			}
		}
	}
	return places, nil
}

// add takes a generation's checkpoint in, and reports whether there is something to do:
// not where the stream is parked and stays so.
func (p *place) add(g GenerationID, c Checkpoint, parked bool) bool {
	if c.Version > p.most {
		p.most, p.of = c.Version, g
	}
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
		r.engine.decoders.prepare(c, registry)
	}
	return c
}

// readStream hands on what a stream holds behind a place. It reads from the
// checkpoint itself, so that a checkpoint without its event is noticed.
func (r *sweepReader) readStream(ctx context.Context, stream eventstore.StreamID, p place) error {
	d := &delivery{stream: stream}
	head := eventstore.Version(0)
	behind, damaged := p.leftover, false
	for c, err := range r.engine.source.Read(ctx, stream, p.from) {
		if errors.Is(err, eventstore.ErrCorrupt) {
			r.next.damaged = append(r.next.damaged, damagedStream{stream, err})
			p.most = 0 // its head is not known
			damaged = true
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
			if err := r.flush(ctx); err != nil {
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
	if damaged && p.leftover {
		return nil // a left-over record asks for a read to the head, which would fail again
	}
	if len(d.commits) > 0 || p.leftover {
		r.next.deliveries = append(r.next.deliveries, d)
	}
	return nil
}
