package viewstest

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

var ownershipClauses = []clause{
	{"of a slice's memory stays with the caller", slicesAreNotKept},
	{"of other arguments stays with the caller", argumentsAreNotKept},
	{"of rows goes to the caller", rowsAreTheCallers},
	{"of checkpoints, states and heartbeats goes to the caller", resultsAreTheCallers},
}

func scribble(content []byte) {
	for i := range content {
		content[i] = '!'
	}
}

func slicesAreNotKept(t *testing.T, f *fixture) {
	s := f.slice(moves(move(stream("a"), 0, 1)), f.put(row("v", "p", ""), `"put"`), expecting(absent, f.put(row("v", "q", ""), `"made"`)))
	require.NoError(t, f.views.Apply(t.Context(), s))
	before := f.contents(t, "v")
	for i := range s.Writes {
		scribble(s.Writes[i].Row.Content)
		s.Writes[i] = projection.RowWrite{}
	}
	s.Moves[0] = projection.Move{}
	assert.Equal(t, before, f.contents(t, "v"))
	assert.Equal(t, `"made"`, string(f.get(t, row("v", "q", ""))[0].Content))
}

func argumentsAreNotKept(t *testing.T, f *fixture) {
	record := parked(1)
	f.park(t, stream("a"), 0, record)
	*record = projection.Parked{}
	assert.Equal(t, parked(1), f.checkpoint(t, stream("a")).Parked)

	s := f.fullState()
	put, err := f.views.PutState(t.Context(), s)
	require.NoError(t, err)
	put.Generations[1] = projection.Generation{}
	put.Skips[1] = eventstore.EventID{}
	*put.Paused = projection.Paused{}
	clear(s.Generations)
	clear(s.Skips)
	*s.Paused = projection.Paused{}
	want := f.fullState()
	want.Revision = 1
	assert.Equal(t, want, f.state(t))

	b := projection.Heartbeat{Projection: f.generation.Projection, Worker: "w", At: instant(0), Frozen: []uint64{1, 2}}
	f.beat(t, b)
	b.Frozen[0] = 9
	assert.Equal(t, []uint64{1, 2}, f.heartbeats(t)[0].Frozen)

	streams, ids := []eventstore.StreamID{stream("b"), stream("a")}, []projection.RowID{row("v", "q", ""), row("v", "p", "")}
	_, err = f.views.Checkpoints(t.Context(), f.generation, streams)
	require.NoError(t, err)
	_, err = f.views.Rows(t.Context(), f.generation, ids)
	require.NoError(t, err)
	assert.Equal(t, []eventstore.StreamID{stream("b"), stream("a")}, streams, "arguments are not reordered")
	assert.Equal(t, []projection.RowID{row("v", "q", ""), row("v", "p", "")}, ids)
}

func rowsAreTheCallers(t *testing.T, f *fixture) {
	id := row("v", "p", "s")
	w := f.put(id, `"content"`)
	f.must(t, nil, w)
	q := projection.PageQuery{View: "v", Partition: "p", Limit: 1}
	for range 2 {
		for _, rows := range [][]projection.Row{f.get(t, id), f.page(t, q), collect(t, f.views.ScanRows(t.Context(), f.generation, "v"))} {
			require.Equal(t, rowsOf(w), rows)
			scribble(rows[0].Content)
			rows[0].Content = append(rows[0].Content, "more"...)
		}
	}
}

func resultsAreTheCallers(t *testing.T, f *fixture) {
	f.park(t, stream("a"), 0, parked(1))
	for range 2 {
		for _, c := range append(collect(t, f.views.AllCheckpoints(t.Context(), f.generation, true)), f.checkpoint(t, stream("a"))) {
			require.Equal(t, parked(1), c.Parked)
			*c.Parked = projection.Parked{}
		}
	}
	want, err := f.views.PutState(t.Context(), f.fullState())
	require.NoError(t, err)
	f.beat(t, projection.Heartbeat{Projection: f.generation.Projection, Worker: "w", At: instant(0), Frozen: []uint64{1}})
	for range 2 {
		s := f.state(t)
		require.Equal(t, want, s)
		clear(s.Generations)
		clear(s.Skips)
		*s.Paused = projection.Paused{}
		beats := f.heartbeats(t)
		require.Equal(t, []uint64{1}, beats[0].Frozen)
		beats[0].Frozen[0] = 9
	}
}
