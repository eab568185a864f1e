package sqlitestore

import (
	"context"
	"fmt"
	"iter"
	"math"

	"github.com/leftfold/leftfold/eventstore"
)

const (
	// pageCommits and pageBytes bound what a read holds in memory at a time. A
	// read takes no connection between pages, so it can be abandoned or nested.
	pageCommits = 256
	pageBytes   = 1 << 20
	pageStreams = 500
)

const (
	// The page begins with the commit that holds ?2, wherever in it that is.
	selectForward = selectCommit + ` WHERE stream = ?1 AND version >=
		coalesce((SELECT max(version) FROM commits WHERE stream = ?1 AND version <= ?2), 0) ORDER BY version LIMIT ?3`
	selectBackward = selectCommit + ` WHERE stream = ?1 AND version <= ?2 ORDER BY version DESC LIMIT ?3`
)

// Read implements [eventstore.Store].
func (s *Store) Read(ctx context.Context, stream eventstore.StreamID, from eventstore.Version) iter.Seq2[eventstore.Commit, error] {
	return func(yield func(eventstore.Commit, error) bool) {
		intern := interner()
		for next := max(from, 1); ; {
			page, full, err := s.page(ctx, stream, selectForward, next, intern)
			if err != nil {
				yield(eventstore.Commit{}, err)
				return
			}
			for _, c := range page {
				if c.Last() < next {
					continue // from lies beyond the head
				}
				if c.First > next {
					yield(eventstore.Commit{}, hole(stream, next, c.First-1))
					return
				}
				if !yield(c, nil) {
					return
				}
				next = c.Last() + 1
			}
			if !full {
				return
			}
		}
	}
}

// ReadBackward implements [eventstore.Store].
func (s *Store) ReadBackward(ctx context.Context, stream eventstore.StreamID, from eventstore.Version) iter.Seq2[eventstore.Commit, error] {
	return func(yield func(eventstore.Commit, error) bool) {
		intern := interner()
		if from == 0 || from > math.MaxInt64 {
			from = math.MaxInt64
		}
		expected := eventstore.Version(0) // the version that must come next; 0 not yet known
		for next := from; next > 0; {
			page, full, err := s.page(ctx, stream, selectBackward, next, intern)
			if err != nil {
				yield(eventstore.Commit{}, err)
				return
			}
			for _, c := range page {
				if expected > 0 && c.Last() != expected {
					yield(eventstore.Commit{}, hole(stream, c.Last()+1, expected))
					return
				}
				if !yield(c, nil) {
					return
				}
				expected = c.First - 1
				next = expected
			}
			if !full {
				if expected > 0 {
					yield(eventstore.Commit{}, hole(stream, 1, expected))
				}
				return
			}
		}
	}
}

func hole(stream eventstore.StreamID, first, last eventstore.Version) error {
	return &eventstore.CorruptError{Stream: stream, Version: first, Reason: fmt.Sprintf("versions %d to %d are missing or doubled", first, last)}
}

// page returns the next commits, and whether there may be more.
func (s *Store) page(ctx context.Context, stream eventstore.StreamID, query string, from eventstore.Version,
	intern func([]byte) string,
) (page []eventstore.Commit, full bool, err error) {
	op := "read " + stream.String() + " in"
	rows, err := s.file.Query(ctx, op, query, stream.String(), int64(min(from, math.MaxInt64)), pageCommits)
	if err != nil {
		return nil, false, err
	}
	defer rows.Close()
	size := 0
	for rows.Next() {
		c, err := s.scanCommit(rows, stream, intern)
		if err != nil {
			return nil, false, s.file.Wrap(ctx, op, err)
		}
		page = append(page, c)
		for _, e := range c.Events {
			size += len(e.Payload)
		}
		if size >= pageBytes {
			return page, true, nil
		}
	}
	return page, len(page) == pageCommits, s.file.Wrap(ctx, op, rows.Err())
}

// Streams implements [eventstore.Directory].
func (s *Store) Streams(ctx context.Context, category string, after eventstore.StreamID) iter.Seq2[eventstore.StreamID, error] {
	// The names of a category lie between "category-" and "category.", the
	// character that follows the hyphen.
	return s.names(ctx, max(category+"-", after.String()), category+".")
}

// names lists the streams between two names, page by page.
func (s *Store) names(ctx context.Context, after, before string) iter.Seq2[eventstore.StreamID, error] {
	return func(yield func(eventstore.StreamID, error) bool) {
		for {
			page, err := s.namePage(ctx, after, before)
			for _, stream := range page {
				if !yield(stream, nil) {
					return
				}
				after = stream.String()
			}
			if err != nil {
				yield(eventstore.StreamID{}, err)
				return
			}
			if len(page) < pageStreams {
				return
			}
		}
	}
}

func (s *Store) namePage(ctx context.Context, after, before string) (page []eventstore.StreamID, err error) {
	const op = "list the streams of"
	rows, err := s.file.Query(ctx, op, selectStreams, after, before, pageStreams)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return page, s.file.Wrap(ctx, op, err)
		}
		stream, err := eventstore.ParseStreamID(name)
		if err != nil {
			return page, fmt.Errorf("%w: %w", eventstore.ErrCorrupt, err)
		}
		page = append(page, stream)
	}
	return page, s.file.Wrap(ctx, op, rows.Err())
}

// ReadAll implements [eventstore.Scanner]. It goes from stream to stream in the
// byte order of their names, so a stream's commits always come together.
func (s *Store) ReadAll(ctx context.Context, from eventstore.Cursor) iter.Seq2[eventstore.ScannedCommit, error] {
	return func(yield func(eventstore.ScannedCommit, error) bool) {
		place := from.Place()
		if place.Version > 0 && !s.scanStream(ctx, from, place.Stream, place.Version+1, yield) {
			return
		}
		for stream, err := range s.names(ctx, place.Stream.String(), "\x7f") {
			if err != nil {
				yield(eventstore.ScannedCommit{}, err)
				return
			}
			if from.Holds(stream) && !s.scanStream(ctx, from, stream, 0, yield) {
				return
			}
		}
	}
}

func (s *Store) scanStream(ctx context.Context, from eventstore.Cursor, stream eventstore.StreamID, version eventstore.Version,
	yield func(eventstore.ScannedCommit, error) bool,
) bool {
	for c, err := range s.Read(ctx, stream, version) {
		at := from.At(eventstore.EventID{Stream: stream, Version: c.Last()})
		if !yield(eventstore.ScannedCommit{Commit: c, Cursor: at}, err) || err != nil {
			return false
		}
	}
	return true
}

// interner returns a function that keeps one string for each type name.
func interner() func([]byte) string {
	names := map[string]string{}
	return func(b []byte) string {
		if s, ok := names[string(b)]; ok {
			return s
		}
		s := string(b)
		names[s] = s
		return s
	}
}
