package sqlitestore_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/sqlitestore"
	"github.com/leftfold/leftfold/internal/sqlitefile"
)

// Each way in which a file can be no store: what a person reads, with DIR for
// the directory, and what the program can ask.
func TestOpenSaysWhatIsWrongWithAFile(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		path    string // in the test's directory
		prepare func(t *testing.T, path string)
		opts    sqlitestore.Options
		message string
		hint    string
		class   error
	}{
		{"a missing file that must exist", "shop.db", nil, sqlitestore.Options{MustExist: true},
			"sqlitestore: open DIR/shop.db: file does not exist",
			"check the path; a first write creates the file", os.ErrNotExist},
		{"a missing directory", "data/shop.db", nil, sqlitestore.Options{},
			"sqlitestore: create DIR/data/shop.db: the directory does not exist", "mkdir -p DIR/data", nil},
		{"a directory instead of a file", "", nil, sqlitestore.Options{},
			"sqlitestore: open DIR: it is a directory", "name a file, for example shop.db", nil},
		{"a file instead of a directory", "file/shop.db", func(t *testing.T, path string) {
			put(t, filepath.Dir(path), []byte("a note"))
		}, sqlitestore.Options{},
			"sqlitestore: open DIR/file/shop.db: not a directory", "check the path", nil},
		{"no database at all", "notes.txt", func(t *testing.T, path string) { put(t, path, []byte("Dear diary, …")) }, sqlitestore.Options{},
			"sqlitestore: open DIR/notes.txt: not a Leftfold database",
			"it is not a SQLite database; choose another path", sqlitefile.ErrForeign},
		{"a SQLite database of another program", "other.db", func(t *testing.T, path string) {
			execute(t, path, "CREATE TABLE contacts(name)")
		}, sqlitestore.Options{},
			"sqlitestore: open DIR/other.db: not a Leftfold database",
			"the file is a SQLite database of another program; choose another path", sqlitefile.ErrForeign},
		{"a SQLite database with another's mark", "other.db", func(t *testing.T, path string) {
			execute(t, path, "PRAGMA application_id=252006673; CREATE TABLE contacts(name)")
		}, sqlitestore.Options{},
			"sqlitestore: open DIR/other.db: not a Leftfold database",
			"the file is a SQLite database of another program; choose another path", sqlitefile.ErrForeign},
		{"a newer schema", "shop.db", func(t *testing.T, path string) {
			fill(t, path)
			execute(t, path, "PRAGMA user_version=99")
		}, sqlitestore.Options{},
			"sqlitestore: open DIR/shop.db: schema is newer than this program: the file has schema version 99, this program knows 3",
			"run the newer program, or restore a backup from before it", sqlitefile.ErrNewer},
		{"a file cut in half", "shop.db", func(t *testing.T, path string) {
			fill(t, path)
			require.NoError(t, os.Truncate(path, 10*4096))
		}, sqlitestore.Options{},
			"sqlitestore: open DIR/shop.db: store is corrupt: database disk image is malformed (11)",
			"keep a copy of the file, and restore a backup", eventstore.ErrCorrupt},
		{"a damaged first page", "shop.db", func(t *testing.T, path string) {
			fill(t, path)
			overwrite(t, path, 16, strings.Repeat("\xff", 84))
		}, sqlitestore.Options{},
			"sqlitestore: open DIR/shop.db: not a Leftfold database: file is not a database (26)",
			"it is not a SQLite database, or its first page is damaged; restore a backup or choose another path", sqlitefile.ErrForeign},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, test.path)
			if test.prepare != nil {
				test.prepare(t, path)
			}
			before, _ := os.ReadFile(path)
			_, err := sqlitestore.Open(t.Context(), path, test.opts)
			assertReads(t, err, dir, test.message, test.hint, test.class)
			after, _ := os.ReadFile(path)
			assert.True(t, string(before) == string(after), "the file is left as it was")
		})
	}
}

func TestAnEmptyFileBecomesAStore(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	put(t, path, nil)
	must(t, openStore(t, path), write(eventstore.NoStream, stream(t, 1), "1", "1"))
}

func TestAPathMayHoldAnyCharacter(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"a b.db", "50%.db", "what?.db", "no#1.db", "ü.db", "file:x.db", "%41.db", ":memory:", "a&mode=ro.db"} {
		s := openStore(t, filepath.Join(dir, name))
		must(t, s, write(eventstore.NoStream, stream(t, 1), "1", "1"))
		require.NoError(t, s.Close())
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		assert.Positive(t, info.Size())
	}
}

