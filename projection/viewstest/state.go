package viewstest

import (
	"errors"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

var stateClauses = []clause{
	{"has revision 0 until it is put", stateMissing},
	{"keeps everything that was put", stateKept},
	{"is put only on the revision that is stored", stateConditional},
	{"has one winner for each revision when several put it", stateRace},
	{"of one projection is not another's", stateOfOne},
	{"is listed with all others, in the order of the names", statesListed},
}

var heartbeatClauses = []clause{
	{"are the last of each worker, sorted by worker", heartbeatsReplaced},
	{"keep everything they say", heartbeatsKept},
	{"of one projection are not another's", heartbeatsOfOne},
	{"of a projection without workers are none", heartbeatsMissing},
	{"are forgotten at another worker's that is more than a day later", heartbeatsForgotten},
}

func (f *fixture) state(t testing.TB) projection.State {
	t.Helper()
	s, err := f.views.State(t.Context(), f.generation.Projection)
	require.NoError(t, err)
	return s
}

// fullState has a value in every field.
func (f *fixture) fullState() projection.State {
	return projection.State{Projection: f.generation.Projection, Counter: math.MaxInt64, Generations: []projection.Generation{
		{Number: 1, Version: 1, Fingerprint: "0a1b", Role: projection.Retired, Since: instant(0)},
		{Number: 2, Version: 1, Fingerprint: "0a1b", Role: projection.Previous, Since: instant(1)},
		{Number: math.MaxInt64, Version: 2, Fingerprint: `"é"`, Role: projection.Active, Since: instant(2)},
		{Number: 4, Version: 3, Fingerprint: "", Role: projection.Building, Since: instant(3)},
	}, Skips: []eventstore.EventID{{Stream: stream("a"), Version: 2}, {Stream: stream("a"), Version: 10}, {Stream: stream("é"), Version: 1 << 60}},
		Paused: &projection.Paused{Since: instant(1), By: "ada", Reason: `"é" < 1`, Resumed: instant(2)}}
}

func stateMissing(t *testing.T, f *fixture) {
	assert.Equal(t, projection.State{Projection: f.generation.Projection}, f.state(t))
	f.must(t, moves(move(stream("a"), 0, 1)))
	assert.Equal(t, projection.State{Projection: f.generation.Projection}, f.state(t), "a checkpoint is no state")
}

func stateKept(t *testing.T, f *fixture) {
	want := f.fullState()
	put, err := f.views.PutState(t.Context(), want)
	require.NoError(t, err)
	want.Revision = 1
	assert.Equal(t, want, put)
	assert.Equal(t, want, f.state(t))
	want.Generations, want.Counter = want.Generations[1:], 0
	put, err = f.views.PutState(t.Context(), want)
	require.NoError(t, err)
	want.Revision = 2
	assert.Equal(t, want, put)
	assert.Equal(t, want, f.state(t))
}

func stateConditional(t *testing.T, f *fixture) {
	s := f.fullState()
	refused := func(revision uint64) {
		t.Helper()
		before := f.state(t)
		other := projection.State{Projection: s.Projection, Revision: revision, Counter: 99}
		_, err := f.views.PutState(t.Context(), other)
		require.ErrorIs(t, err, projection.ErrChanged)
		require.Equal(t, before, f.state(t))
	}
	refused(1)
	for revision := range uint64(4) {
		s.Revision = revision
		put, err := f.views.PutState(t.Context(), s)
		require.NoError(t, err)
		require.Equal(t, revision+1, put.Revision)
		for wrong := range revision + 5 {
			if wrong != revision+1 {
				refused(wrong)
			}
		}
	}
}

func stateRace(t *testing.T, f *fixture) {
	const workers, revisions = 16, 6
	for revision := range uint64(revisions) {
		var winner atomic.Int64
		atOnce(workers, func(i int) {
			put, err := f.views.PutState(t.Context(), projection.State{Projection: f.generation.Projection, Revision: revision, Counter: uint64(i + 1)})
			if errors.Is(err, projection.ErrChanged) {
				return
			}
			assert.NoError(t, err)
			assert.Equal(t, revision+1, put.Revision)
			assert.Zero(t, winner.Swap(int64(i+1)), "a second winner of revision %d", revision)
		})
		s := f.state(t)
		require.Equal(t, revision+1, s.Revision)
		require.EqualValues(t, winner.Load(), s.Counter, "the state is the winner's")
	}
}

func stateOfOne(t *testing.T, f *fixture) {
	_, err := f.views.PutState(t.Context(), f.fullState())
	require.NoError(t, err)
	for _, suffix := range []string{"-", "1", "-1"} {
		other := f.of(projection.GenerationID{Projection: f.generation.Projection + suffix})
		assert.Equal(t, projection.State{Projection: other.generation.Projection}, other.state(t))
		_, err := f.views.PutState(t.Context(), projection.State{Projection: other.generation.Projection, Counter: 7})
		require.NoError(t, err)
		assert.EqualValues(t, 7, other.state(t).Counter)
	}
	want := f.fullState()
	want.Revision = 1
	assert.Equal(t, want, f.state(t))
}

// statesListed: other projections may be in the store.
func statesListed(t *testing.T, f *fixture) {
	listed := func() (mine []projection.State) {
		t.Helper()
		last := ""
		for _, s := range collect(t, f.views.States(t.Context())) {
			require.Greater(t, s.Projection, last, "in order, each once")
			last = s.Projection
			if strings.HasPrefix(s.Projection, f.generation.Projection) {
				mine = append(mine, s)
			}
		}
		return mine
	}
	f.must(t, moves(move(stream("a"), 0, 1)))
	require.NoError(t, f.views.Beat(t.Context(), projection.Heartbeat{Projection: f.generation.Projection, Worker: "w", At: instant(0)}))
	f.park(t, stream("b"), 0, parked(1))
	assert.Empty(t, listed(), "neither a checkpoint nor a heartbeat is a state")
	var want []projection.State
	for _, suffix := range []string{"", "-", "-1", "1", "_"} { // in the order of their bytes
		s := f.fullState()
		s.Projection += suffix
		want = append(want, s)
	}
	for round := range uint64(2) {
		for _, i := range []int{3, 0, 4, 1, 2} {
			want[i].Counter = round
			put, err := f.views.PutState(t.Context(), want[i])
			require.NoError(t, err)
			want[i] = put
		}
		assert.Equal(t, want, listed())
	}
	for s, err := range f.views.States(t.Context()) {
		require.NoError(t, err)
		assert.NotEmpty(t, s.Projection)
		break // abandoned
	}
}

func (f *fixture) beat(t testing.TB, b projection.Heartbeat) {
	t.Helper()
	require.NoError(t, f.views.Beat(t.Context(), b))
}

func (f *fixture) heartbeats(t testing.TB) []projection.Heartbeat {
	t.Helper()
	beats, err := f.views.Heartbeats(t.Context(), f.generation.Projection)
	require.NoError(t, err)
	return beats
}

func heartbeatsReplaced(t *testing.T, f *fixture) {
	workers := []string{"10", "9", "A", "Worker", "a", "host#1/2", "worker", "é"} // in the order of their bytes
	var want []projection.Heartbeat
	for round := range 2 {
		want = nil
		for i, w := range workers {
			want = append(want, projection.Heartbeat{Projection: f.generation.Projection, Worker: w, At: instant(round), Applied: uint64(100*round + i)})
		}
		for _, i := range []int{3, 0, 7, 1, 6, 2, 5, 4} {
			f.beat(t, want[i])
		}
		assert.Equal(t, want, f.heartbeats(t))
	}
	want[2].Waiting, want[2].At = 5, instant(-1) // an earlier time replaces too: the last call counts
	f.beat(t, want[2])
	assert.Equal(t, want, f.heartbeats(t))
}

func heartbeatsKept(t *testing.T, f *fixture) {
	full := projection.Heartbeat{Projection: f.generation.Projection, Worker: "full", Build: "v1.2.3", At: instant(5), Waiting: 7, Oldest: instant(1),
		Applied: math.MaxInt64, Rate: 1234.5, LastError: `apply "user-1": é`, Frozen: []uint64{3, math.MaxInt64}, LastSweep: instant(2), SweepBehind: 9}
	none := projection.Heartbeat{Projection: f.generation.Projection, Worker: "none", At: instant(5)}
	f.beat(t, full)
	f.beat(t, none)
	assert.Equal(t, []projection.Heartbeat{full, none}, f.heartbeats(t))
	bare := none
	bare.Worker = full.Worker
	f.beat(t, bare)
	assert.Equal(t, []projection.Heartbeat{bare, none}, f.heartbeats(t), "nothing of the one before is left")
}

func heartbeatsOfOne(t *testing.T, f *fixture) {
	other := f.of(projection.GenerationID{Projection: f.generation.Projection + "-1"})
	mine := projection.Heartbeat{Projection: f.generation.Projection, Worker: "w", At: instant(0)}
	theirs := projection.Heartbeat{Projection: other.generation.Projection, Worker: "w", At: instant(1)}
	f.beat(t, mine)
	other.beat(t, theirs)
	assert.Equal(t, []projection.Heartbeat{mine}, f.heartbeats(t))
	assert.Equal(t, []projection.Heartbeat{theirs}, other.heartbeats(t))
}

func heartbeatsMissing(t *testing.T, f *fixture) {
	assert.Empty(t, f.heartbeats(t))
	f.must(t, moves(move(stream("a"), 0, 1)))
	_, err := f.views.PutState(t.Context(), f.fullState())
	require.NoError(t, err)
	assert.Empty(t, f.heartbeats(t))
}

func heartbeatsForgotten(t *testing.T, f *fixture) {
	of := func(f *fixture, worker string, at time.Time) projection.Heartbeat {
		b := projection.Heartbeat{Projection: f.generation.Projection, Worker: worker, At: at}
		f.beat(t, b)
		return b
	}
	other := f.of(projection.GenerationID{Projection: f.generation.Projection + "-1"})
	elsewhere := of(other, "first", instant(0))
	first, second := of(f, "first", instant(0)), of(f, "second", instant(1))
	later := of(f, "third", first.At.Add(projection.HeartbeatsKept))
	assert.Equal(t, []projection.Heartbeat{first, second, later}, f.heartbeats(t), "a day is not more than a day")
	later = of(f, "third", later.At.Add(time.Millisecond))
	assert.Equal(t, []projection.Heartbeat{second, later}, f.heartbeats(t))
	assert.Equal(t, []projection.Heartbeat{elsewhere}, other.heartbeats(t), "another projection's")
	first = of(f, "first", later.At)
	assert.Equal(t, []projection.Heartbeat{first, second, later}, f.heartbeats(t), "one that was forgotten comes back")
}
