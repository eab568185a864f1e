package main

import (
	"database/sql"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// execute changes the store behind our back.
func (s *shop) execute(statement string, args ...any) {
	s.Helper()
	db, err := sql.Open("sqlite", s.path("shop.db"))
	require.NoError(s, err)
	_, err = db.Exec(statement, args...)
	require.NoError(s, errors.Join(err, db.Close()))
}

// longStreams returns the names of streams of three commits or more.
func (s *shop) longStreams() (names []string) {
	s.Helper()
	db, err := sql.Open("sqlite", s.path("shop.db"))
	require.NoError(s, err)
	defer db.Close()
	rows, err := db.Query("SELECT stream FROM commits GROUP BY stream HAVING count(*) >= 3 ORDER BY stream")
	require.NoError(s, err)
	defer rows.Close()
	for rows.Next() {
		var name string
		require.NoError(s, rows.Scan(&name))
		names = append(names, name)
	}
	require.NoError(s, rows.Err())
	return names
}

func TestVerifyListsEachDamagedStreamAndReadsTheOthers(t *testing.T) {
	t.Parallel()
	s, want := openShop(t, 300)
	damaged := s.longStreams()
	require.Greater(t, len(damaged), 3)
	const second = " WHERE position = (SELECT position FROM commits WHERE stream = ? ORDER BY version LIMIT 1 OFFSET 1)"
	s.execute("UPDATE commits SET events = CAST(replace(CAST(events AS TEXT), 'e', 'f') AS BLOB)"+second, damaged[0])
	s.execute("DELETE FROM commits"+second, damaged[1])
	s.execute("UPDATE commits SET count = count + 1"+second, damaged[2])
	last := damaged[len(damaged)-1]
	s.execute("DELETE FROM commits WHERE stream = ? AND version = 1", last)

	a := s.run("verify", "--json")
	assert.Equal(t, exitCheck, a.code)
	assert.Empty(t, a.stderr)
	report := decode[verifyReport](t, a.stdout)
	require.Len(t, report.Faults, 4)
	for i, fault := range []string{
		damaged[0] + `@\d+: store is corrupt: the checksum does not match`,
		damaged[1] + `@\d+: store is corrupt: versions \d+ to \d+ are missing or doubled`,
		damaged[2] + `@\d+: store is corrupt: the row says version \d+ and \d+ events, its frame \d+ events`,
		last + `@1: store is corrupt: versions 1 to \d+ are missing or doubled`,
	} {
		assert.Regexp(t, "^"+fault+"$", report.faults()[i])
	}
	assert.Equal(t, len(want.PurchaseHistory), report.Streams)
	assert.Greater(t, report.Events, want.Events*3/4, "the others are read")

	a = s.run("verify")
	assert.Equal(t, exitCheck, a.code)
	assert.Equal(t, strings.Join(report.faults(), "\n")+"\n", a.stdout[:strings.LastIndex(strings.TrimSpace(a.stdout), "\n")+1])
	assert.Regexp(t, `\n[\d,]+ events in [\d,]+ commits of [\d,]+ streams, 4 faults\n$`, a.stdout)
}

func TestVerifyDoesNotAskWhatADamagedStreamHolds(t *testing.T) {
	t.Parallel()
	s := sample(t)
	for _, address := range []string{"ada@example.com", "lovelace@example.com"} {
		require.NotEmpty(t, wrote(t, s.email("ada", address)))
	}
	require.NotEmpty(t, wrote(t, s.email("grace", "ada@example.com")))
	s.execute("UPDATE commits SET frame = x'01' WHERE stream = 'user-ada' AND version = 2")
	a := s.run("verify")
	assert.Equal(t, exitCheck, a.code)
	assert.Contains(t, a.stdout, ", 1 fault\n", "that it gave its first address back")
	assert.NotContains(t, a.stdout, "claim")
}

// A page that SQLite itself finds damaged.
func TestVerifyNamesADamagedPage(t *testing.T) {
	t.Parallel()
	s, _ := openShop(t, 300)
	info, err := os.Stat(s.path("shop.db"))
	require.NoError(t, err)
	file, err := os.OpenFile(s.path("shop.db"), os.O_WRONLY, 0)
	require.NoError(t, err)
	garbage := []byte(strings.Repeat("\xa5", 4096))
	for page := int64(20); page < 60; page++ { // pages of commits lie at the begin
		_, err = file.WriteAt(garbage, page*4096)
		require.NoError(t, err)
	}
	require.NoError(t, file.Close())
	require.Greater(t, info.Size(), int64(100*4096))

	a := s.run("verify", "--json")
	assert.Equal(t, exitCheck, a.code, a.stderr)
	report := decode[verifyReport](t, a.stdout)
	require.NotEmpty(t, report.Faults)
	assert.Contains(t, report.faults()[0], "store is corrupt")
}
