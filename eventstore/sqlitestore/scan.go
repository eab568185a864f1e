package sqlitestore

import (
	"context"
	"fmt"
	"iter"

	"github.com/leftfold/leftfold/eventstore"
)

// Streams implements [eventstore.Directory].
func (s *Store) Streams(ctx context.Context, category string, after eventstore.StreamID) iter.Seq2[eventstore.StreamID, error] {
	if err := eventstore.CheckCategory(category); err != nil {
		return func(yield func(eventstore.StreamID, error) bool) { yield(eventstore.StreamID{}, err) }
	}
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
		stream, err := parseStored(name)
		if err != nil {
			return page, err
		}
		page = append(page, stream)
	}
	return page, s.file.Wrap(ctx, op, rows.Err())
}

// Heads implements [eventstore.HeadLister].
func (s *Store) Heads(ctx context.Context, category string) iter.Seq2[eventstore.EventID, error] {
	return func(yield func(eventstore.EventID, error) bool) {
		if err := eventstore.CheckCategory(category); err != nil {
			yield(eventstore.EventID{}, err)
			return
		}
		for after := category + "-"; ; {
			page, err := s.headPage(ctx, after, category+".")
			for _, head := range page {
				if !yield(head, nil) {
					return
				}
				after = head.Stream.String()
			}
			if err != nil {
				yield(eventstore.EventID{}, err)
				return
			}
			if len(page) < pageStreams {
				return
			}
		}
	}
}

func (s *Store) headPage(ctx context.Context, after, before string) (page []eventstore.EventID, err error) {
	const op = "list the heads of"
	rows, err := s.file.Query(ctx, op, selectHeads, after, before, pageStreams)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var version int64
		if err := rows.Scan(&name, &version); err != nil {
			return page, s.file.Wrap(ctx, op, err)
		}
		stream, err := parseStored(name)
		if err != nil {
			return page, err
		}
		page = append(page, eventstore.EventID{Stream: stream, Version: eventstore.Version(version)})
	}
	return page, s.file.Wrap(ctx, op, rows.Err())
}

// parseStored reads a stream's name from a row, where only a valid one can be.
func parseStored(name string) (eventstore.StreamID, error) {
	stream, err := eventstore.ParseStreamID(name)
	if err != nil {
		return eventstore.StreamID{}, fmt.Errorf("%w: the name of a stream: %w", eventstore.ErrCorrupt, err)
	}
	return stream, nil
}

// ReadAll implements [eventstore.Scanner]. It goes from stream to stream in the
// byte order of their names, so a stream's commits always come together.
func (s *Store) ReadAll(ctx context.Context, from eventstore.Cursor) iter.Seq2[eventstore.ScannedCommit, error] {
	return func(yield func(eventstore.ScannedCommit, error) bool) {
		place := from.Place()
		if place.Version > 0 && !from.IsPast() && !s.scanStream(ctx, from, place.Stream, place.Version+1, yield) {
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
		if err != nil {
			yield(eventstore.ScannedCommit{}, err)
			return false
		}
		if !yield(eventstore.ScannedCommit{Commit: c, Cursor: from.At(c.EventID(len(c.Events) - 1))}, nil) {
			return false
		}
	}
	return true
}
