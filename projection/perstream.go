package projection

import (
	"reflect"
	"strings"

	"github.com/leftfold/leftfold/eventstore"
)

// PerStream returns a view with one row for each stream: the fold of the stream's own
// events. Its key is [KeyOfStream]. DynamoDB keeps the row in the item of the stream's
// checkpoint, so that a projection with no other view is written by one plain
// conditional write for each stream, at half the price of a transaction or less.
// A projection has at the most one such view.
func PerStream[R any](name string, handlers ...StreamHandler[R]) *View[R] {
	v := &View[R]{name: name, stored: perStreamMark + name, kind: PerStreamKind, handlers: map[reflect.Type]handler{}}
	for _, h := range handlers {
		h.fold.view = v.stored
		v.on(h.fold.event, &h.fold)
	}
	return v
}

// StreamHandler says what events of one type do to the row of their stream. It is
// made by [When] and [WhenDelete].
type StreamHandler[R any] struct{ fold FoldHandler[R] }

// When changes the row of the event's stream; a row that is not there yet is passed as
// the zero R.
func When[R, E any](apply func(*R, Event[E]) error) StreamHandler[R] {
	return StreamHandler[R]{On(keyOfStream[E], apply)}
}

// WhenDelete deletes the row of the event's stream.
func WhenDelete[R, E any]() StreamHandler[R] {
	return StreamHandler[R]{OnDelete[R](keyOfStream[E])}
}

// KeyOfStream returns the key of a stream's row in a view made by [PerStream].
func KeyOfStream(s eventstore.StreamID) Key { return KeyOf(s.String()) }

func keyOfStream[E any](e Event[E]) Key { return KeyOfStream(e.Stream) }

// perStreamMark begins the name by which view stores know a view made by PerStream, as
// it begins no other.
const perStreamMark = "@"

// IsPerStream reports whether a view, by its name in a view store, was made by
// [PerStream]. The key of each of its rows is a stream's name, without a sort key,
// and a slice writes it only together with a move of that stream's checkpoint.
func IsPerStream(view string) bool { return strings.HasPrefix(view, perStreamMark) }
