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
	// origin is Row.Origin, or true where that is not known.
	origin bool
}

// working is a row while a slice is folded.
type working struct {
	id      RowID
	base    stored
	read    bool // the base counts: the write is conditional on it
	insert  bool
	row     any // decoded, nil while it is as read or emitted
	content []byte
	exists  bool
	// rev and typ are of the last event.
	rev eventstore.EventID
	typ string
	// size and folds are for who has to know how much memory the rows take.
	size  int
	folds uint
}

// fold runs the views' code over the steps, on copies. If an event fails it is that
// of the step which is returned; without a step, no single event is known to be at
// fault: the rows that all of them lead to can not be written. Where somebody listens it
// notes what each event did.
func (a *applier) fold(steps []*step) (writes []RowWrite, failed *step, err error) {
	rows := map[RowID]*working{}
	var order []*working
	for _, s := range steps {
		s.change.Rows = nil // it may be folded again
		for _, e := range s.effects {
			w := rows[e.id]
			if w == nil {
				w = newWorking(e, a.rows[e.id])
				rows[e.id] = w
				order = append(order, w)
			}
			w.rev, w.typ = s.event.id, s.event.typ
			w.read = w.read || a.removes(e)
			var err error
			if a.observe {
				err = s.change.add(w, s.event, e)
			} else {
				err = w.change(s.event, e)
			}
			if err != nil {
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

func newWorking(e effect, base stored) *working {
	return &working{id: e.id, base: base, insert: e.insert, content: base.content, exists: base.exists}
}

// change carries out one effect.
func (w *working) change(event *envelope, e effect) error {
	if e.folder == nil {
		w.row, w.content, w.exists = nil, e.content, e.content != nil
		return nil
	}
	w.read = true
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

// stored returns the row as it would be stored, nil where there is none.
func (w *working) stored() (content []byte, err error) {
	switch {
	case !w.exists:
		return nil, nil
	case w.row == nil:
		content = w.content
	default:
		if err = guard(func() (err error) { content, err = encodeRow(w.row); return err }); err != nil {
			return nil, fmt.Errorf("row %q of view %q: %w", w.id.Key.Partition, w.id.View, err)
		}
	}
	if len(content) > MaxRowBytes {
		return nil, &LimitError{Row: w.id, What: "bytes of a row", Size: len(content), Limit: MaxRowBytes}
	}
	return content, nil
}

// write returns what becomes of the row.
func (w *working) write() (RowWrite, error) {
	content, err := w.stored()
	if err != nil {
		return RowWrite{}, err
	}
	return RowWrite{
		Row:         Row{ID: w.id, Rev: w.rev, Content: content, Origin: w.base.origin},
		Delete:      !w.exists,
		Insert:      w.insert,
		Conditional: w.read,
		Expect:      w.base.rev,
	}, nil
}
