package sqlitefile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWhatIsScannedIntoABlobIsNotUsedAgain(t *testing.T) {
	t.Parallel()
	f := openAt(t, newPath(t))
	require.NoError(t, f.Do(t.Context(), "write", func(tx *Tx) error {
		if _, err := tx.Exec("CREATE TABLE blobs(n INTEGER PRIMARY KEY, b BLOB)"); err != nil {
			return err
		}
		for n := range 100 {
			if _, err := tx.Exec("INSERT INTO blobs VALUES (?, ?)", n, []byte(strings.Repeat(fmt.Sprintf("%02d", n), 1+n%7*1000))); err != nil {
				return err
			}
		}
		return nil
	}))
	for range 2 { // the statement is used again
		var kept []Blob
		rows, err := f.Query(t.Context(), "read", "SELECT b FROM blobs ORDER BY n")
		require.NoError(t, err)
		defer rows.Close()
		for rows.Next() {
			var b Blob
			require.NoError(t, rows.Scan(&b))
			kept = append(kept, b)
		}
		require.NoError(t, rows.Err())
		require.Len(t, kept, 100)
		for n, b := range kept {
			assert.Equal(t, strings.Repeat(fmt.Sprintf("%02d", n), 1+n%7*1000), string(b))
			clear(b) // nor is it SQLite's own
		}
	}
}

func TestABlobTakesBytesTextAndNull(t *testing.T) {
	t.Parallel()
	f := openAt(t, newPath(t))
	bytes, text, null := Blob{}, Blob{}, Blob("before")
	require.NoError(t, f.ScanRow(t.Context(), "read", []any{&bytes, &text, &null}, "SELECT x'00ff', 'text', NULL"))
	assert.Equal(t, []Blob{{0, 255}, Blob("text"), nil}, []Blob{bytes, text, null})
	err := f.ScanRow(t.Context(), "read", []any{&bytes}, "SELECT 1")
	assert.ErrorIs(t, err, ErrType)
}

func TestAValueOfAnotherTypeIsNamedButNotShown(t *testing.T) {
	t.Parallel()
	f := openAt(t, newPath(t))
	number, text := Int(0), Text("")
	require.NoError(t, f.ScanRow(t.Context(), "read", []any{&number, &text}, "SELECT 7, 'seven'"))
	assert.Equal(t, Int(7), number)
	assert.Equal(t, Text("seven"), text)
	for _, test := range []struct {
		dest  any
		query string
	}{{&number, "SELECT 'secret' AS x"}, {&number, "SELECT NULL"}, {&number, "SELECT 1.5"}, {&text, "SELECT x'736563726574' AS x"}, {&text, "SELECT NULL"}, {&text, "SELECT 7"}} {
		err := f.ScanRow(t.Context(), "read", []any{test.dest}, test.query)
		assert.ErrorIs(t, err, ErrType, test.query)
		assert.NotContains(t, err.Error(), "secret")
	}
}
