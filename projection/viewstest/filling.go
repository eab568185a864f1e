package viewstest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

var fillClauses = []clause{
	{"puts what is absent: checkpoints, and rows of several views", fillsWhatIsAbsent},
	{"changes nothing that is there, whether it is the same or not", fillsOnce},
	{"leaves alone what slices have written, and gives it no origin", fillsAroundSlices},
	{"leaves a stream alone that has a park record only", fillsAroundRecords},
	{"puts a stream's own row together with its checkpoint, or not at all", fillsOwnRows},
	{"takes more than a thousand rows at once, and puts none where one is there or was deleted", fillsMany},
	{"takes rows and keys as large as they may be, and nothing", fillsLarge},
	{"is of one generation", fillsOneGeneration},
	{"keeps nothing of its arguments, and does not change them", fillKeepsNothing},
	{"refuses what is no filling, and puts nothing of it", fillRefused},
}

func at(id string, v eventstore.Version) projection.Checkpoint {
	return projection.Checkpoint{Stream: stream(id), Version: v}
}

// row is a row to fill a generation with.
func (f *fixture) row(id projection.RowID, content string) projection.Row {
	return f.put(id, content).Row
}

// filling puts checkpoints and rows.
func (f *fixture) filling(t testing.TB, checkpoints []projection.Checkpoint, rows ...projection.Row) {
	t.Helper()
	require.NoError(t, f.views.Fill(t.Context(), f.generation, projection.Filling{Checkpoints: checkpoints, Rows: rows}))
}

// origin returns rows as they are when they have been filled in.
func origin(rows ...projection.Row) []projection.Row {
	var filled []projection.Row
	for _, row := range rows {
		row.Origin = true
		filled = append(filled, row)
	}
	return filled
}

func checkpoints(all ...projection.Checkpoint) []projection.Checkpoint { return all }

func fillsWhatIsAbsent(t *testing.T, f *fixture) {
	rows := []projection.Row{f.row(row("v", "p", ""), `1`), f.row(row("v", "p", "s"), `2`), f.row(row("w", "p", "s"), `3`)}
	rows[1].Origin = true // says nothing
	f.filling(t, checkpoints(at("a", 3), at("b", 1<<62+1)), rows...)
	assert.Equal(t, contents{Checkpoints: checkpoints(at("a", 3), at("b", 1<<62+1)), Rows: origin(rows...)}, f.contents(t, "v", "w"))
	assert.Equal(t, at("a", 3), f.checkpoint(t, stream("a")))
	assert.Equal(t, origin(rows...), f.get(t, rows[2].ID, rows[1].ID, rows[0].ID))
	assert.Empty(t, collect(t, f.views.AllCheckpoints(t.Context(), f.generation, true)))
	f.must(t, moves(move(stream("a"), 3, 4)), expecting(rows[0].Rev, f.put(rows[0].ID, `4`)))
	f.filling(t, checkpoints(at("c", 1)))
	f.filling(t, nil, f.row(row("w", "q", ""), `5`))
	assert.Len(t, f.contents(t, "w").Rows, 2)
	assert.Len(t, f.contents(t).Checkpoints, 3)
}

func fillsOnce(t *testing.T, f *fixture) {
	first := []projection.Row{f.row(row("v", "p", ""), `1`), f.row(ownRow(stream("a")), `2`)}
	f.filling(t, checkpoints(at("a", 3), at("b", 4)), first...)
	before := f.contents(t, "v", ownView)
	f.filling(t, checkpoints(at("a", 3), at("b", 4)), first...)
	f.filling(t, checkpoints(at("a", 2), at("b", 9)), f.row(row("v", "p", ""), `"other"`), f.row(ownRow(stream("a")), `"other"`))
	require.Equal(t, before, f.contents(t, "v", ownView))
	more := f.row(row("v", "p", "new"), `3`)
	f.filling(t, checkpoints(at("a", 2), at("c", 1)), f.row(row("v", "p", ""), `"other"`), more)
	before.Checkpoints, before.Rows = append(before.Checkpoints, at("c", 1)), append(before.Rows[:1], append(origin(more), before.Rows[1:]...)...)
	assert.Equal(t, before, f.contents(t, "v", ownView), "what is absent among what is there")
}

