package viewstest

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

var applyClauses = []clause{
	{"moves checkpoints and writes rows of several views together", applyWhole},
	{"takes a slice of moves only, of rows only, and an empty one", applyParts},
	{"leaves nothing of a slice if one condition does not hold", applyNothing},
	{"refuses the same slice again", applyAgain},
	{"keeps a park record as it is when the checkpoint moves", applyKeepsRecords},
	{"moves no checkpoint past a park record that the slice does not know of", applyMindsRecords},
	{"without a condition puts over whatever is there", applyUnconditionalPut},
	{"without a condition deletes whatever is there, or nothing", applyUnconditionalDelete},
}

func applyWhole(t *testing.T, f *fixture) {
	one, two, list := row("one", "p", ""), row("two", "p", ""), row("two", "p", "s")
	writes := []projection.RowWrite{f.put(one, `1`), f.put(two, `2`), f.put(list, `3`)}
	f.must(t, moves(move(stream("a"), 0, 3), move(stream("b"), 0, 1)), writes...)
	assert.Equal(t, contents{
		Checkpoints: []projection.Checkpoint{{Stream: stream("a"), Version: 3}, {Stream: stream("b"), Version: 1}},
		Rows:        rowsOf(writes...),
	}, f.contents(t, "one", "two"))
}

func applyParts(t *testing.T, f *fixture) {
	id := row("v", "p", "")
	f.must(t, nil)
	assert.Equal(t, contents{}, f.contents(t, "v"))
	f.must(t, moves(move(stream("a"), 0, 3)))
	w := f.put(id, `1`)
	f.must(t, nil, w)
	assert.Equal(t, contents{Checkpoints: []projection.Checkpoint{{Stream: stream("a"), Version: 3}}, Rows: rowsOf(w)}, f.contents(t, "v"))
}

// applyNothing puts each condition that fails first and last into a slice that is
// right otherwise, and has some of everything.
func applyNothing(t *testing.T, f *fixture) {
	read, gone, free, taken := row("v", "read", ""), row("v", "gone", ""), row("v", "free", ""), row("v", "taken", "s")
	first := []projection.RowWrite{f.put(read, `"read"`), f.put(gone, `"gone"`), f.put(taken, `"taken"`)}
	f.must(t, moves(move(stream("at5"), 0, 5), move(stream("waits"), 0, 2)), first...)
	f.park(t, stream("waits"), 2, parked(3))
	f.must(t, moves(move(stream("parked"), 0, 2)))
	f.park(t, stream("parked"), 2, parked(3))

	good := f.slice(moves(move(stream("new"), 0, 2), knowing(move(stream("waits"), 2, 6))),
		f.put(row("v", "put", ""), `"put"`), f.put(row("other", "put", ""), `"put"`),
		expecting(first[0].Row.Rev, f.put(read, `"changed"`)), expecting(first[1].Row.Rev, f.remove(gone)),
		expecting(absent, f.put(free, `"made"`)), expecting(absent, f.remove(row("v", "checked", ""))))
	before := f.contents(t, "v", "other")
	require.Len(t, before.Rows, 3)

	for _, bad := range f.failing(taken, first[2].Row.Rev) {
		t.Run(bad.name, func(t *testing.T) {
			last := good
			last.Moves = append(append([]projection.Move{}, good.Moves...), bad.moves...)
			last.Writes = append(append([]projection.RowWrite{}, good.Writes...), bad.writes...)
			assert.ErrorIs(t, f.views.Apply(t.Context(), last), projection.ErrChanged)
			require.Equal(t, before, f.contents(t, "v", "other"), "put last")

			leading := good
			leading.Moves = append(append([]projection.Move{}, bad.moves...), good.Moves...)
			leading.Writes = append(append([]projection.RowWrite{}, bad.writes...), good.Writes...)
			assert.ErrorIs(t, f.views.Apply(t.Context(), leading), projection.ErrChanged)
			require.Equal(t, before, f.contents(t, "v", "other"), "put first")
		})
	}
	require.NoError(t, f.views.Apply(t.Context(), good), "the rest of the slice was right")
	assert.NotEqual(t, before, f.contents(t, "v", "other"))
}

type failing struct {
	name   string
	moves  []projection.Move
	writes []projection.RowWrite
}

