package sqlitestore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/sqlitestore"
)

// A page is overwritten: whatever is read is what was written, or the damage is named,
// with its stream, and the other streams are read. No page may go unnoticed that holds
// commits.
func TestADamagedPageIsNeverReadAsSomethingElse(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	fill(t, path)
	sound, err := os.ReadFile(path)
	require.NoError(t, err)
	ofOneStream := 0
	for page := 1; page < len(sound)/4096; page += 3 {
		damaged := path + fmt.Sprint(page)
		content := append([]byte(nil), sound...)
		for i := range 4096 {
			content[page*4096+i] = byte(i * 7)
		}
		put(t, damaged, content)
		lost, err := readAll(t, damaged)
		if err != nil {
			assert.ErrorIs(t, err, eventstore.ErrCorrupt, "page %d", page)
			assert.NotEmpty(t, eventstore.Hint(err))
		}
		for _, damage := range lost {
			assert.Equal(t, damage.Stream.String()+"@1: store is corrupt: database disk image is malformed (11)", damage.Error())
		}
		if err == nil && len(lost) == 1 {
			ofOneStream++
		}
	}
	assert.GreaterOrEqual(t, ofOneStream, 13, "each commit has a page")
}

// readAll opens a store and reads all of it, past the streams that it can not read; what
// it reads must be what fill wrote.
func readAll(t *testing.T, path string) (lost []*eventstore.CorruptError, err error) {
	s, err := sqlitestore.Open(t.Context(), path, sqlitestore.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { require.NoError(t, s.Close()) }()
	n := 0
	for cursor, done := (eventstore.Cursor{}), false; !done; {
		done = true
		for scanned, err := range s.ReadAll(t.Context(), cursor) {
			if damage, ok := errors.AsType[*eventstore.CorruptError](err); ok {
				lost = append(lost, damage)
				cursor, done = cursor.Past(damage.Stream), false
				break
			}
			if err != nil {
				return lost, err
			}
			n++
			require.Equal(t, stream(t, scanned.Commit.ID), scanned.Commit.Stream)
			require.Equal(t, `"`+strings.Repeat("x", 3_000)+`"`, string(scanned.Commit.Events[0].Payload))
		}
	}
	require.Equal(t, 40, n+len(lost))
	return lost, nil
}

// overwritePage puts garbage into a page, counted from 0, of a file that nobody has open.
func overwritePage(t *testing.T, path string, page int) {
	t.Helper()
	overwrite(t, path, int64(page)*4096, strings.Repeat("\xa5", 4096))
}

func TestADamagedPageInAStreamIsNamedWithItsPlace(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	s := openStore(t, path)
	long, other := stream(t, 1), stream(t, 2)
	at := eventstore.NoStream
	for i := 1; i <= 20; i++ { // each fills a page
		at = must(t, s, write(at, long, fmt.Sprint(i), fmt.Sprintf(`"%s%02d"`, strings.Repeat("x", 3_000), i))).Revision
	}
	must(t, s, write(eventstore.NoStream, other, "1", `"`+strings.Repeat("x", 3_000)+`"`))
	require.NoError(t, s.Close())
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, payload := range []string{`x07"`, `x20"`} {
		place := bytes.Index(content, []byte(payload))
		require.Positive(t, place)
		overwritePage(t, path, place/4096)
	}

	s = openStore(t, path)
	const says = "user-1@%d: store is corrupt: database disk image is malformed (11)"
	for _, test := range []struct {
		commits iter.Seq2[eventstore.Commit, error]
		read    int // before the damage
		at      int
	}{
		{s.Read(t.Context(), long, 0), 6, 7},
		{s.Read(t.Context(), long, 3), 4, 7},
		{s.Read(t.Context(), long, 7), 0, 7},
		{s.Read(t.Context(), long, 8), 12, 20},
		{s.ReadBackward(t.Context(), long, 0), 0, 0}, // nobody knows the head
		{s.ReadBackward(t.Context(), long, 20), 0, 20},
		{s.ReadBackward(t.Context(), long, 18), 11, 7},
	} {
		read := 0
		for _, err := range test.commits {
			if err == nil {
				read++
				continue
			}
			assert.EqualError(t, err, fmt.Sprintf(says, test.at))
			assert.NotEmpty(t, eventstore.Hint(err))
			read += 100
		}
		assert.Equal(t, test.read+100, read)
	}
	_, err = s.Head(t.Context(), long)
	assert.EqualError(t, err, fmt.Sprintf(says, 0))
	assert.Equal(t, []string{"1"}, ids(t, s.Read(t.Context(), other, 0)))
}

func TestADamagedListOfStreamsIsNamed(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	fill(t, path)
	var page int
	require.NoError(t, direct(t, path).QueryRow("SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_commits_1'").Scan(&page))
	overwritePage(t, path, page-1)
	s := openStore(t, path)
	for _, err := range s.Streams(t.Context(), "user", eventstore.StreamID{}) {
		assertReads(t, err, filepath.Dir(path), "list the streams of DIR/shop.db: store is corrupt: database disk image is malformed (11)",
			"stop writing, keep a copy, restore a backup; verify tells which streams can still be read", eventstore.ErrCorrupt)
	}
	assertCorrupt(t, "user-1@1: store is corrupt: database disk image is malformed (11)", s.Read(t.Context(), stream(t, 1), 0))
}

func TestAValueOfAWrongTypeIsDamage(t *testing.T) {
	t.Parallel()
	for _, damage := range []string{"count = 'secret'", "frame = 7"} {
		path := newPath(t)
		s := openStore(t, path)
		at := eventstore.NoStream
		for i := range 3 {
			at = must(t, s, write(at, stream(t, 1), fmt.Sprint(i), `"x"`)).Revision
		}
		_, err := direct(t, path).Exec("UPDATE commits SET " + damage + " WHERE version = 2")
		require.NoError(t, err)
		assertCorrupt(t, "user-1@2: store is corrupt: a row holds a value of a wrong type", s.Read(t.Context(), stream(t, 1), 0))
		assertCorrupt(t, "user-1@2: store is corrupt: a row holds a value of a wrong type", s.ReadBackward(t.Context(), stream(t, 1), 0))

		other := must(t, s, write(eventstore.NoStream, stream(t, 2), "other", `"x"`))
		announced := map[eventstore.EventID]bool{}
		ctx, cancel := context.WithCancel(t.Context())
		require.NoError(t, s.Feed("worker").Run(ctx, func(_ context.Context, b eventstore.Batch) []eventstore.Announcement {
			for _, a := range b.Announcements {
				announced[eventstore.EventID{Stream: a.Stream, Version: a.First}] = a.Commit != nil
			}
			if announced[other.EventID(0)] {
				cancel()
			}
			return nil
		}))
		assert.Equal(t, map[eventstore.EventID]bool{{Stream: stream(t, 1), Version: 1}: true, {Stream: stream(t, 1), Version: 2}: false,
			{Stream: stream(t, 1), Version: 3}: true, other.EventID(0): true}, announced, "what is damaged is announced without content")
	}
}

func TestAHeadOfAWrongTypeIsDamageAndNobodyElseSuffers(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	s := openStore(t, path)
	at := must(t, s, write(eventstore.NoStream, stream(t, 1), "0", `"x"`)).Revision
	_, err := direct(t, path).Exec("UPDATE commits SET count = 'secret'")
	require.NoError(t, err)
	_, err = s.Head(t.Context(), stream(t, 1))
	assert.EqualError(t, err, "user-1@0: store is corrupt: a row holds a value of a wrong type")
	for _, revision := range []eventstore.Revision{at, eventstore.NoStream, eventstore.Any} {
		_, err = s.Append(t.Context(), write(revision, stream(t, 1), "1", `"x"`))
		assert.ErrorIs(t, err, eventstore.ErrCorrupt)
		assert.NotContains(t, err.Error(), "secret")
	}
	must(t, s, write(eventstore.NoStream, stream(t, 2), "other", `"x"`))
}

func TestATransactionNamesTheStreamThatIsDamaged(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	s := openStore(t, path)
	at := must(t, s, write(eventstore.NoStream, stream(t, 1), "1", `"x"`)).Revision
	_, err := direct(t, path).Exec("UPDATE commits SET count = 'secret'")
	require.NoError(t, err)
	sound := write(eventstore.NoStream, stream(t, 2), "2", `"x"`)
	for _, tx := range []eventstore.Transaction{
		{Writes: []eventstore.Write{sound, write(at, stream(t, 1), "2", `"x"`)}},
		{Writes: []eventstore.Write{sound}, Checks: []eventstore.Check{{Stream: stream(t, 1), Revision: at}}},
	} {
		_, err := s.AppendAll(t.Context(), tx)
		assert.EqualError(t, err, "user-1@0: store is corrupt: a row holds a value of a wrong type")
	}
	assert.Empty(t, ids(t, s.Read(t.Context(), stream(t, 2), 0)))
}

func TestDamageThatSQLiteCanNotSeeIsNamedWithItsPlace(t *testing.T) {
	t.Parallel()
	for damage, test := range map[string]struct {
		statement string
		message   string // with a verb where it depends on the direction of the read
	}{
		"a bit in a payload": {"UPDATE commits SET events = CAST(replace(events, 'x', 'y') AS BLOB) WHERE version = 3",
			"user-1@3: store is corrupt: the checksum does not match"},
		"a frame cut short": {"UPDATE commits SET frame = substr(frame, 1, 4) WHERE version = 3",
			"user-1@3: store is corrupt: the frame is of no known format"},
		"a wrong count": {"UPDATE commits SET count = 5 WHERE version = 3",
			"user-1@3: store is corrupt: the row says version 3 and 5 events, its frame 2 events"},
		"a short digest": {"UPDATE commits SET digest = x'00' WHERE version = 3",
			"user-1@3: store is corrupt: the digest has a wrong length"},
		"metadata that is not JSON": {"UPDATE commits SET metadata = '{' WHERE version = 3",
			"user-1@3: store is corrupt: the metadata is not JSON: unexpected end of JSON input"},
		"a missing commit": {"DELETE FROM commits WHERE version = 3",
			"user-1@3: store is corrupt: versions 3 to 4 are missing or doubled"},
		"a missing first commit": {"DELETE FROM commits WHERE version = 1",
			"user-1@1: store is corrupt: versions 1 to 2 are missing or doubled"},
		"a commit that overlaps another": {"UPDATE commits SET version = 4 WHERE version = 5",
			"user-1@%d: store is corrupt: versions %[1]d to %[1]d are missing or doubled"},
	} {
		t.Run(damage, func(t *testing.T) {
			t.Parallel()
			path := newPath(t)
			s := openStore(t, path)
			at := eventstore.NoStream
			for i := range 4 {
				w := write(at, stream(t, 1), fmt.Sprint(i), `"x"`)
				w.Events = append(w.Events, w.Events[0])
				at = must(t, s, w).Revision
			}
			_, err := direct(t, path).Exec(test.statement)
			require.NoError(t, err)
			forward, backward := test.message, test.message
			starts := []eventstore.Version{0, 3, 4, 8}
			if strings.Contains(test.message, "%") {
				forward, backward, starts = fmt.Sprintf(test.message, 4), fmt.Sprintf(test.message, 6), []eventstore.Version{0, 8}
			}
			assertCorrupt(t, forward, s.Read(t.Context(), stream(t, 1), 0))
			assertCorrupt(t, forward, s.Read(t.Context(), stream(t, 1), 1))
			for _, from := range starts {
				assertCorrupt(t, backward, s.ReadBackward(t.Context(), stream(t, 1), from))
			}
		})
	}
}

func TestAScanMayGoOnPastAStreamThatCanNotBeRead(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	s := openStore(t, path)
	for i := range 3 {
		must(t, s, write(eventstore.NoStream, stream(t, i), fmt.Sprint(i), `"x"`))
	}
	_, err := direct(t, path).Exec("UPDATE commits SET frame = x'01' WHERE stream = 'user-1'")
	require.NoError(t, err)
	var read []string
	for cursor, done := (eventstore.Cursor{}), false; !done; {
		done = true
		for scanned, err := range s.ReadAll(t.Context(), cursor) {
			var damage *eventstore.CorruptError
			if errors.As(err, &damage) {
				read = append(read, "past "+damage.Stream.String())
				cursor, done = cursor.Past(damage.Stream), false
				break
			}
			require.NoError(t, err)
			read = append(read, scanned.Commit.ID)
		}
	}
	assert.Equal(t, []string{"0", "past user-1", "2"}, read)
}

// assertCorrupt says that a sequence ends with this error.
func assertCorrupt(t *testing.T, message string, commits func(func(eventstore.Commit, error) bool)) {
	t.Helper()
	var last error
	for _, err := range commits {
		last = err
	}
	assert.EqualError(t, last, message)
	assert.ErrorIs(t, last, eventstore.ErrCorrupt)
}
