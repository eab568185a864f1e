package viewstest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

var raceClauses = []clause{
	{"for one row of workers that read again when it has changed leave it exact", raceForARow},
	{"for one stream apply each of its events once", raceForAStream},
	{"for one absent row have one winner", raceForAbsence},
	{"between slices and parking leave the condition right", raceWithParking},
	{"show a reader each slice's row and checkpoint whole", raceWithReaders},
}

// number is what a row of a race holds: a count.
func number(row projection.Row) int {
	n, err := strconv.Atoi(string(row.Content))
	if err != nil {
		panic(err) // half a row
	}
	return n
}

// mostTries is how often a worker tries. A write is refused because another went
// through, so this many refusals mean that none ever will.
const mostTries = 2000

var errNeverEnds = fmt.Errorf("%d tries were refused", mostTries)

// increment adds one to a row with a slice that also makes a move, and reads again
// until its conditions hold. It does not end the test: it runs in goroutines.
func (f *fixture) increment(ctx context.Context, id projection.RowID, m projection.Move) error {
	for range mostTries {
		rows, err := f.views.Rows(ctx, f.generation, []projection.RowID{id})
		if err != nil {
			return err
		}
		w := projection.RowWrite{Row: projection.Row{ID: id, Rev: eventstore.EventID{Stream: m.Stream, Version: m.To}}, Conditional: true}
		n := 0
		if len(rows) == 1 {
			n, w.Expect = number(rows[0]), rows[0].Rev
		}
		w.Row.Content = strconv.AppendInt(nil, int64(n+1), 10)
		if err = f.views.Apply(ctx, f.slice(moves(m), w)); !errors.Is(err, projection.ErrChanged) {
			return err
		}
	}
	return errNeverEnds
}

func raceForARow(t *testing.T, f *fixture) {
	const workers, each = 16, 8
	id := row("v", "p", "s")
	atOnce(workers, func(i int) {
		s := stream(strconv.Itoa(i))
		for v := range eventstore.Version(each) {
			if !assert.NoError(t, f.increment(t.Context(), id, move(s, v, v+1))) {
				return
			}
		}
	})
	assert.Equal(t, workers*each, number(f.get(t, id)[0]))
	for i := range workers {
		assert.EqualValues(t, each, f.checkpoint(t, stream(strconv.Itoa(i))).Version)
	}
}

// raceForAStream: the workers get the same announcements. A slice goes through for
// one of them, the others find it done.
func raceForAStream(t *testing.T, f *fixture) {
	const workers, events = 6, 30
	s, id := stream("a"), row("v", "p", "")
	var applied atomic.Int64
	atOnce(workers, func(int) {
		tries := 0
		for v := eventstore.Version(0); v < events; tries++ {
			if !assert.Less(t, tries, mostTries) {
				return
			}
			rows, err := f.views.Rows(t.Context(), f.generation, []projection.RowID{id})
			if !assert.NoError(t, err) {
				return
			}
			w := projection.RowWrite{Row: projection.Row{ID: id, Rev: eventstore.EventID{Stream: s, Version: v + 1}, Content: fmt.Append(nil, v+1)}, Conditional: true}
			if len(rows) == 1 {
				w.Expect = rows[0].Rev
			}
			err = f.views.Apply(t.Context(), f.slice(moves(move(s, v, v+1)), w))
			if err == nil {
				applied.Add(1)
			} else if !assert.ErrorIs(t, err, projection.ErrChanged) {
				return
			}
			found, err := f.views.Checkpoints(t.Context(), f.generation, []eventstore.StreamID{s})
			if !assert.NoError(t, err) {
				return
			}
			v = found[0].Version
		}
	})
	assert.EqualValues(t, events, applied.Load())
	assert.EqualValues(t, events, f.checkpoint(t, s).Version)
	assert.Equal(t, events, number(f.get(t, id)[0]))
}

func raceForAbsence(t *testing.T, f *fixture) {
	for _, name := range numbered("p", 10) {
		id := row("v", name, "")
		var winner atomic.Int64
		atOnce(8, func(i int) {
			w := expecting(absent, f.put(id, strconv.Itoa(i+1)))
			err := f.views.Apply(t.Context(), f.slice(nil, w))
			if errors.Is(err, projection.ErrChanged) {
				return
			}
			assert.NoError(t, err)
			assert.Zero(t, winner.Swap(int64(i+1)), "a second winner")
		})
		require.EqualValues(t, winner.Load(), number(f.get(t, id)[0]))
	}
}

// raceWithParking: a record is set only at the checkpoint it names, so one that
// stands says where its stream was.
func raceWithParking(t *testing.T, f *fixture) {
	const events = 40
	s := stream("a")
	var set atomic.Int64
	atOnce(2, func(i int) {
		for v := range eventstore.Version(events) {
			if i == 0 {
				assert.NoError(t, f.views.Apply(t.Context(), f.slice(moves(knowing(move(s, v, v+1))))))
				continue
			}
			err := f.views.Park(t.Context(), f.generation, s, v, parked(v+1))
			if err == nil {
				set.Store(int64(v + 1))
			} else {
				assert.ErrorIs(t, err, projection.ErrChanged)
			}
		}
	})
	c := f.checkpoint(t, s)
	assert.EqualValues(t, events, c.Version)
	if last := set.Load(); last == 0 {
		assert.Nil(t, c.Parked)
	} else {
		assert.Equal(t, parked(eventstore.Version(last)), c.Parked)
	}
}

// raceWithReaders: whoever reads the checkpoint first and the row after it sees a row
// that is at least as new. A store that writes the checkpoint before the rows fails.
func raceWithReaders(t *testing.T, f *fixture) {
	const events = 60
	s, id := stream("a"), row("v", "p", "")
	var done atomic.Bool
	atOnce(4, func(i int) {
		if i == 0 {
			defer done.Store(true)
			for v := range eventstore.Version(events) {
				if !assert.NoError(t, f.increment(t.Context(), id, move(s, v, v+1))) {
					return
				}
			}
			return
		}
		for !done.Load() {
			found, err := f.views.Checkpoints(t.Context(), f.generation, []eventstore.StreamID{s})
			if !assert.NoError(t, err) {
				return
			}
			rows, err := f.views.Rows(t.Context(), f.generation, []projection.RowID{id})
			if !assert.NoError(t, err) {
				return
			}
			n := 0
			if len(rows) == 1 {
				n = number(rows[0])
			}
			assert.GreaterOrEqual(t, n, int(found[0].Version), "the checkpoint is moved, the row is not written")
		}
	})
}
