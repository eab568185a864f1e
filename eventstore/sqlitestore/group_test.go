package sqlitestore_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/sqlitestore"
	"github.com/leftfold/leftfold/internal/sqlitefile"
)

// group makes one group of calls: it holds the file's writer until release.
// It belongs inside a synctest bubble, which tells when a call waits.
type group struct {
	file    *sqlitefile.File
	release func()
	answers []chan error
}

func hold(file *sqlitefile.File) *group {
	gate := make(chan struct{})
	g := &group{file: file, release: func() { close(gate); synctest.Wait() }}
	go func() {
		_ = file.Do(context.Background(), "hold", func(*sqlitefile.Tx) error { <-gate; return nil })
	}()
	synctest.Wait()
	return g
}

// add lets a call wait behind those before it.
func (g *group) add(call func() error) {
	answer := make(chan error, 1)
	g.answers = append(g.answers, answer)
	go func() { answer <- call() }()
	synctest.Wait()
}

func (g *group) appends(s *sqlitestore.Store, w eventstore.Write) {
	g.add(func() error {
		_, err := s.Append(context.Background(), w)
		return err
	})
}

// overflows adds a job that fills the file up to a limit of so many more pages.
func (g *group) overflows(pages int, swallow bool) {
	g.add(func() error {
		return g.file.Do(context.Background(), "fill", func(tx *sqlitefile.Tx) error {
			limit(tx, pages)
			_, err := tx.Exec("INSERT INTO feeds(consumer, position) VALUES (?, 0)", strings.Repeat("x", 1<<20))
			if swallow {
				return nil
			}
			return err
		})
	})
}

// limit lets the file grow by so many pages; below 0 it gives the space back.
func limit(tx *sqlitefile.Tx, pages int) {
	now, most := 0, 1<<30
	if row, err := tx.QueryRow("PRAGMA page_count"); err == nil && row.Scan(&now) == nil && pages >= 0 {
		most = now + pages
	}
	_, _ = tx.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", most))
}

func (g *group) setLimit(t *testing.T, pages int) {
	require.NoError(t, g.file.Do(context.Background(), "limit", func(tx *sqlitefile.Tx) error {
		limit(tx, pages)
		return nil
	}))
}

// outcome releases the group and returns what each call answered.
func (g *group) outcome() []error {
	g.release()
	errs := make([]error, len(g.answers))
	for i, answer := range g.answers {
		errs[i] = <-answer
	}
	return errs
}

// inGroup runs a test with a store and a group whose writer waits.
func inGroup(t *testing.T, test func(t *testing.T, s *sqlitestore.Store, g *group)) {
	t.Helper()
	path := newPath(t)
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t, path)
		test(t, s, hold(share(t, path)))
	})
}

func TestWhenSQLiteRollsAGroupBackEachMemberIsTriedAlone(t *testing.T) {
	inGroup(t, func(t *testing.T, s *sqlitestore.Store, g *group) {
		for i := range 3 {
			g.appends(s, write(eventstore.NoStream, stream(t, i), fmt.Sprint(i), "1"))
		}
		g.overflows(64, false)
		for i := 3; i < 6; i++ {
			g.appends(s, write(eventstore.NoStream, stream(t, i), fmt.Sprint(i), "1"))
		}
		for i, err := range g.outcome() {
			if i == 3 {
				assert.ErrorIs(t, err, sqlitefile.ErrFull)
				assert.NotErrorIs(t, err, sqlitefile.ErrUnknown, "nothing of it was written")
				continue
			}
			assert.NoError(t, err, "member %d fits and must not suffer", i)
		}
		for i := range 6 {
			assert.Equal(t, []string{fmt.Sprint(i)}, ids(t, s.Read(t.Context(), stream(t, i), 0)))
		}
	})
}

