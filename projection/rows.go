package projection

import (
	"fmt"
	"reflect"

	"github.com/leftfold/leftfold/eventstore"
)

// Rows returns a view whose rows are put and deleted by single events, without
// being read. A row must have one owner: events of one stream only.
func Rows[R any](name string, handlers ...RowsHandler[R]) *View[R] {
	v := &View[R]{name: name, stored: name, kind: RowsKind, handlers: map[reflect.Type]handler{}}
	for _, h := range handlers {
		h.view = name
		v.on(h.event, &h)
	}
	return v
}

// Inserts returns a [Rows] view whose rows are inserted once and never touched again:
// key and content follow from one event, and no other event has the same key. A store
// that charges for transactions writes such rows before the slice and outside of it, at
// half the price and in any number, since writing them again changes nothing. So a row
// may be seen shortly before the other rows of its slice, and may stay where its event
// is skipped after a failed try.
func Inserts[R any](name string, handlers ...RowsHandler[R]) *View[R] {
	v := &View[R]{name: name, stored: name, kind: InsertsKind, handlers: map[reflect.Type]handler{}}
	for _, h := range handlers {
		h.view, h.insert = name, true
		v.on(h.event, &h)
	}
	return v
}

// RowsHandler says what rows events of one type put and delete. It is made by [Emit].
type RowsHandler[R any] struct {
	event  reflect.Type
	view   string
	insert bool
	emit   func(*envelope, *Changes[R]) error
}

// Emit puts and deletes rows through changes.
func Emit[R, E any](emit func(e Event[E], changes *Changes[R]) error) RowsHandler[R] {
	return RowsHandler[R]{
		event: reflect.TypeFor[E](),
		emit:  func(e *envelope, changes *Changes[R]) error { return emit(unwrap[E](e), changes) },
	}
}

// Changes collects what one event does to the rows of a [Rows] view. Where a key
// comes twice the last change holds.
type Changes[R any] struct {
	view   string
	insert bool // and nothing else
	order  []RowID
	byID   map[RowID][]byte // nil content: deleted
	err    error
}

// Put puts a row, whatever was there.
func (c *Changes[R]) Put(key Key, row R) {
	content, err := encodeRow(row)
	if err != nil {
		c.fail(fmt.Errorf("row %q: %w", key.Partition, err))
		return
	}
	c.set(key, content)
}

// Delete deletes a row, if it is there. In a view of [Inserts] it is an error.
func (c *Changes[R]) Delete(key Key) {
	if c.insert {
		c.fail(fmt.Errorf("%w: row %q: the view only inserts", eventstore.ErrInvalid, key.Partition))
	}
	c.set(key, nil)
}

func (c *Changes[R]) set(key Key, content []byte) {
	if err := key.Check(); err != nil {
		c.fail(err)
		return
	}
	id := RowID{View: c.view, Key: key}
	if _, twice := c.byID[id]; !twice {
		c.order = append(c.order, id)
	}
	c.byID[id] = content
}

func (c *Changes[R]) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

func (h *RowsHandler[R]) effects(e *envelope) ([]effect, error) {
	changes := Changes[R]{view: h.view, insert: h.insert, byID: map[RowID][]byte{}}
	if err := h.emit(e, &changes); err != nil {
		return nil, err
	}
	if changes.err != nil {
		return nil, changes.err
	}
	effects := make([]effect, len(changes.order))
	for i, id := range changes.order {
		effects[i] = effect{id: id, content: changes.byID[id], insert: h.insert}
	}
	return effects, nil
}
