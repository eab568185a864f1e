package viewstest

import (
	"cmp"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

var modelClauses = []clause{
	{"is matched by any sequence of slices, parkings, fillings and reads", matchesModel},
}

// matchesModel runs random calls, right ones and wrong ones, against the store and
// against maps. rapid prints the seed and shrinks what fails. Each run has a
// generation of its own.
func matchesModel(t *testing.T, f *fixture) {
	runs := uint64(0)
	rapid.Check(t, func(r *rapid.T) {
		runs++
		m := model{
			fixture:     f.of(projection.GenerationID{Projection: f.generation.Projection, Number: runs}),
			t:           t,
			checkpoints: map[eventstore.StreamID]projection.Checkpoint{},
			rows:        map[projection.RowID]projection.Row{},
			tombstones:  map[projection.RowID]bool{},
		}
		r.Repeat(map[string]func(*rapid.T){
			"apply":       m.apply,
			"park":        m.park,
			"fill":        m.fillIn,
			"checkpoints": m.readCheckpoints,
			"rows":        m.readRows,
			"page":        m.readPage,
			"scan":        m.readAll,
		})
		m.readAll(r)
	})
}

// model is what a generation must hold.
type model struct {
	*fixture
	t           *testing.T // for its context only: a failure is rapid's
	checkpoints map[eventstore.StreamID]projection.Checkpoint
	rows        map[projection.RowID]projection.Row
	tombstones  map[projection.RowID]bool
}

// A few names, so that calls meet each other.
var (
	modelStreams = []eventstore.StreamID{stream("a"), stream("a-b"), stream("b")}
	modelRows    = []projection.RowID{row("v", "p", ""), row("v", "p", "a"), row("v", "p", "b"), row("v", "pa", ""), row("w", "p", "a")}
)

func sortedKeys[K comparable, V any](m map[K]V, compare func(a, b K) int) []K {
	return slices.SortedFunc(maps.Keys(m), compare)
}

// some draws up to most different ones of a list, in any order.
func some[T comparable](r *rapid.T, list []T, most int, label string) []T {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(list), 0, min(most, len(list)), rapid.ID[T]).Draw(r, label)
}

// at draws a version to expect of a stream: mostly the right one.
func (m *model) at(r *rapid.T, s eventstore.StreamID) eventstore.Version {
	v := m.checkpoints[s].Version
	return rapid.SampledFrom([]eventstore.Version{v, v, v, v, v, v, 0, v + 1, max(v, 1) - 1}).Draw(r, "at")
}

// expect draws a revision to expect of a row: mostly the right one, else none, or
// that of any write before.
func (m *model) expect(r *rapid.T, id projection.RowID) eventstore.EventID {
	now := m.rows[id].Rev
	earlier := eventstore.EventID{Stream: stream("writer"), Version: eventstore.Version(1 + rapid.Uint64Range(0, m.lastRev.Load()).Draw(r, "earlier"))}
	return rapid.SampledFrom([]eventstore.EventID{now, now, now, now, now, now, absent, earlier}).Draw(r, "expect")
}

func (m *model) apply(r *rapid.T) {
	s := m.slice(nil)
	holds := true
	for _, stream := range some(r, modelStreams, 3, "moves") {
		from := m.at(r, stream)
		next := move(stream, from, from+eventstore.Version(rapid.IntRange(1, 5).Draw(r, "by")))
		next.Parked = rapid.Bool().Draw(r, "parked")
		next.Skip = next.Parked && rapid.Bool().Draw(r, "skip")
		s.Moves = append(s.Moves, next)
		if rapid.Bool().Draw(r, "own row") {
			s.Writes, holds = m.draw(r, s.Writes, ownRow(stream), holds)
		}
		holds = holds && from == m.checkpoints[stream].Version && (next.Parked || m.checkpoints[stream].Parked == nil) && next.Skip == m.marked(stream)
	}
	for _, id := range some(r, modelRows, 4, "writes") {
		s.Writes, holds = m.draw(r, s.Writes, id, holds)
	}
	err := m.views.Apply(m.t.Context(), s)
	if !holds {
		require.ErrorIs(r, err, projection.ErrChanged)
		return
	}
	require.NoError(r, err)
	for _, move := range s.Moves {
		m.checkpoints[move.Stream] = projection.Checkpoint{Stream: move.Stream, Version: move.To, Parked: m.checkpoints[move.Stream].Parked}
	}
	for _, w := range s.Writes {
		m.write(w)
	}
}

// write carries out a write that nothing speaks against.
func (m *model) write(w projection.RowWrite) {
	id := w.Row.ID
	if !w.Delete {
		w.Row.Origin = m.rows[id].Origin || m.tombstones[id]
		m.rows[id] = w.Row
		delete(m.tombstones, id)
		return
	}
	delete(m.rows, id)
	if check := w.Conditional && w.Expect == absent; !check {
		delete(m.tombstones, id)
	}
	if w.Row.Origin {
		m.tombstones[id] = true
	}
}

// fillIn puts what is absent, and nothing else.
func (m *model) fillIn(r *rapid.T) {
	var f projection.Filling
	for _, s := range some(r, modelStreams, 2, "streams") {
		c := projection.Checkpoint{Stream: s, Version: eventstore.Version(rapid.IntRange(1, 4).Draw(r, "at"))}
		f.Checkpoints = append(f.Checkpoints, c)
		own := rapid.Bool().Draw(r, "own row")
		if own {
			f.Rows = append(f.Rows, m.row(ownRow(s), `"own"`))
		}
		if _, there := m.checkpoints[s]; there {
			continue
		}
		if m.checkpoints[s] = c; own {
			m.fillRow(f.Rows[len(f.Rows)-1])
		}
	}
	for _, id := range some(r, modelRows, 4, "rows") {
		row := m.row(id, `"filled"`)
		f.Rows = append(f.Rows, row)
		if _, there := m.rows[id]; !there && !m.tombstones[id] {
			m.fillRow(row)
		}
	}
	require.NoError(r, m.views.Fill(m.t.Context(), m.generation, f))
}

