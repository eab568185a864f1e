package sqlitefile

import (
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var schema = []string{
	"CREATE TABLE IF NOT EXISTS numbers(n INTEGER PRIMARY KEY)",
	"CREATE INDEX IF NOT EXISTS large ON numbers(n) WHERE n > 1000",
	"CREATE VIEW IF NOT EXISTS twice AS SELECT n, 2 * n FROM numbers",
}

// inBubble runs a test with a file that is set up and has the number 1, in a bubble,
// where no time passes but that which is waited for.
func inBubble(t *testing.T, statement string, test func(t *testing.T, path string)) {
	t.Helper()
	path := newPath(t)
	f, err := Open(t.Context(), path, Options{})
	require.NoError(t, err)
	require.NoError(t, f.SetUp(t.Context(), schema))
	require.NoError(t, f.Do(t.Context(), "write", insert(1)))
	require.NoError(t, f.Close())
	unlock := lockBy(t, path, statement)
	defer unlock()
	synctest.Test(t, func(t *testing.T) { test(t, path) })
}

func TestWhoOnlyLooksDoesNotWaitForAProcessThatWrites(t *testing.T) {
	t.Parallel()
	for _, statement := range []string{"BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"} {
		t.Run(statement, func(t *testing.T) {
			t.Parallel()
			inBubble(t, statement, func(t *testing.T, path string) {
				start := time.Now()
				f := openAt(t, path)
				require.NoError(t, f.SetUp(t.Context(), schema))
				assert.Equal(t, []int{1}, numbers(t, f))
				assert.Zero(t, time.Since(start))
				assert.ErrorIs(t, f.Do(t.Context(), "write", insert(2)), ErrLocked)
				assert.GreaterOrEqual(t, time.Since(start), busyTimeout)
			})
		})
	}
}

func TestWhatAFileLacksIsWritten(t *testing.T) {
	t.Parallel()
	more := append(schema, "CREATE TABLE IF NOT EXISTS words(w TEXT)")
	inBubble(t, "BEGIN IMMEDIATE", func(t *testing.T, path string) {
		err := openAt(t, path).SetUp(t.Context(), more)
		assert.EqualError(t, err, replace("open PATH: database is locked by another process: database is locked (5) (SQLITE_BUSY)", path))
	})
	f := openAt(t, newPath(t))
	for _, statements := range [][]string{schema, more, more} {
		require.NoError(t, f.SetUp(t.Context(), statements))
	}
	assert.ElementsMatch(t, []string{"numbers", "numbers.n", "large", "twice", "words", "words.w"}, slices.Collect(maps.Keys(objectsOf(t, f))))
}

func objectsOf(t *testing.T, f *File) (there objects) {
	t.Helper()
	require.NoError(t, f.ScanRow(t.Context(), "look", []any{&there}, listObjects))
	return there
}

func TestAFileOfAnOlderProgramIsBroughtUpToDate(t *testing.T) {
	t.Parallel()
	newer := append(slices.Clone(schema),
		"ALTER TABLE numbers ADD COLUMN word TEXT NOT NULL DEFAULT 'none'",
		"CREATE VIEW IF NOT EXISTS twice AS SELECT n, 2 * n, word FROM numbers")
	newer = slices.Delete(newer, 2, 3) // the old text of the view
	path := newPath(t)
	f := openAt(t, path)
	require.NoError(t, f.SetUp(t.Context(), schema))
	require.NoError(t, f.Do(t.Context(), "write", insert(7)))
	reading, err := Open(t.Context(), path, Options{ReadOnly: true})
	require.NoError(t, err)
	defer func() { assert.NoError(t, reading.Close()) }()
	assert.ErrorIs(t, reading.SetUp(t.Context(), newer), ErrOlder)
	assert.ErrorIs(t, reading.SetUp(t.Context(), newer[3:4]), ErrIncomplete)

	var group sync.WaitGroup // the second to come finds it done, inside its transaction
	for range 4 {
		group.Go(func() { assert.NoError(t, f.SetUp(t.Context(), newer)) })
	}
	group.Wait()
	var n int
	var word string
	require.NoError(t, f.ScanRow(t.Context(), "look", []any{&n, new(int), &word}, "SELECT * FROM twice"))
	assert.Equal(t, []any{7, "none"}, []any{n, word})
	changed := f.Changed()
	require.NoError(t, f.SetUp(t.Context(), newer))
	require.NoError(t, reading.SetUp(t.Context(), newer))
	select {
	case <-changed:
		assert.Fail(t, "what is up to date was written to")
	default:
	}
}
