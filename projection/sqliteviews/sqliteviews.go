// Package sqliteviews keeps views in a SQLite file: the embedded default. In the
// file of a sqlitestore they share its one writer, so a slice and the appends that
// wait beside it become durable together.
package sqliteviews

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"sync"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/sqlitefile"
	"github.com/leftfold/leftfold/projection"
)

// Options says how to open the file. The zero value works.
type Options struct {
	// MustExist refuses to create the file. Defaults to false.
	MustExist bool
	// ReadOnly opens a file that exists and never writes to it: a write is refused before
	// anything is begun. It needs no right to write to the file or its folder, and stands in
	// nobody's way. Where no process has the file open it is read without locks; if one
	// begins to write then, reads fail until it is opened again. Defaults to false.
	ReadOnly bool
}

// Views implements [projection.ViewStore]. It is made by [Open] and safe for
// concurrent use.
type Views struct {
	file  *sqlitefile.File
	close func() error // of these views' share of the file, once

	mu     sync.Mutex
	places map[place]int64 // never change once they are in the file
}

var (
	_ projection.ViewStore = (*Views)(nil)
	_ eventstore.Diagnoser = (*Views)(nil)
)

// place is a view of a generation, or its checkpoints where view is empty.
type place struct {
	generation projection.GenerationID
	view       string
}

// limits of a slice: a transaction of SQLite has none that matters, but what one
// slice holds others wait for.
var limits = projection.Limits{Items: 20_000, Bytes: 64 << 20}

// schema is every table of the views. Rows and checkpoints name their generation
// by a small number, which places explains; the view named rows_readable is for people.
var schema = []string{
	`CREATE TABLE IF NOT EXISTS places(
		id INTEGER PRIMARY KEY, projection TEXT NOT NULL, generation INTEGER NOT NULL, view TEXT NOT NULL,
		UNIQUE(projection, generation, view))`,
	`CREATE TABLE IF NOT EXISTS checkpoints(
		place INTEGER NOT NULL, stream TEXT NOT NULL, version INTEGER NOT NULL, parked TEXT,
		PRIMARY KEY(place, stream)) WITHOUT ROWID`,
	`CREATE INDEX IF NOT EXISTS parked ON checkpoints(place, stream) WHERE parked IS NOT NULL`,
	`CREATE TABLE IF NOT EXISTS rows(
		place INTEGER NOT NULL, partition TEXT NOT NULL, sort TEXT NOT NULL, rev TEXT NOT NULL, content TEXT NOT NULL,
		PRIMARY KEY(place, partition, sort)) WITHOUT ROWID`,
	`CREATE TABLE IF NOT EXISTS projections(name TEXT PRIMARY KEY, revision INTEGER NOT NULL, state TEXT NOT NULL) WITHOUT ROWID`,
	`CREATE TABLE IF NOT EXISTS heartbeats(
		projection TEXT NOT NULL, worker TEXT NOT NULL, at INTEGER NOT NULL, beat TEXT NOT NULL,
		PRIMARY KEY(projection, worker)) WITHOUT ROWID`, // at is in microseconds since 1970
	// What came later. origin is 1 where a rebuild has put the row; a tombstone has an empty rev.
	`ALTER TABLE rows ADD COLUMN origin INTEGER NOT NULL DEFAULT 0`,
	`CREATE TABLE IF NOT EXISTS manifests(
		place INTEGER NOT NULL, attempt TEXT NOT NULL, part INTEGER NOT NULL, heads TEXT NOT NULL,
		PRIMARY KEY(place, attempt, part))`,
	`CREATE VIEW IF NOT EXISTS rows_readable AS
		SELECT p.projection, p.generation, p.view, r.partition, r.sort, r.rev, r.content
		FROM rows r JOIN places p ON p.id = r.place WHERE r.rev <> ''`,
}

// Open opens views in the file at path, and creates what does not exist. Errors
// are those of sqlitestore.Open.
func Open(ctx context.Context, path string, opts Options) (*Views, error) {
	file, err := sqlitefile.Open(ctx, path, sqlitefile.Options(opts))
	if err != nil {
		return nil, fmt.Errorf("sqliteviews: %w", err)
	}
	v := &Views{file: file, close: sync.OnceValue(file.Close), places: map[place]int64{}}
	if err := file.SetUp(ctx, schema); err != nil {
		return nil, errors.Join(fmt.Errorf("sqliteviews: %w", err), v.Close())
	}
	return v, nil
}

// Close gives the file up, after the writes that have begun. A store that shares
// the file keeps it open. It may be called again.
func (v *Views) Close() error { return v.close() }

// Diagnose implements [eventstore.Diagnoser], as a sqlitestore in the same file does.
func (v *Views) Diagnose(ctx context.Context) []eventstore.Finding { return v.file.Diagnose(ctx) }

// Limits implements [projection.SliceStore].
func (v *Views) Limits() projection.Limits { return limits }

// place returns the number of a place, 0 where nothing was ever written there.
func (v *Views) place(ctx context.Context, g projection.GenerationID, view string) (int64, error) {
	p := place{g, view}
	if id := v.knownPlace(p); id > 0 {
		return id, nil
	}
	var id int64
	err := v.file.ScanRow(ctx, "read", []any{&id}, "SELECT id FROM places WHERE projection = ? AND generation = ? AND view = ?",
		g.Projection, int64(g.Number), view)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	v.rememberPlace(p, id)
	return id, nil
}