func (m *model) fillRow(row projection.Row) {
	row.Origin = true
	m.rows[row.ID] = row
}

// marked reports whether an event of the stream is still to be skipped.
func (m *model) marked(s eventstore.StreamID) bool {
	c := m.checkpoints[s]
	return c.Parked != nil && c.Parked.Skip && c.Parked.Version > c.Version
}

// draw adds a write of a row, and says whether all conditions still hold.
func (m *model) draw(r *rapid.T, writes []projection.RowWrite, id projection.RowID, holds bool) ([]projection.RowWrite, bool) {
	w := m.put(id, rapid.SampledFrom([]string{`1`, `1.10`, `{"a":"é"}`}).Draw(r, "content"))
	w.Delete = rapid.Bool().Draw(r, "delete")
	w.Row.Origin = w.Delete && m.rows[id].Origin // as it was read
	if rapid.IntRange(0, 2).Draw(r, "conditional") > 0 {
		w = expecting(m.expect(r, id), w)
		holds = holds && w.Expect == m.rows[id].Rev
	}
	return append(writes, w), holds
}

func (m *model) park(r *rapid.T) {
	s := rapid.SampledFrom(modelStreams).Draw(r, "stream")
	at := m.at(r, s)
	var p *projection.Parked
	if rapid.Bool().Draw(r, "record") {
		p = parked(at + eventstore.Version(rapid.IntRange(0, 2).Draw(r, "above")))
		p.Skip = rapid.Bool().Draw(r, "mark")
	}
	c := m.checkpoints[s]
	err := m.views.Park(m.t.Context(), m.generation, s, at, p)
	if at != c.Version || p == nil && c.Parked != nil && c.Parked.Version > at || p != nil && !p.Skip && m.marked(s) {
		require.ErrorIs(r, err, projection.ErrChanged)
		return
	}
	require.NoError(r, err)
	m.checkpoints[s] = projection.Checkpoint{Stream: s, Version: c.Version, Parked: p}
	if c.Version == 0 && p == nil {
		delete(m.checkpoints, s)
	}
}

func (m *model) readCheckpoints(r *rapid.T) {
	streams := rapid.SliceOfN(rapid.SampledFrom(modelStreams), 0, 5).Draw(r, "streams")
	got, err := m.views.Checkpoints(m.t.Context(), m.generation, streams)
	require.NoError(r, err)
	require.Len(r, got, len(streams))
	for i, s := range streams {
		want := m.checkpoints[s]
		want.Stream = s
		require.Equal(r, want, got[i])
	}
}

func (m *model) readRows(r *rapid.T) {
	var want []projection.Row
	all := slices.Clone(modelRows)
	for _, s := range modelStreams {
		all = append(all, ownRow(s))
	}
	ids := some(r, all, len(all), "rows")
	for _, id := range ids {
		if row, ok := m.rows[id]; ok {
			want = append(want, row)
		}
	}
	got, err := m.views.Rows(m.t.Context(), m.generation, ids)
	require.NoError(r, err)
	require.ElementsMatch(r, want, got)
}

func (m *model) readPage(r *rapid.T) {
	q := projection.PageQuery{View: "v", Partition: rapid.SampledFrom([]string{"p", "pa"}).Draw(r, "partition"),
		Backward: rapid.Bool().Draw(r, "backward"), Limit: rapid.IntRange(1, 4).Draw(r, "limit")}
	if rapid.Bool().Draw(r, "behind a key") {
		q.After = new(rapid.SampledFrom([]string{"", "a", "aa", "b", "c"}).Draw(r, "after"))
	}
	var want []projection.Row
	for _, id := range sortedKeys(m.rows, projection.RowID.Compare) {
		beyond := q.After == nil || cmp.Compare(id.Key.Sort, *q.After) == map[bool]int{false: 1, true: -1}[q.Backward]
		if id.View == q.View && id.Key.Partition == q.Partition && beyond {
			want = append(want, m.rows[id])
		}
	}
	if q.Backward {
		slices.Reverse(want)
	}
	got, err := m.views.Page(m.t.Context(), m.generation, q)
	require.NoError(r, err)
	require.Equal(r, append([]projection.Row{}, want[:min(len(want), q.Limit)]...), append([]projection.Row{}, got...))
}

func (m *model) readAll(r *rapid.T) {
	var want, wantParked contents
	for _, s := range sortedKeys(m.checkpoints, eventstore.StreamID.Compare) {
		want.Checkpoints = append(want.Checkpoints, m.checkpoints[s])
		if m.checkpoints[s].Parked != nil {
			wantParked.Checkpoints = append(wantParked.Checkpoints, m.checkpoints[s])
		}
	}
	for _, id := range sortedKeys(m.rows, projection.RowID.Compare) {
		want.Rows = append(want.Rows, m.rows[id])
	}
	require.Equal(r, want, m.contents(m.t, ownView, "v", "w"))
	require.Equal(r, wantParked.Checkpoints, collect(m.t, m.views.AllCheckpoints(m.t.Context(), m.generation, true)))
}
