package projection

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/leftfold/leftfold/eventstore"
)

// Undone is an announcement that was not taken care of.
type Undone struct {
	eventstore.Announcement
	// Err is what keeps it back.
	Err error
	// Damaged: the store can not read the stream, and nothing else keeps it back. It
	// stays so until somebody has repaired the store, however often it is announced, and
	// every [Engine.Sweep] finds it again.
	Damaged bool
}

// Handle applies a batch to every generation that is live and whose version the
// program carries, and returns the announcements that were not taken care of. It
// is a handler for [eventstore.Feed].
//
// An announcement counts as taken care of only after a strong read of the
// projection's state, made after the last write, names no generation that was not
// fed. Prepare must have succeeded before.
func (e *Engine) Handle(ctx context.Context, batch eventstore.Batch) (failed []eventstore.Announcement) {
	for _, u := range e.Deliver(ctx, batch) {
		failed = append(failed, u.Announcement)
	}
	return failed
}

// Deliver is Handle for a feed that has to know why an announcement was not taken care
// of.
func (e *Engine) Deliver(ctx context.Context, batch eventstore.Batch) []Undone {
	deliveries := gather(batch.Announcements)
	o := e.deliver(ctx, deliveries)
	var all []Undone
	for i, d := range deliveries {
		why, undone := o.undone[i]
		for _, a := range d.announcements {
			if undone {
				all = append(all, Undone{Announcement: a, Err: why, Damaged: why.onlyDamage()})
			}
		}
	}
	return all
}

// deliver feeds every projection.
func (e *Engine) deliver(ctx context.Context, deliveries []*delivery) outcome {
	all := outcome{undone: map[int]reasons{}}
	var mu sync.Mutex
	e.each(func(f *feeder) {
		o := f.feed(ctx, deliveries)
		mu.Lock()
		defer mu.Unlock()
		for i, why := range o.undone {
			all.undone[i] = append(all.undone[i], why...)
		}
		all.parked += o.parked
		if all.err == nil {
			all.err = o.err // what keeps one projection back mostly keeps the others back too
		}
	})
	return all
}

// reason is what keeps a stream back, in one generation of one projection.
type reason struct {
	err error
	// damaged: the store can not read the stream.
	damaged bool
}

// reasons are those of all projections and generations.
type reasons []reason

// Error says once what keeps several projections back.
func (r reasons) Error() string {
	var said []string
	for _, why := range r {
		if text := why.err.Error(); !slices.Contains(said, text) {
			said = append(said, text)
		}
	}
	return strings.Join(said, "\n")
}

// Unwrap returns all of them.
func (r reasons) Unwrap() []error {
	errs := make([]error, len(r))
	for i := range r {
		errs[i] = r[i].err
	}
	return errs
}

func (r reasons) onlyDamage() bool {
	return !slices.ContainsFunc(r, func(why reason) bool { return !why.damaged })
}
