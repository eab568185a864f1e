package sqlitestore

import (
	"context"
	"errors"
	"iter"
	"math"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/contiguous"
	"github.com/leftfold/leftfold/internal/frame"
	"github.com/leftfold/leftfold/internal/sqlitefile"
)

const (
	// firstPage is small: many reads want one commit, or find few. pageCommits and
	// pageBytes bound what a read holds in memory at a time. A
	// read takes no connection between pages, so it can be abandoned or nested.
	firstPage   = 16
	pageCommits = 256
	pageBytes   = 1 << 20
	pageStreams = 500
)

// The limits are no bare parameters: SQLite plans with those, and so compiles a statement anew
// whenever one is set, which takes longer than a short page.
const (
	selectForward  = selectCommit + ` WHERE stream = ?1 AND version >= ?2 ORDER BY version LIMIT ?3 + 0`
	selectBackward = selectCommit + ` WHERE stream = ?1 AND version <= ?2 ORDER BY version DESC LIMIT ?3 + 0`

	// The first page forwards begins with the commit that holds ?2, wherever in it
	// that is, or with the one before it.
	selectForwardFrom = selectCommit + ` WHERE stream = ?1 AND version >=
		coalesce((SELECT max(version) FROM commits WHERE stream = ?1 AND version <= ?2), 0) ORDER BY version LIMIT ?3 + 0`
	// The first page backwards begins with the commit behind ?2, if there is one:
	// only its neighbour tells a hole at ?2 from the end of the stream.
	selectBackwardFrom = selectCommit + ` WHERE stream = ?1 AND version <=
		coalesce((SELECT min(version) FROM commits WHERE stream = ?1 AND version > ?2), ?2) ORDER BY version DESC LIMIT ?3 + 0`
)

// Read implements [eventstore.Store].
func (s *Store) Read(ctx context.Context, stream eventstore.StreamID, from eventstore.Version) iter.Seq2[eventstore.Commit, error] {
	return func(yield func(eventstore.Commit, error) bool) {
		intern := frame.Interner()
		next := max(from, 1) // the version that must come next
		query, limit := selectForwardFrom, firstPage
		for first := true; ; query, limit = selectForward, pageCommits {
			page, full, err := s.page(ctx, stream, query, next, limit, intern)
			for _, c := range page {
				if first && c.Last() < next {
					continue // the head, before from
				}
				if c.First > next || c.First < next && !first {
					yield(eventstore.Commit{}, contiguous.Hole(stream, min(next, c.First), max(next, c.First)-1))
					return
				}
				if !yield(c, nil) {
					return
				}
				first, next = false, c.Last()+1
			}
			if err != nil {
				yield(eventstore.Commit{}, damage(stream, next, err))
				return
			}
			if !full {
				return
			}
		}
	}
}

// ReadBackward implements [eventstore.Store].
func (s *Store) ReadBackward(ctx context.Context, stream eventstore.StreamID, from eventstore.Version) iter.Seq2[eventstore.Commit, error] {
	if from == 0 || from > math.MaxInt64 {
		from = math.MaxInt64
	}
	return func(yield func(eventstore.Commit, error) bool) {
		for c, err := range contiguous.Backward(stream, s.down(ctx, stream, from)) {
			if err == nil && c.First > from {
				continue // the one behind it
			}
			if !yield(c, err) {
				return
			}
		}
	}
}

// down returns the commits from the one that holds a version, or from the one behind it.
func (s *Store) down(ctx context.Context, stream eventstore.StreamID, from eventstore.Version) iter.Seq2[eventstore.Commit, error] {
	return func(yield func(eventstore.Commit, error) bool) {
		intern := frame.Interner()
		query, limit, next := selectBackwardFrom, firstPage, from
		for ; next > 0; query, limit = selectBackward, pageCommits {
			page, full, err := s.page(ctx, stream, query, next, limit, intern)
			for _, c := range page {
				if !yield(c, nil) {
					return
				}
				next = c.First - 1
			}
			if err != nil {
				if next == math.MaxInt64 {
					next = 0 // nobody knows the head
				}
				yield(eventstore.Commit{}, damage(stream, next, err))
				return
			}
			if !full {
				return
			}
		}
	}
}

// damage names the stream that can not be read, where err says that the file is
// damaged: whoever reads many can go on with the others.
func damage(stream eventstore.StreamID, at eventstore.Version, err error) error {
	reason, ok := sqlitefile.Damage(err)
	if errors.Is(err, sqlitefile.ErrType) {
		reason, ok = sqlitefile.ErrType.Error(), true
	}
	if !ok {
		return err
	}
	return &eventstore.CorruptError{Stream: stream, Version: at, Reason: reason, Err: err}
}

// page returns the next commits, and whether there may be more. With an error come
// those that were read before it.
func (s *Store) page(ctx context.Context, stream eventstore.StreamID, query string, from eventstore.Version,
	limit int, intern func([]byte) string,
) (page []eventstore.Commit, full bool, err error) {
	op := "read " + stream.String() + " in"
	rows, err := s.file.Query(ctx, op, query, stream.String(), int64(min(from, math.MaxInt64)), limit)
	if err != nil {
		return nil, false, err
	}
	defer rows.Close()
	size := 0
	for rows.Next() {
		var r stored
		if err := rows.Scan(r.dest()...); err != nil {
			return page, false, s.file.Wrap(ctx, op, err)
		}
		c, err := r.commit(s.identity, stream, intern)
		if err != nil {
			return page, false, err
		}
		page = append(page, c)
		for _, e := range c.Events {
			size += len(e.Payload)
		}
		if size >= pageBytes {
			return page, true, s.file.Wrap(ctx, op, nil)
		}
	}
	return page, len(page) == limit, s.file.Wrap(ctx, op, rows.Err())
}
