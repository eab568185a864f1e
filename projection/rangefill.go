package projection

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"maps"
	"math"
	"slices"

	"github.com/leftfold/leftfold/eventstore"
)

// holds reports whether a row lies in the range. The row that a stream has in a view of
// [PerStream] lies where its checkpoint does.
func (k KeyRange) holds(id RowID) bool {
	if IsPerStream(id.View) {
		return k.has(keyHash(id.Key.Partition))
	}
	return k.has(keyHash(id.View, id.Key.Partition, id.Key.Sort))
}

func (k KeyRange) holdsStream(s eventstore.StreamID) bool { return k.has(keyHash(s.String())) }

func (k KeyRange) has(hash uint64) bool { return k.From <= hash && hash < k.To }

// keyHash is below allKeys, and the same in every process: FNV-1a, mixed once more, since
// short keys leave its upper bits much the same.
func keyHash(parts ...string) uint64 {
	h := uint64(14695981039346656037)
	for _, part := range parts {
		for i := range len(part) {
			h = (h ^ uint64(part[i])) * 1099511628211
		}
		h *= 1099511628211 // the end of a part
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	return h >> 32
}

// touch says what becomes of an effect: rows outside of the range are left to another one,
// and rows that are inserted need not be kept.
func (f *rangeFold) touch(e *envelope, to effect) (mine bool) {
	if !f.keys.holds(to.id) || f.only != nil && !f.only[to.id] {
		return false
	}
	f.touched = true
	if to.insert {
		f.inserts = append(f.inserts, Row{ID: to.id, Rev: e.id, Content: to.content})
		if f.keep {
			f.size += rowOverhead + len(to.content)
		}
	}
	return !to.insert
}

const (
	// rowOverhead is what a row counts for beside its content.
	rowOverhead = 100
)

// measure keeps count of what the rows take. A folded row is encoded for that at every power
// of two of its events. One that has had a single event stays encoded: most rows of some views
// never have another, and many small objects are much work for the collector.
func (f *rangeFold) measure(w *working) {
	before := w.size
	w.folds++
	if w.row != nil && w.folds&(w.folds-1) == 0 {
		content, err := w.stored()
		if err != nil {
			return // it fails again where it is written
		}
		if w.size = rowOverhead + len(content); w.folds == 1 {
			w.row, w.content = nil, content
		}
	} else if w.row == nil {
		w.size = rowOverhead + len(w.content)
	}
	f.size += w.size - before
}

// shrink leaves the upper half of the range to another one, until the rows fit into memory.
func (f *rangeFold) shrink() (shrunk bool) {
	for f.size > f.r.opts.Memory && f.keys.To-f.keys.From > 1 {
		shrunk = true
		f.keys.To = f.keys.From + (f.keys.To-f.keys.From)/2
		f.size = 0
		maps.DeleteFunc(f.rows, func(id RowID, w *working) bool {
			if !f.keys.holds(id) {
				return true
			}
			f.size += w.size
			return false
		})
		if f.keep {
			f.inserts = slices.DeleteFunc(f.inserts, func(row Row) bool { return !f.keys.holds(row.ID) })
			for _, row := range f.inserts {
				f.size += rowOverhead + len(row.Content)
			}
		}
	}
	return shrunk
}

// fillAtOnce is how many rows and checkpoints are filled together.
const fillAtOnce = 1000

// putNext fills, where it may while the next rows are encoded; settle waits for it.
func (f *rangeFold) putNext(ctx context.Context, filling Filling) error {
	if !f.together {
		return f.put(ctx, filling)
	}
	return f.filling.next(func() error { return f.put(ctx, filling) })
}

// putInserts fills the rows that are only inserted, once there are so many; those that are
// kept, in the end.
func (f *rangeFold) putInserts(ctx context.Context, least int) error {
	for len(f.inserts) > 0 && len(f.inserts) >= least {
		n := min(len(f.inserts), fillAtOnce)
		if err := f.put(ctx, Filling{Rows: f.inserts[:n]}); err != nil {
			return err
		}
		f.inserts = f.inserts[n:]
	}
	return nil
}

func (f *rangeFold) put(ctx context.Context, filling Filling) error {
	err := f.fill(ctx, filling)
	if err == nil {
		f.r.meter.note(func(p *RebuildProgress) {
			p.Rows += len(filling.Rows)
			p.Checkpoints += len(filling.Checkpoints)
			p.Put += len(filling.Rows) + len(filling.Checkpoints)
		})
	}
	return err
}

// finish fills the checkpoints and the rows of the range, in the order of their keys.
func (f *rangeFold) finish(ctx context.Context) (err error) {
	defer func() {
		if failed := f.filling.settle(); failed != nil && !errors.Is(err, failed) {
			err = errors.Join(err, failed)
		}
	}()
	if err := f.putInserts(ctx, 1); err != nil {
		return err
	}
	f.r.meter.note(func(p *RebuildProgress) { p.Put, p.PutOf = 0, len(f.rows)+f.checkpoints() })
	own := "" // the view with a row for each stream
	for _, v := range f.p.views {
		if IsPerStream(v.storedName()) {
			own = v.storedName()
		}
	}
	var next Filling
	flush := func(least int) error {
		if len(next.Checkpoints)+len(next.Rows) < least {
			return nil
		}
		full := next
		next = Filling{}
		return f.putNext(ctx, full)
	}
	for _, head := range f.heads.all {
		if !f.keys.holdsStream(head.Stream) {
			continue
		}
		next.Checkpoints = append(next.Checkpoints, Checkpoint{Stream: head.Stream, Version: head.Version})
		if w := f.rows[RowID{View: own, Key: KeyOfStream(head.Stream)}]; own != "" && w != nil {
			delete(f.rows, w.id)
			if err := f.add(&next, w); err != nil {
				return err
			}
		}
		if err := flush(fillAtOnce); err != nil {
			return err
		}
	}
	for w := range f.inOrder() {
		if err := f.add(&next, w); err != nil {
			return err
		}
		if err := flush(fillAtOnce); err != nil {
			return err
		}
	}
	return flush(1)
}

// inOrder hands out the rows in the order of their keys. It sorts a partition when its turn
// comes, while others are filled.
func (f *rangeFold) inOrder() iter.Seq[*working] {
	partitions := map[RowID][]*working{}
	for id, w := range f.rows {
		id.Key.Sort = ""
		partitions[id] = append(partitions[id], w)
	}
	f.rows = nil
	return func(yield func(*working) bool) {
		for _, id := range slices.SortedFunc(maps.Keys(partitions), RowID.Compare) {
			rows := partitions[id]
			delete(partitions, id)
			slices.SortFunc(rows, func(a, b *working) int { return cmp.Compare(a.id.Key.Sort, b.id.Key.Sort) })
			for _, w := range rows {
				if !yield(w) {
					return
				}
			}
		}
	}
}

// checkpoints counts those of the range.
func (f *rangeFold) checkpoints() (n int) {
	for _, head := range f.heads.all {
		if f.keys.holdsStream(head.Stream) {
			n++
		}
	}
	return n
}

// add encodes a row, if it exists.
func (f *rangeFold) add(to *Filling, w *working) error {
	write, err := w.write()
	if err != nil {
		return &FoldError{Generation: f.id, Event: w.rev, Type: w.typ, Err: err}
	}
	if !write.Delete {
		to.Rows = append(to.Rows, write.Row)
	}
	return nil
}

// What DynamoDB charges for, about: an item has its key twice over, in the names and the
// values, and some attributes.
const itemOverhead = 100

func unitsOf(f Filling) (u Units) {
	own := map[string]bool{}
	for _, row := range f.Rows {
		u.Write += writeUnits(rowBytes(&row))
		if IsPerStream(row.ID.View) {
			own[row.ID.Key.Partition] = true
		}
	}
	u.Write += float64(len(f.Checkpoints) - len(own)) // with its row it is one item
	return u
}

func rowBytes(row *Row) int {
	return itemOverhead + len(row.ID.View) + len(row.ID.Key.Partition) + len(row.ID.Key.Sort) + len(row.Content)
}

// writeUnits are those of one item.
func writeUnits(bytes int) float64 { return math.Ceil(float64(bytes) / 1024) }

// scannedBytes is about what a commit takes in a store that does not tell it.
func scannedBytes(s *eventstore.ScannedCommit) int {
	if s.Bytes > 0 {
		return s.Bytes
	}
	c := &s.Commit
	n := 2*itemOverhead + len(c.Stream.String())
	for i := range c.Events {
		n += len(c.Events[i].Payload) + len(c.Events[i].Type) + 8
	}
	return n
}
