package viewstest

import (
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

var fillRaceClauses = []clause{
	{"of one and the same leave each of it once", raceFillings},
	{"of a stream have one winner, with checkpoint and row", raceForAFilling},
	{"that come late change nothing that slices do", raceWithSlices},
}

func raceFillings(t *testing.T, f *fixture) {
	var all projection.Filling
	for i, name := range numbered("s", 20) {
		all.Checkpoints = append(all.Checkpoints, at(name, eventstore.Version(i+1)))
		all.Rows = append(all.Rows, f.row(row("v", name, ""), `1`))
	}
	atOnce(4, func(int) { assert.NoError(t, f.views.Fill(t.Context(), f.generation, all)) })
	assert.Equal(t, contents{Checkpoints: all.Checkpoints, Rows: origin(all.Rows...)}, f.contents(t, "v"))
}

func raceForAFilling(t *testing.T, f *fixture) {
	for _, name := range numbered("s", 5) {
		own := ownRow(stream(name))
		atOnce(6, func(i int) {
			v := eventstore.Version(i + 1)
			assert.NoError(t, f.views.Fill(t.Context(), f.generation, projection.Filling{Checkpoints: checkpoints(at(name, v)),
				Rows: []projection.Row{{ID: own, Rev: eventstore.EventID{Stream: stream(name), Version: v}, Content: []byte(strconv.Itoa(i + 1))}}}))
		})
		row := f.get(t, own)[0]
		require.EqualValues(t, f.checkpoint(t, stream(name)).Version, number(row))
		require.EqualValues(t, row.Rev.Version, number(row))
	}
}

// raceWithSlices: coordinators that were held up fill in again and again what they know,
// while a worker puts and deletes. It is alone, so no condition of its own may fail.
func raceWithSlices(t *testing.T, f *fixture) {
	const rounds = 9
	id, other, own := row("v", "p", ""), row("v", "q", ""), ownRow(stream("a"))
	known := projection.Filling{Checkpoints: checkpoints(at("a", 1)), Rows: []projection.Row{f.row(id, `0`), f.row(other, `0`), f.row(own, `0`)}}
	require.NoError(t, f.views.Fill(t.Context(), f.generation, known))
	var done atomic.Bool
	atOnce(3, func(i int) {
		if i > 0 {
			for !done.Load() {
				assert.NoError(t, f.views.Fill(t.Context(), f.generation, known))
			}
			return
		}
		defer done.Store(true)
		revs := map[projection.RowID]eventstore.EventID{id: known.Rows[0].Rev, own: known.Rows[2].Rev}
		for v := eventstore.Version(1); v <= rounds; v++ {
			var writes []projection.RowWrite
			for _, id := range []projection.RowID{id, own} {
				w := expecting(revs[id], f.put(id, strconv.Itoa(int(v))))
				if revs[id] = w.Row.Rev; v%3 == 0 {
					w.Delete, w.Row.Origin, revs[id] = true, true, absent
				}
				writes = append(writes, w)
			}
			unread := f.put(other, strconv.Itoa(int(v)))
			unread.Delete, unread.Row.Origin = v%3 == 0, v%3 == 0
			if !assert.NoError(t, f.views.Apply(t.Context(), f.slice(moves(move(stream("a"), v, v+1)), append(writes, unread)...))) {
				return
			}
		}
	})
	require.Zero(t, rounds%3)
	assert.Equal(t, contents{Checkpoints: checkpoints(at("a", rounds+1))}, f.contents(t, "v", ownView), "every row is deleted")
}
