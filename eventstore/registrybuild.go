package eventstore

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

type registration func(*builder)

func (r registration) register(b *builder) { r(b) }

type upcaster struct {
	from    int
	in, out reflect.Type
	load    func(Codec, []byte) (any, error)
	step    func(any) (any, error)
}

type pending struct {
	schema    int
	goType    reflect.Type
	load      func(Codec, []byte) (any, error)
	upcasters []upcaster
	faulty    bool // and named already: what follows from it is not
}

type builder struct {
	codec Codec
	types map[string]*pending
	errs  []error
}

func (b *builder) fail(format string, args ...any) {
	b.errs = append(b.errs, fmt.Errorf("%w: event registry: "+format, append([]any{ErrInvalid}, args...)...))
}

func (b *builder) named(name string) *pending {
	if b.types[name] == nil {
		b.types[name] = &pending{}
	}
	return b.types[name]
}

func (b *builder) addType(name string, schema int, t reflect.Type, load func(Codec, []byte) (any, error)) {
	if err := checkEventType(name); err != nil {
		b.errs = append(b.errs, fmt.Errorf("event registry: %w", err))
		return
	}
	p := b.named(name)
	switch {
	case t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface:
		b.fail("type %s: register the struct itself, not %s", name, t)
		p.faulty = true
	case schema < 1 || schema > MaxSchema:
		b.fail("type %s: schema version %d is not 1 to %d", name, schema, MaxSchema)
		p.faulty = true
	case p.goType != nil:
		b.fail("type %s is registered twice, for %s and %s", name, p.goType, t)
	default:
		p.schema, p.goType, p.load = schema, t, load
	}
}

func (b *builder) addUpcaster(name string, u upcaster) {
	p := b.named(name)
	p.upcasters = append(p.upcasters, u)
}

func (b *builder) build() (*Registry, error) {
	r := &Registry{codec: b.codec, byName: map[string]*eventType{}, byGo: map[reflect.Type]*eventType{}}
	for _, name := range slices.Sorted(maps.Keys(b.types)) {
		p := b.types[name]
		if p.faulty {
			continue
		}
		if p.goType == nil {
			b.fail("upcaster for %s, which is not registered", name)
			continue
		}
		if other, twice := r.byGo[p.goType]; twice {
			b.fail("%s is registered under two names, %s and %s", p.goType, other.name, name)
			continue
		}
		t := &eventType{name: name, schema: p.schema, goType: p.goType, decode: b.chain(name, p)}
		r.byName[name], r.byGo[p.goType] = t, t
	}
	if len(b.errs) > 0 {
		slices.SortFunc(b.errs, func(x, y error) int { return strings.Compare(x.Error(), y.Error()) })
		return nil, errors.Join(b.errs...)
	}
	return r, nil
}

// chain checks that the upcasters lead from each version to the next, and
// returns the decoders for versions 1 to the current one.
func (b *builder) chain(name string, p *pending) []func(Codec, []byte) (any, error) {
	byFrom := map[int]upcaster{}
	for _, u := range p.upcasters {
		if _, twice := byFrom[u.from]; twice || u.from < 1 || u.from >= p.schema {
			b.fail("type %s: upcaster from version %d is doubled or out of 1 to %d", name, u.from, p.schema-1)
		}
		byFrom[u.from] = u
	}
	decode := make([]func(Codec, []byte) (any, error), p.schema)
	decode[p.schema-1] = p.load
	want := p.goType
	var steps []func(any) (any, error)
	for s := p.schema - 1; s >= 1; s-- {
		u, ok := byFrom[s]
		if !ok {
			b.fail("type %s: no upcaster from version %d to %d", name, s, s+1)
			return decode
		}
		if u.out != want {
			b.fail("type %s: the upcaster from version %d returns %s, version %d is %s", name, s, u.out, s+1, want)
		}
		want = u.in
		steps = append([]func(any) (any, error){u.step}, steps...)
		decode[s-1] = upcasting(u.load, steps)
	}
	return decode
}

func upcasting(load func(Codec, []byte) (any, error), steps []func(any) (any, error)) func(Codec, []byte) (any, error) {
	return func(c Codec, payload []byte) (any, error) {
		v, err := load(c, payload)
		for i := 0; err == nil && i < len(steps); i++ {
			v, err = steps[i](v)
		}
		return v, err
	}
}
