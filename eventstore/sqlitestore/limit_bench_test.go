package sqlitestore_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/sqlitestore"
	"github.com/leftfold/leftfold/internal/benchtest"
	"github.com/leftfold/leftfold/internal/sqlitefile"
)

const (
	benchWriters  = 64
	benchAppends  = 100 // of each writer
	benchRounds   = 7
	benchCategory = "user"
)

// BenchmarkDurableAppend appends with 64 writers at once, each to a stream of its own.
// The limit writes the same rows into the same table with the bare driver, in durable
// transactions of the mean size of the groups that had formed.
func BenchmarkDurableAppend(b *testing.B) {
	const total = benchWriters * benchAppends
	groups := 0
	var rows [][]any
	ours := func() benchtest.Usage {
		path := filepath.Join(b.TempDir(), "shop.db")
		store, err := sqlitestore.Open(b.Context(), path, sqlitestore.Options{})
		require.NoError(b, err)
		stop := countGroups(b, path, &groups)
		usage := benchtest.Measure(func() { appendAll(b, store) })
		stop()
		require.NoError(b, store.Close())
		rows = readRows(b, path)
		require.Len(b, rows, total)
		return usage
	}
	ours() // the limit needs its rows
	limit := func() benchtest.Usage { return insertRows(b, rows, max(1, total/groups)) }
	limitUsage, usage := benchtest.Alternate(b, benchRounds, limit, ours)
	b.ReportMetric(total/usage.Time.Seconds(), "appends/s")
	b.ReportMetric(total/limitUsage.Time.Seconds(), "limit-appends/s")
	b.ReportMetric(float64(total)/float64(groups), "appends/group")
}

func appendAll(b *testing.B, store eventstore.Store) {
	var writers sync.WaitGroup
	for i := range benchWriters {
		writers.Go(func() {
			stream, err := eventstore.NewStreamID(benchCategory, fmt.Sprint(i))
			if err != nil {
				b.Error(err)
				return
			}
			at := eventstore.NoStream
			for n := range benchAppends {
				c, err := store.Append(b.Context(), eventstore.Write{Stream: stream, Revision: at, ID: fmt.Sprintf("order-%d-%d", i, n), Events: purchase})
				if err != nil {
					b.Error(err)
					return
				}
				at = c.Revision
			}
		})
	}
	writers.Wait()
}

// purchase is an event as the shop has them.
var purchase = []eventstore.Event{{Type: "PURCHASE_MADE", Schema: 1, Payload: []byte(`{"purchaseId":"user-17850@1","invoiceId":"536365",` +
	`"productId":"85123A","description":"WHITE HANGING HEART T-LIGHT HOLDER","quantity":6,"unitPrice":2.55,"amount":15.3,` +
	`"country":"United Kingdom","date":"2010-12-01T08:26:00Z"}`)}}

// countGroups counts the transactions of this process until it is stopped.
func countGroups(b *testing.B, path string, groups *int) (stop func()) {
	file, err := sqlitefile.Open(context.Background(), path, sqlitefile.Options{MustExist: true})
	require.NoError(b, err)
	n, end, ended := 0, make(chan struct{}), make(chan struct{})
	changed := file.Changed()
	go func() {
		defer close(ended)
		for {
			select {
			case <-changed:
				changed = file.Changed()
				n++
			case <-end:
				return
			}
		}
	}()
	return func() {
		close(end)
		<-ended
		*groups = n
		require.NoError(b, file.Close())
	}
}

const columns = "stream, version, count, id, time, types, frame, events, metadata, digest"

// readRows returns what was stored, in the order in which it was.
func readRows(b *testing.B, path string) (all [][]any) {
	b.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(b, err)
	defer db.Close()
	rows, err := db.Query("SELECT " + columns + " FROM commits ORDER BY position")
	require.NoError(b, err)
	defer rows.Close()
	for rows.Next() {
		row, dest := make([]any, 10), make([]any, 10)
		for i := range row {
			dest[i] = &row[i]
		}
		require.NoError(b, rows.Scan(dest...))
		all = append(all, row)
	}
	require.NoError(b, rows.Err())
	return all
}

// insertRows writes rows with the bare driver into the table that the store has made,
// in groups, each a durable transaction.
func insertRows(b *testing.B, rows [][]any, group int) benchtest.Usage {
	b.Helper()
	path := filepath.Join(b.TempDir(), "shop.db")
	store, err := sqlitestore.Open(b.Context(), path, sqlitestore.Options{})
	require.NoError(b, err)
	require.NoError(b, store.Close())
	db, err := sql.Open("sqlite", path)
	require.NoError(b, err)
	defer db.Close()
	conn, err := db.Conn(b.Context())
	require.NoError(b, err)
	defer conn.Close()
	_, err = conn.ExecContext(b.Context(), "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA fullfsync=1; PRAGMA checkpoint_fullfsync=1")
	require.NoError(b, err)
	var statements [3]*sql.Stmt
	for i, query := range []string{"BEGIN IMMEDIATE", "COMMIT", "INSERT INTO commits(" + columns + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"} {
		statements[i], err = conn.PrepareContext(b.Context(), query)
		require.NoError(b, err)
		defer statements[i].Close()
	}
	return benchtest.Measure(func() {
		for group := range slices.Chunk(rows, group) {
			_, err := statements[0].Exec()
			for i := 0; i < len(group) && err == nil; i++ {
				_, err = statements[2].Exec(group[i]...)
			}
			if err == nil {
				_, err = statements[1].Exec()
			}
			require.NoError(b, err)
		}
	})
}
