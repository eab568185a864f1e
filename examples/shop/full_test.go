package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/internal/sqlitefile"
)

// here runs a command in this process, where it shares the writer of the store with
// the test.
func (s *shop) here(args ...string) answer {
	s.Helper()
	out, err := os.Create(s.path("stdout"))
	require.NoError(s, err)
	talk, err := os.Create(s.path("stderr"))
	require.NoError(s, err)
	code := run(s.Context(), append(args, "--store", "sqlite:"+s.path("shop.db")), out, talk)
	require.NoError(s, out.Close())
	require.NoError(s, talk.Close())
	said := func(name string) string {
		text, err := os.ReadFile(s.path(name))
		require.NoError(s, err)
		return string(text)
	}
	return answer{code, said("stdout"), said("stderr")}
}

// limitPages lets the file grow by some pages and no further, as a full disk does, for
// all that this process writes to it.
func limitPages(tb testing.TB, file *sqlitefile.File, more int) {
	tb.Helper()
	require.NoError(tb, file.Do(tb.Context(), "limit", func(tx *sqlitefile.Tx) error {
		var pages int
		row, err := tx.QueryRow("PRAGMA page_count")
		if err == nil {
			err = row.Scan(&pages)
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages+more))
		return err
	}))
}

func TestAFullDiskIsNamedAndTheSameCommandGoesOnWhenThereIsRoom(t *testing.T) {
	t.Parallel()
	s := newTranscript(t)
	rows := []string{strings.TrimSpace(csvHeader)}
	for i := range 400 { // of one customer, so that they come one after the other
		rows = append(rows, fmt.Sprintf("%d,MUG-%d,%s,1,2010-12-01 08:26:00,2.55,17850,France", i+1, i, strings.Repeat("MUG ", 100)))
	}
	data := s.write("sales.csv", rows)
	want := expect(t, data)
	file, err := sqlitefile.Open(t.Context(), s.path("shop.db"), sqlitefile.Options{})
	require.NoError(t, err)
	s.run("top") // there is nothing yet, but now every table is

	for _, command := range [][]string{{"load", data.Path}, {"project"}} {
		limitPages(t, file, 10)
		s.answered(command[0], s.here(command...))
		limitPages(t, file, 10_000)
		a := s.here(command...)
		require.Equal(t, 0, a.code, a.stderr)
	}
	require.NoError(t, file.Close())
	s.requireViews(want)
	s.requireSound(want)
	s.compare("full-disk")
}
