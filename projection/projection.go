package projection

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/leftfold/leftfold/eventstore"
)

// Projection is named, versioned code that turns events into views. It is made by
// [New], immutable, and safe for concurrent use.
type Projection struct {
	name       string
	version    int
	events     *eventstore.Registry
	categories []string
	views      []view
	// handlers are those of each event type, by its registered name.
	handlers map[string][]handler
	// handled are the types that it has decoded.
	handled map[string]shared
	// reactors are those of a reaction, by event type, nil in a projection; reactAny is
	// for all other types.
	reactors map[string]reactor
	reactAny reactor
	// fingerprint is that of the declaration.
	fingerprint string
	// replaces is the older version that it carries, nil for none.
	replaces *Projection
}

// Part is an argument of [New]: made by [Follow], [Fold], [PerStream], [Rows] and [Inserts].
type Part interface{ addTo(*builder) }

// Follow names the categories whose streams the projection follows.
func Follow(categories ...string) Part {
	return part(func(b *builder) { b.categories = append(b.categories, categories...) })
}

// New returns a projection. The version is that of its code: other categories,
// event types, keys or folds are another version, which is built anew. A view
// belongs to one projection only. The error wraps [eventstore.ErrInvalid] and
// names every fault.
func New(name string, version int, events *eventstore.Registry, parts ...Part) (*Projection, error) {
	b := builder{Projection: &Projection{name: name, version: version, events: events, handlers: map[string][]handler{}, handled: map[string]shared{}}}
	if err := checkName(name); err != nil {
		b.errs = append(b.errs, err)
	}
	if version < 1 {
		b.fail("version %d is below 1", version)
	}
	for _, p := range parts {
		p.addTo(&b)
	}
	return b.build()
}

// MustNew is [New] for the wiring of a program. Panics if there is a fault.
func MustNew(name string, version int, events *eventstore.Registry, parts ...Part) *Projection {
	p, err := New(name, version, events, parts...)
	if err != nil {
		panic(err)
	}
	return p
}

// Name returns the name.
func (p *Projection) Name() string { return p.name }

// Version returns the version of the code.
func (p *Projection) Version() int { return p.version }

// Views returns the names by which view stores know its views, sorted: that of a view
// made by [PerStream] with a mark before it, see [IsPerStream].
func (p *Projection) Views() []string {
	var names []string
	for _, v := range p.views {
		names = append(names, v.storedName())
	}
	slices.Sort(names)
	return names
}

// OnlyInserts reports whether a view is made by [Inserts]: its rows may be there before
// their events are applied.
func (p *Projection) OnlyInserts(name string) bool {
	return slices.ContainsFunc(p.views, func(v view) bool { return v.storedName() == name && v.kindOf() == InsertsKind })
}

// Fingerprint tells another declaration under the same version: it covers the
// categories, the event types and the names of the views.
func (p *Projection) Fingerprint() string { return p.fingerprint }

// perStream reports whether a view is made by [PerStream].
func (p *Projection) perStream() bool {
	return slices.ContainsFunc(p.views, func(v view) bool { return IsPerStream(v.storedName()) })
}

func (p *Projection) sum() string {
	types := slices.Sorted(maps.Keys(p.handlers))
	text := strings.Join(p.categories, ",") + "\n" + strings.Join(types, ",") + "\n" + strings.Join(p.Views(), ",")
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// follows reports whether streams of the category concern the projection.
func (p *Projection) follows(category string) bool {
	_, found := slices.BinarySearch(p.categories, category)
	return found
}

// maxNameBytes is the limit for names of projections and views.
const maxNameBytes = 64

func checkName(name string) error {
	ok := name != "" && len(name) <= maxNameBytes && !strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_')
	})
	if !ok {
		return fmt.Errorf("%w: name %q is not 1 to %d of a-z, 0-9, '-' and '_'", eventstore.ErrInvalid, name, maxNameBytes)
	}
	return nil
}

type part func(*builder)

func (p part) addTo(b *builder) { p(b) }

type builder struct {
	*Projection
	errs []error
}

func (b *builder) fail(format string, args ...any) {
	b.errs = append(b.errs, fmt.Errorf("%w: projection %q: "+format, append([]any{eventstore.ErrInvalid, b.name}, args...)...))
}

func (b *builder) addView(v view) {
	if err := checkName(v.Name()); err != nil {
		b.errs = append(b.errs, fmt.Errorf("projection %q: view: %w", b.name, err))
	}
	if slices.ContainsFunc(b.views, func(w view) bool { return w.Name() == v.Name() }) {
		b.fail("view %q is named twice", v.Name())
	}
	if IsPerStream(v.storedName()) && b.perStream() {
		b.fail("view %q is the second with a row for each stream; one row can hold both", v.Name())
	}
	if v.bound() {
		b.fail("view %q belongs to another projection already", v.Name())
	}
	b.views = append(b.views, v)
}

// checkSource refuses what has nothing to read.
func (b *builder) checkSource() {
	for _, c := range b.categories {
		if _, err := eventstore.NewStreamID(c, "x"); err != nil {
			b.errs = append(b.errs, fmt.Errorf("projection %q: %w", b.name, err))
		}
	}
	slices.Sort(b.categories)
	b.categories = slices.Compact(b.categories)
	if len(b.categories) == 0 {
		b.fail("it follows no category")
	}
	if b.events == nil {
		b.fail("it has no event registry")
	}
}

func (b *builder) build() (*Projection, error) {
	b.checkSource()
	if b.reactAny != nil {
		b.fail("ReactAny is a part of a reaction")
	}
	if b.events == nil {
		return nil, errors.Join(b.errs...)
	}
	for _, v := range b.views {
		for t, h := range v.handlersByType() {
			b.addHandler(v, t, h)
		}
	}
	if len(b.views) == 0 {
		b.fail("it has no view")
	}
	if len(b.errs) > 0 {
		return nil, errors.Join(b.errs...)
	}
	for _, v := range b.views {
		v.bindTo(b.Projection)
	}
	b.fingerprint = b.sum()
	return b.Projection, nil
}

func (b *builder) buildReaction() (*Projection, error) {
	b.checkSource()
	if len(b.views) > 0 {
		b.fail("a reaction has no views")
	}
	if len(b.reactors) == 0 && b.reactAny == nil {
		b.fail("it handles nothing")
	}
	b.fingerprint = reactionPrint
	return b.Projection, errors.Join(b.errs...)
}

func (b *builder) addHandler(v view, t reflect.Type, h handler) {
	name, ok := b.events.NameOf(t)
	if !ok {
		b.fail("view %q handles %s, which is not registered", v.Name(), t)
		return
	}
	b.handlers[name] = append(b.handlers[name], h)
	b.handled[name] = canShare(t)
}
