package operator

import (
	"context"
	"fmt"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// source is what an engine reads.
type source interface {
	eventstore.Store
	eventstore.Directory
}

// engine returns what applies events here.
func (o *Operator) engine(ctx context.Context) (*projection.Engine, error) {
	if o.service.Engine != nil {
		return o.service.Engine(ctx)
	}
	store, ok := o.service.Store.(source)
	if !ok || o.service.Views == nil {
		return nil, unsupported("apply events", "the service has no views, or its store no directory")
	}
	var projections []projection.Consumer
	for _, c := range o.service.Consumers {
		if _, ok := c.(*projection.Projection); ok {
			projections = append(projections, c)
		}
	}
	return projection.NewEngine(store, o.service.Views, projection.Options{Name: "operator", Build: o.service.Build}, projections...)
}

// engineOf returns an engine that feeds the one of that name, and nothing else.
func (o *Operator) engineOf(ctx context.Context, name string) (*projection.Engine, error) {
	if err := o.Feeds(name); err != nil {
		return nil, err
	}
	e, err := o.engine(ctx)
	if err != nil {
		return nil, err
	}
	return e.Only(name)
}

// Feeds returns why this program does not feed the one of that name, or nil.
func (o *Operator) Feeds(name string) error {
	c, err := o.consumer(name)
	if err != nil {
		return err
	}
	if _, reaction := c.(*projection.Reaction); reaction && o.service.Engine == nil {
		return &UnfedError{Reaction: name}
	}
	return nil
}

// UnfedError says that this program tells of a reaction, and does not run it. It is an
// [ErrUnsupported].
type UnfedError struct{ Reaction string }

func (e *UnfedError) Error() string {
	return fmt.Sprintf("this program does not run the reaction %q", e.Reaction)
}

// Is makes the error an [ErrUnsupported].
func (e *UnfedError) Is(target error) bool { return target == ErrUnsupported }

// Hint says what to do.
func (e *UnfedError) Hint() string {
	return "a worker that runs it tries again by projection.Engine.Retry"
}
