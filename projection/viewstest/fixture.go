package viewstest

import (
	"crypto/rand"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// fixture is a store, and a generation in it that nobody else uses.
type fixture struct {
	views      projection.ViewStore
	generation projection.GenerationID
	lastRev    *atomic.Uint64
}

func newFixture(views projection.ViewStore) *fixture {
	name := strings.ToLower(rand.Text()) // lower case: names of projections are
	return &fixture{views: views, generation: projection.GenerationID{Projection: name, Number: 1}, lastRev: new(atomic.Uint64)}
}

// of is the fixture for another generation in the same store.
func (f *fixture) of(g projection.GenerationID) *fixture {
	other := *f
	other.generation = g
	return &other
}

// stream returns a stream for a checkpoint.
func stream(id string) eventstore.StreamID {
	s, err := eventstore.NewStreamID("user", id)
	if err != nil {
		panic(err) // a mistake in the suite
	}
	return s
}

// absent is what a write expects of a row that is not there.
var absent eventstore.EventID

// rev returns an event that no row was written with yet.
func (f *fixture) rev() eventstore.EventID {
	return eventstore.EventID{Stream: stream("writer"), Version: eventstore.Version(f.lastRev.Add(1))}
}

func row(view, partition, sort string) projection.RowID {
	return projection.RowID{View: view, Key: projection.Key{Partition: partition, Sort: sort}}
}

// put writes a row without a condition.
func (f *fixture) put(id projection.RowID, content string) projection.RowWrite {
	return projection.RowWrite{Row: projection.Row{ID: id, Rev: f.rev(), Content: []byte(content)}}
}

// remove deletes a row without a condition.
func (f *fixture) remove(id projection.RowID) projection.RowWrite {
	return projection.RowWrite{Row: projection.Row{ID: id, Rev: f.rev()}, Delete: true}
}

// expecting makes a write conditional.
func expecting(rev eventstore.EventID, w projection.RowWrite) projection.RowWrite {
	w.Conditional, w.Expect = true, rev
	return w
}

func move(s eventstore.StreamID, from, to eventstore.Version) projection.Move {
	return projection.Move{Stream: s, From: from, To: to}
}

// knowing is a move of who knows of a park record.
func knowing(m projection.Move) projection.Move {
	m.Parked = true
	return m
}

func moves(m ...projection.Move) []projection.Move { return m }

func (f *fixture) slice(moves []projection.Move, writes ...projection.RowWrite) projection.Slice {
	return projection.Slice{Generation: f.generation, Moves: moves, Writes: writes}
}

// must applies a slice that nothing speaks against.
func (f *fixture) must(t testing.TB, moves []projection.Move, writes ...projection.RowWrite) {
	t.Helper()
	require.NoError(t, f.views.Apply(t.Context(), f.slice(moves, writes...)))
}

// refused applies a slice that must not go through.
func (f *fixture) refused(t testing.TB, moves []projection.Move, writes ...projection.RowWrite) {
	t.Helper()
	require.ErrorIs(t, f.views.Apply(t.Context(), f.slice(moves, writes...)), projection.ErrChanged)
}

// fill applies any number of moves and writes, in slices that keep to the limits.
func (f *fixture) fill(t testing.TB, moves []projection.Move, writes ...projection.RowWrite) {
	t.Helper()
	limits := f.views.Limits()
	for part := range slices.Chunk(moves, limits.Items) {
		f.must(t, part)
	}
	for len(writes) > 0 {
		n, size := 0, 0
		for n < min(len(writes), limits.Items) {
			r := writes[n].Row
			size += len(r.Content) + len(r.ID.Key.Partition) + len(r.ID.Key.Sort)
			if size > limits.Bytes {
				break
			}
			n++
		}
		f.must(t, nil, writes[:n]...)
		writes = writes[n:]
	}
}

// parked is a record whose fields all say something. The time is in UTC and whole
// microseconds, which every store keeps.
func parked(at eventstore.Version) *projection.Parked {
	return &projection.Parked{Version: at, Type: "PURCHASE_MADE", Schema: 2, Error: `price "1.10" <é>`, Unknown: true,
		Build: "v1.2.3", Attempts: 3, Since: instant(0)}
}

func instant(n int) time.Time {
	return time.Date(2026, 2, 28, 23, 59, 59, 123_456_000, time.UTC).Add(time.Duration(n) * time.Hour)
}

func (f *fixture) park(t testing.TB, s eventstore.StreamID, at eventstore.Version, p *projection.Parked) {
	t.Helper()
	require.NoError(t, f.views.Park(t.Context(), f.generation, s, at, p))
}

func (f *fixture) checkpoint(t testing.TB, s eventstore.StreamID) projection.Checkpoint {
	t.Helper()
	found, err := f.views.Checkpoints(t.Context(), f.generation, []eventstore.StreamID{s})
	require.NoError(t, err)
	require.Len(t, found, 1)
	return found[0]
}

// get returns rows in the order of their keys.
func (f *fixture) get(t testing.TB, ids ...projection.RowID) []projection.Row {
	t.Helper()
	rows, err := f.views.Rows(t.Context(), f.generation, ids)
	require.NoError(t, err)
	slices.SortFunc(rows, func(a, b projection.Row) int { return a.ID.Compare(b.ID) })
	return rows
}

// contents is everything that a generation holds in some views.
type contents struct {
	Checkpoints []projection.Checkpoint
	Rows        []projection.Row
}

func (f *fixture) contents(t testing.TB, views ...string) contents {
	t.Helper()
	c := contents{Checkpoints: collect(t, f.views.AllCheckpoints(t.Context(), f.generation, false))}
	for _, v := range views {
		c.Rows = append(c.Rows, collect(t, f.views.ScanRows(t.Context(), f.generation, v))...)
	}
	return c
}

// rowsOf returns the rows that writes leave, in the order of the writes.
func rowsOf(writes ...projection.RowWrite) []projection.Row {
	var rows []projection.Row
	for _, w := range writes {
		rows = append(rows, w.Row)
	}
	return rows
}

func collect[T any](t testing.TB, all iter.Seq2[T, error]) []T {
	t.Helper()
	var list []T
	for one, err := range all {
		require.NoError(t, err)
		list = append(list, one)
	}
	return list
}

// atOnce runs do in n goroutines, which begin together, and waits. do must not end
// the test: it reports through assert.
func atOnce(n int, do func(i int)) {
	start := make(chan struct{}) // closed when all may begin
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { <-start; do(i) })
	}
	close(start)
	group.Wait()
}

// numbered returns n names with leading zeros, whose byte order is that of the numbers.
func numbered(prefix string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%s%05d", prefix, i)
	}
	return names
}

// same compares large lists without printing all of them where they differ.
func same[T any](t testing.TB, want, got []T) {
	t.Helper()
	if !assert.Len(t, got, len(want)) {
		t.FailNow()
	}
	for i := range want {
		require.Equal(t, want[i], got[i], "number %d", i)
	}
}
