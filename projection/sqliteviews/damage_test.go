package sqliteviews_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/sqlitefile"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/sqliteviews"
)

func TestDamageIsNamed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		damage string
		says   []string
		read   func(*testing.T, *sqliteviews.Views) []error
	}{
		{"UPDATE rows SET rev = 'nonsense'", []string{"A", "products", "stats#1"}, rowErrors},
		{"UPDATE rows SET rev = 'user-ann@0'", []string{"A", "products", "stats#1"}, rowErrors},
		{"UPDATE checkpoints SET parked = '{'", []string{"user-ann", "park record", "stats#1"}, checkpointErrors},
		{"UPDATE checkpoints SET version = 'x'", []string{"user-ann", "stats#1"}, checkpointErrors},
		{"UPDATE checkpoints SET stream = 'user'", []string{`"user"`, "stats#1"}, listErrors},
		{"UPDATE projections SET state = '{'", []string{"state", "stats"}, stateErrors},
		{"UPDATE manifests SET heads = '{'", []string{"manifest one", "stats#1"}, manifestErrors},
		{"UPDATE heartbeats SET beat = '{'", []string{"heartbeat", "stats"}, beatErrors},
	} {
		t.Run(c.damage, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "shop.db")
			views := openAt(t, path)
			require.NoError(t, apply(t, views, 0, 2, write("A", 1, `{}`)))
			require.NoError(t, views.Park(t.Context(), generation, ann, 2, &projection.Parked{Version: 3}))
			_, err := views.PutState(t.Context(), projection.State{Projection: "stats"})
			require.NoError(t, err)
			require.NoError(t, views.Beat(t.Context(), projection.Heartbeat{Projection: "stats", Worker: "w"}))
			require.NoError(t, views.PutManifest(t.Context(), generation, "one", 0, nil))
			inFile(t, path, func(tx *sqlitefile.Tx) error {
				n, err := tx.Exec(c.damage)
				if err == nil && n != 1 {
					err = fmt.Errorf("%d rows damaged", n)
				}
				return err
			})
			for i, err := range c.read(t, views) {
				require.ErrorIs(t, err, eventstore.ErrCorrupt, "read %d", i)
				for _, name := range append(c.says, path) {
					assert.ErrorContains(t, err, name, "read %d", i)
				}
			}
		})
	}
}

// TestADamagedPageDoesNotEndAScan: what lies behind a page that can not be read is not
// taken to be absent.
func TestADamagedPageDoesNotEndAScan(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shop.db")
	views := openAt(t, path)
	var writes []projection.RowWrite
	for i := range 400 {
		writes = append(writes, write(fmt.Sprintf("%03d", i), 1, `"`+strings.Repeat("x", 500)+`"`))
	}
	require.NoError(t, apply(t, views, 0, 1, writes...))
	require.NoError(t, views.Close()) // moves the log into the file
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	const page = 4096
	at := bytes.Index(content, []byte(`200user-ann@1"`)) // partition, empty sort key, revision, content
	require.Positive(t, at)
	at -= at % page
	copy(content[at:at+page], bytes.Repeat([]byte{0xff}, page))
	require.NoError(t, os.WriteFile(path, content, 0o600))

	views = openAt(t, path)
	n := 0
	for _, err = range views.ScanRows(t.Context(), generation, "products") {
		n++
	}
	assert.ErrorIs(t, err, eventstore.ErrCorrupt)
	assert.Less(t, n, len(writes))
	assert.NotEmpty(t, eventstore.Hint(err))
}

// rowErrors are those of every way to read a row.
func rowErrors(t *testing.T, v *sqliteviews.Views) []error {
	_, rowsErr := v.Rows(t.Context(), generation, []projection.RowID{write("A", 1, "").Row.ID})
	_, pageErr := v.Page(t.Context(), generation, projection.PageQuery{View: "products", Partition: "A", Limit: 1})
	errs := []error{rowsErr, pageErr, nil}
	for _, errs[2] = range v.ScanRows(t.Context(), generation, "products") {
	}
	return errs
}

func checkpointErrors(t *testing.T, v *sqliteviews.Views) []error {
	_, err := v.Checkpoints(t.Context(), generation, []eventstore.StreamID{ann})
	return append(listErrors(t, v), err)
}

func listErrors(t *testing.T, v *sqliteviews.Views) []error {
	errs := make([]error, 2)
	for _, errs[0] = range v.AllCheckpoints(t.Context(), generation, false) {
	}
	for _, errs[1] = range v.AllCheckpoints(t.Context(), generation, true) {
	}
	return errs
}

func stateErrors(t *testing.T, v *sqliteviews.Views) []error {
	_, err := v.State(t.Context(), generation.Projection)
	return []error{err}
}

func beatErrors(t *testing.T, v *sqliteviews.Views) []error {
	_, err := v.Heartbeats(t.Context(), generation.Projection)
	return []error{err}
}

func manifestErrors(t *testing.T, v *sqliteviews.Views) []error {
	_, err := v.Manifest(t.Context(), generation, "one", 0)
	return []error{err}
}
