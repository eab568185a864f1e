package viewstest

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

var parkClauses = []clause{
	{"sets a record beside the checkpoint, which stays", parkSets},
	{"sets a record where there is no checkpoint", parkWithoutCheckpoint},
	{"replaces a record", parkReplaces},
	{"removes a record that is left over, also where there is none", parkRemoves},
	{"removes no record that stands above the checkpoint: somebody else has put it", parkRemovesNoOther},
	{"is refused where the checkpoint is another, and changes nothing", parkRefused},
	{"keeps a record whether it stands above the checkpoint or not", parkAnywhere},
	{"touches one stream of one generation", parkTouchesOne},
}

func parkSets(t *testing.T, f *fixture) {
	s := stream("a")
	f.must(t, moves(move(s, 0, 3)))
	f.park(t, s, 3, parked(4))
	assert.Equal(t, projection.Checkpoint{Stream: s, Version: 3, Parked: parked(4)}, f.checkpoint(t, s))
	f.must(t, moves(knowing(move(s, 3, 4))))
}

func parkWithoutCheckpoint(t *testing.T, f *fixture) {
	s := stream("a")
	f.park(t, s, 0, parked(1))
	want := projection.Checkpoint{Stream: s, Parked: parked(1)}
	assert.Equal(t, want, f.checkpoint(t, s))
	assert.Equal(t, []projection.Checkpoint{want}, collect(t, f.views.AllCheckpoints(t.Context(), f.generation, false)))
	f.refused(t, moves(move(s, 1, 2)))
	f.must(t, moves(knowing(move(s, 0, 1))))
}

func parkReplaces(t *testing.T, f *fixture) {
	s := stream("a")
	again := &projection.Parked{Version: 1, Type: "OTHER", Attempts: 4, Since: instant(1)}
	f.park(t, s, 0, parked(1))
	f.park(t, s, 0, again)
	require.Equal(t, again, f.checkpoint(t, s).Parked)
	f.must(t, moves(knowing(move(s, 0, 3))))
	f.park(t, s, 3, parked(4))
	assert.Equal(t, parked(4), f.checkpoint(t, s).Parked)
}

func parkRemoves(t *testing.T, f *fixture) {
	at3, at0, none := stream("at3"), stream("at0"), stream("none")
	f.must(t, moves(move(at3, 0, 3)))
	f.park(t, at3, 3, parked(3))
	f.park(t, at0, 0, parked(0))
	for range 2 { // the second time there is none
		f.park(t, at3, 3, nil)
		f.park(t, at0, 0, nil)
		f.park(t, none, 0, nil)
		want := projection.Checkpoint{Stream: at3, Version: 3}
		assert.Equal(t, want, f.checkpoint(t, at3))
		assert.Equal(t, projection.Checkpoint{Stream: at0}, f.checkpoint(t, at0))
		assert.Equal(t, []projection.Checkpoint{want}, collect(t, f.views.AllCheckpoints(t.Context(), f.generation, false)),
			"a stream at 0 without a record has no checkpoint")
		assert.Empty(t, collect(t, f.views.AllCheckpoints(t.Context(), f.generation, true)))
	}
	f.must(t, moves(move(at3, 3, 4), move(at0, 0, 1), move(none, 0, 1)))
}

func parkRemovesNoOther(t *testing.T, f *fixture) {
	at3, at0 := stream("at3"), stream("at0")
	f.must(t, moves(move(at3, 0, 3)))
	f.park(t, at3, 3, parked(4))
	f.park(t, at0, 0, parked(1))
	before := f.contents(t)
	for s, at := range map[eventstore.StreamID]eventstore.Version{at3: 3, at0: 0} {
		require.ErrorIs(t, f.views.Park(t.Context(), f.generation, s, at, nil), projection.ErrChanged)
		require.Equal(t, before, f.contents(t))
	}
	f.must(t, moves(knowing(move(at3, 3, 11)))) // past the record, also by two digits
	f.park(t, at3, 11, nil)
	assert.Nil(t, f.checkpoint(t, at3).Parked)
	f.park(t, at3, 11, parked(100))
	require.ErrorIs(t, f.views.Park(t.Context(), f.generation, at3, 11, nil), projection.ErrChanged)
}

func parkRefused(t *testing.T, f *fixture) {
	at3, waits, waitsAt0, none := stream("at3"), stream("waits"), stream("waits-at-0"), stream("none")
	f.must(t, moves(move(at3, 0, 3), move(waits, 0, 3)))
	f.park(t, waits, 3, parked(4))
	f.park(t, waitsAt0, 0, parked(1))
	before := f.contents(t)
	for _, wrong := range []struct {
		name   string
		stream eventstore.StreamID
		at     eventstore.Version
	}{
		{"below", at3, 2}, {"above", at3, 4}, {"none expected", at3, 0}, {"nothing there", none, 3},
		{"parked, below", waits, 2}, {"parked, above", waits, 4}, {"parked, none expected", waits, 0},
		{"parked at 0, above", waitsAt0, 1},
	} {
		for _, p := range []*projection.Parked{parked(9), nil} {
			err := f.views.Park(t.Context(), f.generation, wrong.stream, wrong.at, p)
			assert.ErrorIs(t, err, projection.ErrChanged, wrong.name)
			require.Equal(t, before, f.contents(t), wrong.name)
		}
	}
}

func parkAnywhere(t *testing.T, f *fixture) {
	s := stream("a")
	f.must(t, moves(move(s, 0, 5)))
	for _, v := range []eventstore.Version{3, 5, 6, 1 << 40} {
		f.park(t, s, 5, parked(v))
		want := projection.Checkpoint{Stream: s, Version: 5, Parked: parked(v)}
		assert.Equal(t, want, f.checkpoint(t, s))
		assert.Equal(t, []projection.Checkpoint{want}, collect(t, f.views.AllCheckpoints(t.Context(), f.generation, true)))
	}
}

func parkTouchesOne(t *testing.T, f *fixture) {
	next := f.of(projection.GenerationID{Projection: f.generation.Projection, Number: 2})
	id := row("v", "p", "")
	for _, g := range []*fixture{f, next} {
		g.must(t, moves(move(stream("a"), 0, 3), move(stream("a-b"), 0, 3)), g.put(id, `1`))
	}
	want, wantNext := f.contents(t, "v"), next.contents(t, "v")
	f.park(t, stream("a"), 3, parked(4))
	want.Checkpoints[0].Parked = parked(4)
	assert.Equal(t, want, f.contents(t, "v"))
	assert.Equal(t, wantNext, next.contents(t, "v"))
	next.park(t, stream("a"), 3, nil)
	assert.Equal(t, want, f.contents(t, "v"))
}
