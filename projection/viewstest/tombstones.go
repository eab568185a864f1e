package viewstest

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/projection"
)

var originClauses = []clause{
	{"is told by every way to read a row", originTold},
	{"is kept by puts, on a condition and without one", originKept},
	{"is kept by the put of a row that was deleted", originKeptByTombstones},
	{"does not come from a put that says so", originNotPut},
}

var tombstoneClauses = []clause{
	{"are seen by no reader", tombstonesUnseen},
	{"count in no limit of a page, however many there are", tombstonesInPages},
	{"are no rows to a slice", tombstonesAbsent},
	{"keep a filling out, whichever way the row was deleted", tombstonesKeepOut},
	{"stay where a slice makes sure that the row is absent", tombstonesStay},
	{"are left by a slice that is applied, and by no other", tombstonesWithSlices},
	{"of streams' own rows are their checkpoints", tombstonesOfStreams},
}

// erase deletes a row that was filled in, without a condition.
func (f *fixture) erase(id projection.RowID) projection.RowWrite {
	w := f.remove(id)
	w.Row.Origin = true
	return w
}

// buried leaves the tombstones of rows.
func (f *fixture) buried(t testing.TB, ids ...projection.RowID) {
	t.Helper()
	var rows []projection.Row
	var erased []projection.RowWrite
	for _, id := range ids {
		rows = append(rows, f.row(id, `"late"`))
		erased = append(erased, f.erase(id))
	}
	f.filling(t, nil, rows...)
	f.fill(t, nil, erased...)
}

// late fills rows in once more, as one does who was held up, and expects nothing of it.
func (f *fixture) late(t testing.TB, ids ...projection.RowID) {
	t.Helper()
	before := f.get(t, ids...)
	var rows []projection.Row
	for _, id := range ids {
		rows = append(rows, f.row(id, `"late"`))
	}
	f.filling(t, nil, rows...)
	require.Equal(t, before, f.get(t, ids...))
}

func originTold(t *testing.T, f *fixture) {
	live, filled := f.put(row("v", "p", "live"), `1`), f.row(row("v", "p", "rebuilt"), `1`)
	f.must(t, nil, live)
	f.filling(t, nil, filled)
	want := append(rowsOf(live), origin(filled)...)
	assert.Equal(t, want, f.get(t, live.Row.ID, filled.ID))
	assert.Equal(t, want, f.page(t, projection.PageQuery{Limit: 5}))
	assert.Equal(t, reversed(want), f.page(t, projection.PageQuery{Limit: 5, Backward: true}))
	assert.Equal(t, want, collect(t, f.views.ScanRows(t.Context(), f.generation, "v")))
}

func originKept(t *testing.T, f *fixture) {
	id, own := row("v", "p", ""), ownRow(stream("a"))
	first, ownFirst := f.row(id, `1`), f.row(own, `1`)
	f.filling(t, checkpoints(at("a", 1)), first, ownFirst)
	second, ownSecond := f.put(id, `2`), f.put(own, `2`)
	f.must(t, moves(move(stream("a"), 1, 2)), expecting(first.Rev, second), expecting(ownFirst.Rev, ownSecond))
	require.Equal(t, origin(rowsOf(ownSecond, second)...), f.get(t, id, own))
	third, ownThird := f.put(id, `3`), f.put(own, `3`)
	f.must(t, moves(move(stream("a"), 2, 3)), third, ownThird)
	require.Equal(t, origin(rowsOf(ownThird, third)...), f.get(t, id, own))
	alone := f.put(own, `4`)
	f.must(t, moves(move(stream("a"), 3, 4)), alone)
	assert.Equal(t, origin(rowsOf(alone, third)...), f.get(t, id, own))
}

