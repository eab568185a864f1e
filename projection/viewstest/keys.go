package viewstest

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

var keyClauses = []clause{
	{"that look alike when they are glued together are different", keysDoNotBleed},
	{"are ordered by their bytes, not by a language", keysInByteOrder},
	{"may be as long as the limits say", longKeys},
	{"in generations, projections and views do not meet", placesDoNotMeet},
	{"that no row can have are asked for in vain", noSuchKeys},
}

func keysDoNotBleed(t *testing.T, f *fixture) {
	keys := []projection.Key{
		{Partition: "a", Sort: "bc"}, {Partition: "ab", Sort: "c"}, {Partition: "abc"}, {Partition: "a", Sort: "b"}, {Partition: "ab"},
		{Partition: "p", Sort: "p"}, {Partition: "pp"}, {Partition: "p"}, {Partition: "user-17850"}, {Partition: "!checkpoint"},
	}
	for _, s := range []string{"|", "#", "/", ":", "@", ",", `\`, "%", "%7c", "'", `"`, " ", "\t", "\n", "\u00a0", "\x01", "é", "日", "😀"} {
		keys = append(keys, projection.Key{Partition: "x" + s + "y"}, projection.Key{Partition: "x", Sort: s + "y"}, projection.Key{Partition: "x" + s, Sort: "y"},
			projection.Key{Partition: "x", Sort: s}, projection.Key{Partition: s, Sort: "x"}, projection.Key{Partition: s})
	}
	var writes []projection.RowWrite
	for _, k := range keys {
		writes = append(writes, f.put(projection.RowID{View: "v", Key: k}, `1`))
	}
	f.fill(t, nil, writes...)
	partitions := map[string][]projection.Row{}
	for _, w := range writes {
		require.Equal(t, rowsOf(w), f.get(t, w.Row.ID))
		partitions[w.Row.ID.Key.Partition] = append(partitions[w.Row.ID.Key.Partition], w.Row)
	}
	for p, want := range partitions {
		got, err := f.views.Page(t.Context(), f.generation, projection.PageQuery{View: "v", Partition: p, Limit: 100})
		require.NoError(t, err)
		assert.ElementsMatch(t, want, got, "partition %q", p)
	}
	assert.ElementsMatch(t, rowsOf(writes...), collect(t, f.views.ScanRows(t.Context(), f.generation, "v")))
	f.must(t, nil, expecting(writes[0].Row.Rev, f.remove(writes[0].Row.ID)))
	assert.ElementsMatch(t, rowsOf(writes[1:]...), collect(t, f.views.ScanRows(t.Context(), f.generation, "v")))
}

// noSuchKeys asks for keys as they come from outside: with rows around them that a
// store could take for them.
func noSuchKeys(t *testing.T, f *fixture) {
	long := strings.Repeat("x", 1500)
	others := []projection.RowWrite{f.put(row("v", "\ufffd", ""), `1`), f.put(row("v", "p", "\ufffd"), `1`), f.put(row("v", long[:600], ""), `1`)}
	f.must(t, nil, others...)
	for _, k := range []projection.Key{{}, {Partition: "\xff"}, {Partition: "p", Sort: "\xff"}, {Partition: long}, {Partition: "p", Sort: long}, {Partition: "p\x00"}} {
		require.Error(t, k.Check())
		assert.Empty(t, f.get(t, projection.RowID{View: "v", Key: k}), "%q", k)
		if k.Sort != "" {
			continue
		}
		page, err := f.views.Page(t.Context(), f.generation, projection.PageQuery{View: "v", Partition: k.Partition, Limit: 10})
		require.NoError(t, err)
		assert.Empty(t, page, "%q", k)
	}
}

