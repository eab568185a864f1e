package viewstest

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/projection"
)

var pageClauses = []clause{
	{"returns the rows of one partition forwards and backwards", pageBothWays},
	{"begins behind a sort key, also one that is not there", pageAfter},
	{"returns as many rows as the limit, fewer only at the end", pageLimit},
	{"can be walked to the end and back", pageWalk},
	{"of more rows than a store reads at once is whole", pageMany},
	{"of nothing is empty", pageEmpty},
}

// partition fills a partition with rows, among others that are not of it, and
// returns them in order.
func (f *fixture) partition(t *testing.T, sorts ...string) []projection.Row {
	t.Helper()
	var writes []projection.RowWrite
	for _, s := range sorts {
		writes = append(writes, f.put(row("v", "p", s), `"`+s+`"`))
	}
	f.fill(t, nil, append(slices.Clone(writes), f.put(row("v", "o", "z"), `1`), f.put(row("v", "p ", ""), `1`), f.put(row("v", "pp", "b"), `1`),
		f.put(row("v", "P", "b"), `1`), f.put(row("w", "p", "b"), `1`))...)
	return rowsOf(writes...)
}

func (f *fixture) page(t testing.TB, q projection.PageQuery) []projection.Row {
	t.Helper()
	q.View, q.Partition = "v", "p"
	rows, err := f.views.Page(t.Context(), f.generation, q)
	require.NoError(t, err)
	return append([]projection.Row{}, rows...) // never nil, so that it compares with parts of a list
}

func reversed(rows []projection.Row) []projection.Row {
	rows = slices.Clone(rows)
	slices.Reverse(rows)
	return rows
}

func pageBothWays(t *testing.T, f *fixture) {
	rows := f.partition(t, "", "a", "b", "c")
	assert.Equal(t, rows, f.page(t, projection.PageQuery{Limit: 10}))
	assert.Equal(t, reversed(rows), f.page(t, projection.PageQuery{Limit: 10, Backward: true}))
}

func pageAfter(t *testing.T, f *fixture) {
	rows := f.partition(t, "", "b", "d", "f")
	for after, first := range map[string]int{"": 1, "a": 1, "b": 2, "b\x01": 2, "c": 2, "d": 3, "e": 3, "f": 4, "g": 4, "😀": 4} {
		assert.Equal(t, rows[first:], f.page(t, projection.PageQuery{After: new(after), Limit: 10}), "after %q", after)
	}
	for after, n := range map[string]int{"": 0, "a": 1, "b": 1, "b\x01": 2, "c": 2, "d": 2, "e": 3, "f": 3, "g": 4, "😀": 4} {
		assert.Equal(t, reversed(rows[:n]), f.page(t, projection.PageQuery{After: new(after), Backward: true, Limit: 10}), "back from %q", after)
	}
}

func pageLimit(t *testing.T, f *fixture) {
	rows := f.partition(t, "a", "b", "c", "d", "e")
	for limit := 1; limit <= 7; limit++ {
		n := min(limit, len(rows))
		assert.Equal(t, rows[:n], f.page(t, projection.PageQuery{Limit: limit}))
		assert.Equal(t, reversed(rows)[:n], f.page(t, projection.PageQuery{Limit: limit, Backward: true}))
	}
	// A page that ends with the last row, and the one behind it.
	assert.Equal(t, rows[3:], f.page(t, projection.PageQuery{After: new("c"), Limit: 2}))
	assert.Empty(t, f.page(t, projection.PageQuery{After: new("e"), Limit: 2}))
	assert.Equal(t, reversed(rows[:2]), f.page(t, projection.PageQuery{After: new("c"), Limit: 2, Backward: true}))
	assert.Empty(t, f.page(t, projection.PageQuery{After: new("a"), Limit: 2, Backward: true}))
}

func pageWalk(t *testing.T, f *fixture) {
	rows := f.partition(t, numbered("s", 23)...)
	for _, backward := range []bool{false, true} {
		var walked []projection.Row
		q := projection.PageQuery{Limit: 4, Backward: backward}
		for {
			page := f.page(t, q)
			if len(page) == 0 {
				break
			}
			walked = append(walked, page...)
			require.LessOrEqual(t, len(walked), len(rows), "it goes round in circles")
			q.After = new(page[len(page)-1].ID.Key.Sort)
		}
		if backward {
			slices.Reverse(walked)
		}
		same(t, rows, walked)
	}
}

func pageMany(t *testing.T, f *fixture) {
	rows := f.partition(t, numbered("s", projection.MaxPage+100)...)
	same(t, rows[:projection.MaxPage+1], f.page(t, projection.PageQuery{Limit: projection.MaxPage + 1}))
	same(t, reversed(rows)[:projection.MaxPage+1], f.page(t, projection.PageQuery{Limit: projection.MaxPage + 1, Backward: true}))
}

func pageEmpty(t *testing.T, f *fixture) {
	f.partition(t)
	assert.Empty(t, f.page(t, projection.PageQuery{Limit: 10}))
	assert.Empty(t, f.page(t, projection.PageQuery{Limit: 10, Backward: true}))
	for _, q := range []projection.PageQuery{{View: "v", Partition: "never", Limit: 10}, {View: "never", Partition: "p", Limit: 10, After: new("a")}} {
		rows, err := f.views.Page(t.Context(), f.generation, q)
		require.NoError(t, err)
		assert.Empty(t, rows)
	}
}
