package eventstore

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
)

// MaxSchema is the greatest schema version.
const MaxSchema = 10_000

// Registry knows the event types of a program: for each its name, which is data
// and never changes, its current schema version, its Go type, and how payloads
// of earlier versions become current ones. It is a value that is passed around,
// immutable and safe for concurrent use.
type Registry struct {
	codec  Codec
	byName map[string]*eventType
	byGo   map[reflect.Type]*eventType
}

type eventType struct {
	name   string
	schema int
	goType reflect.Type
	// decode[s-1] makes the current Go value of a payload of schema s.
	decode []func(Codec, []byte) (any, error)
}

// Registration is an argument of [NewRegistry]: made by [Type], [Upcast] and [WithCodec].
type Registration interface{ register(*builder) }

// Type registers events of Go type T, a plain struct, under a name and the
// schema version in which they are written today. A schema above 1 needs an
// [Upcast] from each version before it.
func Type[T any](name string, schema int) Registration {
	return registration(func(b *builder) {
		b.addType(name, schema, reflect.TypeFor[T](), load[T]())
	})
}

// Upcast registers how a payload of schema version from, whose shape is the Go
// type From, becomes one of version from+1. The last one of a chain returns the
// registered type itself.
func Upcast[From, To any](name string, from int, upcast func(From) (To, error)) Registration {
	return registration(func(b *builder) {
		if upcast == nil {
			b.fail("type %s: the upcaster from version %d is nil", name, from)
		}
		b.addUpcaster(name, upcaster{
			from: from, in: reflect.TypeFor[From](), out: reflect.TypeFor[To](), load: load[From](),
			step: func(v any) (any, error) { return upcast(v.(From)) },
		})
	})
}

// WithCodec makes the registry write and read payloads with c instead of [JSON].
func WithCodec(c Codec) Registration {
	return registration(func(b *builder) {
		if c == nil {
			b.fail("the codec is nil")
		}
		b.codec = c
	})
}

// NewRegistry checks everything at once: names, schema versions, Go types
// registered twice, and that the upcasters of each type form a chain from
// version 1 to the current one without holes. The error wraps [ErrInvalid] and
// names every fault.
func NewRegistry(registrations ...Registration) (*Registry, error) {
	b := builder{codec: JSON{}, types: map[string]*pending{}}
	for i, r := range registrations {
		if r == nil {
			b.fail("registration %d is nil", i)
			continue
		}
		r.register(&b)
	}
	return b.build()
}

// MustRegistry is [NewRegistry] for the wiring of a program. Panics if there is a fault.
func MustRegistry(registrations ...Registration) *Registry {
	r, err := NewRegistry(registrations...)
	if err != nil {
		panic(err)
	}
	return r
}

// Encode returns v as an event in its current schema. v is a value, not a
// pointer, of a registered type; else the error wraps [ErrUnregistered].
func (r *Registry) Encode(v any) (Event, error) {
	t, ok := r.byGo[reflect.TypeOf(v)]
	if !ok {
		return Event{}, fmt.Errorf("encode a %T: %w", v, ErrUnregistered)
	}
	payload, err := r.codec.Marshal(v)
	if err != nil {
		return Event{}, fmt.Errorf("encode a %s: %w", t.name, err)
	}
	return Event{Type: t.name, Schema: t.schema, Payload: payload}, nil
}

// Decode returns the i-th event of c as a value of its registered Go type, in
// today's schema. The error is an [*EventError].
func (r *Registry) Decode(c *Commit, i int) (any, error) {
	e := &c.Events[i]
	v, err := r.decode(e)
	if err != nil {
		return nil, &EventError{ID: c.EventID(i), Type: e.Type, Schema: e.Schema, Err: err}
	}
	return v, nil
}

func (r *Registry) decode(e *Event) (any, error) {
	t, ok := r.byName[e.Type]
	if !ok {
		return nil, ErrUnregistered
	}
	if e.Schema < 1 || e.Schema > t.schema {
		return nil, fmt.Errorf("%w in this schema: known are 1 to %d", ErrUnregistered, t.schema)
	}
	v, err := t.decode[e.Schema-1](r.codec, e.Payload)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUndecodable, err)
	}
	return v, nil
}

// Knows reports whether events of this type and schema version can be decoded.
func (r *Registry) Knows(name string, schema int) bool {
	t, ok := r.byName[name]
	return ok && schema >= 1 && schema <= t.schema
}

// EventType is what a registry says of a type.
type EventType struct {
	Name string
	// Schema is the version in which its events are written today.
	Schema int
	// GoType is the name of the Go type.
	GoType string
	// Upcasts are the schema versions that are older, and read all the same.
	Upcasts []int
}

// Types returns the event types, sorted by name.
func (r *Registry) Types() []EventType {
	var types []EventType
	for _, name := range slices.Sorted(maps.Keys(r.byName)) {
		t := r.byName[name]
		e := EventType{Name: name, Schema: t.schema, GoType: t.goType.String()}
		for s := range t.schema - 1 {
			e.Upcasts = append(e.Upcasts, s+1)
		}
		types = append(types, e)
	}
	return types
}

// NameOf returns the name under which the Go type is registered.
func (r *Registry) NameOf(t reflect.Type) (string, bool) {
	et, ok := r.byGo[t]
	if !ok {
		return "", false
	}
	return et.name, true
}

// load returns a decoder for T. It decodes into a pooled value, so that an event
// costs one allocation beside what the codec needs.
func load[T any]() func(Codec, []byte) (any, error) {
	pool := sync.Pool{New: func() any { return new(T) }}
	return func(c Codec, payload []byte) (any, error) {
		v := pool.Get().(*T)
		err := c.Unmarshal(payload, v)
		out := *v
		*v = *new(T) // before Put: the next event must not see this one
		pool.Put(v)
		if err != nil {
			return nil, err
		}
		return out, nil
	}
}