func originKeptByTombstones(t *testing.T, f *fixture) {
	one, two, own := row("v", "p", "1"), row("v", "p", "2"), ownRow(stream("a"))
	f.buried(t, one, two)
	f.filling(t, checkpoints(at("a", 1)), f.row(own, `1`))
	f.must(t, moves(move(stream("a"), 1, 2)), f.erase(own))
	writes := []projection.RowWrite{f.put(own, `2`), f.put(one, `2`), f.put(two, `2`)}
	f.must(t, moves(move(stream("a"), 2, 3)), expecting(absent, writes[0]), expecting(absent, writes[1]), writes[2])
	assert.Equal(t, origin(rowsOf(writes...)...), f.get(t, one, two, own))
	// And so they can be deleted again, and leave a tombstone again.
	f.must(t, nil, expecting(writes[1].Row.Rev, f.erase(one)), f.erase(two))
	f.late(t, one, two)
}

func originNotPut(t *testing.T, f *fixture) {
	one, two, own := f.put(row("v", "p", "1"), `1`), f.put(row("v", "p", "2"), `1`), f.put(ownRow(stream("a")), `1`)
	want := rowsOf(own, one, two)
	for _, w := range []*projection.RowWrite{&one, &two, &own} {
		w.Row.Origin = true
	}
	f.must(t, moves(move(stream("a"), 0, 1)), one, expecting(absent, two), own)
	assert.Equal(t, want, f.get(t, one.Row.ID, two.Row.ID, own.Row.ID))
}

func tombstonesUnseen(t *testing.T, f *fixture) {
	rows := f.partition(t, "b", "d")
	f.buried(t, row("v", "p", "a"), row("v", "p", "c"), row("v", "p", "e"), row("v", "q", ""), row("w", "p", ""))
	assert.Equal(t, rows, f.get(t, row("v", "p", "a"), row("v", "p", "b"), row("v", "p", "c"), row("v", "p", "d"), row("w", "p", "")))
	assert.Equal(t, rows, f.page(t, projection.PageQuery{Limit: 9}))
	assert.Equal(t, reversed(rows), f.page(t, projection.PageQuery{Limit: 9, Backward: true}))
	assert.Equal(t, rows[1:], f.page(t, projection.PageQuery{After: new("c"), Limit: 9}))
	assert.Equal(t, rows[:1], f.page(t, projection.PageQuery{After: new("c"), Limit: 9, Backward: true}))
	page, err := f.views.Page(t.Context(), f.generation, projection.PageQuery{View: "v", Partition: "q", Limit: 1})
	require.NoError(t, err)
	assert.Empty(t, page)
	for _, r := range collect(t, f.views.ScanRows(t.Context(), f.generation, "v")) {
		assert.NotContains(t, []string{"a", "c", "e"}, r.ID.Key.Sort)
		assert.NotEqual(t, "q", r.ID.Key.Partition)
	}
	assert.Len(t, f.contents(t, "w").Rows, 1)
}

func tombstonesInPages(t *testing.T, f *fixture) {
	var ids []projection.RowID
	var rows []projection.Row
	for i, sort := range numbered("s", 160) {
		if i%40 == 35 {
			rows = append(rows, f.row(row("v", "p", sort), `1`))
		} else {
			ids = append(ids, row("v", "p", sort))
		}
	}
	f.buried(t, ids...)
	f.filling(t, nil, rows...)
	rows = origin(rows...)
	for limit := 1; limit <= len(rows)+1; limit++ {
		n := min(limit, len(rows))
		require.Equal(t, rows[:n], f.page(t, projection.PageQuery{Limit: limit}))
		require.Equal(t, reversed(rows)[:n], f.page(t, projection.PageQuery{Limit: limit, Backward: true}))
	}
	assert.Equal(t, rows[1:3], f.page(t, projection.PageQuery{After: new(rows[0].ID.Key.Sort), Limit: 2}))
	assert.Equal(t, reversed(rows[1:3]), f.page(t, projection.PageQuery{After: new(rows[3].ID.Key.Sort), Limit: 2, Backward: true}))
	assert.Equal(t, rows, collect(t, f.views.ScanRows(t.Context(), f.generation, "v")))
}