// beside runs a test while another connection holds the file's write lock, in a
// bubble: there nobody really waits for it, and time tells who would have.
func beside(t *testing.T, path, statement string, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		other, err := direct(t, path).Conn(t.Context())
		require.NoError(t, err)
		defer other.Close()
		_, err = other.ExecContext(t.Context(), statement)
		require.NoError(t, err)
		test(t)
		_, err = other.ExecContext(t.Context(), "ROLLBACK")
		require.NoError(t, err)
	})
}

const hintLocked = "find the process that holds it, for example with fuser, or wait for it and try again"

func TestALockedFileIsNamed(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	fill(t, path)
	beside(t, path, "BEGIN IMMEDIATE", func(t *testing.T) {
		_, err := openStore(t, path).Append(t.Context(), write(eventstore.NoStream, stream(t, "new"), "1", "1"))
		assertReads(t, err, filepath.Dir(path),
			`append to "user-new": write DIR/shop.db: database is locked by another process: database is locked (5) (SQLITE_BUSY)`, hintLocked, sqlitefile.ErrLocked)
	})
	must(t, openStore(t, path), write(eventstore.NoStream, stream(t, "new"), "1", "1"))

	path = newPath(t)
	beside(t, path, "BEGIN EXCLUSIVE", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := sqlitestore.Open(ctx, path, sqlitestore.Options{})
		assertReads(t, err, filepath.Dir(path),
			"sqlitestore: open DIR/shop.db: database is locked by another process: context deadline exceeded", hintLocked, sqlitefile.ErrLocked)
	})
	must(t, openStore(t, path), write(eventstore.NoStream, stream(t, "new"), "1", "1"))
}

func TestWhoOnlyReadsDoesNotWaitForAProcessThatWrites(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	fill(t, path)
	for _, statement := range []string{"BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"} {
		beside(t, path, statement, func(t *testing.T) {
			start := time.Now()
			s := openStore(t, path)
			assert.Equal(t, []string{"1"}, ids(t, s.Read(t.Context(), stream(t, 1), 0)))
			head, err := s.Head(t.Context(), stream(t, 1))
			require.NoError(t, err)
			assert.EqualValues(t, 1, head.Version())
			assert.Zero(t, time.Since(start))
		})
	}
}

func TestAStoreThatWasNotQuiteCreatedIsCompleted(t *testing.T) {
	t.Parallel()
	for _, missing := range []string{"DELETE FROM store", "DROP TABLE feeds", "DROP VIEW events", "DROP TABLE store"} {
		path := newPath(t)
		fill(t, path)
		execute(t, path, missing)
		s := openStore(t, path)
		head, err := s.Head(t.Context(), stream(t, 1))
		require.NoError(t, err)
		must(t, s, write(head, stream(t, 1), "more", "1"))
		var n int
		require.NoError(t, direct(t, path).QueryRow("SELECT (SELECT count(*) FROM store) + (SELECT count(*) FROM feeds) + (SELECT count(*) FROM events)").Scan(&n))
		assert.Equal(t, 42, n, missing)
	}
}

func TestAFullDiskIsNamed(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	s, file := openStore(t, path), share(t, path)
	require.NoError(t, file.Do(t.Context(), "limit", func(tx *sqlitefile.Tx) error { limit(tx, 0); return nil }))
	_, err := s.Append(t.Context(), write(eventstore.NoStream, stream(t, 1), "1", strings.Repeat("1", 100_000)))
	assertReads(t, err, filepath.Dir(path), `append to "user-1": write DIR/shop.db: disk is full: database or disk is full (13)`,
		"free some space and send the same command again; nothing was written", sqlitefile.ErrFull)
}

// assertReads holds an error against what a person reads.
func assertReads(t *testing.T, err error, dir, message, hint string, class error) {
	t.Helper()
	require.Error(t, err)
	assert.Equal(t, message, strings.ReplaceAll(err.Error(), dir, "DIR"))
	assert.Equal(t, hint, strings.ReplaceAll(eventstore.Hint(err), dir, "DIR"))
	if class != nil {
		assert.ErrorIs(t, err, class)
	}
	assert.False(t, errors.Is(err, context.Canceled))
}

func put(t *testing.T, path string, content []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, content, 0o600))
}

func overwrite(t *testing.T, path string, offset int64, content string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = file.WriteAt([]byte(content), offset)
	require.NoError(t, errors.Join(err, file.Close()))
}

func execute(t *testing.T, path, statements string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	_, err = db.Exec(statements)
	require.NoError(t, errors.Join(err, db.Close()))
}

// fill makes a store of 40 streams, whose commits lie on pages of their own.
func fill(t *testing.T, path string) {
	t.Helper()
	s := openStore(t, path)
	for i := range 40 {
		must(t, s, write(eventstore.NoStream, stream(t, i), fmt.Sprint(i), `"`+strings.Repeat("x", 3_000)+`"`))
	}
	require.NoError(t, s.Close())
}
