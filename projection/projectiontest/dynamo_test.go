package projectiontest_test

import (
	"context"
	"iter"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/internal/plaintest"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/dynamoviews"
	"github.com/leftfold/leftfold/projection/projectiontest"
)

var server dynamotest.Server

func TestMain(m *testing.M) {
	debug.SetGCPercent(800) // a schedule is small: else memory is collected all the time
	server.Main(m)
}

func TestDynamoViewsKeepThePromisesOfTheEngine(t *testing.T) {
	t.Parallel()
	if plaintest.Run(t, "AWS_ENDPOINT_URL_DYNAMODB="+server.Endpoint(t)) {
		return
	}
	projectiontest.Run(t, projectiontest.Options{
		Projection: newWarehouse(), Events: registry, History: history, Schedules: schedules(4), Views: onDynamoDB(t),
	})
}

func TestDynamoViewsKeepThePromisesOfARebuild(t *testing.T) {
	t.Parallel()
	if plaintest.Run(t, "AWS_ENDPOINT_URL_DYNAMODB="+server.Endpoint(t)) {
		return
	}
	projectiontest.Run(t, rebuilds(1, func(o *projectiontest.Options) { o.Views = onDynamoDB(t) }))
}

// onDynamoDB opens view stores with tables of their own.
func onDynamoDB(t *testing.T) func(testing.TB, projection.Limits) projection.ViewStore {
	client := dynamotest.NewClient(t, server.Endpoint(t))
	outside := newOutside(t)
	return func(t testing.TB, _ projection.Limits) projection.ViewStore {
		var views *dynamoviews.Views
		outside.do(t.Context(), func(ctx context.Context) {
			prefix := dynamotest.NewPrefix()
			err := dynamoviews.Provision(ctx, client, prefix, dynamoviews.ProvisionOptions{Unprotected: true})
			require.NoError(t, err)
			views, err = dynamoviews.Open(ctx, client, prefix, dynamoviews.Options{})
			require.NoError(t, err)
		})
		return outsideViews{views, outside}
	}
}

// outside carries calls out in goroutines that are in no synctest bubble: connections
// outlive the schedules, and a schedule's time stands still during a call.
type outside struct {
	calls chan call
	free  chan chan struct{} // made outside too
}

type call struct {
	do   func()
	done chan struct{}
}

func newOutside(t *testing.T) outside {
	o := outside{calls: make(chan call), free: make(chan chan struct{}, 16)}
	for range cap(o.free) {
		o.free <- make(chan struct{})
		go func() {
			for c := range o.calls {
				c.do()
				c.done <- struct{}{}
			}
		}()
	}
	t.Cleanup(func() { close(o.calls) })
	return o
}

// do calls f outside, with a context that does not end: its channel belongs to the bubble.
func (o outside) do(ctx context.Context, f func(context.Context)) {
	done := <-o.free
	o.calls <- call{func() { f(context.WithoutCancel(ctx)) }, done}
	<-done
	o.free <- done
}

type outsideViews struct {
	views *dynamoviews.Views
	outside
}

func (o outsideViews) try(ctx context.Context, f func(context.Context) error) (err error) {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	o.do(ctx, func(ctx context.Context) { err = f(ctx) })
	return err
}

func (o outsideViews) Checkpoints(ctx context.Context, g projection.GenerationID, streams []eventstore.StreamID) (found []projection.Checkpoint, err error) {
	err = o.try(ctx, func(ctx context.Context) (err error) {
		found, err = o.views.Checkpoints(ctx, g, streams)
		return err
	})
	return found, err
}

func (o outsideViews) Apply(ctx context.Context, s projection.Slice) error {
	return o.try(ctx, func(ctx context.Context) error { return o.views.Apply(ctx, s) })
}

func (o outsideViews) Park(ctx context.Context, g projection.GenerationID, stream eventstore.StreamID, at eventstore.Version, p *projection.Parked) error {
	return o.try(ctx, func(ctx context.Context) error { return o.views.Park(ctx, g, stream, at, p) })
}