func fillsAroundSlices(t *testing.T, f *fixture) {
	live, own := f.put(row("v", "p", ""), `"live"`), f.put(ownRow(stream("a")), `"live"`)
	f.must(t, moves(move(stream("a"), 0, 7)), live, own)
	f.filling(t, checkpoints(at("a", 3)), f.row(live.Row.ID, `1`), f.row(own.Row.ID, `1`))
	want := contents{Checkpoints: checkpoints(at("a", 7)), Rows: rowsOf(live, own)}
	require.Equal(t, want, f.contents(t, "v", ownView))
	// A row without origin leaves no tombstone, so a filling may put it.
	f.must(t, nil, expecting(live.Row.Rev, f.remove(live.Row.ID)))
	again := f.row(live.Row.ID, `2`)
	f.filling(t, nil, again)
	assert.Equal(t, origin(again), f.get(t, again.ID))
}

func fillsAroundRecords(t *testing.T, f *fixture) {
	f.park(t, stream("a"), 0, parked(1))
	f.filling(t, checkpoints(at("a", 3), at("b", 3)), f.row(ownRow(stream("a")), `1`))
	assert.Equal(t, contents{Checkpoints: checkpoints(projection.Checkpoint{Stream: stream("a"), Parked: parked(1)}, at("b", 3))}, f.contents(t, ownView))
}

func fillsOwnRows(t *testing.T, f *fixture) {
	f.must(t, moves(move(stream("there"), 0, 2)))
	both, other := f.row(ownRow(stream("both")), `1`), f.row(row("v", "p", ""), `1`)
	f.filling(t, checkpoints(at("without", 5), at("both", 3), at("there", 2)), f.row(ownRow(stream("there")), `1`), other, both)
	assert.Equal(t, contents{
		Checkpoints: checkpoints(at("both", 3), at("there", 2), at("without", 5)),
		Rows:        origin(both, other),
	}, f.contents(t, ownView, "v"), "the row of a stream whose checkpoint is there is what its slices have made of it")
	assert.Equal(t, origin(both), f.get(t, both.ID, ownRow(stream("there")), ownRow(stream("without"))))
	page, err := f.views.Page(t.Context(), f.generation, projection.PageQuery{View: ownView, Partition: both.ID.Key.Partition, Limit: 3})
	require.NoError(t, err)
	assert.Equal(t, origin(both), page)
	f.must(t, moves(move(stream("without"), 5, 6)), expecting(absent, f.put(ownRow(stream("without")), `2`)))
}

func fillsMany(t *testing.T, f *fixture) {
	var rows, there, want, wantOwn []projection.Row
	var all, known []projection.Checkpoint
	var gone []projection.RowID
	before := func(r projection.Row) projection.Row {
		r = f.row(r.ID, `"before"`)
		there = append(there, r)
		return r
	}
	for i, name := range numbered("p", 1010) {
		r := f.row(row("v", name[:3], name), `"`+name+`"`)
		switch rows = append(rows, r); {
		case i%10 == 0:
			want = append(want, before(r))
		case i%100 == 5:
			gone = append(gone, r.ID)
		default:
			want = append(want, r)
		}
		if i%50 > 0 {
			continue
		}
		c, own := at(name, eventstore.Version(i+1)), f.row(ownRow(stream(name)), `1`)
		if all, rows = append(all, c), append(rows, own); i%100 == 0 {
			known, own = append(known, c), before(own)
		}
		wantOwn = append(wantOwn, own)
	}
	f.filling(t, known, there...)
	f.buried(t, gone...)
	f.filling(t, all, rows...)
	got := f.contents(t, ownView, "v")
	same(t, origin(append(wantOwn, want...)...), got.Rows)
	same(t, all, got.Checkpoints)
}

