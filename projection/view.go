package projection

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

// Event is an event as a view's code sees it.
type Event[E any] struct {
	Stream  eventstore.StreamID
	Version eventstore.Version
	// Time and Metadata are those of the event's commit. They are not changed: others see them,
	// too.
	Time     time.Time
	Metadata eventstore.Metadata
	// Data is read, and not changed. What a row takes over of its slices, maps and pointers
	// it shares with the other rows of its projection that the event concerns, and with no
	// other projection.
	Data E
}

// ID returns "stream@version", the same at every replay.
func (e Event[E]) ID() eventstore.EventID {
	return eventstore.EventID{Stream: e.Stream, Version: e.Version}
}

// View is a set of rows of type R, kept as JSON, and what events do to them. It is
// made by [Fold], [PerStream], [Rows] or [Inserts], given to [New], and read by [View.Get], [View.Page] and
// [View.All].
//
// The code of a view is a pure function of the row and the event: it may run
// several times for one event, on copies of the row. An event is shared with other
// views: a slice, map or pointer of it must be copied before it is changed. The code
// runs for a whole slice before the first write. An error or a panic parks the
// stream at that event.
type View[R any] struct {
	name       string
	stored     string // the name by which view stores know it
	kind       ViewKind
	projection *Projection // nil until New
	older      []shape[R]  // how it is read from generations of older versions
	handlers   map[reflect.Type]handler
	doubled    []string
}

// Name returns the name.
func (v *View[R]) Name() string { return v.name }

func (v *View[R]) storedName() string                       { return v.stored }
func (v *View[R]) handlersByType() map[reflect.Type]handler { return v.handlers }

func (v *View[R]) kindOf() ViewKind { return v.kind }

func (v *View[R]) bound() bool          { return v.projection != nil }
func (v *View[R]) bindTo(p *Projection) { v.projection = p }

func (v *View[R]) addTo(b *builder) {
	for _, t := range v.doubled {
		b.fail("view %q handles %s twice", v.name, t)
	}
	b.addView(v)
}

func (v *View[R]) on(t reflect.Type, h handler) {
	if _, twice := v.handlers[t]; twice {
		v.doubled = append(v.doubled, t.String())
	}
	v.handlers[t] = h
}

// view is a View of any row type.
type view interface {
	Name() string
	storedName() string
	handlersByType() map[reflect.Type]handler
	kindOf() ViewKind
	bound() bool
	bindTo(*Projection)
}

// envelope is an event of any type on its way through a view.
type envelope struct {
	id       eventstore.EventID
	time     time.Time
	metadata eventstore.Metadata
	typ      string
	schema   int
	value    any
}

func unwrap[E any](e *envelope) Event[E] {
	return Event[E]{Stream: e.id.Stream, Version: e.id.Version, Time: e.time, Metadata: e.metadata, Data: e.value.(E)}
}

// handler is what one view does with one event type.
type handler interface {
	// effects returns the rows that the event concerns, each once.
	effects(e *envelope) ([]effect, error)
}

// effect is what an event does to one row.
type effect struct {
	id RowID
	// folder changes the row that was read; nil where the row is just put or deleted.
	folder folder
	// fresh: the row is taken to be absent instead of being read.
	fresh bool
	// content is what is put, nil for a deletion.
	content []byte
	// insert: no other event touches the row, which counts in no limit of a slice.
	insert bool
}

// folder changes rows of one view.
type folder interface {
	load(content []byte) (row any, err error) // content nil: a new row
	fold(row any, e *envelope) (keep bool, err error)
}

func loadRow[R any](content []byte) (any, error) {
	row := new(R)
	if content == nil {
		return row, nil
	}
	if err := json.Unmarshal(content, row); err != nil {
		return nil, fmt.Errorf("%w: stored row: %w", eventstore.ErrCorrupt, err)
	}
	return row, nil
}

func encodeRow(row any) ([]byte, error) { return eventstore.JSON{}.Marshal(row) }
