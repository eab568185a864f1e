package viewstest

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

var skipClauses = []clause{
	{"mark a record, past which only a move goes that skips its event", skipFences},
	{"need a marked record above the checkpoint", skipNeedsMark},
	{"are done where the mark is left over: it lets every move pass", skipLeftOver},
	{"keep the mark of a record that waits: an unmarked one does not take its place", skipKeepsMark},
	{"replace a record that is not marked, and one that is", skipReplaces},
	{"are refused where the move does not know of the record", skipUnknowing},
	{"and the event being applied exclude each other", skipRace},
}

// marked is a record that is marked to skip its event.
func marked(at eventstore.Version) *projection.Parked {
	p := parked(at)
	p.Skip = true
	return p
}

// skipping is a move of who passes over the event of a marked record.
func skipping(m projection.Move) projection.Move {
	m.Parked, m.Skip = true, true
	return m
}

func skipFences(t *testing.T, f *fixture) {
	at0, at3 := stream("at0"), stream("at3")
	f.must(t, moves(move(at3, 0, 3)))
	f.park(t, at0, 0, marked(1))
	f.park(t, at3, 3, marked(12)) // by numbers, not by digits
	before := f.contents(t, "v", ownView)
	for _, m := range []projection.Move{move(at0, 0, 1), move(at3, 3, 14), knowing(move(at0, 0, 1)), knowing(move(at3, 3, 14))} {
		f.refused(t, moves(m))
		f.refused(t, moves(m), f.put(row("v", "p", ""), `1`))
		f.refused(t, moves(m), f.put(ownRow(m.Stream), `1`))
		require.Equal(t, before, f.contents(t, "v", ownView))
	}
	writes := []projection.RowWrite{f.put(ownRow(at0), `0`), f.put(row("v", "p", ""), `1`)}
	f.must(t, moves(skipping(move(at0, 0, 2)), skipping(move(at3, 3, 14))), writes...)
	assert.Equal(t, contents{
		Checkpoints: []projection.Checkpoint{{Stream: at0, Version: 2, Parked: marked(1)}, {Stream: at3, Version: 14, Parked: marked(12)}},
		Rows:        rowsOf(writes...),
	}, f.contents(t, ownView, "v"))
}

func skipNeedsMark(t *testing.T, f *fixture) {
	none, at3, unmarked, atNone := stream("none"), stream("at3"), stream("unmarked"), stream("unmarked-at-0")
	f.must(t, moves(move(at3, 0, 3), move(unmarked, 0, 3)))
	f.park(t, unmarked, 3, parked(4))
	f.park(t, atNone, 0, parked(1))
	before := f.contents(t)
	for _, m := range []projection.Move{move(none, 0, 1), move(at3, 3, 4), move(unmarked, 3, 4), move(atNone, 0, 1)} {
		f.refused(t, moves(skipping(m)))
		require.Equal(t, before, f.contents(t), m.Stream)
	}
	f.park(t, unmarked, 3, marked(4))
	f.refused(t, moves(skipping(move(unmarked, 2, 4))))
	f.refused(t, moves(skipping(move(unmarked, 4, 5))))
	f.must(t, moves(skipping(move(unmarked, 3, 4))))
}

func skipLeftOver(t *testing.T, f *fixture) {
	s := stream("a")
	f.must(t, moves(move(s, 0, 3)))
	f.park(t, s, 3, marked(4))
	f.must(t, moves(skipping(move(s, 3, 4))))
	f.refused(t, moves(skipping(move(s, 4, 5)))) // there is nothing to skip any more
	f.refused(t, moves(move(s, 4, 5)))           // a record is there
	f.must(t, moves(knowing(move(s, 4, 11))))
	f.park(t, s, 11, parked(12)) // takes its place
	assert.Equal(t, parked(12), f.checkpoint(t, s).Parked)
	f.must(t, moves(knowing(move(s, 11, 12)))) // and nothing of the mark is left
	f.park(t, s, 12, marked(12))
	f.park(t, s, 12, nil)
	f.must(t, moves(move(s, 12, 13)))
	assert.Equal(t, projection.Checkpoint{Stream: s, Version: 13}, f.checkpoint(t, s))
	f.park(t, s, 13, parked(14))
	f.must(t, moves(knowing(move(s, 13, 14))))
}

func skipKeepsMark(t *testing.T, f *fixture) {
	at0, at3 := stream("at0"), stream("at3")
	f.must(t, moves(move(at3, 0, 3)))
	f.park(t, at0, 0, marked(1))
	f.park(t, at3, 3, marked(12))
	before := f.contents(t)
	for s, at := range map[eventstore.StreamID]eventstore.Version{at0: 0, at3: 3} {
		for _, p := range []*projection.Parked{parked(at + 1), parked(at), parked(at + 100), nil} {
			require.ErrorIs(t, f.views.Park(t.Context(), f.generation, s, at, p), projection.ErrChanged)
			require.Equal(t, before, f.contents(t))
		}
	}
}

func skipReplaces(t *testing.T, f *fixture) {
	s := stream("a")
	f.must(t, moves(move(s, 0, 3)))
	for _, p := range []*projection.Parked{parked(4), marked(4), marked(5), marked(3), parked(4), marked(4)} {
		f.park(t, s, 3, p)
		want := projection.Checkpoint{Stream: s, Version: 3, Parked: p}
		require.Equal(t, want, f.checkpoint(t, s))
		require.Equal(t, []projection.Checkpoint{want}, collect(t, f.views.AllCheckpoints(t.Context(), f.generation, true)))
	}
}

func skipUnknowing(t *testing.T, f *fixture) {
	s := stream("a")
	f.park(t, s, 0, marked(1))
	m := move(s, 0, 1)
	m.Skip = true
	require.ErrorIs(t, f.views.Apply(t.Context(), f.slice(moves(m))), eventstore.ErrInvalid)
	assert.Equal(t, projection.Checkpoint{Stream: s, Parked: marked(1)}, f.checkpoint(t, s))
}

// skipRace: a record is marked, or its event applied, and never both.
func skipRace(t *testing.T, f *fixture) {
	s, id := stream("a"), row("v", "p", "")
	for v := range eventstore.Version(20) {
		f.park(t, s, v, parked(v+1))
		before := f.get(t, id)
		var errs [2]error
		atOnce(2, func(i int) {
			if i == 0 {
				errs[0] = f.views.Apply(t.Context(), f.slice(moves(knowing(move(s, v, v+1))), f.put(id, "1")))
			} else {
				errs[1] = f.views.Park(t.Context(), f.generation, s, v, marked(v+1))
			}
		})
		if errs[1] == nil {
			require.ErrorIs(t, errs[0], projection.ErrChanged)
			require.Equal(t, before, f.get(t, id))
			f.must(t, moves(skipping(move(s, v, v+1))))
			continue
		}
		require.ErrorIs(t, errs[1], projection.ErrChanged)
		require.NoError(t, errs[0])
		require.NotEqual(t, before, f.get(t, id))
	}
}
