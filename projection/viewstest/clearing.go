package viewstest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

var clearClauses = []clause{
	{"removes checkpoints, park records, manifests, rows and tombstones", clearsEverything},
	{"leaves other generations, other projections, states and heartbeats alone", clearsNothingElse},
	{"leaves the rows of views that it is not told of", clearsViews},
	{"may be repeated, and there need not be anything", clearsAgain},
	{"takes more than a store removes at once", clearsMany},
	{"goes on where it was cut short", clearsTheRest},
}

func (f *fixture) cleared(t testing.TB, views ...string) {
	t.Helper()
	require.NoError(t, f.views.Clear(t.Context(), f.generation, views))
}

// populated puts something of everything into a generation.
func (f *fixture) populated(t *testing.T) contents {
	t.Helper()
	f.filling(t, checkpoints(at("a", 1), at("waits", 2)), f.row(row("v", "p", "filled"), `1`), f.row(row("w", "p", ""), `1`), f.row(ownRow(stream("a")), `1`))
	f.must(t, moves(move(stream("live"), 0, 1)), f.put(row("v", "p", "live"), `1`))
	f.buried(t, row("v", "p", "gone"))
	f.park(t, stream("waits"), 2, parked(3))
	f.park(t, stream("waits-at-0"), 0, marked(1))
	f.putManifest(t, "one", 0, head("a", 1))
	f.putManifest(t, "one", 1, head("waits", 2))
	f.putManifest(t, "two", 0, head("a", 1))
	return f.contents(t, ownView, "v", "w")
}

func clearsEverything(t *testing.T, f *fixture) {
	before := f.populated(t)
	f.cleared(t, "v", "w", ownView)
	assert.Equal(t, contents{}, f.contents(t, ownView, "v", "w"))
	assert.Empty(t, collect(t, f.views.AllCheckpoints(t.Context(), f.generation, true)))
	f.noManifest(t, "one", 0)
	f.noManifest(t, "one", 1)
	f.noManifest(t, "two", 0)
	assert.Empty(t, f.get(t, row("v", "p", "filled"), row("v", "p", "live"), ownRow(stream("a"))))
	for _, c := range before.Checkpoints {
		assert.Equal(t, projection.Checkpoint{Stream: c.Stream}, f.checkpoint(t, c.Stream))
	}
	again := f.row(row("v", "p", "gone"), `2`) // where the tombstone was
	f.filling(t, checkpoints(at("waits-at-0", 1)), again)
	assert.Equal(t, contents{Checkpoints: checkpoints(at("waits-at-0", 1)), Rows: origin(again)}, f.contents(t, "v"))
}

func clearsNothingElse(t *testing.T, f *fixture) {
	name := f.generation.Projection
	others := []*fixture{f.of(projection.GenerationID{Projection: name, Number: 11}), f.of(projection.GenerationID{Projection: name + "-1", Number: 1})}
	var held []contents
	for _, other := range others {
		held = append(held, other.populated(t))
	}
	state, err := f.views.PutState(t.Context(), f.fullState())
	require.NoError(t, err)
	f.beat(t, projection.Heartbeat{Projection: name, Worker: "w", At: instant(0)})
	f.populated(t)
	f.cleared(t, "v", "w", ownView)
	for i, other := range others {
		assert.Equal(t, held[i], other.contents(t, ownView, "v", "w"))
		assert.Len(t, collect(t, f.views.AllCheckpoints(t.Context(), other.generation, true)), 2)
		assert.Equal(t, []projection.Head{head("waits", 2)}, other.manifest(t, "one", 1))
		other.late(t, row("v", "p", "gone"))
	}
	assert.Equal(t, state, f.state(t))
	assert.Len(t, f.heartbeats(t), 1)
}

func clearsViews(t *testing.T, f *fixture) {
	f.populated(t)
	f.cleared(t, "w", "never")
	left := f.contents(t, "v", "w")
	assert.Empty(t, left.Checkpoints)
	assert.Equal(t, []string{"filled", "live"}, []string{left.Rows[0].ID.Key.Sort, left.Rows[1].ID.Key.Sort})
	assert.Len(t, left.Rows, 2)
	f.late(t, row("v", "p", "gone"))
	f.cleared(t)
	assert.Equal(t, left, f.contents(t, "v", "w"))
}

func clearsAgain(t *testing.T, f *fixture) {
	f.cleared(t, "v")
	for _, content := range []string{`1`, `2`} {
		filled := f.row(row("v", "p", ""), content)
		f.filling(t, checkpoints(at("a", 1)), filled)
		require.Equal(t, origin(filled), f.get(t, filled.ID))
		for range 2 {
			f.cleared(t, "v")
			require.Empty(t, f.get(t, filled.ID))
		}
	}
	assert.Equal(t, contents{}, f.contents(t, "v"))
}

// crowded fills a generation with so many checkpoints and rows.
func (f *fixture) crowded(t *testing.T, n int) {
	t.Helper()
	var all []projection.Checkpoint
	var rows []projection.Row
	for i, name := range numbered("s", n) {
		all = append(all, at(name, eventstore.Version(i+1)))
		rows = append(rows, f.row(row("v", "p", name), `1`))
	}
	f.filling(t, all, rows...)
	for part := range 3 {
		f.putManifest(t, "one", part, head("a", 1))
	}
}

func clearsMany(t *testing.T, f *fixture) {
	f.crowded(t, 120)
	f.cleared(t, "v")
	assert.Equal(t, contents{}, f.contents(t, "v"))
	f.noManifest(t, "one", 2)
}

func clearsTheRest(t *testing.T, f *fixture) {
	f.crowded(t, 60)
	for range 3 {
		ctx, cancel := context.WithCancelCause(t.Context())
		ended := make(chan error, 1) // nobody may wait for it any more
		go func() { ended <- f.views.Clear(ctx, f.generation, []string{"v"}) }()
		cancel(errGone)
		if err := <-ended; err != nil {
			require.ErrorIs(t, err, errGone)
		}
	}
	f.cleared(t, "v")
	assert.Equal(t, contents{}, f.contents(t, "v"))
	f.noManifest(t, "one", 0)
}
