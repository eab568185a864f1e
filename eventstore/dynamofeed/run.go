package dynamofeed

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/dynamotable"
)

const (
	// mostPages is how many pages of up to 1 MB are read, or wait to be handed over, at a
	// time.
	mostPages = 32
	// batchSize is from how many announcements on no page is added to a batch. A page is
	// not divided.
	batchSize = 1000
)

// run is one worker: readers fill pages, each for a shard, and one goroutine, that of Run,
// hands them over. Beside each reader a keeper renews the lease; an assigner takes leases.
type run struct {
	*Feed
	worker string
	ledger *ledger

	pages chan *page    // sent by readers, never closed; unbuffered, since slots bounds them
	slots chan struct{} // one is in it for each page that is read or handed over
	wake  chan struct{} // tells the assigner to look now; one is enough
	// handed is closed when nothing is handed over any more: then leases can be given back.
	handed chan struct{}
	group  sync.WaitGroup
	stop   context.CancelCauseFunc // ends the run because of an error

	mu     sync.Mutex // guards held
	held   map[string]*holding
	free   atomic.Int64
	relist atomic.Bool // all shards are to be listed in the next round
}

func newRun(f *Feed) *run {
	return &run{Feed: f, worker: newWorker(f.opts.Name), ledger: newLedger(), held: map[string]*holding{},
		pages: make(chan *page), slots: make(chan struct{}, mostPages), wake: make(chan struct{}, 1), handed: make(chan struct{})}
}

func (r *run) run(outer context.Context, handle func(context.Context, eventstore.Batch) []eventstore.Announcement) error {
	ctx, cancel := context.WithCancelCause(outer)
	r.stop = cancel
	a := &assigner{run: r, watch: watch{leaseFor: r.opts.LeaseFor}, goneSince: map[string]time.Time{}}
	err := a.round(ctx)
	if err == nil {
		r.group.Go(func() { a.assign(ctx) })
		r.deliver(ctx, handle)
		err = context.Cause(ctx)
	}
	close(r.handed)
	cancel(nil)
	r.group.Wait()
	r.free.Store(0)
	if outer.Err() != nil {
		return nil
	}
	return fmt.Errorf("dynamofeed: %w", err)
}

// deliver hands over batches until ctx ends.
func (r *run) deliver(ctx context.Context, handle func(context.Context, eventstore.Batch) []eventstore.Announcement) {
	for {
		again, pages := r.gather(ctx)
		if ctx.Err() != nil {
			return
		}
		if len(again)+len(pages) == 0 {
			continue // what was due was lost with its lease
		}
		b := r.batch(ctx, again, pages)
		failed := handle(ctx, b)
		if b.Trimmed && ctx.Err() != nil {
			return // the sweep is another worker's, to whom it is reported again
		}
		r.ledger.settle(again, pages, failed, time.Now())
		for _, p := range pages {
			r.release()
			if p.last {
				r.ended(p.track)
			}
		}
	}
}

// gather waits for something to hand over, and adds what is there without waiting.
func (r *run) gather(ctx context.Context) (again []*failure, pages []*page) {
	next, room := r.ledger.next()
	in := r.pages
	if !room {
		in = nil
	}
	if again = r.ledger.due(time.Now()); len(again) == 0 {
		var due <-chan time.Time
		if !next.IsZero() {
			timer := time.NewTimer(time.Until(next))
			defer timer.Stop()
			due = timer.C
		}
		select {
		case p := <-in:
			pages = append(pages, p)
		case <-due:
			again = r.ledger.due(time.Now())
		case <-ctx.Done():
			return nil, nil
		}
	}
	size := len(again)
	for _, p := range pages {
		size += len(p.entries)
	}
	for size < batchSize {
		select {
		case p := <-in:
			pages = append(pages, p)
			size += len(p.entries)
		default:
			return again, pages
		}
	}
	return again, pages
}

func (r *run) batch(ctx context.Context, again []*failure, pages []*page) eventstore.Batch {
	var b eventstore.Batch
	for _, f := range again {
		b.Announcements = append(b.Announcements, f.announcement)
	}
	for _, p := range pages {
		b.Trimmed = b.Trimmed || p.trimmed
		for _, e := range p.entries {
			b.Announcements = append(b.Announcements, e.announcement)
		}
	}
	if b.Trimmed {
		r.trimmed.Add(1)
		r.opts.Logger.ErrorContext(ctx, "records of the stream were trimmed before they were read; only a sweep finds what they told of")
	}
	return b
}

// reserve waits for room for a page; release makes room for another.
func (r *run) reserve(ctx context.Context) bool {
	select {
	case r.slots <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (r *run) release() { <-r.slots }

// hand passes a page on to be handed over.
func (r *run) hand(ctx context.Context, p *page) bool {
	select {
	case r.pages <- p:
		return true
	case <-ctx.Done():
		return false
	}
}

// look tells the assigner to look at the leases now.
func (r *run) look() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// damaged reports what must not have happened. There is nothing to apply.
func (r *run) damaged(ctx context.Context, rec record, shard string) {
	r.corrupt.Add(1)
	r.opts.Logger.ErrorContext(ctx, "a commit was changed or removed, or is none of ours", "error", rec.damage,
		"shard", shard, "sequence", rec.sequence, "created", rec.created)
}

// strikes counts failures in a row that do not go away by themselves.
type strikes int

// mostStrikes is how many of them end a run.
const mostStrikes = 5

// failing reports an error after which the run goes on, unless that is of no use.
func (r *run) failing(ctx context.Context, what string, err error, s *strikes, attributes ...any) {
	if ctx.Err() != nil {
		return
	}
	lasting := errors.Is(err, dynamotable.ErrDenied) || errors.Is(err, dynamotable.ErrForeign) || errors.Is(err, dynamotable.ErrMissing)
	if lasting && !errors.Is(err, errGone) {
		if *s++; *s >= mostStrikes {
			r.stop(err)
			return
		}
	}
	attributes = append(attributes, "error", err)
	if hint := eventstore.Hint(err); hint != "" {
		attributes = append(attributes, "hint", hint)
	}
	r.opts.Logger.WarnContext(ctx, "the feed could not "+what+" and tries again", attributes...)
}
