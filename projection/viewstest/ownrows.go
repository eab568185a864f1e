package viewstest

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// ownView is a view as projection.PerStream makes it: a store may keep its rows with
// the checkpoints.
const ownView = "@own"

// ownRow is the row of a stream in it.
func ownRow(s eventstore.StreamID) projection.RowID { return row(ownView, s.String(), "") }

var ownRowClauses = []clause{
	{"are written with a move of their stream, alone and among others", ownRowsWritten},
	{"are refused without one", ownRowsRefused},
	{"are conditional on what was read, beside the checkpoint", ownRowsConditional},
	{"leave the checkpoint where they are deleted, and can be made again", ownRowsDeleted},
	{"stay as they are when the checkpoint moves, or its stream is parked", ownRowsStay},
	{"are read as others are: by key, by page and all of a view", ownRowsRead},
	{"leave checkpoints that have none out of the view", ownRowsSparse},
}

func ownRowsWritten(t *testing.T, f *fixture) {
	a, b := stream("a"), stream("b")
	alone := f.put(ownRow(a), `{"alone":true}`)
	f.must(t, moves(move(a, 0, 2)), alone)
	assert.Equal(t, contents{Checkpoints: []projection.Checkpoint{{Stream: a, Version: 2}}, Rows: rowsOf(alone)}, f.contents(t, ownView))

	writes := []projection.RowWrite{f.put(ownRow(a), `"a"`), f.put(ownRow(b), `"b"`), f.put(row("v", "p", "s"), `"v"`)}
	f.must(t, moves(move(a, 2, 3), move(b, 0, 1)), writes...)
	assert.Equal(t, contents{
		Checkpoints: []projection.Checkpoint{{Stream: a, Version: 3}, {Stream: b, Version: 1}},
		Rows:        rowsOf(writes...),
	}, f.contents(t, ownView, "v"))
}

func ownRowsRefused(t *testing.T, f *fixture) {
	a, b := stream("a"), stream("b")
	insert := f.put(ownRow(a), `1`)
	insert.Insert = true
	for _, s := range []projection.Slice{
		f.slice(nil, f.put(ownRow(a), `1`)),
		f.slice(moves(move(b, 0, 1)), f.put(ownRow(a), `1`)),
		f.slice(moves(move(a, 0, 1)), f.put(row(ownView, a.String(), "s"), `1`)),
		f.slice(moves(move(a, 0, 1)), insert),
	} {
		assert.ErrorIs(t, f.views.Apply(t.Context(), s), eventstore.ErrInvalid)
	}
	assert.Equal(t, contents{}, f.contents(t, ownView))
}

func ownRowsConditional(t *testing.T, f *fixture) {
	a := stream("a")
	first, second := f.put(ownRow(a), `1`), f.put(ownRow(a), `2`)
	f.refused(t, moves(move(a, 0, 1)), expecting(first.Row.Rev, second))
	f.must(t, moves(move(a, 0, 1)), expecting(absent, first))
	f.refused(t, moves(move(a, 1, 2)), expecting(absent, second))
	f.refused(t, moves(move(a, 1, 2)), expecting(second.Row.Rev, second))
	f.refused(t, moves(move(a, 0, 2)), expecting(first.Row.Rev, second))
	f.refused(t, moves(move(a, 1, 2)), expecting(absent, f.remove(ownRow(a))))
	assert.Equal(t, contents{Checkpoints: []projection.Checkpoint{{Stream: a, Version: 1}}, Rows: rowsOf(first)}, f.contents(t, ownView))
	f.must(t, moves(move(a, 1, 2)), expecting(first.Row.Rev, second))
	assert.Equal(t, rowsOf(second), f.get(t, ownRow(a)))
}

