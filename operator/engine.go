package operator

import (
	"context"
	"fmt"
	"slices"

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

// engineOf returns an engine that feeds the one of that name.
func (o *Operator) engineOf(ctx context.Context, name string) (*projection.Engine, error) {
	c, err := o.consumer(name)
	if err != nil {
		return nil, err
	}
	if _, reaction := c.(*projection.Reaction); reaction && o.service.Engine == nil {
		return nil, &UnfedError{Reaction: name}
	}
	return o.engine(ctx)
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

// ParkedStreams returns the streams that are parked in any generation of a projection, sorted.
func (o *Operator) ParkedStreams(ctx context.Context, name string) (streams []eventstore.StreamID, err error) {
	groups, err := o.Parked(ctx, name)
	for _, g := range groups {
		for _, p := range g.Streams {
			streams = append(streams, p.Stream)
		}
	}
	slices.SortFunc(streams, eventstore.StreamID.Compare)
	return slices.Compact(streams), err
}
