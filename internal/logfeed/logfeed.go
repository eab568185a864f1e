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

// Reader reads a log.
type Reader interface {
	// After returns at most n entries behind a position, in order.
	After(ctx context.Context, position int64, n int) ([]Entry, error)
	// Wait returns when there may be an entry behind the position, or ctx ends.
	Wait(ctx context.Context, position int64) error
}

// Log is what a store offers to its feed.
type Log interface {
	Reader
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
	// mostFailed is how many streams with failures are remembered: from there on
	// no new entries are read. How much fails in one of them does not count.
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
	r := runner{log: log, handle: handle, read: position, saved: position, failed: map[eventstore.StreamID]*failure{}}
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
	failed  map[eventstore.StreamID]*failure
}

// failure is what of a stream was handed over and not taken care of: one
// announcement without content, from the first commit that failed to the last. It
// takes the same memory however many those are.
//
// It announces each of them again, since an announcement only says where to look,
// and it comes again until the handler has taken care of all of it. Those between
// that did not fail are repeated, as a feed may. Meanwhile new entries are handed
// over, of this stream too, and the saved position stays before the first that
// failed, so that a later run begins there.
type failure struct {
	announcement eventstore.Announcement
	position     int64         // of the first
	pause        time.Duration // before due
	due          time.Time
}

func (r *runner) run(ctx context.Context) error {
	for ctx.Err() == nil {
		again := r.due()
		fresh, err := r.next(ctx)
		if err != nil {
			return ended(ctx, err)
		}
		idle := len(again)+len(fresh) == 0
		if !idle {
			r.deliver(ctx, again, fresh)
		}
		if time.Since(r.savedAt) >= saveEvery {
			r.save(ctx)
		}
		if idle {
			if err := r.wait(ctx); err != nil {
				return ended(ctx, err)
			}
		}
	}
	return nil
}

// due returns what comes again now: what has been due for longest, so that each
// has its turn also where the handler is slow.
func (r *runner) due() []*failure {
	var due []*failure
	now := time.Now()
	for _, f := range r.failed {
		if !f.due.After(now) {
			due = append(due, f)
		}
	}
	slices.SortFunc(due, func(a, b *failure) int {
		return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.position, b.position))
	})
	return due[:min(len(due), batchSize)]
}

// next returns new entries.
func (r *runner) next(ctx context.Context) ([]Entry, error) {
	if len(r.failed) >= mostFailed {
		return nil, nil
	}
	return r.log.After(ctx, r.read, batchSize)
}

// deliver hands over what comes again and what is new, and remembers what fails.
func (r *runner) deliver(ctx context.Context, again []*failure, fresh []Entry) {
	var batch eventstore.Batch
	for _, f := range again {
		batch.Announcements = append(batch.Announcements, f.announcement)
	}
	for _, e := range fresh {
		batch.Announcements = append(batch.Announcements, e.Announcement)
		r.read = e.Position
	}
	undone := map[eventstore.EventID]bool{}
	for _, a := range r.handle(ctx, batch) {
		undone[first(a)] = true
	}
	now := time.Now()
	for _, f := range again {
		if !undone[first(f.announcement)] {
			delete(r.failed, f.announcement.Stream)
			continue
		}
		f.pause = min(2*f.pause, lastPause)
		f.due = now.Add(f.pause)
	}
	for _, e := range fresh {
		if undone[first(e.Announcement)] {
			r.fail(e, now)
		}
	}
}

// first is what tells the announcements of a batch apart.
func first(a eventstore.Announcement) eventstore.EventID {
	return eventstore.EventID{Stream: a.Stream, Version: a.First}
}

// fail remembers that a new entry failed. Where something of its stream has failed
// before it comes again together with that, when that is due.
func (r *runner) fail(e Entry, now time.Time) {
	a := e.Announcement
	if f, ok := r.failed[a.Stream]; ok {
		f.announcement.Last = max(f.announcement.Last, a.Last)
		return
	}
	a.Commit = nil
	r.failed[a.Stream] = &failure{announcement: a, position: e.Position, pause: firstPause, due: now.Add(firstPause)}
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
	position := r.read
	for _, f := range r.failed {
		position = min(position, f.position-1)
	}
	return position
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
