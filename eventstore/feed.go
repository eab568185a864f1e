package eventstore

import (
	"context"
	"fmt"
	"iter"
	"time"
)

// Announcement says that a stream holds the events from First to Last: those of
// one commit, or of several where it comes again. Where the source has the
// commit's content it is there too. It is a doorbell: the store is the truth.
type Announcement struct {
	Stream      StreamID
	First, Last Version
	// Time is that of the first commit, where the source knows it.
	Time time.Time
	// Commit is the content, or nil where the source has none, or announces again.
	Commit *Commit
}

// Announce returns the announcement of a commit, with its content.
func Announce(c *Commit) Announcement {
	return Announcement{Stream: c.Stream, First: c.First, Last: c.Last(), Time: c.Time, Commit: c}
}

// Resolve returns the commit that was announced, the first of them where there are several:
// from the store where the announcement came without content.
func (a Announcement) Resolve(ctx context.Context, s Store) (Commit, error) {
	if a.Commit != nil {
		return *a.Commit, nil
	}
	for c, err := range s.Read(ctx, a.Stream, a.First) {
		return c, err
	}
	return Commit{}, fmt.Errorf("%w: %s@%d was announced and is not there", ErrCorrupt, a.Stream, a.First)
}

// Batch is what a feed hands over at once.
type Batch struct {
	Announcements []Announcement
	// Trimmed reports that the source lost announcements before these: what
	// they told of is found only by a sweep.
	Trimmed bool
}

// Feed announces the commits of a store. It may repeat, reorder, delay and lose
// them; who needs every event in order reads the store where the announcements
// leave a gap, and sweeps.
type Feed interface {
	// Run hands batches to handle, one at a time, until ctx ends; then it
	// returns nil. It returns an error only for what stays broken.
	//
	// handle returns the announcements it has not taken care of. The others may
	// be forgotten, for ever, once handle has returned; these come again, after
	// a pause, and until they are taken care of. They may come without content,
	// and those of one stream as one: from the first of them to the last, whatever
	// was taken care of between. The feed keeps its own position across restarts,
	// where it has one, and never beyond what has to come again.
	Run(ctx context.Context, handle func(context.Context, Batch) (failed []Announcement)) error
}

// Tailer shows what is stored as it happens: to people, and to development. Stores that
// implement it pass the section "tail" of storetest.
type Tailer interface {
	// Tail yields the commits that are stored from its first step on, soon after they
	// are and about in that order, until ctx ends; then the sequence ends without an error.
	// It writes nothing and keeps no position, so nobody else is concerned. It does its
	// best, and may lose and repeat commits: who needs every one has a [Feed].
	//
	// The first error ends the sequence. It may be abandoned at any time, and begins
	// anew where it is read again.
	Tail(ctx context.Context) iter.Seq2[Commit, error]
}
