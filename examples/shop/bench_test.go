package main

import (
	"context"
	"database/sql"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
	"github.com/leftfold/leftfold/eventstore/sqlitestore"
	"github.com/leftfold/leftfold/internal/benchtest"
	"github.com/leftfold/leftfold/internal/retailtest"
)

// BenchmarkLoadYear loads the whole file as a process, into a new file.
func BenchmarkLoadYear(b *testing.B) {
	data := retailtest.Open(b)
	var report loadReport
	peak := 0
	for b.Loop() {
		a, most := newShop(b).start("load", data.Path, "--json").peakMemory()
		require.Equal(b, 0, a.code, a.stderr)
		report, peak = decode[loadReport](b, a.stdout), max(peak, most)
	}
	b.ReportMetric(float64(report.Events)/report.Seconds, "events/s")
	b.ReportMetric(float64(peak)/1024, "peak-MB")
}

// year is a store with the whole file loaded. The benchmarks share it, and copy it
// before they write.
var year struct {
	once sync.Once
	path string
}

func yearStore(b *testing.B) string {
	b.Helper()
	year.once.Do(func() {
		s := newShop(b)
		s.must("load", retailtest.Open(b).Path)
		copyFile(b, s.path("shop.db"), filepath.Join(built, "year.db"))
		year.path = filepath.Join(built, "year.db")
	})
	require.NotEmpty(b, year.path)
	return year.path
}

func selected[T any](b *testing.B, path, text string) (v T) {
	b.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(b, err)
	defer db.Close()
	require.NoError(b, db.QueryRow(text).Scan(&v))
	return v
}

// BenchmarkReplayLongestStream loads the customer with the most events. The limit
// decodes and evolves the same payloads in a bare loop, without a store.
func BenchmarkReplayLongestStream(b *testing.B) {
	path := yearStore(b)
	stream, err := eventstore.ParseStreamID(selected[string](b, path, "SELECT stream FROM commits GROUP BY stream ORDER BY sum(count) DESC LIMIT 1"))
	require.NoError(b, err)
	inFile, err := sqlitestore.Open(b.Context(), path, sqlitestore.Options{MustExist: true})
	require.NoError(b, err)
	defer func() { require.NoError(b, inFile.Close()) }()
	inMemory := memstore.New()
	var events []eventstore.Event
	at := eventstore.NoStream
	for c, err := range inFile.Read(b.Context(), stream, 0) {
		require.NoError(b, err)
		events = append(events, c.Events...)
		stored, err := inMemory.Append(b.Context(), eventstore.Write{Stream: stream, Revision: at, ID: c.ID, Time: c.Time, Events: c.Events})
		require.NoError(b, err)
		at = stored.Revision
	}
	b.Run("sqlitestore", func(b *testing.B) { benchmarkReplay(b, inFile, stream.ID(), events) })
	b.Run("memstore", func(b *testing.B) { benchmarkReplay(b, inMemory, stream.ID(), events) })
}

const (
	replayRounds = 7
	replays      = 8 // in a round, so that a collection of garbage more or less is no matter
)

func benchmarkReplay(b *testing.B, store eventstore.Store, id string, events []eventstore.Event) {
	customers := aggregate.NewRepository(store, Customers, aggregate.Options{})
	var folded, loaded Customer
	limit := func() benchtest.Usage {
		return benchtest.Measure(func() {
			for range replays {
				folded = foldBare(b, id, events)
			}
		})
	}
	ours := func() benchtest.Usage {
		return benchtest.Measure(func() {
			for range replays {
				l, err := customers.Load(context.Background(), id)
				require.NoError(b, err)
				loaded = l.State
			}
		})
	}
	bare, load := benchtest.Alternate(b, replayRounds, limit, ours)
	require.Equal(b, folded, loaded)
	b.ReportMetric(float64(len(events)), "events")
	n := float64(len(events) * replays)
	b.ReportMetric(float64(bare.Time.Nanoseconds())/n, "bare-ns/event")
	b.ReportMetric(float64((load.Time-bare.Time)/time.Nanosecond)/n, "more-ns/event")
	b.ReportMetric((float64(load.Allocs)-float64(bare.Allocs))/n, "more-allocs/event")
}

// foldBare is what no replay can do without.
func foldBare(b *testing.B, id string, events []eventstore.Event) Customer {
	c := Customers.Initial(id)
	for _, e := range events {
		event, err := decodeBare(e)
		if err != nil {
			b.Fatal(err)
		}
		c = evolve(c, event)
	}
	return c
}
