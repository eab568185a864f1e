package sqliteviews

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"iter"
	"strings"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

const (
	// keysAtOnce is how many keys one statement asks for, well below the number
	// of variables that SQLite allows.
	keysAtOnce = 128
	pageRows   = 512
	// pageBytes is about what a scan of rows holds in memory: they may be large.
	pageBytes = 4 << 20
)

// Checkpoints implements [projection.SliceStore].
func (v *Views) Checkpoints(ctx context.Context, g projection.GenerationID, streams []eventstore.StreamID) ([]projection.Checkpoint, error) {
	found := make([]projection.Checkpoint, len(streams))
	index := make(map[string][]int, len(streams))
	keys := make([]any, 0, len(streams))
	for i, s := range streams {
		found[i].Stream = s
		if index[s.String()] == nil {
			keys = append(keys, s.String())
		}
		index[s.String()] = append(index[s.String()], i)
	}
	place, err := v.place(ctx, g, "")
	if err != nil || place == 0 {
		return found, err
	}
	err = v.lookUp(ctx, g, "SELECT stream, version, parked FROM checkpoints WHERE place = ? AND stream IN ", 1, place, keys, func(rows *sql.Rows) error {
		name, c, err := scanCheckpoint(rows)
		for _, i := range index[name] {
			c.Stream = found[i].Stream
			found[i] = c
		}
		return err
	})
	return found, err
}

func scanCheckpoint(rows *sql.Rows) (stream string, c projection.Checkpoint, err error) {
	var version int64
	var record sql.NullString
	if err := rows.Scan(&stream, &version, &record); err != nil {
		return "", c, fmt.Errorf("%w: checkpoint of %q: %w", eventstore.ErrCorrupt, stream, err)
	}
	c.Version = eventstore.Version(version)
	if record.Valid {
		c.Parked = new(projection.Parked)
		if err := json.Unmarshal([]byte(record.String), c.Parked); err != nil {
			return "", c, fmt.Errorf("%w: park record of %q: %w", eventstore.ErrCorrupt, stream, err)
		}
	}
	return stream, c, nil
}

// lookUp runs a query over lists of keys, each of width values, in parts.
func (v *Views) lookUp(ctx context.Context, g projection.GenerationID, query string, width int, place int64, keys []any, scan func(*sql.Rows) error) error {
	for len(keys) > 0 {
		n := min(len(keys), keysAtOnce*width)
		if err := v.lookUpPart(ctx, g, query+placeholders(n/width, width), place, keys[:n], scan); err != nil {
			return err
		}
		keys = keys[n:]
	}
	return nil
}

func (v *Views) lookUpPart(ctx context.Context, g projection.GenerationID, query string, place int64, keys []any, scan func(*sql.Rows) error) error {
	op := "read " + g.String() + " in"
	rows, err := v.file.Readers().QueryContext(ctx, query, append([]any{place}, keys...)...)
	if err != nil {
		return v.file.Wrap(ctx, op, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return v.file.Wrap(ctx, op, err)
		}
	}
	return v.file.Wrap(ctx, op, rows.Err())
}

// placeholders returns a list of n keys: (?,?) for single values, else
// (VALUES (?,?),(?,?)).
func placeholders(n, width int) string {
	key := strings.TrimSuffix(strings.Repeat("?,", width), ",")
	if width == 1 {
		return "(" + strings.TrimSuffix(strings.Repeat(key+",", n), ",") + ")"
	}
	return "(VALUES " + strings.TrimSuffix(strings.Repeat("("+key+"),", n), ",") + ")"
}

// selectRows passes tombstones over.
const selectRows = "SELECT partition, sort, rev, content, origin FROM rows WHERE place = ? AND rev <> ''"

