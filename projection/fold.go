package projection

import (
	"reflect"
	"slices"
)

// Fold returns a view whose rows are folds: an event names its row by a key, and
// changes it. The rows are read before and written back on condition that nobody
// else wrote them, so any number of streams may share a row.
func Fold[R any](name string, handlers ...FoldHandler[R]) *View[R] {
	v := &View[R]{name: name, stored: name, kind: FoldKind, handlers: map[reflect.Type]handler{}}
	for _, h := range handlers {
		h.view = name
		v.on(h.event, &h)
	}
	return v
}

// FoldHandler says what events of one type do to the rows of a [Fold]. It is made
// by [On], [OnNew], [OnEach], [OnDelete] and [OnEachDelete].
type FoldHandler[R any] struct {
	event reflect.Type
	view  string
	keys  func(*envelope) []Key
	apply func(*R, *envelope) (keep bool, err error)
	fresh bool
}

// On changes the row of one key; a row that is not there yet is passed as the
// zero R. There is a handler for each event struct; a key function that serves
// several is generic:
//
//	func byStream[E any](e projection.Event[E]) projection.Key { return projection.KeyOf(e.Stream.ID()) }
func On[R, E any](key func(Event[E]) Key, apply func(*R, Event[E]) error) FoldHandler[R] {
	return OnEach(func(e Event[E]) []Key { return []Key{key(e)} }, apply)
}

// OnNew is [On] for a row that no earlier event can have touched, for example one
// whose key is the event's ID. It spares reading the row. If the row exists all
// the same, it is read and changed as by On.
func OnNew[R, E any](key func(Event[E]) Key, apply func(*R, Event[E]) error) FoldHandler[R] {
	h := On(key, apply)
	h.fresh = true
	return h
}

// OnEach changes several rows in the same way. A key that comes twice counts once.
func OnEach[R, E any](keys func(Event[E]) []Key, apply func(*R, Event[E]) error) FoldHandler[R] {
	return FoldHandler[R]{
		event: reflect.TypeFor[E](),
		keys:  func(e *envelope) []Key { return keys(unwrap[E](e)) },
		apply: func(row *R, e *envelope) (bool, error) { return true, apply(row, unwrap[E](e)) },
	}
}

// OnDelete deletes the row of a key.
func OnDelete[R, E any](key func(Event[E]) Key) FoldHandler[R] {
	return OnEachDelete[R](func(e Event[E]) []Key { return []Key{key(e)} })
}

// OnEachDelete deletes the rows of several keys, or of none.
func OnEachDelete[R, E any](keys func(Event[E]) []Key) FoldHandler[R] {
	return FoldHandler[R]{
		event: reflect.TypeFor[E](),
		keys:  func(e *envelope) []Key { return keys(unwrap[E](e)) },
		apply: func(*R, *envelope) (bool, error) { return false, nil },
	}
}

func (h *FoldHandler[R]) effects(e *envelope) ([]effect, error) {
	keys := h.keys(e)
	effects := make([]effect, 0, len(keys))
	for i, k := range keys {
		if err := k.Check(); err != nil {
			return nil, err
		}
		if !slices.Contains(keys[:i], k) {
			effects = append(effects, effect{id: RowID{View: h.view, Key: k}, folder: h, fresh: h.fresh})
		}
	}
	return effects, nil
}

func (h *FoldHandler[R]) load(content []byte) (any, error) { return loadRow[R](content) }

func (h *FoldHandler[R]) fold(row any, e *envelope) (bool, error) { return h.apply(row.(*R), e) }
