package main

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/internal/benchtest"
	"github.com/leftfold/leftfold/internal/sqlitefile"
	"github.com/leftfold/leftfold/projection"
)

// BenchmarkRebuildYear rebuilds both projections over the year at once, from the start to
// where they could be compared and switched to. The limit reads, decodes and folds the year
// in one thread, and writes the same final rows and checkpoints to the same tables with the
// bare driver, in as many durable transactions.
func BenchmarkRebuildYear(b *testing.B) {
	year := yearStore(b)
	transactions := 0
	ours := func() (usage benchtest.Usage) {
		path := filepath.Join(b.TempDir(), "shop.db")
		copyFile(b, year, path)
		usage, transactions = rebuildYear(b, path)
		return usage
	}
	limit := func() benchtest.Usage {
		path := filepath.Join(b.TempDir(), "shop.db")
		copyFile(b, year, path)
		return benchtest.Measure(func() { require.NoError(b, projectBare(path, transactions)) })
	}
	ours() // the limit needs the number of transactions
	bare, rebuilt := benchtest.Alternate(b, projectRounds, limit, ours)
	events := float64(selected[int64](b, year, "SELECT sum(count) FROM commits"))
	b.ReportMetric(events/rebuilt.Time.Seconds(), "events/s")
	b.ReportMetric(events/bare.Time.Seconds(), "limit-events/s")
	b.ReportMetric(float64(transactions), "transactions")
}

// rebuildYear rebuilds all projections of a store that has none yet, and counts its
// transactions.
func rebuildYear(b *testing.B, path string) (usage benchtest.Usage, transactions int) {
	b.Helper()
	s, err := openService(b.Context(), "sqlite:"+path, true, firstEdition)
	require.NoError(b, err)
	defer func() { require.NoError(b, s.Close()) }()
	file, err := sqlitefile.Open(b.Context(), path, sqlitefile.Options{MustExist: true})
	require.NoError(b, err)
	defer func() { require.NoError(b, file.Close()) }()
	counted := countTransactions(file)
	usage = benchtest.Measure(func() {
		var group sync.WaitGroup
		for _, p := range []*projection.Projection{ProductStatsV1, PurchaseHistoryV1} {
			group.Go(func() {
				r, err := projection.NewRebuilder(s.Store.(projection.RebuildSource), s.Views, p, projection.RebuildOptions{})
				if err == nil {
					_, err = r.Start(b.Context(), projection.StartOptions{})
				}
				if err == nil {
					_, err = r.Run(b.Context())
				}
				if err != nil {
					b.Error(err)
				}
			})
		}
		group.Wait()
	})
	return usage, counted()
}

// countTransactions counts those of a file until the function it returns is called.
func countTransactions(file *sqlitefile.File) (end func() int) {
	transactions := 0
	stop, stopped := make(chan struct{}), make(chan struct{})
	changed := file.Changed()
	go func() {
		defer close(stopped)
		for {
			select {
			case <-changed:
				changed = file.Changed()
				transactions++
			case <-stop:
				return
			}
		}
	}()
	return func() int {
		close(stop)
		<-stopped
		return transactions
	}
}
