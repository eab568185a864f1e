package sqliteviews

import (
	"context"
	"encoding/json"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/sqlitefile"
	"github.com/leftfold/leftfold/projection"
)

const (
	// A checkpoint at 0 may be missing, or hold a park record only.
	moveFromNone = `INSERT INTO checkpoints(place, stream, version) VALUES (?1, ?2, ?3)
		ON CONFLICT DO UPDATE SET version = ?3 WHERE version = 0 AND (?4 OR parked IS NULL) AND NOT ` + marked + `0)`
	move = `UPDATE checkpoints SET version = ?3 WHERE place = ?1 AND stream = ?2 AND version = ?4 AND (?5 OR parked IS NULL)
		AND ?6 = ` + marked + `?4)`
	// marked, with a version behind it: the record is above it and marked to skip its event.
	marked = `(coalesce(parked ->> 'skip', 0) AND parked ->> 'version' > `

	// A put keeps the origin of what is there. A row without rev is a tombstone: absent.
	putRow = `INSERT INTO rows(place, partition, sort, rev, content) VALUES (?1, ?2, ?3, ?4, ?5)
		ON CONFLICT DO UPDATE SET rev = ?4, content = ?5`
	putNewRow  = putRow + ` WHERE rev = ''`
	changeRow  = `UPDATE rows SET rev = ?4, content = ?5 WHERE place = ?1 AND partition = ?2 AND sort = ?3 AND rev = ?6`
	deleteRow  = `DELETE FROM rows WHERE place = ?1 AND partition = ?2 AND sort = ?3`
	removeRead = deleteRow + ` AND rev = ?4`
	buryRow    = `INSERT INTO rows(place, partition, sort, rev, content, origin) VALUES (?1, ?2, ?3, '', '', 1)
		ON CONFLICT DO UPDATE SET rev = '', content = '', origin = 1`
	buryRead  = `UPDATE rows SET rev = '', content = '', origin = 1 WHERE place = ?1 AND partition = ?2 AND sort = ?3 AND rev = ?4`
	rowExists = `SELECT EXISTS (SELECT 1 FROM rows WHERE place = ?1 AND partition = ?2 AND sort = ?3 AND rev <> '')`

	setParked = `INSERT INTO checkpoints(place, stream, version, parked) SELECT ?1, ?2, 0, ?3
		WHERE ?4 = 0 AND NOT EXISTS (SELECT 1 FROM checkpoints WHERE place = ?1 AND stream = ?2)`
	// dropEmpty: version 0 without a park record is no checkpoint.
	dropEmpty    = `DELETE FROM checkpoints WHERE place = ?1 AND stream = ?2 AND version = 0 AND parked IS NULL`
	changeParked = `UPDATE checkpoints SET parked = ?3 WHERE place = ?1 AND stream = ?2 AND version = ?4
		AND (?3 IS NOT NULL OR parked IS NULL OR parked ->> 'version' <= ?4)
		AND (?3 IS NULL OR coalesce(?3 ->> 'skip', 0) OR NOT ` + marked + `?4))`
)

// Apply implements [projection.SliceStore]: one transaction, one statement for each
// checkpoint and each row.
func (v *Views) Apply(ctx context.Context, s projection.Slice) error {
	if err := s.Check(limits); err != nil {
		return err
	}
	places, err := makePlaces(ctx, v, s.Generation, s.Writes, func(w projection.RowWrite) string { return w.Row.ID.View })
	if err != nil {
		return err
	}
	return v.file.Do(ctx, "write to", func(tx *sqlitefile.Tx) error {
		return tx.Conditionally(func() error {
			for _, m := range s.Moves {
				if err := applyMove(tx, places[""], m); err != nil {
					return err
				}
			}
			for _, w := range s.Writes {
				if err := applyWrite(tx, places[w.Row.ID.View], w); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func applyMove(tx *sqlitefile.Tx, place int64, m projection.Move) (err error) {
	var n int64
	if m.From == 0 && !m.Skip {
		n, err = tx.Exec(moveFromNone, place, m.Stream.String(), int64(m.To), m.Parked)
	} else {
		n, err = tx.Exec(move, place, m.Stream.String(), int64(m.To), int64(m.From), m.Parked, m.Skip)
	}
	if err == nil && n == 0 {
		return changed("checkpoint of %q is no longer %d, or the stream is parked, or marked to skip", m.Stream, m.From)
	}
	return err
}

func applyWrite(tx *sqlitefile.Tx, place int64, w projection.RowWrite) error {
	k := w.Row.ID.Key
	rev, content := w.Row.Rev.String(), string(w.Row.Content)
	var n int64
	var err error
	switch absent := w.Expect == (eventstore.EventID{}); {
	case w.Delete && w.Conditional && absent:
		n, err = isAbsent(tx, place, k)
	case w.Delete && w.Conditional && w.Row.Origin:
		n, err = tx.Exec(buryRead, place, k.Partition, k.Sort, w.Expect.String())
	case w.Delete && w.Conditional:
		n, err = tx.Exec(removeRead, place, k.Partition, k.Sort, w.Expect.String())
	case w.Delete && w.Row.Origin:
		_, err = tx.Exec(buryRow, place, k.Partition, k.Sort)
		return err
	case w.Delete:
		_, err = tx.Exec(deleteRow, place, k.Partition, k.Sort)
		return err
	case !w.Conditional:
		n, err = tx.Exec(putRow, place, k.Partition, k.Sort, rev, content)
	case absent:
		n, err = tx.Exec(putNewRow, place, k.Partition, k.Sort, rev, content)
	default:
		n, err = tx.Exec(changeRow, place, k.Partition, k.Sort, rev, content, w.Expect.String())
	}
	if err == nil && n == 0 {
		return changed("row %q of view %q", k.Partition, w.Row.ID.View)
	}
	return err
}

// isAbsent returns 1 where there is no such row.
func isAbsent(tx *sqlitefile.Tx, place int64, k projection.Key) (n int64, err error) {
	row, err := tx.QueryRow(rowExists, place, k.Partition, k.Sort)
	if err != nil {
		return 0, err
	}
	var exists bool
	if err := row.Scan(&exists); err != nil || exists {
		return 0, err
	}
	return 1, nil
}

// Park implements [projection.SliceStore].
func (v *Views) Park(ctx context.Context, g projection.GenerationID, stream eventstore.StreamID, at eventstore.Version, p *projection.Parked) error {
	place, err := v.makePlace(ctx, g, "")
	if err != nil {
		return err
	}
	var record any
	if p != nil {
		text, err := json.Marshal(p)
		if err != nil {
			return err
		}
		record = string(text)
	}
	return v.file.Do(ctx, "write to", func(tx *sqlitefile.Tx) error {
		return tx.Conditionally(func() error {
			n, err := tx.Exec(changeParked, place, stream.String(), record, int64(at))
			if err == nil && n == 0 {
				n, err = tx.Exec(setParked, place, stream.String(), record, int64(at))
			}
			if err == nil && n == 0 {
				return changed("checkpoint of %q is no longer %d, or it is parked behind it, or marked to skip", stream, at)
			}
			if err == nil && p == nil && at == 0 {
				_, err = tx.Exec(dropEmpty, place, stream.String())
			}
			return err
		})
	})
}
