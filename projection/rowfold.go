package projection

import (
	"fmt"

	"github.com/leftfold/leftfold/eventstore"
)

// stored is a row as it is known to be in the view store.
type stored struct {
	rev     eventstore.EventID
	content []byte
	exists  bool
}

// working is a row while a slice is folded.
type working struct {
	id      RowID
	base    stored
	read    bool // the base counts: the write is conditional on it
	insert  bool
	row     any // decoded, nil while it is as emitted
	content []byte
	exists  bool
	last    *step
}

// fold runs the views' code over the steps, on copies. If an event fails it is that
// of the step which is returned; without a step, no single event is known to be at
// fault: the rows that all of them lead to can not be written.
func (a *applier) fold(steps []*step) (writes []RowWrite, failed *step, err error) {
	rows := map[RowID]*working{}
	var order []*working
	for _, s := range steps {
		for _, e := range s.effects {
			w := rows[e.id]
			if w == nil {
				w = &working{id: e.id, base: a.rows[e.id], insert: e.insert}
				rows[e.id] = w
				order = append(order, w)
			}
			w.last = s
			if err := w.change(s.event, e); err != nil {
				return nil, s, err
			}
		}
	}
	size := 0
	for _, w := range order {
		write, err := w.write()
		if err != nil {
			return nil, nil, err
		}
		writes = append(writes, write)
		if !w.insert {
			size += len(write.Row.Content) + len(w.id.Key.Partition) + len(w.id.Key.Sort)
		}
	}
	if size > a.limits.Bytes {
		return nil, nil, &LimitError{What: "bytes changed by one event", Size: size, Limit: a.limits.Bytes}
	}
	return writes, nil, nil
}

// change carries out one effect.
func (w *working) change(event *envelope, e effect) error {
	if e.folder == nil {
		w.row, w.content, w.exists = nil, e.content, e.content != nil
		return nil
	}
	if !w.read {
		w.read, w.content, w.exists = true, w.base.content, w.base.exists
	}
	return guard(func() (err error) {
		if w.row == nil {
			var content []byte
			if w.exists {
				content = w.content
			}
			if w.row, err = e.folder.load(content); err != nil {
				return err
			}
		}
		if w.exists, err = e.folder.fold(w.row, event); err == nil && !w.exists {
			w.row = nil
		}
		return err
	})
}

// write returns what becomes of the row.
func (w *working) write() (RowWrite, error) {
	content := w.content
	if w.row != nil {
		var err error
		if err = guard(func() (err error) { content, err = encodeRow(w.row); return err }); err != nil {
			return RowWrite{}, fmt.Errorf("row %q of view %q: %w", w.id.Key.Partition, w.id.View, err)
		}
	}
	if !w.exists {
		content = nil
	}
	if len(content) > MaxRowBytes {
		return RowWrite{}, &LimitError{Row: w.id, What: "bytes of a row", Size: len(content), Limit: MaxRowBytes}
	}
	return RowWrite{
		Row:         Row{ID: w.id, Rev: w.last.event.id, Content: content},
		Delete:      !w.exists,
		Insert:      w.insert,
		Conditional: w.read,
		Expect:      w.base.rev,
	}, nil
}
