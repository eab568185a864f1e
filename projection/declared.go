package projection

import (
	"maps"
	"slices"
	"strings"

	"github.com/leftfold/leftfold/eventstore"
)

// ViewKind is how a view comes to its rows.
type ViewKind string

// The kinds of views, named for what makes them.
const (
	FoldKind      ViewKind = "fold"
	PerStreamKind ViewKind = "per stream"
	RowsKind      ViewKind = "rows"
	InsertsKind   ViewKind = "inserts"
)

// DeclaredView is what a projection says of one of its views.
type DeclaredView struct {
	// Name is the one for people, Stored the one by which view stores know it.
	Name, Stored string
	Kind         ViewKind
	// Types are the event types that the view handles, sorted.
	Types []string
}

// Categories returns the categories that the projection follows, sorted.
func (p *Projection) Categories() []string { return slices.Clone(p.categories) }

// Handled returns the event types that any of its views handles, sorted. It passes over
// the others.
func (p *Projection) Handled() []string { return slices.Sorted(maps.Keys(p.handlers)) }

// Declared returns its views, sorted by name.
func (p *Projection) Declared() []DeclaredView {
	var views []DeclaredView
	for _, v := range p.views {
		views = append(views, DeclaredView{Name: v.Name(), Stored: v.storedName(), Kind: v.kindOf(), Types: typesOf(p.events, v)})
	}
	slices.SortFunc(views, func(a, b DeclaredView) int { return strings.Compare(a.Name, b.Name) })
	return views
}

// typesOf returns the event types of a view by name. New has found each in the registry.
func typesOf(events *eventstore.Registry, v view) []string {
	names := func(yield func(string) bool) {
		for t := range v.handlersByType() {
			if name, _ := events.NameOf(t); !yield(name) {
				return
			}
		}
	}
	return slices.Sorted(names)
}

// Categories returns the categories that the reaction follows, sorted.
func (r *Reaction) Categories() []string { return r.p.Categories() }

// Handled returns the event types that the reaction handles by themselves, sorted, and
// whether it handles every other one too.
func (r *Reaction) Handled() (types []string, others bool) {
	return slices.Sorted(maps.Keys(r.p.reactors)), r.p.reactAny != nil
}
