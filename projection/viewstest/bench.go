package viewstest

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// Bench measures what the engine and queries do most. open is as for [Run].
func Bench(b *testing.B, open func(b testing.TB) projection.ViewStore) {
	for _, rows := range []int{1, 50} {
		b.Run(fmt.Sprintf("Apply a slice of %d rows", rows), func(b *testing.B) { benchApply(b, newFixture(open(b)), rows) })
	}
	b.Run("Apply slices of 1 row from 16 workers", func(b *testing.B) { benchWorkers(b, newFixture(open(b))) })
	b.Run("Read", func(b *testing.B) {
		f := newFixture(open(b))
		f.prepare(b)
		for _, read := range []struct {
			name string
			n    int
			do   func(b *testing.B, n int)
		}{
			{"Checkpoints", 100, f.benchCheckpoints}, {"Rows", 1, f.benchRows}, {"Rows", 100, f.benchRows},
			{"Page", 50, f.benchPage}, {"ScanRows", benchRows, f.benchScan},
		} {
			b.Run(fmt.Sprintf("%s of %d", read.name, read.n), func(b *testing.B) {
				b.ReportAllocs()
				read.do(b, read.n)
				b.ReportMetric(float64(b.N*read.n)/b.Elapsed().Seconds(), "items/s")
			})
		}
	})
}

const (
	// benchRows is how many rows there are to read, in partitions of 100.
	benchRows = 2000
	// benchContent is as large as rows of a summary usually are.
	benchContent = `{"productId":"85123A","totalSales":1234.50,"purchaseCount":321,"unitsSold":999,"totalReturned":12.50,"returnCount":2,"unitsReturned":3,"lastUpdated":"2011-12-09T12:50:00Z"}`
)

func benchRow(i int) projection.RowID {
	return row("v", "p"+strconv.Itoa(i/100), fmt.Sprintf("s%02d", i%100))
}

func benchApply(b *testing.B, f *fixture, rows int) {
	rows = min(rows, f.views.Limits().Items-1)
	b.ReportAllocs()
	revs := make([]eventstore.EventID, rows)
	for v := eventstore.Version(0); b.Loop(); v++ {
		writes := make([]projection.RowWrite, rows)
		for i := range writes {
			writes[i] = expecting(revs[i], f.put(benchRow(i), benchContent))
			revs[i] = writes[i].Row.Rev
		}
		f.must(b, moves(move(stream("a"), v, v+1)), writes...)
	}
	b.ReportMetric(float64(b.N*rows)/b.Elapsed().Seconds(), "rows/s")
}

func benchWorkers(b *testing.B, f *fixture) {
	b.ReportAllocs()
	b.SetParallelism(16)
	var workers atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		worker := int(workers.Add(1))
		s := stream(strconv.Itoa(worker))
		for v := eventstore.Version(0); pb.Next(); v++ {
			w := f.put(benchRow(worker*100), benchContent)
			if err := f.views.Apply(b.Context(), f.slice(moves(move(s, v, v+1)), w)); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func (f *fixture) prepare(b *testing.B) {
	var writes []projection.RowWrite
	for i := range benchRows {
		writes = append(writes, f.put(benchRow(i), benchContent))
	}
	f.fill(b, nil, writes...)
	var all []projection.Move
	for i := range benchRows {
		all = append(all, move(stream(strconv.Itoa(i)), 0, 1))
	}
	f.fill(b, all)
}

func (f *fixture) benchCheckpoints(b *testing.B, n int) {
	streams := make([]eventstore.StreamID, n)
	for i := range streams {
		streams[i] = stream(strconv.Itoa(i * 7))
	}
	for b.Loop() {
		_, err := f.views.Checkpoints(b.Context(), f.generation, streams)
		require.NoError(b, err)
	}
}

func (f *fixture) benchRows(b *testing.B, n int) {
	ids := make([]projection.RowID, n)
	for i := range ids {
		ids[i] = benchRow(i * 7)
	}
	for b.Loop() {
		rows, err := f.views.Rows(b.Context(), f.generation, ids)
		require.NoError(b, err)
		require.Len(b, rows, n)
	}
}

func (f *fixture) benchPage(b *testing.B, n int) {
	q := projection.PageQuery{View: "v", Partition: "p7", After: new("s20"), Limit: n}
	for b.Loop() {
		rows, err := f.views.Page(b.Context(), f.generation, q)
		require.NoError(b, err)
		require.Len(b, rows, n)
	}
}

func (f *fixture) benchScan(b *testing.B, n int) {
	for b.Loop() {
		require.Len(b, collect(b, f.views.ScanRows(b.Context(), f.generation, "v")), n)
	}
}
