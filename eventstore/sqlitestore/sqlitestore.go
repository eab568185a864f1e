// Package sqlitestore keeps an event store in a SQLite file: the embedded
// default. An append that returned is on disk. Several processes may open the
// same file; in each, waiting appends are grouped into one transaction.
package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"github.com/google/uuid"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/frame"
	"github.com/leftfold/leftfold/internal/sqlitefile"
)

// Options says how to open a store. The zero value works.
type Options struct {
	// MustExist refuses to create the file. Defaults to false.
	MustExist bool
	// ReadOnly opens a file that exists and never writes to it: a write is refused before
	// anything is begun. It needs no right to write to the file or its folder, and stands in
	// nobody's way. Where no process has the file open it is read without locks; if one
	// begins to write then, reads fail until it is opened again. Defaults to false.
	ReadOnly bool
}

// Store implements the interfaces of eventstore. It is made by [Open] and safe
// for concurrent use.
type Store struct {
	file     *sqlitefile.File
	identity string
	close    func() error // of this store's share of the file, once
}

var (
	_ eventstore.Store      = (*Store)(nil)
	_ eventstore.Transactor = (*Store)(nil)
	_ eventstore.Snapshots  = (*Store)(nil)
	_ eventstore.Directory  = (*Store)(nil)
	_ eventstore.Scanner    = (*Store)(nil)
	_ eventstore.Tailer     = (*Store)(nil)
	_ eventstore.Diagnoser  = (*Store)(nil)
	_ eventstore.Feed       = (*Feed)(nil)
)

// Open opens the store in the file at path, and creates both where they do not
// exist. Views in the same file share its one writer, whoever opens it first.
//
// It starts the goroutine of that writer; Close ends it and waits. A file that
// is no database, belongs to another program or to a newer Leftfold, is damaged or
// read-only is refused with an error that carries a hint. So is one that is locked by
// another process for long, if there is something to create: a store that is complete
// is opened and read while another process writes.
func Open(ctx context.Context, path string, opts Options) (*Store, error) {
	file, err := sqlitefile.Open(ctx, path, sqlitefile.Options(opts))
	if err != nil {
		return nil, fmt.Errorf("sqlitestore: %w", err)
	}
	s := &Store{file: file, close: sync.OnceValue(file.Close)}
	if err := s.setUp(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("sqlitestore: %w", err), s.Close())
	}
	return s, nil
}

// Close gives the file up, after the writes that have begun. Views that share
// the file keep it open. It may be called again.
func (s *Store) Close() error { return s.close() }

// Diagnose implements [eventstore.Diagnoser]: it looks at the file, its log and its disk, and
// reads the whole file once.
func (s *Store) Diagnose(ctx context.Context) []eventstore.Finding { return s.file.Diagnose(ctx) }

// setUp writes only to a file that lacks something: whoever wants to look does not
// wait for a process that writes.
func (s *Store) setUp(ctx context.Context) error {
	if err := s.file.SetUp(ctx, schema); err != nil {
		return err
	}
	const op, selectID = "open", "SELECT id FROM store"
	err := s.file.ScanRow(ctx, op, []any{&s.identity}, selectID)
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	return s.file.Do(ctx, op, func(tx *sqlitefile.Tx) error {
		if _, err := tx.Exec("INSERT INTO store(id) SELECT ? WHERE NOT EXISTS (SELECT 1 FROM store)", uuid.NewString()); err != nil {
			return err
		}
		row, err := tx.QueryRow(selectID)
		if err != nil {
			return err
		}
		return row.Scan(&s.identity)
	})
}

// Append implements [eventstore.Store]: one insert, in the group that waits.
func (s *Store) Append(ctx context.Context, w eventstore.Write) (eventstore.Commit, error) {
	w, err := eventstore.Prepare(ctx, s.identity, w)
	if err != nil {
		return eventstore.Commit{}, err
	}
	if w.Strict || len(w.Claims)+len(w.Releases) > 0 {
		commits, err := s.transact(ctx, eventstore.Transaction{Writes: []eventstore.Write{w}})
		if err != nil {
			return eventstore.Commit{}, err
		}
		return commits[0], nil
	}
	row := newRow(w)
	var c eventstore.Commit
	err = s.file.Do(ctx, "write", func(tx *sqlitefile.Tx) (err error) {
		c, err = s.append(tx, w, row)
		return err
	})
	if err != nil {
		return eventstore.Commit{}, failure(eventstore.Transaction{Writes: []eventstore.Write{w}}, err)
	}
	return c, nil
}

// failure is what a caller is told of a group that failed.
func failure(t eventstore.Transaction, err error) error {
	w := t.Writes[0]
	if errors.Is(err, sqlitefile.ErrUnknown) {
		unknown := &eventstore.OutcomeUnknownError{Write: w, Err: err}
		if len(t.Writes)+len(t.Checks) > 1 {
			unknown.With = &t
		}
		return unknown
	}
	if _, ok := errors.AsType[*sqlitefile.Error](err); ok {
		return fmt.Errorf("append to %q: %w", w.Stream, err)
	}
	return err
}

