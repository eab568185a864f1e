package viewstest

import (
	"context"
	"errors"
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
	clear(s.Generations)
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
		beats := f.heartbeats(t)
		require.Equal(t, []uint64{1}, beats[0].Frozen)
		beats[0].Frozen[0] = 9
	}
}

var cancellationClauses = []clause{
	{"before a write is answered with the cause, and nothing is written", cancelledWrites},
	{"before a read is answered with the cause", cancelledReads},
	{"during a scan does not look like its end", cancelledScans},
}

var errGone = errors.New("the caller has gone")

func gone(t *testing.T) context.Context {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errGone)
	return ctx
}

func cancelledWrites(t *testing.T, f *fixture) {
	for _, filled := range []bool{false, true} { // a store may take other ways in a generation that it knows
		if filled {
			f.must(t, moves(move(stream("a"), 0, 1)), f.put(row("v", "p", ""), `1`))
			f.park(t, stream("a"), 1, parked(2))
		}
		at := f.checkpoint(t, stream("a")).Version
		before, state := f.contents(t, "v"), f.state(t)
		s := f.slice(moves(move(stream("a"), at, 9)), f.put(row("v", "p", ""), `2`), f.put(row("v", "q", ""), `2`))
		assert.ErrorIs(t, f.views.Apply(gone(t), s), errGone)
		assert.ErrorIs(t, f.views.Park(gone(t), f.generation, stream("a"), at, parked(7)), errGone)
		assert.ErrorIs(t, f.views.Park(gone(t), f.generation, stream("a"), at, nil), errGone)
		_, err := f.views.PutState(gone(t), f.fullState())
		assert.ErrorIs(t, err, errGone)
		assert.ErrorIs(t, f.views.Beat(gone(t), projection.Heartbeat{Projection: f.generation.Projection, Worker: "w"}), errGone)
		assert.Equal(t, before, f.contents(t, "v"))
		assert.Equal(t, state, f.state(t))
		assert.Empty(t, f.heartbeats(t))
	}
}

func cancelledReads(t *testing.T, f *fixture) {
	for _, filled := range []bool{false, true} {
		if filled {
			f.must(t, moves(move(stream("a"), 0, 1)), f.put(row("v", "p", ""), `1`))
		}
		_, err := f.views.Checkpoints(gone(t), f.generation, []eventstore.StreamID{stream("a")})
		assert.ErrorIs(t, err, errGone)
		_, err = f.views.Rows(gone(t), f.generation, []projection.RowID{row("v", "p", "")})
		assert.ErrorIs(t, err, errGone)
		_, err = f.views.Page(gone(t), f.generation, projection.PageQuery{View: "v", Partition: "p", Limit: 1})
		assert.ErrorIs(t, err, errGone)
		_, err = f.views.State(gone(t), f.generation.Projection)
		assert.ErrorIs(t, err, errGone)
		_, err = f.views.Heartbeats(gone(t), f.generation.Projection)
		assert.ErrorIs(t, err, errGone)
		for _, err := range f.views.ScanRows(gone(t), f.generation, "v") {
			assert.ErrorIs(t, err, errGone)
		}
		for _, err := range f.views.AllCheckpoints(gone(t), f.generation, false) {
			assert.ErrorIs(t, err, errGone)
		}
	}
}

// cancelledScans: a sequence that ends without an error was whole.
func cancelledScans(t *testing.T, f *fixture) {
	var writes []projection.RowWrite
	var all []projection.Move
	for _, name := range numbered("p", 1300) {
		writes = append(writes, f.put(row("v", name, ""), `1`))
		all = append(all, move(stream(name), 0, 1))
	}
	f.fill(t, all, writes...)
	for _, after := range []int{1, 1000} {
		ctx, cancel := context.WithCancelCause(t.Context())
		rows, err := 0, error(nil)
		for _, err = range f.views.ScanRows(ctx, f.generation, "v") {
			if rows++; rows == after {
				cancel(errGone)
			}
		}
		if err != nil || rows != len(writes) {
			assert.ErrorIs(t, err, errGone)
		}
		ctx, cancel = context.WithCancelCause(t.Context())
		rows, err = 0, nil
		for _, err = range f.views.AllCheckpoints(ctx, f.generation, false) {
			if rows++; rows == after {
				cancel(errGone)
			}
		}
		if err != nil || rows != len(all) {
			assert.ErrorIs(t, err, errGone)
		}
	}
}
