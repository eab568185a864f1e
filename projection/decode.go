package projection

import (
	"maps"
	"reflect"
	"sync"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

// commit is a stored commit whose events are decoded at most once, however many
// projections want them, but for those of which a row could keep and change a part: each
// projection gets its own.
type commit struct {
	eventstore.Commit

	mu      sync.Mutex
	decoded map[*eventstore.Registry][]decoded
}

// weight is what a commit counts for where memory is bounded: its events, and more
// where they are large.
func weight(c *eventstore.Commit) int {
	n := len(c.Events)
	for i := range c.Events {
		n += len(c.Events[i].Payload) >> 11
	}
	return n
}

type decoded struct {
	value any
	err   error
	taken bool // by a projection, for itself
}

// decoders know, for each registry, which event types any projection handles, and whether
// their values can be shared.
type decoders map[*eventstore.Registry]map[string]shared

// shared: nothing of a value can be changed by who has a copy of it.
type shared bool

func newDecoders(projections []*Projection) decoders {
	d := decoders{}
	for _, p := range projections {
		for _, p := range p.codes() {
			d.add(p)
		}
	}
	return d
}

func (d decoders) add(p *Projection) {
	if d[p.events] == nil {
		d[p.events] = map[string]shared{}
	}
	maps.Copy(d[p.events], p.handled)
}

// prepare decodes the events of c that are handled by any projection of the registry.
func (d decoders) prepare(c *commit, r *eventstore.Registry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d.all(c, r)
}

// all is prepare, and returns what is decoded, by the place of the event. c is locked.
func (d decoders) all(c *commit, r *eventstore.Registry) []decoded {
	if events, ok := c.decoded[r]; ok {
		return events
	}
	events := make([]decoded, len(c.Events))
	for i := range c.Events {
		if _, handled := d[r][c.Events[i].Type]; handled {
			events[i] = decodeEvent(c, i, r)
		}
	}
	if c.decoded == nil {
		c.decoded = map[*eventstore.Registry][]decoded{}
	}
	c.decoded[r] = events
	return events
}

// decode returns an event of c that is handled by any projection of the registry, for one
// of them to fold; another is zero.
func (d decoders) decode(c *commit, i int, r *eventstore.Registry) decoded {
	c.mu.Lock()
	defer c.mu.Unlock()
	of := &d.all(c, r)[i]
	event := *of
	if share, handled := d[r][c.Events[i].Type]; !handled || bool(share) {
		return event
	}
	if of.taken {
		return decodeEvent(c, i, r)
	}
	*of = decoded{taken: true}
	return event
}

// decodeEvent decodes one event anew. Upcasters and UnmarshalJSON are user code.
func decodeEvent(c *commit, i int, r *eventstore.Registry) (d decoded) {
	d.err = guard(func() (err error) { d.value, err = r.Decode(&c.Commit, i); return err })
	return d
}

// canShare looks for slices, maps, pointers and the like. Those of a [time.Time] nobody can
// change.
func canShare(t reflect.Type) shared {
	switch t.Kind() {
	case reflect.Slice, reflect.Map, reflect.Pointer, reflect.Interface, reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return false
	case reflect.Array:
		return canShare(t.Elem())
	case reflect.Struct:
		if t == reflect.TypeFor[time.Time]() {
			return true
		}
		for field := range t.Fields() {
			if !canShare(field.Type) {
				return false
			}
		}
	}
	return true
}