// Rows implements [projection.RowReader].
func (v *Views) Rows(ctx context.Context, g projection.GenerationID, ids []projection.RowID) ([]projection.Row, error) {
	keys := map[string][]any{}
	seen := make(map[projection.RowID]bool, len(ids))
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			keys[id.View] = append(keys[id.View], id.Key.Partition, id.Key.Sort)
		}
	}
	var found []projection.Row
	for view, keys := range keys {
		place, err := v.place(ctx, g, view)
		if err != nil {
			return nil, err
		}
		if place == 0 {
			continue
		}
		err = v.lookUp(ctx, g, selectRows+" AND (partition, sort) IN ", 2, place, keys, func(rows *sql.Rows) error {
			row, err := scanRow(rows, view)
			found = append(found, row)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

func scanRow(rows *sql.Rows, view string) (projection.Row, error) {
	row := projection.Row{ID: projection.RowID{View: view}}
	var rev string
	err := rows.Scan(&row.ID.Key.Partition, &row.ID.Key.Sort, &rev, &row.Content, &row.Origin)
	if err == nil {
		row.Rev, err = eventstore.ParseEventID(rev)
	}
	if err != nil {
		return row, fmt.Errorf("%w: row %q of view %q: %w", eventstore.ErrCorrupt, row.ID.Key, view, err)
	}
	return row, nil
}

// Page implements [projection.RowReader].
func (v *Views) Page(ctx context.Context, g projection.GenerationID, q projection.PageQuery) ([]projection.Row, error) {
	query := selectRows + " AND partition = ?"
	args := []any{q.Partition}
	compare, order := " AND sort > ?", " ORDER BY sort"
	if q.Backward {
		compare, order = " AND sort < ?", " ORDER BY sort DESC"
	}
	if q.After != nil {
		query += compare
		args = append(args, *q.After)
	}
	// No bare parameter: SQLite plans with a limit that is one, and so compiles the statement
	// anew whenever it is set. So it is below.
	return v.rows(ctx, g, q.View, query+order+" LIMIT ? + 0", append(args, q.Limit)...)
}

// rows runs a query for rows of one view.
func (v *Views) rows(ctx context.Context, g projection.GenerationID, view, query string, args ...any) (found []projection.Row, err error) {
	place, err := v.place(ctx, g, view)
	if err != nil || place == 0 {
		return nil, err
	}
	err = v.lookUpPart(ctx, g, query, place, args, func(rows *sql.Rows) error {
		row, err := scanRow(rows, view)
		found = append(found, row)
		return err
	})
	return found, err
}

// ScanRows implements [projection.RowReader].
func (v *Views) ScanRows(ctx context.Context, g projection.GenerationID, view string) iter.Seq2[projection.Row, error] {
	const query = selectRows + " AND (partition, sort) > (?, ?) ORDER BY partition, sort LIMIT ? + 0"
	return func(yield func(projection.Row, error) bool) {
		limit := pageRows / 16 // until the size of the rows is known
		for last := (projection.Key{}); ; {
			rows, err := v.rows(ctx, g, view, query, last.Partition, last.Sort, limit)
			size := 0
			for _, row := range rows {
				size += len(row.Content)
				last = row.ID.Key
				if !yield(row, nil) {
					return
				}
			}
			if err != nil {
				yield(projection.Row{}, err)
				return
			}
			if len(rows) < limit {
				return
			}
			limit = min(pageRows, 1+pageBytes/(1+size/len(rows)))
		}
	}
}

// AllCheckpoints implements [projection.SliceStore].
func (v *Views) AllCheckpoints(ctx context.Context, g projection.GenerationID, parked bool) iter.Seq2[projection.Checkpoint, error] {
	query := "SELECT stream, version, parked FROM checkpoints WHERE place = ? AND stream > ? ORDER BY stream LIMIT ? + 0"
	if parked { // SQLite would rather read every checkpoint
		query = "SELECT stream, version, parked FROM checkpoints INDEXED BY parked WHERE place = ? AND stream > ? AND parked IS NOT NULL ORDER BY stream LIMIT ? + 0"
	}
	return func(yield func(projection.Checkpoint, error) bool) {
		for last := ""; ; {
			page, err := v.checkpointPage(ctx, g, query, last)
			for _, c := range page {
				if !yield(c, nil) {
					return
				}
				last = c.Stream.String()
			}
			if err != nil {
				yield(projection.Checkpoint{}, err)
				return
			}
			if len(page) < pageRows {
				return
			}
		}
	}
}

func (v *Views) checkpointPage(ctx context.Context, g projection.GenerationID, query, after string) (page []projection.Checkpoint, err error) {
	place, err := v.place(ctx, g, "")
	if err != nil || place == 0 {
		return nil, err
	}
	err = v.lookUpPart(ctx, g, query, place, []any{after, pageRows}, func(rows *sql.Rows) error {
		name, c, err := scanCheckpoint(rows)
		if err != nil {
			return err
		}
		if c.Stream, err = eventstore.ParseStreamID(name); err != nil {
			return fmt.Errorf("%w: checkpoint of %q: %w", eventstore.ErrCorrupt, name, err)
		}
		page = append(page, c)
		return nil
	})
	return page, err
}