func keysInByteOrder(t *testing.T, f *fixture) {
	var writes []projection.RowWrite
	for _, p := range likeEachOther {
		for _, s := range append([]string{""}, likeEachOther...) {
			writes = append(writes, f.put(row("v", p, s), `1`))
		}
	}
	mixed := slices.Clone(writes)
	slices.SortFunc(mixed, func(a, b projection.RowWrite) int { // any other order
		return strings.Compare(b.Row.ID.Key.Sort+b.Row.ID.Key.Partition, a.Row.ID.Key.Sort+a.Row.ID.Key.Partition)
	})
	f.fill(t, nil, mixed...)
	want := rowsOf(writes...)
	same(t, want, collect(t, f.views.ScanRows(t.Context(), f.generation, "v")))
	n := len(likeEachOther) + 1
	q := projection.PageQuery{View: "v", Partition: likeEachOther[7], Limit: n}
	forward, err := f.views.Page(t.Context(), f.generation, q)
	require.NoError(t, err)
	same(t, want[7*n:8*n], forward)
	for i, row := range forward {
		q.After = new(row.ID.Key.Sort)
		behind, err := f.views.Page(t.Context(), f.generation, q)
		require.NoError(t, err)
		require.Len(t, behind, n-i-1, "behind %q", row.ID.Key.Sort)
	}
}

func longKeys(t *testing.T, f *fixture) {
	long := row("v", strings.Repeat("p", projection.MaxPartitionBytes), strings.Repeat("s", projection.MaxSortBytes))
	shorter := long
	shorter.Key.Sort = long.Key.Sort[1:]
	one, other := f.put(shorter, `1`), f.put(long, string(filling(projection.MaxRowBytes)))
	f.must(t, nil, one, other)
	assert.Equal(t, rowsOf(one, other), f.get(t, long, shorter))
	assert.Equal(t, rowsOf(other), collect(t, f.views.ScanRows(t.Context(), f.generation, "v"))[1:])
	page, err := f.views.Page(t.Context(), f.generation, projection.PageQuery{View: "v", Partition: long.Key.Partition, After: new(shorter.Key.Sort), Limit: 5})
	require.NoError(t, err)
	assert.Equal(t, rowsOf(other), page)
	f.refused(t, nil, expecting(one.Row.Rev, f.remove(long)))
	f.must(t, nil, expecting(other.Row.Rev, f.remove(long)))
	assert.Equal(t, rowsOf(one), f.get(t, long, shorter))
}

// placesDoNotMeet writes the same keys and streams, each with a content of its own,
// under names of projections and views that could be taken for each other.
func placesDoNotMeet(t *testing.T, f *fixture) {
	name := f.generation.Projection
	var places []*fixture
	for _, suffix := range []string{"", "1", "-1", "_1", "-1-v"} {
		numbers := []uint64{1, 11, math.MaxInt64}
		if len(suffix) > 1 {
			numbers = numbers[:1]
		}
		for _, number := range numbers {
			places = append(places, f.of(projection.GenerationID{Projection: name + suffix, Number: number}))
		}
	}
	views := []string{"v", "1", "1-v", "v-1", "checkpoints"} // in any order that is not sorted
	held := make([]contents, len(places))
	for i, p := range places {
		var writes []projection.RowWrite
		for _, v := range views {
			writes = append(writes, p.put(row(v, "p", "s"), `"`+p.generation.String()+`"`), p.put(row(v, "1", ""), `"`+v+`"`))
		}
		at := eventstore.Version(10*i + 1)
		p.must(t, moves(move(stream("a"), 0, at), move(stream("1"), 0, at+1)), writes...)
		p.park(t, stream("a"), at, parked(at+1))
		held[i] = p.contents(t, views...)
		require.Len(t, held[i].Rows, 2*len(views))
		require.Len(t, held[i].Checkpoints, 2)
	}
	for i, p := range places {
		at := eventstore.Version(10*i + 2)
		p.must(t, moves(move(stream("1"), at, at+1)), p.remove(row(views[0], "p", "s")))
		held[i].Rows = slices.DeleteFunc(held[i].Rows, func(r projection.Row) bool { return r.ID == row(views[0], "p", "s") })
		for j := range held[i].Checkpoints {
			if c := &held[i].Checkpoints[j]; c.Stream == stream("1") {
				c.Version = at + 1
			}
		}
	}
	for i, p := range places {
		require.Equal(t, held[i], p.contents(t, views...), p.generation)
		require.Len(t, p.get(t, row("v", "1", ""), row("v", "p", "s"), row("1", "p", "s")), 2)
		waiting := collect(t, p.views.AllCheckpoints(t.Context(), p.generation, true))
		require.Len(t, waiting, 1)
		require.Equal(t, p.checkpoint(t, stream("a")), waiting[0])
		require.Equal(t, parked(eventstore.Version(10*i+1)+1), waiting[0].Parked)
	}
}