func TestAMemberThatHidesTheRollBackLetsNobodyBeStoredAlone(t *testing.T) {
	inGroup(t, func(t *testing.T, s *sqlitestore.Store, g *group) {
		g.appends(s, write(eventstore.NoStream, stream(t, 0), "before", "1"))
		g.overflows(64, true)
		g.appends(s, write(eventstore.NoStream, stream(t, 1), "behind", "1"))
		errs := g.outcome()
		assert.NoError(t, errs[0])
		assert.ErrorContains(t, errs[1], "SQLite rolled the transaction back")
		assert.NotErrorIs(t, errs[1], sqlitefile.ErrUnknown)
		assert.NoError(t, errs[2])
		assert.Equal(t, []string{"before"}, ids(t, s.Read(t.Context(), stream(t, 0), 0)))
		assert.Equal(t, []string{"behind"}, ids(t, s.Read(t.Context(), stream(t, 1), 0)))
	})
}

func TestOnAFullDiskNothingIsStoredAndAfterwardsAllWorks(t *testing.T) {
	inGroup(t, func(t *testing.T, s *sqlitestore.Store, g *group) {
		var writes []eventstore.Write
		for i := range 5 {
			writes = append(writes, write(eventstore.NoStream, stream(t, i), fmt.Sprint(i), strings.Repeat("1", 100_000)))
		}
		g.add(func() error {
			return g.file.Do(t.Context(), "limit", func(tx *sqlitefile.Tx) error { limit(tx, 0); return nil })
		})
		for _, w := range writes {
			g.appends(s, w)
		}
		errs := g.outcome()
		require.NoError(t, errs[0])
		for i, err := range errs[1:] {
			assert.ErrorIs(t, err, sqlitefile.ErrFull)
			assert.NotErrorIs(t, err, eventstore.ErrOutcomeUnknown)
			assert.Empty(t, ids(t, s.Read(t.Context(), stream(t, i), 0)), "nothing is stored")
		}
		g.setLimit(t, -1)
		for i, w := range writes {
			must(t, s, w)
			assert.Equal(t, []string{w.ID}, ids(t, s.Read(t.Context(), stream(t, i), 0)))
		}
		var last, n int
		require.NoError(t, g.file.Readers().QueryRow("SELECT max(position), count(*) FROM commits").Scan(&last, &n))
		assert.Equal(t, n, last, "positions have no gap")
	})
}

func TestARefusalWritesNothing(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	s := openStore(t, path)
	first := must(t, s, write(eventstore.NoStream, stream(t, 1), "first", "1"))
	db := direct(t, path)
	var seq, version int64
	const look = "SELECT (SELECT seq FROM sqlite_sequence WHERE name = 'commits'), (SELECT data_version FROM pragma_data_version)"
	require.NoError(t, db.QueryRow(look).Scan(&seq, &version))
	for range 3 {
		_, err := s.Append(t.Context(), write(eventstore.NoStream, stream(t, 1), "late", "1"))
		require.ErrorIs(t, err, eventstore.ErrConflict)
		again := must(t, s, write(eventstore.NoStream, stream(t, 1), "first", "1"))
		require.Equal(t, first.Revision, again.Revision)
	}
	var seqAfter, versionAfter int64
	require.NoError(t, db.QueryRow(look).Scan(&seqAfter, &versionAfter))
	assert.Equal(t, []int64{seq, version}, []int64{seqAfter, versionAfter}, "the counter of positions, and any change of the file")
}

func TestARefusalInAGroupIsItsMembersAlone(t *testing.T) {
	inGroup(t, func(t *testing.T, s *sqlitestore.Store, g *group) {
		g.appends(s, write(eventstore.NoStream, stream(t, 1), "first", "1"))
		g.appends(s, write(eventstore.NoStream, stream(t, 1), "late", "1"))
		g.appends(s, write(eventstore.NoStream, stream(t, 1), "first", "1"))
		g.appends(s, write(eventstore.NoStream, stream(t, 1), "first", "2"))
		g.appends(s, write(eventstore.Any, stream(t, 1), "second", "1"))
		g.appends(s, write(eventstore.NoStream, stream(t, 2), "other", "1"))
		errs := g.outcome()
		assert.NoError(t, errs[0])
		assert.ErrorIs(t, errs[1], eventstore.ErrConflict)
		assert.NoError(t, errs[2], "the same write in the same group")
		assert.ErrorIs(t, errs[3], eventstore.ErrIDReused)
		assert.NoError(t, errs[4])
		assert.NoError(t, errs[5])
		assert.Equal(t, []string{"first", "second"}, ids(t, s.Read(t.Context(), stream(t, 1), 0)))
	})
}
