package eventbridge

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// Source is what a receiver expects of one sender: made by [From].
type Source interface{ build() *source }

// Part is an argument of [From]: made by [On], [Ignore] and [IgnoreOthers].
type Part interface{ addTo(*source) }

// From names a source on the bus, and the types of its events. The registry is that of
// the receiver: the types of the sender that it knows, with its own Go types and upcasters.
func From(name string, events *eventstore.Registry, parts ...Part) Source {
	return from{name, events, parts}
}

type from struct {
	name   string
	events *eventstore.Registry
	parts  []Part
}

type handler func(context.Context, *arrival) error

// source is a Source that was checked.
type source struct {
	name     string
	events   *eventstore.Registry
	handlers map[string]handler // by event type
	ignored  map[string]bool
	others   bool // are ignored, too
	errs     []error
}

func (f from) build() *source {
	s := &source{name: f.name, events: f.events, handlers: map[string]handler{}, ignored: map[string]bool{}}
	if err := checkSource(f.name); err != nil {
		s.errs = append(s.errs, err)
	}
	if f.events == nil {
		s.fail("it has no event registry")
		return s
	}
	for _, p := range f.parts {
		p.addTo(s)
	}
	for name := range s.ignored {
		if s.handlers[name] != nil {
			s.fail("type %s is handled and ignored", name)
		}
	}
	if len(s.handlers) == 0 {
		s.fail("nothing of it is handled")
	}
	return s
}

func (s *source) fail(format string, args ...any) {
	s.errs = append(s.errs, fmt.Errorf("%w: source %q: "+format, append([]any{eventstore.ErrInvalid, clip(s.name)}, args...)...))
}

type part func(*source)

func (p part) addTo(s *source) { p(s) }

// On handles events of one type, of which E is the Go type in the source's registry.
func On[E any](handle func(ctx context.Context, e Received[E]) error) Part {
	return part(func(s *source) {
		t := reflect.TypeFor[E]()
		name, ok := s.events.NameOf(t)
		switch {
		case !ok:
			s.fail("%s is handled and not registered", t)
		case s.handlers[name] != nil:
			s.fail("%s is handled twice", t)
		default:
			s.handlers[name] = func(ctx context.Context, a *arrival) error { return handle(ctx, unpack[E](a)) }
		}
	})
}

// Ignore passes over events of these types, which need not be registered, nor be events
// of Leftfold.
func Ignore(types ...string) Part {
	return part(func(s *source) {
		for _, t := range types {
			s.ignored[t] = true
		}
	})
}

// IgnoreOthers passes over events of every type that is not registered: for a rule that
// lets all events of the source through. A type that the sender renames is then missed in
// silence. A known type in a schema version that is not known stays an error.
func IgnoreOthers() Part { return part(func(s *source) { s.others = true }) }

// handlerOf returns what handles events of a type, nil where they are passed over.
func (s *source) handlerOf(name string) (handler, error) {
	known := s.events.Knows(name, 1) // whatever its schema versions are, they begin there
	switch {
	case s.handlers[name] != nil:
		return s.handlers[name], nil
	case s.ignored[name] || known || s.others:
		return nil, nil
	}
	return nil, fmt.Errorf("%w: handled are %q", eventstore.ErrUnregistered, slices.Sorted(maps.Keys(s.handlers)))
}

// Received is an event of another service as it came over the bus: what a projection
// there would see. ID is the same each time the event comes, and unique for the source.
type Received[E any] struct {
	projection.Event[E]
	// Source names the service that it comes from.
	Source string
	// Replay is the name of the replay that has brought it from an archive, or empty. Only
	// [Receiver.HandleMessage] knows it.
	Replay string

	receiver string
}

// CommandID returns the ID of the command that follows from the event: made of the names
// of receiver and source, and the event's ID, and so the same each time the event comes.
// For several commands on one stream append a text of your own to it, another one for each.
func (r Received[E]) CommandID() string {
	return commandID(r.receiver, r.Source, r.ID())
}

func unpack[E any](a *arrival) Received[E] {
	return Received[E]{Event: projection.Event[E]{Stream: a.commit.Stream, Version: a.commit.First, Time: a.commit.Time,
		Metadata: a.commit.Metadata, Data: a.value.(E)}, Source: a.source, Replay: a.replay, receiver: a.receiver}
}

// maxReceiverBytes bounds the name of a receiver.
const maxReceiverBytes = 64

func checkReceiverName(name string) error {
	ok := name != "" && len(name) <= maxReceiverBytes && !strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_')
	})
	if !ok {
		return fmt.Errorf("%w: its name is not 1 to %d of a-z, 0-9, '-' and '_'", eventstore.ErrInvalid, maxReceiverBytes)
	}
	return nil
}
