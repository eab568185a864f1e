package viewstest

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

var rowClauses = []clause{
	{"are those that exist among those asked for, of any view", rowsThatExist},
	{"come once however often they are asked for", rowsOnce},
	{"come in any number", manyRows},
	{"come whole however large they are together", largeRows},
	{"are seen as soon as they are written", rowsAtOnce},
	{"keep their content byte for byte", rowsKeepContent},
	{"keep their revision, whatever its stream is called", rowsKeepRevision},
}

func rowsThatExist(t *testing.T, f *fixture) {
	writes := []projection.RowWrite{
		f.put(row("v", "p", ""), `1`), f.put(row("v", "p", "s"), `2`), f.put(row("v", "q", "s"), `3`), f.put(row("w", "p", "s"), `4`),
	}
	f.must(t, nil, writes...)
	assert.Equal(t, rowsOf(writes...), f.get(t, row("w", "p", "s"), row("v", "q", "s"), row("v", "p", "s"), row("v", "p", "")))
	assert.Equal(t, rowsOf(writes[1], writes[3]), f.get(t, row("v", "p", "s"), row("w", "p", "s"), row("w", "p", ""), row("x", "p", "s")))
	assert.Empty(t, f.get(t, row("v", "p", "t"), row("x", "p", "")))
	assert.Empty(t, f.get(t))
}

func rowsOnce(t *testing.T, f *fixture) {
	id := row("v", "p", "s")
	w := f.put(id, `1`)
	f.must(t, nil, w)
	ids := slices.Repeat([]projection.RowID{id, row("v", "none", "")}, 200) // more than a store asks for at once
	assert.Equal(t, rowsOf(w), f.get(t, ids...))
}

func manyRows(t *testing.T, f *fixture) {
	var writes []projection.RowWrite
	var ids []projection.RowID
	for i, name := range numbered("p", 700) {
		id := row("v", name, name)
		ids = append(ids, id)
		if i%7 > 0 {
			writes = append(writes, f.put(id, `{"name":"`+name+`"}`))
		}
	}
	f.fill(t, nil, writes...)
	slices.Reverse(ids)
	same(t, rowsOf(writes...), f.get(t, ids...))
}

// largeRows together exceed 16 MB, what one request to DynamoDB answers.
func largeRows(t *testing.T, f *fixture) {
	content := string(filling(projection.MaxRowBytes))
	var writes []projection.RowWrite
	var ids []projection.RowID
	for _, name := range numbered("s", 45) {
		w := f.put(row("v", "p", name), content)
		writes = append(writes, w)
		ids = append(ids, w.Row.ID)
	}
	f.fill(t, nil, writes...)
	want := rowsOf(writes...)
	same(t, want, f.get(t, ids...))
	page, err := f.views.Page(t.Context(), f.generation, projection.PageQuery{View: "v", Partition: "p", Limit: 7})
	require.NoError(t, err)
	same(t, want[:7], page)
	same(t, want, collect(t, f.views.ScanRows(t.Context(), f.generation, "v")))
}

func rowsAtOnce(t *testing.T, f *fixture) {
	id := row("v", "p", "s")
	for range 20 {
		w := f.put(id, `1`)
		f.must(t, nil, w)
		require.Equal(t, rowsOf(w), f.get(t, id))
	}
}

func rowsKeepContent(t *testing.T, f *fixture) {
	contents := []string{
		`{"price":1.10,"zero":0.0,"minus":-0,"big":12345678901234567890,"huge":1e400,"tiny":1E-400,"exact":0.1000000000000000055511151231257827}`,
		"{ \"space\" :\t[ 1 ,\n2 ]\r\n}",
		`{"b":1,"a":2,"b":3,"":4}`,
		`"é \u00e9 e\u0301 日本 😀 \ud83d\ude00 < > & \u003c \u2028 \/ \" \\ \u0000"`,
		"\"\u2028\u2029\ufeff\ufffd\u007f\"",
		`{}`, `[]`, `null`, `true`, `0`, `""`, `"'; DROP TABLE rows; --"`,
		string(filling(projection.MaxRowBytes)),
	}
	for _, content := range contents {
		w := f.put(row("v", "p", ""), content)
		f.must(t, nil, w)
		require.True(t, string(f.get(t, w.Row.ID)[0].Content) == content, "put: %.200s", content)
		changed := expecting(w.Row.Rev, f.put(w.Row.ID, content))
		f.must(t, nil, changed)
		require.True(t, string(f.get(t, w.Row.ID)[0].Content) == content, "changed: %.200s", content)
		f.must(t, nil, expecting(changed.Row.Rev, f.remove(w.Row.ID)))
		f.must(t, nil, expecting(absent, f.put(w.Row.ID, content)))
		require.True(t, string(f.get(t, w.Row.ID)[0].Content) == content, "made: %.200s", content)
	}
}

func rowsKeepRevision(t *testing.T, f *fixture) {
	long := string(filling(eventstore.MaxIDBytes))
	for _, id := range append([]string{"x@1", "x@", "@", "a-b-c", "1@2@3", long}, likeEachOther...) {
		w := f.put(row("v", "p", ""), `1`)
		w.Row.Rev = eventstore.EventID{Stream: stream(id), Version: 1<<63 - 1}
		f.must(t, nil, w)
		require.Equal(t, rowsOf(w), f.get(t, w.Row.ID))
		f.refused(t, nil, expecting(eventstore.EventID{Stream: stream(id), Version: 1}, f.put(w.Row.ID, `2`)))
		f.must(t, nil, expecting(w.Row.Rev, f.remove(w.Row.ID)))
	}
}