func ownRowsDeleted(t *testing.T, f *fixture) {
	a := stream("a")
	first := f.put(ownRow(a), `1`)
	f.must(t, moves(move(a, 0, 1)), first)
	f.must(t, moves(move(a, 1, 2)), expecting(first.Row.Rev, f.remove(ownRow(a))))
	assert.Equal(t, contents{Checkpoints: []projection.Checkpoint{{Stream: a, Version: 2}}}, f.contents(t, ownView))
	f.refused(t, moves(move(a, 0, 1)), first)
	again := f.put(ownRow(a), `2`)
	f.must(t, moves(move(a, 2, 3)), expecting(absent, again))
	f.must(t, moves(move(a, 3, 4)), f.remove(ownRow(a)))
	f.must(t, moves(move(a, 4, 5)), expecting(absent, f.remove(ownRow(a))))
	assert.Equal(t, contents{Checkpoints: []projection.Checkpoint{{Stream: a, Version: 5}}}, f.contents(t, ownView))
}

func ownRowsStay(t *testing.T, f *fixture) {
	a := stream("a")
	w := f.put(ownRow(a), `{"a":"é"}`)
	f.must(t, moves(move(a, 0, 1)), w)
	f.must(t, moves(move(a, 1, 2)))
	f.park(t, a, 2, parked(3))
	assert.Equal(t, rowsOf(w), f.get(t, ownRow(a)))
	f.must(t, moves(knowing(move(a, 2, 3))))
	f.park(t, a, 3, nil)
	assert.Equal(t, rowsOf(w), f.get(t, ownRow(a)))
	assert.Equal(t, projection.Checkpoint{Stream: a, Version: 3}, f.checkpoint(t, a))

	// A record at version 0 comes before any row.
	b := stream("b")
	f.park(t, b, 0, parked(1))
	f.must(t, moves(knowing(move(b, 0, 1))), expecting(absent, f.put(ownRow(b), `1`)))
	f.park(t, b, 1, nil)
	assert.Len(t, f.get(t, ownRow(b)), 1)
}

func ownRowsRead(t *testing.T, f *fixture) {
	var all []projection.Move
	var writes []projection.RowWrite
	for _, id := range numbered("s", 150) {
		all = append(all, move(stream(id), 0, 1))
		writes = append(writes, f.put(ownRow(stream(id)), `"`+id+`"`))
	}
	half := f.views.Limits().Items / 2
	for i := 0; i < len(all); i += half {
		end := min(i+half, len(all))
		f.must(t, all[i:end], writes[i:end]...)
	}
	same(t, rowsOf(writes...), collect(t, f.views.ScanRows(t.Context(), f.generation, ownView)))
	same(t, rowsOf(writes[3:120]...), f.get(t, idsOf(writes[3:120])...))

	name := writes[7].Row.ID.Key.Partition
	for _, q := range []struct {
		after    *string
		backward bool
		found    bool
	}{{nil, false, true}, {nil, true, true}, {new(""), false, false}, {new("x"), false, false}, {new(""), true, false}, {new("x"), true, true}} {
		rows, err := f.views.Page(t.Context(), f.generation, projection.PageQuery{View: ownView, Partition: name, After: q.after, Backward: q.backward, Limit: 10})
		require.NoError(t, err)
		if q.found {
			assert.Equal(t, rowsOf(writes[7]), rows, "%+v", q)
		} else {
			assert.Empty(t, rows, "%+v", q)
		}
	}
}

func ownRowsSparse(t *testing.T, f *fixture) {
	for i, id := range numbered("s", 40) {
		if s := stream(id); i%3 == 0 {
			f.must(t, moves(move(s, 0, 1)), f.put(ownRow(s), `1`))
		} else {
			f.must(t, moves(move(s, 0, 1)))
		}
	}
	f.park(t, stream("waits"), 0, parked(1))
	assert.Len(t, collect(t, f.views.ScanRows(t.Context(), f.generation, ownView)), 14)
	assert.Empty(t, f.get(t, ownRow(stream("s00001")), ownRow(stream("waits")), ownRow(stream("nobody"))))
	assert.Len(t, collect(t, f.views.AllCheckpoints(t.Context(), f.generation, false)), 41)
}

func idsOf(writes []projection.RowWrite) []projection.RowID {
	ids := make([]projection.RowID, len(writes))
	for i, w := range writes {
		ids[i] = w.Row.ID
	}
	return ids
}
