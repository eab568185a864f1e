package dynamofeed

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/internal/dynamotable"
)

const (
	// mostReads is how many shards a tail reads at once.
	mostReads = 16
	// listAgain is how long it waits for shards that follow one that has ended.
	listAgain = time.Second
)

// Tailer shows the commits of a table as they are stored. It is made by [NewTailer], and
// safe for concurrent use. It has no leases and writes nothing, but reads every shard:
// while it runs it is one of the two readers that a shard has room for.
type Tailer struct {
	source source
	store  eventstore.Store
	opts   Options
}

var _ eventstore.Tailer = (*Tailer)(nil)

// NewTailer returns a tailer of a store, whose table needs its stream. It looks for that when
// it is to show something, so that a program needs no right on it before. Of the options it
// takes Attempts, PollEvery, IdleEvery and ListEvery.
func NewTailer(client *dynamodb.Client, streams *dynamodbstreams.Client, store *dynamostore.Store, opts Options) *Tailer {
	opts = opts.withDefaults()
	return &Tailer{&dynamoStream{tables: client, client: streams, store: store, attempts: opts.Attempts}, store, opts}
}

// Tail implements [eventstore.Tailer]. It begins with what is added to the open shards, and
// goes on with the shards that follow them. A commit whose payloads lie in items of their
// own is read from the table. A commit that was changed or removed is an
// [eventstore.ErrCorrupt].
func (t *Tailer) Tail(ctx context.Context) iter.Seq2[eventstore.Commit, error] {
	return func(yield func(eventstore.Commit, error) bool) {
		err := t.tail(ctx, func(c eventstore.Commit) bool { return yield(c, nil) })
		if err != nil && ctx.Err() == nil {
			yield(eventstore.Commit{}, fmt.Errorf("dynamofeed: %w", err))
		}
	}
}

// tail returns nil when show wants no more, and when ctx has ended.
func (t *Tailer) tail(ctx context.Context, show func(eventstore.Commit) bool) error {
	w := &watched{Tailer: t, shards: map[string]*tailed{}}
	if err := w.list(ctx, true); err != nil {
		return err
	}
	for pause := t.opts.PollEvery; ctx.Err() == nil; {
		began := time.Now()
		records, err := w.read(ctx)
		if err != nil {
			return err
		}
		for _, r := range records {
			switch c, ok, err := t.commitOf(ctx, r); {
			case err != nil:
				return err
			case ctx.Err() != nil || ok && !show(c):
				return nil
			}
		}
		if pause = min(2*pause, t.opts.IdleEvery); len(records) > 0 {
			pause = t.opts.PollEvery
		}
		sleep(ctx, pause-time.Since(began))
		if age := time.Since(w.listed); age >= t.opts.ListEvery || age >= listAgain && w.hasEnded() {
			if err := w.list(ctx, false); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *Tailer) commitOf(ctx context.Context, r record) (c eventstore.Commit, ok bool, err error) {
	if r.damage != nil || r.announcement.Stream.IsZero() {
		return c, false, r.damage
	}
	c, err = r.announcement.Resolve(ctx, t.store)
	return c, err == nil, err
}

// watched are the shards that a tail has met. It is used by one goroutine.
type watched struct {
	*Tailer
	shards map[string]*tailed
	listed time.Time
}

// tailed is a shard, from the moment at which a tail has met it.
type tailed struct {
	shard
	from     place
	iterator string
	over     bool // it was read to its end, or was closed before the tail began
	followed bool // the tail has met a shard that follows it
	failures int  // in a row
}

// list meets new shards. What is in one that was made since the tail began is new too.
func (w *watched) list(ctx context.Context, first bool) error {
	all, err := w.source.shards(ctx)
	if err != nil {
		return err
	}
	w.listed = time.Now()
	for _, s := range all {
		if w.shards[s.id] == nil {
			w.shards[s.id] = &tailed{shard: s, from: begin(w.listed)}
			if first {
				w.shards[s.id].from, w.shards[s.id].over = latest, s.closed
			}
		}
	}
	for _, s := range all {
		if parent := w.shards[s.parent]; parent != nil {
			parent.followed = true
		}
	}
	return nil
}

// hasEnded reports whether a shard has ended and none was met that follows it.
func (w *watched) hasEnded() bool {
	for _, s := range w.shards {
		if s.over && !s.followed {
			return true
		}
	}
	return false
}

// due returns the shards that are to be read: not over, and following none that is not.
func (w *watched) due() (due []*tailed) {
	for _, s := range w.shards {
		if parent := w.shards[s.parent]; s.over || parent != nil && !parent.over {
			continue
		}
		due = append(due, s)
	}
	return due
}

// read returns what is new in any shard that follows none that is still read.
func (w *watched) read(ctx context.Context) (records []record, err error) {
	var mu sync.Mutex // guards records and err
	var group sync.WaitGroup
	room := make(chan struct{}, mostReads) // taken by who reads
	for _, s := range w.due() {
		room <- struct{}{}
		group.Go(func() {
			defer func() { <-room }()
			found, failed := s.read(ctx, w.Tailer)
			mu.Lock()
			defer mu.Unlock()
			records, err = append(records, found...), errors.Join(err, failed)
		})
	}
	group.Wait()
	return records, err
}

// read returns what was added to a shard. Only what lasts is an error.
func (s *tailed) read(ctx context.Context, t *Tailer) (records []record, err error) {
	if s.iterator == "" {
		s.iterator, err = t.source.iterator(ctx, s.id, s.from)
	}
	next := ""
	if err == nil {
		records, next, err = t.source.records(ctx, s.iterator)
	}
	if err != nil {
		return nil, s.failed(err, t.opts.Attempts)
	}
	s.iterator, s.failures, s.over = next, 0, next == ""
	if len(records) > 0 {
		s.from = after(records[len(records)-1].sequence)
	}
	return records, nil
}

// failed decides what to do about a read that has failed. What was trimmed is passed over.
func (s *tailed) failed(err error, attempts int) error {
	switch {
	case errors.Is(err, errExpired):
		s.iterator = ""
		return nil
	case errors.Is(err, errTrimmed):
		s.iterator, s.from = "", begin(time.Now())
	case errors.Is(err, errGone):
		s.over, s.followed = true, true // it would not be known by what follows it
		return nil
	}
	if s.failures++; s.failures >= attempts || errors.Is(err, dynamotable.ErrDenied) || errors.Is(err, dynamotable.ErrForeign) {
		return err
	}
	return nil
}
