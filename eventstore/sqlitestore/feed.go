package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"time"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/frame"
	"github.com/leftfold/leftfold/internal/logfeed"
	"github.com/leftfold/leftfold/internal/sqlitefile"
)

// pollEvery is how often a feed looks for commits of other processes; those of
// its own process wake it.
const pollEvery = 50 * time.Millisecond

// selectFeed has "+ 0" for the reason that selectForward has.
const selectFeed = `SELECT position, stream, ` + commitColumns + ` FROM commits WHERE position > ? ORDER BY position LIMIT ? + 0`

// Feed announces the commits of a [Store], with their content, in commit order.
// It loses nothing; across restarts it may repeat.
type Feed struct {
	store    *Store
	consumer string
}

// Feed returns the feed of a consumer, which keeps its position in the file
// under that name. Give each process a name of its own, or sweep at start as
// projection.Worker does: two that share one see everything while they run, but
// the position that one saves may lie behind what the other has not done.
func (s *Store) Feed(consumer string) *Feed { return &Feed{store: s, consumer: consumer} }

// Run implements [eventstore.Feed].
func (f *Feed) Run(ctx context.Context, handle func(context.Context, eventstore.Batch) []eventstore.Announcement) error {
	return logfeed.Run(ctx, feedLog{f.store, f.consumer}, handle)
}

// Tail implements [eventstore.Tailer], in commit order. It loses nothing.
func (s *Store) Tail(ctx context.Context) iter.Seq2[eventstore.Commit, error] {
	log := feedLog{Store: s}
	return logfeed.Tail(ctx, log, s, log.last)
}

type feedLog struct {
	*Store
	consumer string
}

func (f feedLog) After(ctx context.Context, position int64, n int) (entries []logfeed.Entry, err error) {
	const op = "read the feed of"
	rows, err := f.file.Query(ctx, op, selectFeed, position, n)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	intern, size := frame.Interner(), 0
	for rows.Next() && size < pageBytes {
		e, n, err := f.entry(rows, intern)
		if err != nil {
			return entries, f.file.Wrap(ctx, op, err)
		}
		entries, size = append(entries, e), size+n
	}
	if len(entries) > 0 {
		return entries, f.file.Wrap(ctx, op, nil) // an error of the rows comes again when they are done
	}
	return nil, f.file.Wrap(ctx, op, rows.Err())
}

// entry returns a row of selectFeed and the size of its payloads. One damaged commit must
// not hold up the others: it is announced without content.
func (f feedLog) entry(rows *sql.Rows, intern func([]byte) string) (e logfeed.Entry, size int, err error) {
	var name sqlitefile.Text
	var r stored
	err = rows.Scan(append([]any{&e.Position, &name}, r.dest()...)...)
	if err != nil && !errors.Is(err, sqlitefile.ErrType) {
		return e, 0, err
	}
	stream, parseErr := parseStored(string(name)) // what comes before the wrong value is there
	if parseErr != nil {
		return e, 0, parseErr
	}
	if err == nil {
		if c, err := r.commit(f.identity, stream, intern); err == nil {
			e.Announcement = eventstore.Announce(&c)
			return e, len(r.text), nil
		}
	}
	first := eventstore.Version(max(r.first, 1))
	e.Announcement = eventstore.Announcement{Stream: stream, First: first, Last: first + eventstore.Version(max(r.count, 1)) - 1}
	return e, len(r.text), nil
}

func (f feedLog) Wait(ctx context.Context, position int64) error {
	changed := f.file.Changed() // before looking, so that no change is missed
	for {
		last, err := f.last(ctx)
		if err != nil || last > position {
			return err
		}
		select {
		case <-changed:
			changed = f.file.Changed()
		case <-time.After(pollEvery):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (f feedLog) last(ctx context.Context) (last int64, err error) {
	err = f.file.ScanRow(ctx, "read the feed of", []any{&last}, "SELECT coalesce(max(position), 0) FROM commits")
	return last, err
}

func (f feedLog) Position(ctx context.Context) (position int64, err error) {
	err = f.file.ScanRow(ctx, "read the feed of", []any{&position}, "SELECT position FROM feeds WHERE consumer = ?", f.consumer)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return position, err
}

func (f feedLog) SavePosition(ctx context.Context, position int64) error {
	return f.file.Do(ctx, "save the position of a feed in", func(tx *sqlitefile.Tx) error {
		_, err := tx.Exec("INSERT INTO feeds(consumer, position) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET position = ?2", f.consumer, position)
		return err
	})
}
