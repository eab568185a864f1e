package operator

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/handlers/command"
	"github.com/leftfold/leftfold/handlers/query"
	"github.com/leftfold/leftfold/projection"
)

// Service is what a program tells of itself, so that it can be operated.
type Service struct {
	// Name is what people call the service.
	Name string
	// Build names the program's version, as in [projection.Options].
	Build string
	// Events knows the program's event types. Defaults to none: then events are shown, and
	// not decoded.
	Events *eventstore.Registry
	// Consumers are the projections and reactions, those that other programs of the
	// service feed too, each name once: a projection that replaces another brings that along.
	// Defaults to none.
	Consumers []projection.Consumer
	// Categories are those of the service's streams beside those that Consumers follow and
	// that States are of. Defaults to none.
	Categories []string
	// Store is the event store. What it is beside that, such as an [eventstore.Directory],
	// is found out.
	Store eventstore.Store
	// Views are where the rows of the consumers are. Defaults to nowhere.
	Views projection.ViewStore
	// States fold the streams of a category each; see [StateOf]. Defaults to none.
	States []Folder
	// Engine, if not nil, returns an engine of the consumers that this program may feed: their
	// code runs, and reactions have their effects. Defaults to one of the projections among
	// Consumers.
	Engine func(ctx context.Context) (*projection.Engine, error)
	// Commands and Queries are the buses over which the service is used. Default to none.
	Commands *command.Bus
	Queries  *query.Bus
	// Tailer shows what is stored as it happens. Defaults to Store, if it is one.
	Tailer eventstore.Tailer
	// Costs says what things cost on the store. Defaults to nothing being known of it.
	Costs CostModel
	// Usage, if not nil, tells what the program has used of its stores so far; see
	// eventstore/dynamostore/dynamometer.
	Usage func() Usage
	// Close, if not nil, gives up what was opened for the service.
	Close func() error
}

// AllCategories returns the categories of the service's streams, sorted.
func (s *Service) AllCategories() []string {
	all := slices.Clone(s.Categories)
	for _, c := range s.Consumers {
		all = append(all, categoriesOf(c)...)
	}
	for _, f := range s.States {
		all = append(all, f.category)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func categoriesOf(c projection.Consumer) []string {
	if r, ok := c.(*projection.Reaction); ok {
		return r.Categories()
	}
	return c.(*projection.Projection).Categories()
}

// Usage is what requests to stores took.
type Usage struct {
	Requests   int     `json:"requests"`
	ReadUnits  float64 `json:"read_units"`
	WriteUnits float64 `json:"write_units"`
}

func (u Usage) minus(v Usage) Usage {
	return Usage{u.Requests - v.Requests, u.ReadUnits - v.ReadUnits, u.WriteUnits - v.WriteUnits}
}

// Operator looks at a service. It is safe for concurrent use.
type Operator struct {
	service    Service
	categories []string
	folders    map[string]Folder
	now        func() time.Time
}

// New returns an operator of a service. The error wraps [eventstore.ErrInvalid].
func New(s Service) (*Operator, error) {
	if s.Store == nil {
		return nil, fmt.Errorf("%w: a service without a store", eventstore.ErrInvalid)
	}
	if err := projection.CheckNames(s.Consumers...); err != nil {
		return nil, err
	}
	o := &Operator{service: s, categories: s.AllCategories(), folders: map[string]Folder{}, now: time.Now}
	for _, f := range s.States {
		if _, twice := o.folders[f.category]; twice {
			return nil, fmt.Errorf("%w: category %q has two states", eventstore.ErrInvalid, f.category)
		}
		o.folders[f.category] = f
	}
	for _, c := range o.categories {
		if err := eventstore.CheckCategory(c); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// Close gives up what was opened for the service.
func (o *Operator) Close() error {
	if o.service.Close == nil {
		return nil
	}
	return o.service.Close()
}

// Commands returns the bus of the service's commands, or nil.
func (o *Operator) Commands() *command.Bus { return o.service.Commands }

// Queries returns the bus of the service's queries, or nil.
func (o *Operator) Queries() *query.Bus { return o.service.Queries }

// Categories returns the categories of the service's streams, sorted.
func (o *Operator) Categories() []string { return slices.Clone(o.categories) }

// consumer returns the one of that name.
func (o *Operator) consumer(name string) (projection.Consumer, error) {
	var names []string
	for _, c := range o.service.Consumers {
		if c.Name() == name {
			return c, nil
		}
		names = append(names, c.Name())
	}
	return nil, &NotFoundError{What: "projection or reaction", Name: name, There: names}
}

// live are the generations of a consumer that workers feed, of its state.
func (o *Operator) live(ctx context.Context, name string) (projection.State, []projection.Generation, error) {
	if o.service.Views == nil {
		return projection.State{}, nil, nil
	}
	s, err := o.service.Views.State(ctx, name)
	if err != nil {
		return s, nil, err
	}
	fed := slices.DeleteFunc(slices.Clone(s.Generations), func(g projection.Generation) bool { return g.Role == projection.Retired })
	return s, fed, nil
}
