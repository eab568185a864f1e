package sqlitestore_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/sqlitestore"
)

// A page in the middle is overwritten: whatever is read is what was written, or
// the damage is named. No page may go unnoticed that holds commits.
func TestADamagedPageIsNeverReadAsSomethingElse(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	fill(t, path)
	sound, err := os.ReadFile(path)
	require.NoError(t, err)
	noticed := 0
	for page := 1; page < len(sound)/4096; page += 3 {
		damaged := path + fmt.Sprint(page)
		content := append([]byte(nil), sound...)
		for i := range 4096 {
			content[page*4096+i] = byte(i * 7)
		}
		put(t, damaged, content)
		if err := readAll(t, damaged); err != nil {
			assert.ErrorIs(t, err, eventstore.ErrCorrupt, "page %d", page)
			assert.NotEmpty(t, eventstore.Hint(err))
			noticed++
		}
	}
	assert.GreaterOrEqual(t, noticed, 13, "each commit has a page")
}

// readAll opens a store and reads all of it; what it reads must be what fill wrote.
func readAll(t *testing.T, path string) error {
	s, err := sqlitestore.Open(t.Context(), path, sqlitestore.Options{})
	if err != nil {
		return err
	}
	defer func() { require.NoError(t, s.Close()) }()
	n := 0
	for scanned, err := range s.ReadAll(t.Context(), eventstore.Cursor{}) {
		if err != nil {
			return err
		}
		n++
		require.Equal(t, stream(t, scanned.Commit.ID), scanned.Commit.Stream)
		require.Equal(t, `"`+strings.Repeat("x", 3_000)+`"`, string(scanned.Commit.Events[0].Payload))
	}
	require.Equal(t, 40, n)
	return nil
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
