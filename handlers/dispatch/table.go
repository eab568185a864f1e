package dispatch

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"

	"github.com/leftfold/leftfold/eventstore"
)

// Entry is what is registered under a name.
type Entry struct {
	Kind Kind
	Name string
	// Summary is one line for people.
	Summary string
	// Example is a request, to be changed: each field of the type, with the value of its
	// tag example, or one that shows what it takes.
	Example json.RawMessage
	// NeedsID: of a command, one that is refused without an ID of the caller's.
	NeedsID bool

	content reflect.Type
	handle  Handler
}

// Table is the commands or the queries of a service, by name: what a bus is made of. Its
// methods may be called concurrently once everything is added.
type Table struct {
	kind    Kind
	opts    Options
	entries map[string]*Entry
}

// NewTable returns an empty table.
func NewTable(kind Kind, opts Options) *Table {
	return &Table{kind: kind, opts: opts.withDefaults(), entries: map[string]*Entry{}}
}

// name is how commands and queries are called: they stand in URLs and command lines.
var name = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

const maxNameBytes = 64

// Add adds what answers the requests of a name. Identify is around the handler and
// what the options put around it. Panics if the name is taken, or is not lower-case words
// with hyphens between, if content is not a struct, or if an example tag does not fit.
func (t *Table) Add(e Entry, content reflect.Type, identify Middleware, h Handler) {
	if !name.MatchString(e.Name) || len(e.Name) > maxNameBytes {
		panic(fmt.Sprintf("dispatch: the name of a %s is lower-case words with hyphens between, not %q", t.kind, e.Name))
	}
	if t.entries[e.Name] != nil {
		panic(fmt.Sprintf("dispatch: %s %q is registered twice", t.kind, e.Name))
	}
	if content.Kind() != reflect.Struct {
		panic(fmt.Sprintf("dispatch: %s %q is a %s, and not a struct, whose fields JSON could name", t.kind, e.Name, content))
	}
	e.Kind, e.content, e.Example = t.kind, content, example(content)
	around := append([]Middleware{t.report, recovering, t.timeout, decoding(content), t.authorize, validate, identify}, t.opts.Middleware...)
	e.handle = chain(h, around...)
	t.entries[e.Name] = &e
}

// Entry returns what is registered under a name, or nil.
func (t *Table) Entry(name string) *Entry { return t.entries[name] }

// Entries returns all that is registered, sorted by name.
func (t *Table) Entries() []*Entry {
	return slices.SortedFunc(maps.Values(t.entries), func(a, b *Entry) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
}

// Dispatch answers a request. The error is a [*Failure].
func (t *Table) Dispatch(ctx context.Context, r *Request) (any, error) {
	r.Kind = t.kind
	e := t.entries[r.Name]
	if e == nil {
		return t.report(func(context.Context, *Request) (any, error) {
			return nil, fmt.Errorf("%w: there is no such %s", ErrUnknown, t.kind)
		})(ctx, r)
	}
	return e.handle(ctx, r)
}

// decoding fills in what was sent.
func decoding(content reflect.Type) Middleware {
	return func(next Handler) Handler {
		return func(ctx context.Context, r *Request) (any, error) {
			p, err := decode(r.Raw, content)
			if err != nil {
				return nil, err
			}
			r.Content = p.Elem().Interface()
			return next(ctx, r)
		}
	}
}

// actorOf returns who asks.
func actorOf(ctx context.Context) string { return eventstore.MetadataFrom(ctx).Actor }