func tombstonesAbsent(t *testing.T, f *fixture) {
	id := row("v", "p", "")
	first := f.row(id, `1`)
	f.filling(t, nil, first)
	erased := expecting(first.Rev, f.erase(id))
	f.must(t, nil, erased)
	for _, rev := range []projection.RowWrite{expecting(first.Rev, f.put(id, `2`)), expecting(erased.Row.Rev, f.put(id, `2`)),
		expecting(first.Rev, f.remove(id)), expecting(first.Rev, f.erase(id))} {
		f.refused(t, nil, rev)
	}
	made := expecting(absent, f.put(id, `2`))
	f.must(t, nil, made)
	assert.Equal(t, origin(rowsOf(made)...), f.get(t, id))
	f.refused(t, nil, expecting(absent, f.put(id, `3`)))
}

func tombstonesKeepOut(t *testing.T, f *fixture) {
	asRead, unread, changed := row("v", "p", "1"), row("v", "p", "2"), row("v", "p", "3")
	rows := []projection.Row{f.row(asRead, `1`), f.row(unread, `1`), f.row(changed, `1`)}
	f.filling(t, nil, rows...)
	next := f.put(changed, `2`)
	f.must(t, nil, next)
	f.must(t, nil, expecting(rows[0].Rev, f.erase(asRead)), f.erase(unread), expecting(next.Row.Rev, f.erase(changed)))
	f.late(t, asRead, unread, changed)
	assert.Empty(t, f.get(t, asRead, unread, changed))
	// One that does not say origin leaves nothing.
	f.must(t, nil, f.remove(unread))
	again := f.row(unread, `3`)
	f.filling(t, nil, again)
	assert.Equal(t, origin(again), f.get(t, unread))
}

func tombstonesStay(t *testing.T, f *fixture) {
	id := row("v", "p", "")
	f.buried(t, id)
	check := expecting(absent, f.remove(id))
	f.must(t, moves(move(stream("a"), 0, 1)), check)
	f.late(t, id)
	check.Row.Origin = true // which nobody has read
	f.must(t, moves(move(stream("a"), 1, 2)), check, expecting(absent, f.erase(row("v", "none", ""))))
	f.late(t, id)
	free := f.row(row("v", "none", ""), `1`)
	f.filling(t, nil, free)
	assert.Equal(t, origin(free), f.get(t, free.ID), "a check leaves no tombstone")
}

func tombstonesWithSlices(t *testing.T, f *fixture) {
	one, two := f.row(row("v", "p", "1"), `1`), f.row(row("v", "p", "2"), `1`)
	f.filling(t, checkpoints(at("a", 5)), one, two)
	f.refused(t, moves(move(stream("a"), 4, 6)), expecting(one.Rev, f.erase(one.ID)), f.erase(two.ID))
	f.refused(t, moves(move(stream("a"), 5, 6)), f.erase(two.ID), expecting(two.Rev, f.erase(one.ID)))
	require.Equal(t, contents{Checkpoints: checkpoints(at("a", 5)), Rows: origin(one, two)}, f.contents(t, "v"))
	f.must(t, moves(move(stream("a"), 5, 6)), expecting(one.Rev, f.erase(one.ID)), f.erase(two.ID))
	assert.Equal(t, contents{Checkpoints: checkpoints(at("a", 6))}, f.contents(t, "v"))
	f.late(t, one.ID, two.ID)
}

func tombstonesOfStreams(t *testing.T, f *fixture) {
	own, other := f.row(ownRow(stream("a")), `1`), f.row(ownRow(stream("b")), `1`)
	f.filling(t, checkpoints(at("a", 1), at("b", 1)), own, other)
	f.must(t, moves(move(stream("a"), 1, 2), move(stream("b"), 1, 2)), expecting(own.Rev, f.erase(own.ID)), f.erase(other.ID))
	want := contents{Checkpoints: checkpoints(at("a", 2), at("b", 2))}
	require.Equal(t, want, f.contents(t, ownView))
	f.filling(t, checkpoints(at("a", 1), at("b", 1)), slices.Clone([]projection.Row{own, other})...)
	assert.Equal(t, want, f.contents(t, ownView))
	assert.Empty(t, f.get(t, own.ID, other.ID))
	f.must(t, moves(move(stream("a"), 2, 3)), expecting(absent, f.put(own.ID, `2`)))
}
