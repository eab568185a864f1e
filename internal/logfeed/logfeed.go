// Package logfeed runs a feed over a store that numbers its commits in the order
// in which they became visible, without gaps that could fill later.
package logfeed

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

// Entry announces the commit at a position in the log. One that can not be read is
// announced without its content: who reads the stream is told what is wrong.
type Entry struct {
	Position     int64
	Announcement eventstore.Announcement
}

// Log is what a store offers to its feed.
type Log interface {
	// After returns at most n entries behind a position, in order.
	After(ctx context.Context, position int64, n int) ([]Entry, error)
	// Wait returns when there may be an entry behind the position, or ctx ends.
	Wait(ctx context.Context, position int64) error
	// Position and SavePosition keep the feed's own position; 0 is the start.
	Position(ctx context.Context) (int64, error)
	SavePosition(ctx context.Context, position int64) error
}

const (
	batchSize = 256
	// saveEvery is how often the position is saved at the most.
	saveEvery = time.Second
	// Failed announcements come again after a pause that doubles.
	firstPause, lastPause = 50 * time.Millisecond, 5 * time.Second
	// mostFailed bounds what is remembered: from there on no new entries are read.
	mostFailed = 4096
)

// Handle is the handler of [eventstore.Feed].
type Handle = func(context.Context, eventstore.Batch) []eventstore.Announcement

// Run is [eventstore.Feed]'s Run over a log.
func Run(ctx context.Context, log Log, handle Handle) error {
	position, err := log.Position(ctx)
	if err != nil {
		return ended(ctx, err)
	}
	r := runner{log: log, handle: handle, read: position, saved: position}
	err = r.run(ctx)
	// The last position is saved although ctx has ended: it spares the next start.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveEvery)
	defer cancel()
	r.save(last)
	return err
}

type runner struct {
	log    Log
	handle Handle

	read    int64 // everything up to here was handed over at least once
	saved   int64 // as last saved
	savedAt time.Time
	failed  []failure // handed over and not taken care of, in order
}

// failure is an entry that comes again. Its commit is read again then: many of
// them would fill the memory.
type failure struct {
	position int64
	pause    time.Duration // before due
	due      time.Time
}

// delivery is an entry on its way to the handler.
type delivery struct {
	Entry
	id    eventstore.EventID // the content itself is the handler's, to keep and to change
	pause time.Duration      // before it, 0 for the first time
}

func newDelivery(e Entry, pause time.Duration) delivery {
	id := eventstore.EventID{Stream: e.Announcement.Stream, Version: e.Announcement.First}
	return delivery{Entry: e, id: id, pause: pause}
}

func (r *runner) run(ctx context.Context) error {
	for ctx.Err() == nil {
		entries, err := r.next(ctx)
		if err != nil {
			return ended(ctx, err)
		}
		if len(entries) > 0 {
			r.deliver(ctx, entries)
		}
		if time.Since(r.savedAt) >= saveEvery {
			r.save(ctx)
		}
		if len(entries) == 0 {
			if err := r.wait(ctx); err != nil {
				return ended(ctx, err)
			}
		}
	}
	return nil
}

// next returns failed entries that are due, then new ones.
func (r *runner) next(ctx context.Context) ([]delivery, error) {
	var entries []delivery
	var rest []failure
	now := time.Now()
	for _, f := range r.failed {
		if f.due.After(now) || len(entries) == batchSize {
			rest = append(rest, f)
			continue
		}
		again, err := r.log.After(ctx, f.position-1, 1)
		if err != nil {
			return nil, err
		}
		for _, e := range again {
			entries = append(entries, newDelivery(e, f.pause))
		}
	}
	if len(r.failed) < mostFailed {
		fresh, err := r.log.After(ctx, r.read, batchSize)
		if err != nil {
			return nil, err
		}
		for _, e := range fresh {
			entries = append(entries, newDelivery(e, 0))
			r.read = e.Position
		}
	}
	r.failed = rest
	return entries, nil
}

func (r *runner) deliver(ctx context.Context, entries []delivery) {
	batch := eventstore.Batch{Announcements: make([]eventstore.Announcement, len(entries))}
	for i := range entries {
		batch.Announcements[i] = entries[i].Announcement
	}
	again := map[eventstore.EventID]bool{}
	for _, a := range r.handle(ctx, batch) {
		again[eventstore.EventID{Stream: a.Stream, Version: a.First}] = true
	}
	for i := range entries {
		if e := &entries[i]; again[e.id] {
			pause := min(max(2*e.pause, firstPause), lastPause)
			r.failed = append(r.failed, failure{position: e.Position, pause: pause, due: time.Now().Add(pause)})
		}
	}
	slices.SortFunc(r.failed, func(a, b failure) int { return cmp.Compare(a.position, b.position) })
}

// wait returns when there is something new, something failed is due, or the
// position ought to be saved.
func (r *runner) wait(ctx context.Context) error {
	var until time.Time
	earliest := func(t time.Time) {
		if until.IsZero() || t.Before(until) {
			until = t
		}
	}
	for _, f := range r.failed {
		earliest(f.due)
	}
	if r.position() != r.saved {
		earliest(r.savedAt.Add(saveEvery))
	}
	if until.IsZero() {
		return r.log.Wait(ctx, r.read)
	}
	due, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	if len(r.failed) >= mostFailed {
		<-due.Done()
		return nil
	}
	if err := r.log.Wait(due, r.read); err != nil && due.Err() == nil {
		return err
	}
	return nil
}

// position is the last one before which nothing is left to do.
func (r *runner) position() int64 {
	if len(r.failed) > 0 {
		return r.failed[0].position - 1
	}
	return r.read
}

// save keeps the position. Where that fails it is kept later: going back over
// what was handled costs time, never correctness, and must not stop a feed.
func (r *runner) save(ctx context.Context) {
	r.savedAt = time.Now()
	position := r.position()
	if position != r.saved && r.log.SavePosition(ctx, position) == nil {
		r.saved = position
	}
}

// ended turns the error of a call under a context that has ended into the quiet
// end of the feed.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
