// Package logfeed runs a feed over a store that numbers its commits in the order
// in which they became visible, without gaps that could fill later.
package logfeed

import (
	"context"
	"slices"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

// Entry is a commit at its position in the log.
type Entry struct {
	Position int64
	Commit   eventstore.Commit
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
	// saveEvery is how often the position is saved at the most: going back over
	// what was handled costs time, never correctness.
	saveEvery = time.Second
	// Failed announcements come again after a pause that doubles.
	firstPause, lastPause = 50 * time.Millisecond, 5 * time.Second
	// mostFailed bounds what is remembered: beyond it no new entries are read.
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
	r := runner{log: log, handle: handle, read: position, saved: position, pause: firstPause}
	err = r.run(ctx)
	// The last position is saved although ctx has ended: it spares the next start.
	if saveErr := r.save(context.WithoutCancel(ctx)); err == nil {
		err = saveErr
	}
	return err
}

type runner struct {
	log    Log
	handle Handle

	read    int64 // everything up to here was handed over at least once
	saved   int64 // as last saved
	savedAt time.Time
	failed  []Entry // handed over and not taken care of, in order
	retryAt time.Time
	pause   time.Duration
}

func (r *runner) run(ctx context.Context) error {
	for ctx.Err() == nil {
		entries, err := r.next(ctx)
		if err != nil {
			return ended(ctx, err)
		}
		if len(entries) == 0 {
			if err := r.wait(ctx); err != nil {
				return ended(ctx, err)
			}
			continue
		}
		r.deliver(ctx, entries)
		if time.Since(r.savedAt) >= saveEvery {
			if err := r.save(ctx); err != nil {
				return ended(ctx, err)
			}
		}
	}
	return nil
}

// next returns the failed entries that are due, then new ones.
func (r *runner) next(ctx context.Context) ([]Entry, error) {
	var entries []Entry
	if len(r.failed) > 0 && !time.Now().Before(r.retryAt) {
		entries, r.failed = r.failed, nil
	}
	if len(r.failed)+len(entries) >= mostFailed {
		return entries, nil
	}
	fresh, err := r.log.After(ctx, r.read, batchSize)
	if err != nil {
		r.failed = append(entries, r.failed...)
		return nil, err
	}
	if len(fresh) > 0 {
		r.read = fresh[len(fresh)-1].Position
	}
	return append(entries, fresh...), nil
}

func (r *runner) deliver(ctx context.Context, entries []Entry) {
	batch := eventstore.Batch{Announcements: make([]eventstore.Announcement, len(entries))}
	for i := range entries {
		batch.Announcements[i] = eventstore.Announce(&entries[i].Commit)
	}
	failed := r.handle(ctx, batch)
	if len(failed) == 0 {
		r.pause = firstPause
		return
	}
	again := map[eventstore.EventID]bool{}
	for _, a := range failed {
		again[eventstore.EventID{Stream: a.Stream, Version: a.First}] = true
	}
	for _, e := range entries {
		if again[e.Commit.EventID(0)] {
			r.failed = append(r.failed, e)
		}
	}
	slices.SortFunc(r.failed, func(a, b Entry) int { return int(a.Position - b.Position) })
	r.retryAt = time.Now().Add(r.pause)
	r.pause = min(2*r.pause, lastPause)
}

// wait returns when there is something new or the failed entries are due.
func (r *runner) wait(ctx context.Context) error {
	if len(r.failed) > 0 {
		due, cancel := context.WithDeadline(ctx, r.retryAt)
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
	return r.log.Wait(ctx, r.read)
}

func (r *runner) save(ctx context.Context) error {
	r.savedAt = time.Now()
	position := r.read
	if len(r.failed) > 0 {
		position = r.failed[0].Position - 1
	}
	if position == r.saved {
		return nil
	}
	if err := r.log.SavePosition(ctx, position); err != nil {
		return err
	}
	r.saved = position
	return nil
}

// ended turns the error of a call under a context that has ended into the quiet
// end of the feed.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