// failing returns every way in which a condition fails: taken is a row that is at
// rev; the stream "at5" stands at 5.
func (f *fixture) failing(taken projection.RowID, rev eventstore.EventID) []failing {
	at5, none := stream("at5"), stream("none")
	older, newer, foreign := rev, f.rev(), rev
	older.Version--
	foreign.Stream = stream("another-writer")
	missing := row("v", "missing", "")
	writes := func(w projection.RowWrite) []projection.RowWrite { return []projection.RowWrite{w} }
	return []failing{
		{"a move from below the checkpoint", moves(move(at5, 4, 6)), nil},
		{"a move from above the checkpoint", moves(move(at5, 6, 7)), nil},
		{"a move from none of a stream that has one", moves(move(at5, 0, 6)), nil},
		{"a move of a stream that has none", moves(move(none, 1, 2)), nil},
		{"a move of who does not know that the stream is parked", moves(move(stream("parked"), 2, 3)), nil},
		{"a put on an older row", nil, writes(expecting(older, f.put(taken, `"bad"`)))},
		{"a put on a newer row", nil, writes(expecting(newer, f.put(taken, `"bad"`)))},
		{"a put on a row of another stream's event", nil, writes(expecting(foreign, f.put(taken, `"bad"`)))},
		{"a put on no row where there is one", nil, writes(expecting(absent, f.put(taken, `"bad"`)))},
		{"a put on a row where there is none", nil, writes(expecting(rev, f.put(missing, `"bad"`)))},
		{"a deletion of an older row", nil, writes(expecting(older, f.remove(taken)))},
		{"a deletion of a newer row", nil, writes(expecting(newer, f.remove(taken)))},
		{"a deletion of a row that is not there", nil, writes(expecting(rev, f.remove(missing)))},
		{"a check that a row is absent which is there", nil, writes(expecting(absent, f.remove(taken)))},
	}
}

func applyAgain(t *testing.T, f *fixture) {
	writes := []projection.RowWrite{f.put(row("v", "p", ""), `1`)}
	f.must(t, moves(move(stream("a"), 0, 3)), writes...)
	f.refused(t, moves(move(stream("a"), 0, 3)), writes...)
	f.must(t, moves(move(stream("a"), 3, 4)))
	f.refused(t, moves(move(stream("a"), 3, 4)))
}

func applyKeepsRecords(t *testing.T, f *fixture) {
	s := stream("a")
	f.park(t, s, 0, parked(1))
	for _, m := range []projection.Move{move(s, 0, 1), move(s, 1, 5), move(s, 5, 6)} {
		f.must(t, moves(knowing(m)))
		require.Equal(t, projection.Checkpoint{Stream: s, Version: m.To, Parked: parked(1)}, f.checkpoint(t, s))
	}
}

func applyMindsRecords(t *testing.T, f *fixture) {
	fresh, old := stream("a"), stream("b")
	f.park(t, fresh, 0, parked(1))
	f.must(t, moves(move(old, 0, 3)))
	f.park(t, old, 3, parked(4))
	for _, m := range []projection.Move{move(fresh, 0, 1), move(old, 3, 4)} {
		f.refused(t, moves(m), f.put(row("v", "p", ""), `1`))
		require.Empty(t, f.get(t, row("v", "p", "")))
	}
	f.park(t, old, 3, parked(3)) // left over
	f.park(t, old, 3, nil)
	f.must(t, moves(move(old, 3, 4)))
}

func applyUnconditionalPut(t *testing.T, f *fixture) {
	id := row("v", "p", "s")
	for _, content := range []string{`1`, `{"longer":"than before"}`, `2`} {
		w := f.put(id, content)
		f.must(t, nil, w)
		require.Equal(t, rowsOf(w), f.get(t, id))
	}
}

func applyUnconditionalDelete(t *testing.T, f *fixture) {
	id, other := row("v", "p", "s"), f.put(row("v", "p", ""), `"stays"`)
	f.must(t, nil, f.put(id, `1`), other)
	f.must(t, nil, f.remove(id))
	require.Equal(t, rowsOf(other), f.contents(t, "v").Rows)
	f.must(t, nil, f.remove(id))
	f.must(t, nil, f.remove(row("never", "p", "")))
	require.Equal(t, rowsOf(other), f.contents(t, "v").Rows)
}
