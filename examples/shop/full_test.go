package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/handlers/dispatch"
	"github.com/leftfold/leftfold/internal/sqlitefile"
	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
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
		a := s.here(command...)
		goesOn := `^1 of 1 stream was behind; applied [\d,]+ events to 2 projections, `
		if command[0] == "load" {
			stored := strings.Count(s.here("events", "user-17850", "--json").stdout, "\n")
			assert.Positive(t, stored)
			assert.Contains(t, a.stderr, fmt.Sprintf("stopped: %d events of %s are known to be in the store\n", stored, data.Path))
			a.stderr = strings.Replace(a.stderr, strconv.Itoa(stored), "N", 1)
			goesOn = fmt.Sprintf(`^loaded %d events in %[1]d parts, each a commit, \S+; %d events there already; 0 rows rejected\n$`, len(rows)-1-stored, stored)
		}
		s.answered(command[0], a)
		limitPages(t, file, 10_000)
		a = s.here(command...)
		require.Equal(t, 0, a.code, a.stderr)
		assert.Regexp(t, goesOn, a.stdout)
	}
	require.NoError(t, file.Close())
	s.requireViews(want)
	s.requireSound(want)
	s.compare("full-disk")
}

// The rejects may be what does not find room.
func TestAFullDiskUnderTheRejectsStopsALoadAndIsSaidOnce(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system has no /dev/full")
	}
	s := newTranscript(t)
	s.put("sales.csv", csvRows+strings.Repeat("4,MUG,,-20,2010-12-04 09:00:00,0,,France\n", 500))
	s.types("load sales.csv --rejects /dev/full")
	s.types("load sales.csv")
	s.compare("full-rejects")
}

// When a COMMIT finds no room nobody knows whether it took place: also then the shop
// says what to do in its own terms.
func TestHintsAreAboutCommandsOfTheShop(t *testing.T) {
	t.Parallel()
	a := &app{store: defaultStore, out: terminal.New(terminal.Options{})}
	for hint, err := range map[string]error{
		"free some space and give the command again; what was done is not done twice": &eventstore.OutcomeUnknownError{Err: fullError{}},
		"give the command again; what was done is not done twice":                     &eventstore.OutcomeUnknownError{Err: errors.New("killed")},
		"shop project builds the views, shop worker keeps them up to date":            &projection.NotBuiltError{Fed: true},
	} {
		assert.Equal(t, hint, a.hintFor(fmt.Errorf("load sales.csv: %w", err)))
	}
}

// A command that was sent without an ID has one of its own: under another it takes effect twice.
func TestTheHintOfAnUnknownOutcomeOfASendNamesItsID(t *testing.T) {
	t.Parallel()
	a := &app{store: defaultStore, out: terminal.New(terminal.Options{})}
	const again = "shop send purchase '{}' --id 4711 sends the same again: it takes effect once"
	for _, cause := range []error{errors.New("killed"), fullError{}} {
		failure := dispatch.Explain(&eventstore.OutcomeUnknownError{Err: cause})
		assert.Equal(t, again, eventstore.Hint(a.explained(terminal.WithHint(failure, again))))
	}
}

// fullError is what SQLite says of a full disk.
type fullError struct{}

func (fullError) Error() string { return "database or disk is full (13)" }
func (fullError) Code() int     { return 13 }
