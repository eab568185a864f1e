package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/sqlitefile"
)

// AppendAll implements [eventstore.Transactor]: some rows, in the group that waits.
func (s *Store) AppendAll(ctx context.Context, t eventstore.Transaction) ([]eventstore.Commit, error) {
	t, err := eventstore.PrepareAll(ctx, s.identity, t)
	if err != nil {
		return nil, err
	}
	return s.transact(ctx, t)
}

func (s *Store) transact(ctx context.Context, t eventstore.Transaction) (commits []eventstore.Commit, err error) {
	rows := make([]row, len(t.Writes))
	for i, w := range t.Writes {
		rows[i] = newRow(w)
	}
	err = s.file.Do(ctx, "write", func(tx *sqlitefile.Tx) (err error) {
		commits, err = s.appendAll(tx, t, rows)
		return err
	})
	if err != nil {
		return nil, failure(t, err)
	}
	return commits, nil
}

// appendAll looks at everything first: a job that has written can not refuse.
func (s *Store) appendAll(tx *sqlitefile.Tx, t eventstore.Transaction, rows []row) ([]eventstore.Commit, error) {
	standing, err := s.standing(tx, t)
	if err != nil {
		return nil, err
	}
	own, err := t.Settle(standing)
	if err != nil {
		return nil, sqlitefile.Refuse(err)
	}
	if own != nil {
		return own, nil
	}
	var commits []eventstore.Commit
	for i, w := range t.Writes {
		c, err := s.append(tx, w, rows[i])
		if err != nil {
			return nil, err
		}
		for _, claim := range w.Taken() {
			if _, err := tx.Exec(insertClaim, claim.Scope, claim.Key, c.Stream.String(), int64(c.First)); err != nil {
				return nil, err
			}
		}
		for _, claim := range w.Releases {
			if _, err := tx.Exec(deleteClaim, claim.Scope, claim.Key); err != nil {
				return nil, err
			}
		}
		commits = append(commits, c)
	}
	return commits, nil
}

// standing is what is where t wants to be.
func (s *Store) standing(tx *sqlitefile.Tx, t eventstore.Transaction) (eventstore.Standing, error) {
	var found eventstore.Standing
	for _, w := range t.Writes {
		recalled, err := s.recall(tx, w)
		if err != nil {
			return eventstore.Standing{}, refusal(w.Stream, err)
		}
		slot, err := s.behind(tx, w.Stream, w.Revision)
		if err != nil && recalled == nil {
			return eventstore.Standing{}, refusal(w.Stream, err)
		}
		found.Recalled, found.Slots = append(found.Recalled, recalled), append(found.Slots, slot)
		for _, c := range slices.Concat(w.Claims, w.Releases) {
			holder, err := scanHolder(tx.QueryRow(selectClaim, c.Scope, c.Key))
			if err != nil {
				return eventstore.Standing{}, refusal(w.Stream, err)
			}
			found.Hold(w, c, holder)
		}
	}
	for _, c := range t.Checks {
		moved, err := s.behind(tx, c.Stream, c.Revision)
		if err != nil {
			return eventstore.Standing{}, refusal(c.Stream, err)
		}
		found.Moved = append(found.Moved, moved)
	}
	return found, nil
}

// recall returns the commit that has claimed the ID of a strict write, or nil.
func (s *Store) recall(tx *sqlitefile.Tx, w eventstore.Write) (*eventstore.Commit, error) {
	if !w.Strict {
		return nil, nil
	}
	claim := eventstore.StrictClaim(w.Stream, w.ID)
	holder, err := scanHolder(tx.QueryRow(selectClaim, claim.Scope, claim.Key))
	if err != nil || holder.Version == 0 {
		return nil, err
	}
	c, err := s.commitAt(tx, holder)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, sqlitefile.Refuse(&eventstore.CorruptError{Stream: holder.Stream, Version: holder.Version,
			Reason: "the commit that holds the claim " + claim.String() + " is not there"})
	}
	return c, err
}

// Claimed implements [eventstore.Transactor].
func (s *Store) Claimed(ctx context.Context, c eventstore.Claim) (eventstore.EventID, error) {
	if err := eventstore.CheckClaim(c); err != nil {
		return eventstore.EventID{}, err
	}
	var h holder
	err := s.file.ScanRow(ctx, "read the claim "+c.String()+" in", h.dest(), selectClaim, c.Scope, c.Key)
	return h.event(err)
}

// holder is a row of selectClaim.
type holder struct {
	stream  sqlitefile.Text
	version sqlitefile.Int
}

func (h *holder) dest() []any { return []any{&h.stream, &h.version} }

// event returns the event that the row names, zero where there is no row.
func (h *holder) event(err error) (eventstore.EventID, error) {
	if errors.Is(err, sql.ErrNoRows) {
		return eventstore.EventID{}, nil
	}
	if err != nil {
		return eventstore.EventID{}, err
	}
	stream, err := eventstore.ParseStreamID(string(h.stream))
	if err != nil || h.version < 1 {
		return eventstore.EventID{}, &eventstore.CorruptError{Reason: "a claim is held by an event that can not be: " + string(h.stream), Err: err}
	}
	return eventstore.EventID{Stream: stream, Version: eventstore.Version(h.version)}, nil
}

func scanHolder(row *sql.Row, err error) (eventstore.EventID, error) {
	var h holder
	if err == nil {
		err = row.Scan(h.dest()...)
	}
	return h.event(err)
}