func fillsLarge(t *testing.T, f *fixture) {
	f.filling(t, nil)
	assert.Equal(t, contents{}, f.contents(t, "v"))
	long := row("v", strings.Repeat("p", projection.MaxPartitionBytes), strings.Repeat("s", projection.MaxSortBytes))
	var rows []projection.Row
	for _, sort := range append(numbered("s", 10), long.Key.Sort) {
		long.Key.Sort = sort
		rows = append(rows, f.row(long, string(filling(projection.MaxRowBytes)))) // more together than a slice may hold
	}
	f.filling(t, nil, rows...)
	same(t, origin(rows...), collect(t, f.views.ScanRows(t.Context(), f.generation, "v")))
}

func fillsOneGeneration(t *testing.T, f *fixture) {
	next := f.of(projection.GenerationID{Projection: f.generation.Projection, Number: 2})
	old, renewed := f.row(row("v", "p", ""), `1`), f.row(row("v", "p", ""), `2`)
	f.filling(t, checkpoints(at("a", 1)), old)
	assert.Equal(t, contents{}, next.contents(t, "v"))
	next.filling(t, checkpoints(at("a", 2)), renewed)
	assert.Equal(t, contents{Checkpoints: checkpoints(at("a", 1)), Rows: origin(old)}, f.contents(t, "v"))
	assert.Equal(t, contents{Checkpoints: checkpoints(at("a", 2)), Rows: origin(renewed)}, next.contents(t, "v"))
}

func fillKeepsNothing(t *testing.T, f *fixture) {
	given := projection.Filling{Checkpoints: checkpoints(at("b", 1), at("a", 2)), Rows: []projection.Row{f.row(row("v", "q", ""), `"q"`), f.row(row("v", "p", ""), `"p"`)}}
	q, p := given.Rows[0], given.Rows[1]
	p.Content, q.Content = []byte(`"p"`), []byte(`"q"`)
	require.NoError(t, f.views.Fill(t.Context(), f.generation, given))
	assert.Equal(t, projection.Filling{Checkpoints: checkpoints(at("b", 1), at("a", 2)), Rows: []projection.Row{q, p}}, given)
	for i := range given.Rows {
		scribble(given.Rows[i].Content)
	}
	clear(given.Rows)
	clear(given.Checkpoints)
	assert.Equal(t, contents{Checkpoints: checkpoints(at("a", 2), at("b", 1)), Rows: origin(p, q)}, f.contents(t, "v"))
}

func fillRefused(t *testing.T, f *fixture) {
	good, own := f.row(row("v", "p", ""), `1`), f.row(ownRow(stream("a")), `1`)
	withoutRev, withSort := good, own
	withoutRev.Rev, withSort.ID.Key.Sort = absent, "s"
	waiting := at("a", 1)
	waiting.Parked = parked(2)
	for name, bad := range map[string]projection.Filling{
		"a checkpoint at 0":                   {Checkpoints: checkpoints(at("b", 1), at("a", 0)), Rows: []projection.Row{good}},
		"a checkpoint of no stream":           {Checkpoints: checkpoints(projection.Checkpoint{Version: 1})},
		"a park record":                       {Checkpoints: checkpoints(waiting)},
		"a stream twice":                      {Checkpoints: checkpoints(at("a", 1), at("b", 1), at("a", 2))},
		"a row twice":                         {Rows: []projection.Row{good, f.row(row("v", "q", ""), `1`), good}},
		"a row without a revision":            {Rows: []projection.Row{good, withoutRev}},
		"a stream's row and no checkpoint":    {Checkpoints: checkpoints(at("b", 1)), Rows: []projection.Row{good, own}},
		"a stream's row with a sort key":      {Checkpoints: checkpoints(at("a", 1)), Rows: []projection.Row{withSort}},
		"a stream's row, by another view too": {Checkpoints: checkpoints(at("a", 1)), Rows: []projection.Row{own, f.row(row(ownView+"s", own.ID.Key.Partition, ""), `1`)}},
	} {
		assert.ErrorIs(t, f.views.Fill(t.Context(), f.generation, bad), eventstore.ErrInvalid, name)
	}
	assert.Equal(t, contents{}, f.contents(t, "v", ownView))
}
