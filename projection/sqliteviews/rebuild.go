package sqliteviews

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/sqlitefile"
	"github.com/leftfold/leftfold/projection"
)

// What a rebuild writes at once, while others wait for the one writer of the file.
const (
	mostFilled  = 2000    // parts of a filling
	fillBytes   = 4 << 20 // about, of its rows
	mostCleared = 2000    // rows or checkpoints
	partsAtOnce = 16      // of manifests: each may be 400 KB
)

const (
	putManifest = `INSERT OR REPLACE INTO manifests(place, attempt, part, heads) VALUES (?, ?, ?, ?)`
	getManifest = `SELECT heads FROM manifests WHERE place = ? AND attempt = ? AND part = ?`

	fillCheckpoint = `INSERT INTO checkpoints(place, stream, version) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`

	insertRows = `INSERT INTO rows(place, partition, sort, rev, content, origin) VALUES `
	rowMarks   = `(?, ?, ?, ?, ?, 1)`
	rowValues  = 5  // in rowMarks
	rowsAtOnce = 20 // by fillRows
	ifAbsent   = ` ON CONFLICT DO NOTHING`
	fillRow    = insertRows + rowMarks + ifAbsent

	clearCheckpoints = `DELETE FROM checkpoints WHERE place = ?1 AND stream IN (SELECT stream FROM checkpoints WHERE place = ?1 LIMIT ?2)`
	clearRows        = `DELETE FROM rows WHERE place = ?1 AND (partition, sort) IN (SELECT partition, sort FROM rows WHERE place = ?1 LIMIT ?2)`
	clearManifests   = `DELETE FROM manifests WHERE place = ?1 AND (attempt, part) IN (SELECT attempt, part FROM manifests WHERE place = ?1 LIMIT ?2)`
)

// fillRows is fillRow for many rows, in two thirds of the time.
var fillRows = insertRows + strings.Repeat(rowMarks+", ", rowsAtOnce-1) + rowMarks + ifAbsent

// PutManifest implements [projection.RebuildStore].
func (v *Views) PutManifest(ctx context.Context, g projection.GenerationID, attempt string, part int, heads []projection.Head) error {
	text, err := projection.EncodeManifest(heads)
	if err != nil {
		return err
	}
	place, err := v.makePlace(ctx, g, "")
	if err != nil {
		return err
	}
	return v.file.Do(ctx, "write to", func(tx *sqlitefile.Tx) error {
		_, err := tx.Exec(putManifest, place, attempt, int64(part), string(text))
		return err
	})
}

// Manifest implements [projection.RebuildStore].
func (v *Views) Manifest(ctx context.Context, g projection.GenerationID, attempt string, part int) (heads []projection.Head, err error) {
	op := fmt.Sprintf("read part %d of the manifest %s of %s in", part, attempt, g)
	place, err := v.place(ctx, g, "")
	if err != nil {
		return nil, err
	}
	var text string
	err = v.file.ScanRow(ctx, op, []any{&text}, getManifest, place, attempt, int64(part))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("%w: part %d of the manifest %s of %s", projection.ErrNotFound, part, attempt, g)
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(text), &heads); err != nil {
		return nil, v.file.Wrap(ctx, op, fmt.Errorf("%w: %w", eventstore.ErrCorrupt, err))
	}
	return heads, nil
}

// Fill implements [projection.RebuildStore]: a transaction for each 2,000 checkpoints and
// rows, or about 4 MB.
func (v *Views) Fill(ctx context.Context, g projection.GenerationID, f projection.Filling) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := f.Check(); err != nil {
		return err
	}
	places, err := makePlaces(ctx, v, g, f.Rows, func(row projection.Row) string { return row.ID.View })
	if err != nil {
		return err
	}
	for parts := f.Parts(); len(parts) > 0; {
		n, size := 0, 0
		for n < min(len(parts), mostFilled) && size < fillBytes {
			if row := parts[n].Row; row != nil {
				size += len(row.Content)
			}
			n++
		}
		err := v.file.Do(ctx, "write to", func(tx *sqlitefile.Tx) error { return fill(tx, places, parts[:n]) })
		if err != nil {
			return err
		}
		parts = parts[n:]
	}
	return nil
}

func fill(tx *sqlitefile.Tx, places map[string]int64, parts []projection.FillingPart) error {
	var rows []any // the values of rows that are put whatever became of a checkpoint
	for _, part := range parts {
		if c := part.Checkpoint; c != nil {
			n, err := tx.Exec(fillCheckpoint, places[""], c.Stream.String(), int64(c.Version))
			if err != nil {
				return err
			}
			if n == 0 {
				continue // it is there, and so is its row
			}
		}
		if row := part.Row; row != nil {
			k := row.ID.Key
			rows = append(rows, places[row.ID.View], k.Partition, k.Sort, row.Rev.String(), string(row.Content))
		}
		if len(rows) == rowsAtOnce*rowValues {
			if _, err := tx.Exec(fillRows, rows...); err != nil {
				return err
			}
			rows = rows[:0]
		}
	}
	for ; len(rows) > 0; rows = rows[rowValues:] {
		if _, err := tx.Exec(fillRow, rows[:rowValues]...); err != nil {
			return err
		}
	}
	return nil
}

// Clear implements [projection.RebuildStore]: a transaction for each 2,000 checkpoints or
// rows.
func (v *Views) Clear(ctx context.Context, g projection.GenerationID, views []string) error {
	for _, view := range views {
		if err := v.clear(ctx, g, view, clearRows, mostCleared); err != nil {
			return err
		}
	}
	if err := v.clear(ctx, g, "", clearManifests, partsAtOnce); err != nil {
		return err
	}
	return v.clear(ctx, g, "", clearCheckpoints, mostCleared)
}

// clear removes what a statement finds in a place, so much at once, until it finds no more.
func (v *Views) clear(ctx context.Context, g projection.GenerationID, view, statement string, most int64) error {
	place, err := v.place(ctx, g, view)
	if err != nil || place == 0 {
		return err
	}
	for removed := most; removed == most; {
		err := v.file.Do(ctx, "write to", func(tx *sqlitefile.Tx) (err error) {
			removed, err = tx.Exec(statement, place, most)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
