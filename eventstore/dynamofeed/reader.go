package dynamofeed

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	// errorPause is the longest time between two reads of a shard that fail, unless the idle
	// pace is slower.
	errorPause = 10 * time.Second
	// requestWithin is for one request with its repetitions. A reader must not hang while
	// its lease is renewed.
	requestWithin = 30 * time.Second
	// goneAfter is how often a shard has to be missing, and from the list too, before it
	// is taken for trimmed: what the stream says of it need not be of one moment.
	goneAfter = 3
)

// reader reads one shard.
type reader struct {
	run   *run
	shard string
	track *track
	// from is where to read on: behind the last record that was read, or from the oldest
	// that is left, where the first one has not been read yet or the next ones are lost.
	from     place
	iterator string // for that, or empty
	// reached is behind the last record that was read, also where the next ones are lost.
	reached  mark
	sequence string // of that record, or empty
	missing  int    // how often the shard was not there
	strikes  strikes
}

func newReader(r *run, l lease, t *track) *reader {
	rd := &reader{run: r, shard: l.shard, track: t, from: l.place, reached: mark{place: l.place}}
	rd.sequence, _ = l.place.number(afterPrefix)
	return rd
}

// read hands over page after page, until the shard ends or ctx does. Where nothing is to
// be had it asks less often, up to the idle pace; where reads fail, even less.
func (rd *reader) read(ctx context.Context) {
	opts := rd.run.opts
	pause := opts.PollEvery
	for ctx.Err() == nil {
		if !rd.run.reserve(ctx) {
			return
		}
		began := time.Now()
		p, err := rd.step(ctx)
		handed := p != nil && rd.run.hand(ctx, p)
		if !handed {
			rd.run.release()
		}
		switch {
		case ctx.Err() != nil || handed && p.last:
			return
		case err != nil:
			rd.run.failing(ctx, "read a shard", err, &rd.strikes, "shard", rd.shard)
			pause = min(2*pause, max(errorPause, opts.IdleEvery))
		case handed:
			pause = opts.PollEvery
		default:
			pause = min(max(2*pause, opts.PollEvery), opts.IdleEvery)
		}
		if err == nil {
			rd.strikes = 0
		}
		sleep(ctx, pause-time.Since(began))
	}
}

// step makes one read. It returns nil where nothing is to be handed over.
func (rd *reader) step(ctx context.Context) (*page, error) {
	ctx, cancel := context.WithTimeout(ctx, requestWithin)
	defer cancel()
	if rd.inDoubt() {
		return rd.trimmed(), nil
	}
	asked := time.Now()
	records, next, err := rd.records(ctx)
	switch {
	case err == nil:
	case errors.Is(err, errExpired):
		rd.iterator = ""
		return nil, nil
	case errors.Is(err, errTrimmed) && rd.untouched():
		rd.iterator = ""
		return nil, nil
	case errors.Is(err, errTrimmed):
		return rd.trimmed(), nil
	case errors.Is(err, errGone):
		return rd.gone(ctx, err)
	default:
		return nil, err
	}
	rd.iterator, rd.missing = next, 0
	records = rd.fresh(records)
	if len(records) == 0 && next != "" {
		rd.run.ledger.idle(rd.track, asked)
		return nil, nil
	}
	return rd.page(ctx, records, next == "", asked), nil
}

func (rd *reader) records(ctx context.Context) (records []record, next string, err error) {
	if rd.iterator == "" {
		if rd.iterator, err = rd.run.source.iterator(ctx, rd.shard, rd.from); err != nil {
			return nil, "", err
		}
	}
	return rd.run.source.records(ctx, rd.iterator)
}

// inDoubt reports whether records may be lost of which the stream would not tell: it is
// about to begin with the oldest one that is left, and any may have been trimmed.
func (rd *reader) inDoubt() bool {
	begins, recent := rd.from.fromBegin(time.Now(), rd.run.kept)
	return rd.from == lost || begins && !recent && rd.iterator == ""
}

// untouched reports whether all that can have been trimmed is older than the consumer:
// it begins here and has read nothing yet. The oldest record may change between asking for
// its iterator and reading, and DynamoDB Local says so too where a shard was empty then.
func (rd *reader) untouched() bool {
	_, recent := rd.reached.place.fromBegin(time.Now(), rd.run.kept)
	return recent
}

// trimmed goes on with the oldest record that is left. What is trimmed until it is read was
// there before the sweep that this asks for, unless that takes too long.
func (rd *reader) trimmed() *page {
	rd.iterator, rd.from = "", begin(time.Now())
	return &page{track: rd.track, trimmed: true}
}

// gone decides what to do about a shard that the stream does not find.
func (rd *reader) gone(ctx context.Context, err error) (*page, error) {
	rd.iterator = ""
	listed, listErr := rd.run.source.shards(ctx)
	if listErr != nil {
		return nil, errors.Join(err, listErr)
	}
	if slices.ContainsFunc(listed, func(s shard) bool { return s.id == rd.shard }) {
		rd.missing = 0
		return nil, fmt.Errorf("a shard that is listed is not found: %w", err)
	}
	if rd.missing++; rd.missing < goneAfter {
		return nil, err
	}
	return &page{track: rd.track, trimmed: true, last: true}, nil
}

// fresh leaves out records that came before. Their numbers only grow.
func (rd *reader) fresh(records []record) []record {
	return slices.DeleteFunc(records, func(r record) bool {
		if rd.sequence != "" && !comesAfter(r.sequence, rd.sequence) {
			return true
		}
		rd.sequence = r.sequence
		return false
	})
}

// page makes a page of records that were read for the first time.
func (rd *reader) page(ctx context.Context, records []record, last bool, asked time.Time) *page {
	p := &page{track: rd.track, last: last, latest: asked}
	if len(records) > 0 {
		rd.run.ledger.found(rd.track, timeOf(records[0], asked))
		p.latest = timeOf(records[len(records)-1], asked)
	}
	for _, r := range records {
		before := rd.reached
		rd.from = after(r.sequence)
		rd.reached = mark{before.n + 1, rd.from}
		p.read = rd.reached
		if r.damage != nil {
			rd.run.damaged(ctx, r, rd.shard)
		}
		if !r.announcement.Stream.IsZero() {
			p.entries = append(p.entries, entry{r.announcement, before})
		}
	}
	return p
}

func timeOf(r record, otherwise time.Time) time.Time {
	if r.created.IsZero() {
		return otherwise
	}
	return r.created
}

// sleep returns after d, or when ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
