package viewstest

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/projection"
)

var conditionClauses = []clause{
	{"hold for what was read: a row put, changed and deleted", conditionsHold},
	{"let a row be only checked to be absent", conditionsOnly},
	{"tell a row that was deleted and made again from the old one", conditionsSeeThroughABA},
	{"of a generation are about its own rows and checkpoints", conditionsOfGenerations},
	{"are about the state before the slice, not about parts of it", conditionsBefore},
}

func conditionsHold(t *testing.T, f *fixture) {
	id := row("v", "p", "s")
	made := expecting(absent, f.put(id, `1`))
	f.must(t, nil, made)
	require.Equal(t, rowsOf(made), f.get(t, id))
	changed := expecting(made.Row.Rev, f.put(id, `2`))
	f.must(t, nil, changed)
	require.Equal(t, rowsOf(changed), f.get(t, id))
	f.must(t, nil, expecting(changed.Row.Rev, f.remove(id)))
	require.Empty(t, f.get(t, id))
	again := expecting(absent, f.put(id, `3`))
	f.must(t, nil, again)
	require.Equal(t, rowsOf(again), f.get(t, id))
}

func conditionsOnly(t *testing.T, f *fixture) {
	id := row("v", "p", "s")
	check := expecting(absent, f.remove(id))
	f.must(t, moves(move(stream("a"), 0, 1)), check)
	assert.Empty(t, f.get(t, id), "a check makes no row")
	assert.EqualValues(t, 1, f.checkpoint(t, stream("a")).Version)
	f.must(t, nil, f.put(id, `1`))
	f.refused(t, moves(move(stream("a"), 1, 2)), check)
	f.must(t, nil, f.remove(id))
	f.must(t, moves(move(stream("a"), 1, 2)), check)
}

func conditionsSeeThroughABA(t *testing.T, f *fixture) {
	id := row("v", "p", "s")
	old := f.put(id, `"the same content"`)
	f.must(t, nil, old)
	f.must(t, nil, f.remove(id))
	renewed := f.put(id, `"the same content"`)
	f.must(t, nil, renewed)
	f.refused(t, nil, expecting(old.Row.Rev, f.put(id, `"lost"`)))
	f.refused(t, nil, expecting(old.Row.Rev, f.remove(id)))
	assert.Equal(t, rowsOf(renewed), f.get(t, id))
}

func conditionsOfGenerations(t *testing.T, f *fixture) {
	next := f.of(projection.GenerationID{Projection: f.generation.Projection, Number: 2})
	id := row("v", "p", "s")
	old := f.put(id, `1`)
	f.must(t, moves(move(stream("a"), 0, 7)), old)
	next.refused(t, moves(move(stream("a"), 7, 8)))
	next.refused(t, nil, expecting(old.Row.Rev, f.put(id, `2`)))
	renewed := expecting(absent, f.put(id, `2`))
	next.must(t, moves(move(stream("a"), 0, 1)), renewed)
	assert.Equal(t, rowsOf(old), f.get(t, id))
	assert.Equal(t, rowsOf(renewed), next.get(t, id))
}

// conditionsBefore: a write in a slice does not make another write's condition true
// or false, in whichever order the store carries them out.
func conditionsBefore(t *testing.T, f *fixture) {
	one, two := row("v", "p", "1"), row("v", "p", "2")
	first := f.put(one, `1`)
	f.must(t, nil, first)
	// The row moves to another key: both conditions are about what was read.
	moved := expecting(absent, f.put(two, `1`))
	f.must(t, nil, expecting(first.Row.Rev, f.remove(one)), moved)
	assert.Equal(t, rowsOf(moved), f.contents(t, "v").Rows)
	back := expecting(absent, f.put(one, `1`))
	f.must(t, nil, back, expecting(moved.Row.Rev, f.remove(two)))
	assert.Equal(t, rowsOf(back), f.contents(t, "v").Rows)
}
