package projection

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/leftfold/leftfold/eventstore"
)

// heads are streams and how far each has come, in memory: about 150 bytes a stream.
type heads struct {
	index  map[eventstore.StreamID]int
	all    []Head
	events uint64
}

func newHeads() *heads { return &heads{index: map[eventstore.StreamID]int{}} }

func (h *heads) add(head Head) {
	h.index[head.Stream] = len(h.all)
	h.all = append(h.all, head)
	h.events += uint64(head.Version)
}

// sealed is a manifest in memory.
type sealed struct {
	attempt string
	heads   *heads
	skips   skips
}

// scanChunk is how many events are handed over at once, about.
const scanChunk = 2048

// scan hands over the commits of the categories that concern somebody, segment by segment,
// chunk by chunk, to one take at a time. Those of a stream come mostly together and in order, which
// take may not rely on. With decode the events that the projection handles are decoded, while
// others are taken.
func (r *Rebuilder) scan(ctx context.Context, follows func(category string) bool, decode bool, take func([]*commit) error) error {
	if r.opts.Sequential {
		for i := range r.opts.Readers {
			if err := r.scanSegment(ctx, i, follows, decode, func(_ context.Context, c []*commit) error { return take(c) }); err != nil {
				return err
			}
		}
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	chunks := make(chan []*commit, r.opts.Readers) // sent to by the readers, closed when all have ended
	send := func(ctx context.Context, c []*commit) error {
		select {
		case chunks <- c:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	var readers sync.WaitGroup
	for i := range r.opts.Readers {
		readers.Go(func() {
			if err := r.scanSegment(ctx, i, follows, decode, send); err != nil {
				cancel(err)
			}
		})
	}
	go func() {
		readers.Wait()
		close(chunks)
	}()
	var failed error
	for c := range chunks { // to the end, so that no reader is left behind
		if failed == nil && ctx.Err() == nil {
			if failed = take(c); failed != nil {
				cancel(failed)
			}
		}
	}
	return context.Cause(ctx)
}

// readBytes is what a strongly consistent read unit reads.
const readBytes = 4096

func (r *Rebuilder) scanSegment(ctx context.Context, i int, follows func(string) bool, decode bool, out func(context.Context, []*commit) error) error {
	from, err := eventstore.StartCursor(i, r.opts.Readers)
	if err != nil {
		return err
	}
	var chunk []*commit
	size := 0
	flush := func() error {
		full := chunk
		chunk, size = nil, 0
		return out(ctx, full)
	}
	for s, err := range metered(ctx, r.meter, r.source.ReadAll(ctx, from), scannedBytes) {
		if err != nil {
			return err
		}
		if !follows(s.Commit.Stream.Category()) {
			continue
		}
		c := &commit{Commit: s.Commit}
		if decode {
			r.decoders.prepare(c, r.p.events)
		}
		chunk = append(chunk, c)
		if size += weight(&s.Commit); size >= scanChunk {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// list returns every stream that code follows with its head, all that was stored before the
// call at least.
func (r *Rebuilder) list(ctx context.Context, code *Projection) (*heads, error) {
	if lister, ok := r.source.(eventstore.HeadLister); ok {
		return r.listed(ctx, lister, code)
	}
	h := newHeads()
	odd := map[int]bool{} // streams whose commits did not come in order
	err := r.scan(ctx, code.follows, false, func(chunk []*commit) error {
		for _, c := range chunk {
			i, known := h.index[c.Stream]
			if !known {
				i = len(h.all)
				h.add(Head{Stream: c.Stream})
			}
			switch head := &h.all[i]; {
			case c.First == head.Version+1:
				head.Version = c.Last()
			case c.First > head.Version:
				odd[i] = true
			}
		}
		r.meter.note(func(p *RebuildProgress) {
			p.Streams = len(h.all)
			p.Events += eventsIn(chunk)
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, i := range slices.Sorted(maps.Keys(odd)) {
		for c, err := range r.source.Read(ctx, h.all[i].Stream, h.all[i].Version+1) {
			if err != nil {
				return nil, err
			}
			h.all[i].Version = c.Last()
		}
	}
	for _, head := range h.all {
		h.events += uint64(head.Version)
	}
	return h, nil
}

// listed is list by a store that has the heads ready.
func (r *Rebuilder) listed(ctx context.Context, lister eventstore.HeadLister, code *Projection) (*heads, error) {
	h := newHeads()
	for _, category := range code.categories {
		for head, err := range lister.Heads(ctx, category) {
			if err != nil {
				return nil, err
			}
			h.add(Head{Stream: head.Stream, Version: head.Version})
			r.meter.note(func(p *RebuildProgress) { p.Streams = len(h.all) })
		}
	}
	return h, nil
}

// seal writes a manifest of its own attempt, and makes it the one of the rebuild unless
// another attempt was faster.
func (r *Rebuilder) seal(ctx context.Context, g Generation) error {
	id := GenerationID{r.p.name, g.Number}
	r.meter.note(func(p *RebuildProgress) {
		*p = RebuildProgress{Generation: g.Number, Phase: PhaseHeads, Units: p.Units}
	})
	h, err := r.list(ctx, r.p) // begun after the state was read that has the generation
	if err != nil {
		return err
	}
	for {
		s, err := r.views.State(ctx, r.p.name)
		if err != nil {
			return err
		}
		now := s.Rebuilding()
		if now == nil || now.Number != g.Number || now.Rebuild.Phase != PhaseHeads {
			return ErrChanged
		}
		attempt := uuid.NewString() // another one each time: what comes late must not replace what is sealed
		parts, err := r.putManifest(ctx, id, attempt, 0, slices.Values(h.all))
		if err != nil {
			return err
		}
		skipParts, err := r.putManifest(ctx, id, attempt, parts, headsOf(s.Skips))
		if err != nil {
			return err
		}
		now.Rebuild.Phase = PhaseFold
		now.Rebuild.Manifest = Manifest{Attempt: attempt, Parts: parts, SkipParts: skipParts, Streams: len(h.all), Events: h.events}
		_, err = r.views.PutState(ctx, s) // the skips are those of this revision
		if errors.Is(err, ErrChanged) {
			continue
		}
		if err == nil {
			r.sealed = &sealed{attempt: attempt, heads: h, skips: skipsOf(s.Skips)}
		}
		return err
	}
}

// headsOf returns events in the form in which a manifest keeps them.
func headsOf(events []eventstore.EventID) iter.Seq[Head] {
	return func(yield func(Head) bool) {
		for _, id := range events {
			if !yield(Head{Stream: id.Stream, Version: id.Version}) {
				return
			}
		}
	}
}

// putManifest writes parts from a number on, and returns how many.
func (r *Rebuilder) putManifest(ctx context.Context, id GenerationID, attempt string, first int, all iter.Seq[Head]) (parts int, err error) {
	var part []Head
	size := 0
	flush := func() error {
		if len(part) == 0 {
			return nil
		}
		err := r.views.PutManifest(ctx, id, attempt, first+parts, part)
		if err == nil {
			err = r.meter.spend(ctx, Units{Write: writeUnits(size)})
		}
		parts, part, size = parts+1, nil, 0
		return err
	}
	for h := range all {
		bytes := len(h.Stream.String()) + HeadBytes
		if size+bytes > MaxManifestBytes {
			if err := flush(); err != nil {
				return parts, err
			}
		}
		part, size = append(part, h), size+bytes
	}
	return parts, flush()
}

// manifest returns what is sealed.
func (r *Rebuilder) manifest(ctx context.Context, g Generation) (*sealed, error) {
	m := g.Rebuild.Manifest
	if r.sealed != nil && r.sealed.attempt == m.Attempt {
		return r.sealed, nil
	}
	s := &sealed{attempt: m.Attempt, heads: newHeads(), skips: skips{}}
	id := GenerationID{r.p.name, g.Number}
	for part := range m.Parts + m.SkipParts {
		found, err := r.views.Manifest(ctx, id, m.Attempt, part)
		if err != nil {
			return nil, err
		}
		for _, h := range found {
			if part < m.Parts {
				s.heads.add(h)
			} else {
				s.skips[eventstore.EventID{Stream: h.Stream, Version: h.Version}] = true
			}
		}
	}
	r.sealed = s
	return s, nil
}
