package projection_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type (
	// Counted adds to a counter.
	Counted struct {
		Counter string
		N       int
	}
	// Spread adds one to many counters at once.
	Spread struct {
		Counters []string
	}
	// Ignored is handled by nobody.
	Ignored struct{}
	// Padded makes the row large.
	Padded struct {
		Counter string
		Bytes   int
	}
	// Grown makes the row larger.
	Grown struct {
		Counter string
		Bytes   int
	}
)

var registry = eventstore.MustRegistry(
	eventstore.Type[Counted]("COUNTED", 1),
	eventstore.Type[Spread]("SPREAD", 1),
	eventstore.Type[Ignored]("IGNORED", 1),
	eventstore.Type[Padded]("PADDED", 1),
	eventstore.Type[Grown]("GROWN", 1),
)

type counter struct {
	Name    string
	N       int
	Padding string `json:",omitempty"`
}

var errBroken = errors.New("the code is broken")

// world is a store, views, and a projection whose code fails while broken says so.
type world struct {
	store    *memstore.Store
	views    *memviews.Views
	counters *projection.View[counter]
	p        *projection.Projection
	broken   func(projection.Event[Counted]) error
	opts     projection.Options
}

func newWorld(opts memviews.Options) *world {
	w := &world{store: memstore.New(), views: memviews.New(opts), broken: func(projection.Event[Counted]) error { return nil },
		opts: projection.Options{Name: "test", Build: "test@1"}}
	w.counters = newCounters(func(e projection.Event[Counted]) error { return w.broken(e) })
	w.p = projection.MustNew("counters", 1, registry, projection.Follow("user"), w.counters)
	return w
}

func newCounters(broken func(projection.Event[Counted]) error) *projection.View[counter] {
	return projection.Fold("counters",
		projection.On(func(e projection.Event[Counted]) projection.Key { return projection.KeyOf(e.Data.Counter) },
			func(c *counter, e projection.Event[Counted]) error {
				c.Name = e.Data.Counter
				c.N += e.Data.N
				return broken(e) // after it has changed the row
			}),
		projection.OnEach(func(e projection.Event[Spread]) []projection.Key {
			var keys []projection.Key
			for _, name := range e.Data.Counters {
				keys = append(keys, projection.KeyOf(name))
			}
			return keys
		}, func(c *counter, _ projection.Event[Spread]) error {
			c.N++
			return nil
		}),
		projection.On(func(e projection.Event[Padded]) projection.Key { return projection.KeyOf(e.Data.Counter) },
			func(c *counter, e projection.Event[Padded]) error {
				c.Name, c.Padding = e.Data.Counter, string(make([]byte, e.Data.Bytes/6)) // \u0000 in JSON
				return nil
			}),
		projection.On(func(e projection.Event[Grown]) projection.Key { return projection.KeyOf(e.Data.Counter) },
			func(c *counter, e projection.Event[Grown]) error {
				c.Name = e.Data.Counter
				c.Padding += string(make([]byte, e.Data.Bytes/6))
				return nil
			}),
	)
}

func streamID(t testing.TB, name string) eventstore.StreamID {
	t.Helper()
	id, err := eventstore.ParseStreamID(name)
	require.NoError(t, err)
	return id
}

// append appends one commit to a stream.
func (w *world) append(t testing.TB, stream string, events ...any) eventstore.Commit {
	t.Helper()
	write := eventstore.Write{Stream: streamID(t, stream), Revision: eventstore.Any}
	for _, e := range events {
		event, err := registry.Encode(e)
		require.NoError(t, err)
		write.Events = append(write.Events, event)
	}
	c, err := w.store.Append(t.Context(), write)
	require.NoError(t, err)
	return c
}

// engine returns an engine that is prepared.
func (w *world) engine(t testing.TB) *projection.Engine {
	t.Helper()
	e, err := projection.NewEngine(w.store, w.views, w.opts, w.p)
	require.NoError(t, err)
	require.NoError(t, e.Prepare(t.Context()))
	return e
}

// handle hands commits to an engine and returns what was not taken care of.
func handle(ctx context.Context, e *projection.Engine, commits ...eventstore.Commit) []eventstore.Announcement {
	var batch eventstore.Batch
	for i := range commits {
		batch.Announcements = append(batch.Announcements, eventstore.Announce(&commits[i]))
	}
	return e.Handle(ctx, batch)
}

func (w *world) generation() projection.GenerationID {
	return projection.GenerationID{Projection: "counters", Number: 1}
}

func (w *world) checkpoint(t testing.TB, stream string) projection.Checkpoint {
	t.Helper()
	return w.checkpointOf(t, 1, stream)
}

// rows returns the counters as "name=n", sorted.
func (w *world) rows(t testing.TB) []string {
	t.Helper()
	var rows []string
	for row, err := range w.counters.All(t.Context(), w.views) {
		require.NoError(t, err)
		rows = append(rows, fmt.Sprintf("%s=%d", row.Name, row.N))
	}
	return rows
}

func (w *world) checkpointOf(t testing.TB, generation uint64, stream string) projection.Checkpoint {
	t.Helper()
	found, err := w.views.Checkpoints(t.Context(), projection.GenerationID{Projection: "counters", Number: generation}, []eventstore.StreamID{streamID(t, stream)})
	require.NoError(t, err)
	return found[0]
}