// append runs inside the group's transaction. The insert itself looks at the head,
// which is never remembered: another process may have moved it.
func (s *Store) append(tx *sqlitefile.Tx, w eventstore.Write, row row) (eventstore.Commit, error) {
	at := w.Revision
	if at.IsAny() {
		head, err := s.headOf(tx, w.Stream)
		if err != nil {
			return eventstore.Commit{}, refusal(w.Stream, err)
		}
		at = head
	}
	c := w.CommitAt(s.identity, at)
	c.Events = row.events
	stream, first := c.Stream.String(), int64(c.First)
	_, err := tx.Exec(insertCommit, stream, first, at.Time().UnixMicro(), stream, first, first,
		len(c.Events), c.ID, c.Time.UnixMicro(), row.types, row.frame, row.text, row.metadata, row.claims, c.Digest[:])
	if !errors.Is(err, sqlitefile.ErrNull) {
		return c, err
	}
	own, err := s.refuse(tx, w)
	return own, refusal(w.Stream, err)
}

// refusal lets nobody else in the group suffer from a stream that is damaged.
func refusal(stream eventstore.StreamID, err error) error {
	if errors.Is(err, sqlitefile.ErrType) {
		return sqlitefile.Refuse(damage(stream, 0, err))
	}
	return err
}

func (s *Store) headOf(tx *sqlitefile.Tx, stream eventstore.StreamID) (eventstore.Revision, error) {
	row, err := tx.QueryRow(selectHead, stream.String())
	if err != nil {
		return eventstore.Revision{}, err
	}
	return s.scanHead(row, stream)
}

// refuse says why the write's slot is not free, or returns the write's own commit.
func (s *Store) refuse(tx *sqlitefile.Tx, w eventstore.Write) (eventstore.Commit, error) {
	taken, err := s.behind(tx, w.Stream, w.Revision)
	if err == nil && taken == nil {
		err = errors.New("SQLite does not take the row, although its slot is free")
	}
	if err != nil {
		return eventstore.Commit{}, err
	}
	own, err := eventstore.Settle(w, *taken)
	if err != nil {
		return eventstore.Commit{}, sqlitefile.Refuse(err)
	}
	return own, nil
}

// behind returns the commit that follows a revision, nil where that is the head.
func (s *Store) behind(tx *sqlitefile.Tx, stream eventstore.StreamID, revision eventstore.Revision) (*eventstore.Commit, error) {
	head, err := s.headOf(tx, stream)
	if err != nil || revision.Is(head) {
		return nil, err
	}
	at := revision.Version()
	taken, err := s.commitAt(tx, eventstore.EventID{Stream: stream, Version: at + 1})
	if err == nil {
		// A restored stream may have come past the revision by other events.
		var row *sql.Row
		var before eventstore.Revision
		if row, err = tx.QueryRow(selectBefore, stream.String(), int64(at)); err == nil {
			before, err = s.scanHead(row, stream)
		}
		if err == nil && at > 0 && before != revision {
			err = sql.ErrNoRows
		}
	}
	if errors.Is(err, sql.ErrNoRows) {
		return nil, sqlitefile.Refuse(&eventstore.RevisionError{Stream: stream, Revision: revision,
			Reason: fmt.Sprintf("is no commit boundary of this stream, whose head is version %d", head.Version())})
	}
	return taken, err
}

// commitAt returns the commit that begins with an event.
func (s *Store) commitAt(tx *sqlitefile.Tx, first eventstore.EventID) (*eventstore.Commit, error) {
	row, err := tx.QueryRow(selectCommit+" WHERE stream = ? AND version = ?", first.Stream.String(), int64(first.Version))
	if err != nil {
		return nil, err
	}
	var r stored
	if err := row.Scan(r.dest()...); err != nil {
		return nil, err
	}
	c, err := r.commit(s.identity, first.Stream, nil)
	if err != nil {
		return nil, sqlitefile.Refuse(err)
	}
	return &c, nil
}

// Head implements [eventstore.Store].
func (s *Store) Head(ctx context.Context, stream eventstore.StreamID) (eventstore.Revision, error) {
	var h head
	err := s.file.ScanRow(ctx, "read the head of "+stream.String()+" in", h.dest(), selectHead, stream.String())
	return s.revision(stream, h, damage(stream, 0, err))
}

// head is a row of selectHead.
type head struct{ first, count, micros sqlitefile.Int }

func (h *head) dest() []any { return []any{&h.first, &h.count, &h.micros} }

// revision returns the boundary after a row; a stream without one is at 0.
func (s *Store) revision(stream eventstore.StreamID, h head, err error) (eventstore.Revision, error) {
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return eventstore.Revision{}, err
	}
	if err != nil {
		return eventstore.NewRevision(s.identity, stream, 0, fromMicros(0)), nil
	}
	return eventstore.NewRevision(s.identity, stream, eventstore.Version(h.first+h.count-1), fromMicros(int64(h.micros))), nil
}

func (s *Store) scanHead(row *sql.Row, stream eventstore.StreamID) (eventstore.Revision, error) {
	var h head
	err := row.Scan(h.dest()...)
	return s.revision(stream, h, err)
}

// row is what a write becomes in the table, made before it enters the group.
type row struct {
	types       string
	frame, text []byte
	metadata    any // JSON text, or nil
	claims      any // JSON text, or nil
	// events are parts of text: they share nothing with the write, whose memory
	// is the caller's.
	events []eventstore.Event
}

func newRow(w eventstore.Write) row {
	r := row{types: typesOf(w.Events), metadata: encodeMetadata(w.Metadata), claims: encodeClaims(w)}
	r.frame, r.text = frame.Encode(w.Events)
	r.events = frame.Split(w.Events, r.text)
	return r
}
