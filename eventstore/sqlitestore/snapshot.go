package sqlitestore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/sqlitefile"
)

const (
	selectSnapshot = `SELECT version, last, id, state FROM snapshots WHERE stream = ? AND schema = ?`

	// upsertSnapshot: of bytes that are none the driver makes NULL.
	upsertSnapshot = `INSERT INTO snapshots(stream, schema, version, last, id, state) VALUES (?, ?, ?, ?, ?, coalesce(?, x''))
		ON CONFLICT(stream, schema) DO UPDATE SET version = excluded.version, last = excluded.last, id = excluded.id, state = excluded.state
		WHERE excluded.last > last`
)

// Snapshot implements [eventstore.Snapshots].
func (s *Store) Snapshot(ctx context.Context, stream eventstore.StreamID, schema int) (eventstore.Snapshot, bool, error) {
	if err := eventstore.CheckStateSchema(schema); err != nil {
		return eventstore.Snapshot{}, false, err
	}
	var first, last sqlitefile.Int
	var id sqlitefile.Text
	var state sqlitefile.Blob
	err := s.file.ScanRow(ctx, "read the snapshot of "+stream.String()+" in", []any{&first, &last, &id, &state}, selectSnapshot, stream.String(), schema)
	if errors.Is(err, sql.ErrNoRows) {
		return eventstore.Snapshot{}, false, nil
	}
	if err != nil {
		return eventstore.Snapshot{}, false, damage(stream, 0, err)
	}
	return eventstore.Snapshot{Stream: stream, Schema: schema, First: eventstore.Version(max(first, 0)), Last: eventstore.Version(max(last, 0)),
		CommitID: string(id), State: state}, true, nil
}

// SaveSnapshot implements [eventstore.Snapshots]: one row, in the group that waits.
func (s *Store) SaveSnapshot(ctx context.Context, snapshot eventstore.Snapshot) error {
	if err := eventstore.CheckSnapshot(snapshot); err != nil {
		return err
	}
	return s.file.Do(ctx, "save a snapshot in", func(tx *sqlitefile.Tx) error {
		_, err := tx.Exec(upsertSnapshot, snapshot.Stream.String(), snapshot.Schema, int64(snapshot.First), int64(snapshot.Last), snapshot.CommitID, snapshot.State)
		return err
	})
}