func (v *Views) knownPlace(p place) int64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.places[p]
}

func (v *Views) rememberPlace(p place, id int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.places[p] = id
}

// makePlace is place for a write. It has a transaction of its own, so that a
// number that was remembered can not be rolled back.
func (v *Views) makePlace(ctx context.Context, g projection.GenerationID, view string) (int64, error) {
	if id, err := v.place(ctx, g, view); id > 0 || err != nil {
		return id, err
	}
	err := v.file.Do(ctx, "write to", func(tx *sqlitefile.Tx) error {
		_, err := tx.Exec("INSERT OR IGNORE INTO places(projection, generation, view) VALUES (?, ?, ?)", g.Projection, int64(g.Number), view)
		return err
	})
	if err != nil {
		return 0, err
	}
	return v.place(ctx, g, view)
}

// makePlaces returns the numbers of the places that elements are in, by their views, and of
// the checkpoints.
func makePlaces[T any](ctx context.Context, v *Views, g projection.GenerationID, all []T, view func(T) string) (map[string]int64, error) {
	id, err := v.makePlace(ctx, g, "")
	places := map[string]int64{"": id}
	for i := 0; err == nil && i < len(all); i++ {
		if name := view(all[i]); places[name] == 0 {
			places[name], err = v.makePlace(ctx, g, name)
		}
	}
	return places, err
}

// State implements [projection.StateStore].
func (v *Views) State(ctx context.Context, name string) (projection.State, error) {
	s := projection.State{Projection: name}
	op := "read the state of projection " + name + " in"
	var text string
	err := v.file.ScanRow(ctx, op, []any{&text}, "SELECT state FROM projections WHERE name = ?", name)
	if errors.Is(err, sql.ErrNoRows) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return s, v.file.Wrap(ctx, op, fmt.Errorf("%w: %w", eventstore.ErrCorrupt, err))
	}
	return s, nil
}

// States implements [projection.StateLister].
func (v *Views) States(ctx context.Context) iter.Seq2[projection.State, error] {
	return func(yield func(projection.State, error) bool) {
		names, err := v.stateNames(ctx)
		for i := 0; err == nil && i < len(names); i++ {
			var s projection.State
			if s, err = v.State(ctx, names[i]); err == nil && !yield(s, nil) {
				return
			}
		}
		if err != nil {
			yield(projection.State{}, err)
		}
	}
}

func (v *Views) stateNames(ctx context.Context) (names []string, err error) {
	const op = "list the projections of"
	rows, err := v.file.Query(ctx, op, "SELECT name FROM projections ORDER BY name")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, v.file.Wrap(ctx, op, err)
		}
		names = append(names, name)
	}
	return names, v.file.Wrap(ctx, op, rows.Err())
}

// PutState implements [projection.StateStore].
func (v *Views) PutState(ctx context.Context, s projection.State) (projection.State, error) {
	expected := s.Revision
	s.Revision++
	text, err := json.Marshal(s)
	if err != nil {
		return projection.State{}, err
	}
	err = v.file.Do(ctx, "write to", func(tx *sqlitefile.Tx) error {
		return tx.Conditionally(func() error {
			n, err := tx.Exec(putState, s.Projection, int64(s.Revision), string(text), int64(expected))
			if err == nil && n == 0 {
				return changed("state of projection %q is no longer at revision %d", s.Projection, expected)
			}
			return err
		})
	})
	if err != nil {
		return projection.State{}, err
	}
	return s, nil
}

const putState = `INSERT INTO projections(name, revision, state) SELECT ?1, ?2, ?3
	WHERE ?4 = coalesce((SELECT revision FROM projections WHERE name = ?1), 0)
	ON CONFLICT DO UPDATE SET revision = ?2, state = ?3`

// Beat implements [projection.StateStore].
func (v *Views) Beat(ctx context.Context, b projection.Heartbeat) error {
	text, err := json.Marshal(b)
	if err != nil {
		return err
	}
	return v.file.Do(ctx, "write to", func(tx *sqlitefile.Tx) error {
		_, err := tx.Exec("DELETE FROM heartbeats WHERE projection = ? AND at < ?", b.Projection, b.At.Add(-projection.HeartbeatsKept).UnixMicro())
		if err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO heartbeats(projection, worker, at, beat) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET at = ?3, beat = ?4`,
			b.Projection, b.Worker, b.At.UnixMicro(), string(text))
		return err
	})
}

// Heartbeats implements [projection.StateStore].
func (v *Views) Heartbeats(ctx context.Context, name string) (beats []projection.Heartbeat, err error) {
	op := "read the heartbeats of projection " + name + " in"
	rows, err := v.file.Query(ctx, op, "SELECT beat FROM heartbeats WHERE projection = ? ORDER BY worker", name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, v.file.Wrap(ctx, op, err)
		}
		var b projection.Heartbeat
		if err := json.Unmarshal([]byte(text), &b); err != nil {
			return nil, v.file.Wrap(ctx, op, fmt.Errorf("%w: heartbeat: %w", eventstore.ErrCorrupt, err))
		}
		beats = append(beats, b)
	}
	return beats, v.file.Wrap(ctx, op, rows.Err())
}

// changed is the refusal of a write whose condition failed.
func changed(format string, args ...any) error {
	return sqlitefile.Refuse(fmt.Errorf("%w: "+format, append([]any{projection.ErrChanged}, args...)...))
}
