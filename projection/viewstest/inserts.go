package viewstest

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

var insertClauses = []clause{
	{"are there when the slice is applied, in any number", insertedRowsAreThere},
	{"may be written again, and are the same", insertedAgain},
	{"of a refused slice change nothing else", insertedWithARefusedSlice},
	{"are there with a stream that is parked, too", insertedBesideAParkRecord},
	{"can be neither conditional nor deletions", insertedOnACondition},
}

// insert writes a row that nothing else touches.
func (f *fixture) insert(id projection.RowID, content string) projection.RowWrite {
	w := f.put(id, content)
	w.Insert = true
	return w
}

// inserts are more rows than a slice may have otherwise.
func (f *fixture) inserts() (writes []projection.RowWrite) {
	for _, name := range numbered("p", min(f.views.Limits().Items, 300)+7) {
		writes = append(writes, f.insert(row("list", name, "s"), `"`+name+`"`))
	}
	return writes
}

func insertedRowsAreThere(t *testing.T, f *fixture) {
	writes := f.inserts()
	counted := f.put(row("v", "p", ""), `1`)
	f.must(t, moves(move(stream("a"), 0, 3)), append(writes, counted)...)
	same(t, rowsOf(writes...), f.contents(t, "list").Rows)
	assert.Equal(t, rowsOf(counted), f.get(t, counted.Row.ID))
	assert.Equal(t, eventstore.Version(3), f.checkpoint(t, stream("a")).Version)
}

func insertedAgain(t *testing.T, f *fixture) {
	writes := f.inserts()
	f.must(t, moves(move(stream("a"), 0, 3)), writes...)
	f.refused(t, moves(move(stream("a"), 0, 3)), writes...)
	f.must(t, moves(move(stream("a"), 3, 4)), writes...)
	f.must(t, nil, writes[0])
	same(t, rowsOf(writes...), f.contents(t, "list").Rows)
}

func insertedWithARefusedSlice(t *testing.T, f *fixture) {
	f.must(t, moves(move(stream("a"), 0, 3)))
	writes, other := f.inserts(), f.put(row("v", "p", ""), `1`)
	f.refused(t, moves(move(stream("a"), 2, 3)), append(writes, other)...)
	assert.Empty(t, f.get(t, other.Row.ID))
	assert.Equal(t, eventstore.Version(3), f.checkpoint(t, stream("a")).Version)
	// They may be there or not, but not other ones.
	wanted := rowsOf(writes...)
	for _, r := range f.contents(t, "list").Rows {
		assert.Contains(t, wanted, r)
	}
}

func insertedBesideAParkRecord(t *testing.T, f *fixture) {
	f.park(t, stream("a"), 0, parked(1))
	writes := f.inserts()
	f.refused(t, moves(move(stream("a"), 0, 1)), writes[:3]...)
	f.must(t, moves(knowing(move(stream("a"), 0, 1))), writes...)
	same(t, rowsOf(writes...), f.contents(t, "list").Rows)
}

func insertedOnACondition(t *testing.T, f *fixture) {
	conditional := expecting(absent, f.insert(row("v", "p", ""), `1`))
	deletion := f.insert(row("v", "p", ""), "")
	deletion.Delete = true
	for _, w := range []projection.RowWrite{conditional, deletion} {
		require.ErrorIs(t, f.views.Apply(t.Context(), f.slice(moves(move(stream("a"), 0, 1)), w)), eventstore.ErrInvalid)
	}
	assert.Equal(t, contents{}, f.contents(t, "v"))
}
