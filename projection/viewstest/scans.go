package viewstest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

var scanClauses = []clause{
	{"of a view yield every row in the order of the keys", scanRows},
	{"of a view see all that nobody touches while others write", scanWhileWriting},
	{"of the checkpoints yield every one in the order of the names", scanCheckpoints},
	{"of the checkpoints see all that nobody touches while others move", scanWhileMoving},
	{"of nothing yield nothing", scanNothing},
}

// manyKeys returns the keys of more rows than a store reads at once, in order:
// partitions of one row, of some, and of many.
func manyKeys() []projection.Key {
	var keys []projection.Key
	for i, p := range numbered("p", 33) {
		for _, s := range numbered("s", 1+i*2) {
			keys = append(keys, projection.Key{Partition: p, Sort: s})
		}
	}
	return keys // 33 * 33 = 1,089
}

func scanRows(t *testing.T, f *fixture) {
	var writes []projection.RowWrite
	for _, k := range manyKeys() {
		writes = append(writes, f.put(projection.RowID{View: "v", Key: k}, `1`))
	}
	f.fill(t, nil, append([]projection.RowWrite{f.put(row("u", "p00007", ""), `1`), f.put(row("w", "p00007", ""), `1`)}, writes...)...)
	rows := rowsOf(writes...)
	same(t, rows, collect(t, f.views.ScanRows(t.Context(), f.generation, "v")))
	all := f.views.ScanRows(t.Context(), f.generation, "v")
	for _, most := range []int{1, 2, 511, 512, 513, 1024, 1025, len(rows)} {
		var some []projection.Row
		for row, err := range all { // the same sequence again, abandoned again
			require.NoError(t, err)
			if some = append(some, row); len(some) == most {
				break
			}
		}
		same(t, rows[:most], some)
	}
	same(t, rows, collect(t, all))
}

// meanwhile applies a slice while a scan is under way, which must not stop it.
func (f *fixture) meanwhile(t *testing.T, moves []projection.Move, writes ...projection.RowWrite) {
	t.Helper()
	applied := make(chan error, 1) // nobody may wait for it any more
	go func() { applied <- f.views.Apply(t.Context(), f.slice(moves, writes...)) }()
	select {
	case err := <-applied:
		require.NoError(t, err)
	case <-time.After(30 * time.Second):
		t.Fatal("a slice waits for the end of a scan")
	}
}

func scanWhileWriting(t *testing.T, f *fixture) {
	var writes []projection.RowWrite
	for _, name := range numbered("p", 1200) {
		writes = append(writes, f.put(row("v", name, ""), `1`))
	}
	f.fill(t, nil, writes...)
	seen := map[projection.RowID]int{}
	last := projection.RowID{View: "v"}
	for row, err := range f.views.ScanRows(t.Context(), f.generation, "v") {
		require.NoError(t, err)
		require.Positive(t, row.ID.Compare(last), "out of order, or twice")
		last = row.ID
		seen[row.ID]++
		if len(seen)%300 == 1 { // every row whose number ends with 7 is changed, those with 9 are deleted
			i := len(seen) + 99
			behind := projection.Key{Partition: last.Key.Partition, Sort: "new"}
			f.meanwhile(t, nil, f.put(writes[i+7].Row.ID, `2`), f.remove(writes[i+9].Row.ID), f.put(projection.RowID{View: "v", Key: behind}, `3`))
		}
	}
	for i, w := range writes {
		if i%100 != 9 {
			require.Equal(t, 1, seen[w.Row.ID], w.Row.ID)
		}
	}
}

func scanCheckpoints(t *testing.T, f *fixture) {
	var all []projection.Move
	var want, wantParked []projection.Checkpoint
	for i, name := range numbered("s", 900) {
		c := projection.Checkpoint{Stream: stream(name), Version: eventstore.Version(i + 1)}
		all = append(all, move(c.Stream, 0, c.Version))
		switch i % 5 {
		case 0:
			c.Parked = parked(c.Version + 1)
		case 1:
			c.Parked = parked(c.Version) // left over
		case 2: // a record without a checkpoint
			all = all[:len(all)-1]
			c.Version, c.Parked = 0, parked(1)
		}
		if want = append(want, c); c.Parked != nil {
			wantParked = append(wantParked, c)
		}
	}
	slices.Reverse(all)
	f.fill(t, all)
	atOnce(8, func(worker int) {
		for i := worker; i < len(wantParked); i += 8 {
			c := wantParked[i]
			assert.NoError(t, f.views.Park(t.Context(), f.generation, c.Stream, c.Version, c.Parked))
		}
	})
	for parked, want := range map[bool][]projection.Checkpoint{false: want, true: wantParked} {
		all := f.views.AllCheckpoints(t.Context(), f.generation, parked)
		same(t, want, collect(t, all))
		for _, most := range []int{1, 512, 513, len(want)} {
			var some []projection.Checkpoint
			for c, err := range all {
				require.NoError(t, err)
				if some = append(some, c); len(some) == most {
					break
				}
			}
			same(t, want[:most], some)
		}
	}
}

func scanWhileMoving(t *testing.T, f *fixture) {
	var all []projection.Move
	for _, name := range numbered("s", 1200) {
		all = append(all, move(stream(name), 0, 1))
	}
	f.fill(t, all)
	seen := map[eventstore.StreamID]int{}
	for c, err := range f.views.AllCheckpoints(t.Context(), f.generation, false) {
		require.NoError(t, err)
		if seen[c.Stream]++; len(seen)%300 == 1 {
			f.meanwhile(t, moves(move(all[len(seen)+200].Stream, 1, 2), move(stream(fmt.Sprint("new-", len(seen))), 0, 1)))
		}
	}
	for _, m := range all {
		require.Equal(t, 1, seen[m.Stream], m.Stream)
	}
}

func scanNothing(t *testing.T, f *fixture) {
	assert.Equal(t, contents{}, f.contents(t, "v"))
	assert.Empty(t, collect(t, f.views.AllCheckpoints(t.Context(), f.generation, true)))
	f.must(t, moves(move(stream("a"), 0, 1)), f.put(row("v", "p", ""), `1`))
	assert.Empty(t, collect(t, f.views.ScanRows(t.Context(), f.generation, "w")))
	assert.Empty(t, collect(t, f.views.AllCheckpoints(t.Context(), f.generation, true)))
}