func (o outsideViews) AllCheckpoints(ctx context.Context, g projection.GenerationID, parked bool) iter.Seq2[projection.Checkpoint, error] {
	return all(ctx, o, func(ctx context.Context) iter.Seq2[projection.Checkpoint, error] {
		return o.views.AllCheckpoints(ctx, g, parked)
	})
}

func (o outsideViews) Limits() projection.Limits { return o.views.Limits() }

func (o outsideViews) PutManifest(ctx context.Context, g projection.GenerationID, attempt string, part int, heads []projection.Head) error {
	return o.try(ctx, func(ctx context.Context) error { return o.views.PutManifest(ctx, g, attempt, part, heads) })
}

func (o outsideViews) Manifest(ctx context.Context, g projection.GenerationID, attempt string, part int) (heads []projection.Head, err error) {
	err = o.try(ctx, func(ctx context.Context) (err error) {
		heads, err = o.views.Manifest(ctx, g, attempt, part)
		return err
	})
	return heads, err
}

func (o outsideViews) Fill(ctx context.Context, g projection.GenerationID, f projection.Filling) error {
	return o.try(ctx, func(ctx context.Context) error { return o.views.Fill(ctx, g, f) })
}

func (o outsideViews) Clear(ctx context.Context, g projection.GenerationID, views []string) error {
	return o.try(ctx, func(ctx context.Context) error { return o.views.Clear(ctx, g, views) })
}

func (o outsideViews) Rows(ctx context.Context, g projection.GenerationID, ids []projection.RowID) (rows []projection.Row, err error) {
	err = o.try(ctx, func(ctx context.Context) (err error) {
		rows, err = o.views.Rows(ctx, g, ids)
		return err
	})
	return rows, err
}

func (o outsideViews) Page(ctx context.Context, g projection.GenerationID, q projection.PageQuery) (rows []projection.Row, err error) {
	err = o.try(ctx, func(ctx context.Context) (err error) {
		rows, err = o.views.Page(ctx, g, q)
		return err
	})
	return rows, err
}

func (o outsideViews) ScanRows(ctx context.Context, g projection.GenerationID, view string) iter.Seq2[projection.Row, error] {
	return all(ctx, o, func(ctx context.Context) iter.Seq2[projection.Row, error] { return o.views.ScanRows(ctx, g, view) })
}

func (o outsideViews) State(ctx context.Context, name string) (s projection.State, err error) {
	err = o.try(ctx, func(ctx context.Context) (err error) {
		s, err = o.views.State(ctx, name)
		return err
	})
	return s, err
}

func (o outsideViews) States(ctx context.Context) iter.Seq2[projection.State, error] {
	return all(ctx, o, func(ctx context.Context) iter.Seq2[projection.State, error] { return o.views.States(ctx) })
}

func (o outsideViews) PutState(ctx context.Context, s projection.State) (put projection.State, err error) {
	err = o.try(ctx, func(ctx context.Context) (err error) {
		put, err = o.views.PutState(ctx, s)
		return err
	})
	return put, err
}

func (o outsideViews) Beat(ctx context.Context, b projection.Heartbeat) error {
	return o.try(ctx, func(ctx context.Context) error { return o.views.Beat(ctx, b) })
}

func (o outsideViews) Heartbeats(ctx context.Context, name string) (beats []projection.Heartbeat, err error) {
	err = o.try(ctx, func(ctx context.Context) (err error) {
		beats, err = o.views.Heartbeats(ctx, name)
		return err
	})
	return beats, err
}

// all reads a sequence at once: schedules are small.
func all[T any](ctx context.Context, o outsideViews, read func(context.Context) iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var found []T
		err := o.try(ctx, func(ctx context.Context) error {
			for value, err := range read(ctx) {
				if err != nil {
					return err
				}
				found = append(found, value)
			}
			return nil
		})
		for _, value := range found {
			if !yield(value, nil) {
				return
			}
		}
		if err != nil {
			var none T
			yield(none, err)
		}
	}
}
