package main

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/internal/benchtest"
	"github.com/leftfold/leftfold/internal/sqlitefile"
	"github.com/leftfold/leftfold/projection"
)

const projectRounds = 3

// BenchmarkProjectYear brings both projections from nothing to the head of the year.
// The limit reads, decodes and folds the year in one thread, and writes the same final
// rows and checkpoints to the same tables with the bare driver, once each, in as many
// durable transactions.
func BenchmarkProjectYear(b *testing.B) {
	year := yearStore(b)
	transactions := 0
	var ourPath, limitPath string
	ours := func() (usage benchtest.Usage) {
		ourPath = filepath.Join(b.TempDir(), "shop.db")
		copyFile(b, year, ourPath)
		usage, transactions = sweepYear(b, ourPath)
		return usage
	}
	limit := func() benchtest.Usage {
		limitPath = filepath.Join(b.TempDir(), "shop.db")
		copyFile(b, year, limitPath)
		return benchtest.Measure(func() { require.NoError(b, projectBare(limitPath, transactions)) })
	}
	ours() // the limit needs the number of transactions
	bare, swept := benchtest.Alternate(b, projectRounds, limit, ours)
	for _, all := range []string{
		"SELECT projection, view, partition, sort, content FROM %s.rows_readable",
		"SELECT projection, stream, version FROM %[1]s.checkpoints c JOIN %[1]s.places p ON p.id = c.place",
	} {
		requireSameRows(b, limitPath, ourPath, all)
	}
	events := float64(selected[int64](b, year, "SELECT sum(count) FROM commits"))
	b.ReportMetric(events/swept.Time.Seconds(), "events/s")
	b.ReportMetric(events/bare.Time.Seconds(), "limit-events/s")
	b.ReportMetric(float64(transactions), "transactions")
}

// sweepYear does what shop project does, and counts its transactions.
func sweepYear(b *testing.B, path string) (usage benchtest.Usage, transactions int) {
	b.Helper()
	s, err := openService(b.Context(), "sqlite:"+path, true, firstEdition)
	require.NoError(b, err)
	defer func() { require.NoError(b, s.Close()) }()
	file, err := sqlitefile.Open(b.Context(), path, sqlitefile.Options{MustExist: true})
	require.NoError(b, err)
	defer func() { require.NoError(b, file.Close()) }()
	engine, err := projection.NewEngine(s.Store, s.Views, workerOptions(nil), firstEdition.consumers()...)
	require.NoError(b, err)
	require.NoError(b, engine.Prepare(b.Context()))
	counted := countTransactions(file)
	usage = benchtest.Measure(func() {
		_, err := engine.Sweep(b.Context(), nil)
		require.NoError(b, err)
	})
	return usage, counted()
}

// requireSameRows compares what a query finds in two files.
func requireSameRows(b *testing.B, one, other, query string) {
	b.Helper()
	db, err := sql.Open("sqlite", one)
	require.NoError(b, err)
	defer db.Close()
	db.SetMaxOpenConns(1) // the other file is attached to one connection
	_, err = db.Exec("ATTACH ? AS other", other)
	require.NoError(b, err)
	for _, sides := range [][2]string{{"main", "other"}, {"other", "main"}} {
		differing := -1
		text := "SELECT count(*) FROM (" + fmt.Sprintf(query, sides[0]) + " EXCEPT " + fmt.Sprintf(query, sides[1]) + ")"
		require.NoError(b, db.QueryRow(text).Scan(&differing))
		require.Zero(b, differing, "only in %s: %s", sides[0], query)
	}
}
