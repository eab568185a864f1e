package viewstest

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

var limitClauses = []clause{
	{"refuse one item too many with both numbers, and allow as many as they say", limitOfItems},
	{"refuse one byte too many with both numbers", limitOfBytes},
	{"leave room for an event with one row", limitsSuffice},
	{"a stream named twice is refused", streamNamedTwice},
	{"a row named twice is refused", rowNamedTwice},
	{"a checkpoint that would not move forward is refused", moveBack},
	{"a row without a revision is refused", rowWithoutRev},
}

func limitsSuffice(t *testing.T, f *fixture) {
	limits := f.views.Limits()
	assert.GreaterOrEqual(t, limits.Items, 2)
	assert.GreaterOrEqual(t, limits.Bytes, projection.MaxRowBytes+projection.MaxPartitionBytes+projection.MaxSortBytes)
}

func limitOfItems(t *testing.T, f *fixture) {
	limit := f.views.Limits().Items
	var writes []projection.RowWrite
	for _, name := range numbered("p", limit) {
		writes = append(writes, f.put(row("v", name, ""), `1`))
	}
	f.refusedFor(t, limit+1, limit, f.slice(moves(move(stream("a"), 0, 1)), writes...))
	writes = writes[1:]
	f.must(t, moves(move(stream("a"), 0, 1)), writes...)
	same(t, rowsOf(writes...), f.contents(t, "v").Rows)
}

func limitOfBytes(t *testing.T, f *fixture) {
	limit := f.views.Limits().Bytes
	content := filling(projection.MaxRowBytes)
	var writes []projection.RowWrite
	left := limit
	for i, name := range numbered("p", limit/projection.MaxRowBytes+1) {
		w := f.put(row("v", name, "sort"), "")
		keys := len(name) + len("sort")
		w.Row.Content = content[:min(len(content), max(0, left-keys))] // shared: nothing of this is stored
		if left -= keys + len(w.Row.Content); i == limit/projection.MaxRowBytes {
			w.Row.ID.Key.Sort += "+" // the one byte
		}
		writes = append(writes, w)
	}
	require.Zero(t, left)
	f.refusedFor(t, limit+1, limit, f.slice(moves(move(stream("a"), 0, 1)), writes...))
}

// refusedFor expects the numbers in the error, and nothing of the slice.
func (f *fixture) refusedFor(t *testing.T, size, limit int, s projection.Slice) {
	t.Helper()
	err := f.views.Apply(t.Context(), s)
	require.ErrorIs(t, err, eventstore.ErrTooLarge)
	require.NotErrorIs(t, err, projection.ErrChanged)
	too, ok := errors.AsType[*projection.LimitError](err)
	require.True(t, ok, "%v", err)
	assert.Equal(t, []int{size, limit}, []int{too.Size, too.Limit})
	assert.Equal(t, contents{}, f.contents(t, "v"))
}

// filling is a JSON string of n bytes.
func filling(n int) []byte {
	content := make([]byte, n)
	for i := range content {
		content[i] = "0123456789abcdef"[i%16]
	}
	content[0], content[n-1] = '"', '"'
	return content
}

func streamNamedTwice(t *testing.T, f *fixture) {
	a, b := stream("a"), stream("b")
	for _, m := range [][]projection.Move{
		moves(move(a, 0, 1), move(a, 0, 1)),
		moves(move(a, 0, 1), move(b, 0, 1), move(a, 1, 2)), // even where the one would follow the other
	} {
		err := f.views.Apply(t.Context(), f.slice(m, f.put(row("v", "p", ""), `1`)))
		require.ErrorIs(t, err, eventstore.ErrInvalid)
		assert.ErrorContains(t, err, "user-a")
	}
	assert.Equal(t, contents{}, f.contents(t, "v"))
}

func rowNamedTwice(t *testing.T, f *fixture) {
	id := row("v", "p", "s")
	first := f.put(id, `1`)
	for _, second := range []projection.RowWrite{f.put(id, `1`), expecting(first.Row.Rev, f.put(id, `2`)), f.remove(id)} {
		err := f.views.Apply(t.Context(), f.slice(moves(move(stream("a"), 0, 1)), first, f.put(row("v", "p", "t"), `1`), second))
		require.ErrorIs(t, err, eventstore.ErrInvalid)
		assert.ErrorContains(t, err, `"p"`)
	}
	assert.Equal(t, contents{}, f.contents(t, "v"))
	// One of these differs from each other in one place only.
	f.must(t, nil, first, f.put(row("v", "p", ""), `1`), f.put(row("v", "s", "p"), `1`), f.put(row("w", "p", "s"), `1`))
}

func moveBack(t *testing.T, f *fixture) {
	for _, m := range []projection.Move{move(stream("a"), 2, 1), move(stream("a"), 1, 1), move(stream("a"), 0, 0), move(eventstore.StreamID{}, 0, 1)} {
		require.ErrorIs(t, f.views.Apply(t.Context(), f.slice(moves(m), f.put(row("v", "p", ""), `1`))), eventstore.ErrInvalid)
	}
	assert.Equal(t, contents{}, f.contents(t, "v"))
}

func rowWithoutRev(t *testing.T, f *fixture) {
	w := f.put(row("v", "p", ""), `1`)
	w.Row.Rev = absent
	require.ErrorIs(t, f.views.Apply(t.Context(), f.slice(moves(move(stream("a"), 0, 1)), w)), eventstore.ErrInvalid)
	assert.Equal(t, contents{}, f.contents(t, "v"))
}
