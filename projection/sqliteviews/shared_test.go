package sqliteviews_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/sqlitestore"
	"github.com/leftfold/leftfold/internal/sqlitefile"
	"github.com/leftfold/leftfold/projection/sqliteviews"
)

func openBoth(t *testing.T) (string, *sqlitestore.Store, *sqliteviews.Views) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shop.db")
	store, err := sqlitestore.Open(t.Context(), path, sqlitestore.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, store.Close()) })
	return path, store, openAt(t, path)
}

func purchase(id string) eventstore.Write {
	return eventstore.Write{Stream: stream(id), Events: []eventstore.Event{{Type: "PURCHASE_MADE", Schema: 1, Payload: []byte(`{}`)}}}
}

func TestClosingTheViewsLeavesTheStoreItsFile(t *testing.T) {
	t.Parallel()
	path, store, views := openBoth(t)
	require.NoError(t, apply(t, views, 0, 1))
	for range 2 {
		require.NoError(t, views.Close())
	}
	_, err := store.Append(t.Context(), purchase("ann"))
	require.NoError(t, err)
	views = openAt(t, path)
	require.NoError(t, store.Close())
	assert.NoError(t, apply(t, views, 1, 2), "and the other way round")
}

// TestASliceAndAnAppendLandTogether holds the writer, lets an append, a slice and a
// job that looks wait for it, and lets go. Inside the transaction the job sees what
// both wrote while no reader does yet: they become durable in one step. Which of the
// three comes first in the queue is not in the test's hands, so it tries again until
// the job is the last one.
func TestASliceAndAnAppendLandTogether(t *testing.T) {
	t.Parallel()
	path, store, views := openBoth(t)
	require.NoError(t, apply(t, views, 0, 1)) // so that its place has a number
	file, err := sqlitefile.Open(t.Context(), path, sqlitefile.Options{MustExist: true})
	require.NoError(t, err)
	defer func() { assert.NoError(t, file.Close()) }()

	together := false
	for v := eventstore.Version(1); v < 500 && !together; v++ {
		var group sync.WaitGroup
		held, release := make(chan struct{}), make(chan struct{})
		group.Go(func() {
			assert.NoError(t, file.Do(t.Context(), "hold", func(*sqlitefile.Tx) error {
				close(held)
				<-release
				return nil
			}))
		})
		<-held
		w := purchase(fmt.Sprint("ann-", v))
		group.Go(func() {
			_, err := store.Append(t.Context(), w)
			assert.NoError(t, err)
		})
		group.Go(func() { assert.NoError(t, apply(t, views, v, v+1, write("A", v+1, `{}`))) })
		group.Go(func() {
			assert.NoError(t, file.Do(t.Context(), "look", func(tx *sqlitefile.Tx) error {
				inside, err := seen(tx, w.Stream, v+1)
				if err != nil {
					return err
				}
				head, err := store.Head(t.Context(), w.Stream)
				if err != nil {
					return err
				}
				found, err := views.Checkpoints(t.Context(), generation, []eventstore.StreamID{ann})
				if err != nil {
					return err
				}
				together = together || inside && head.Version() == 0 && found[0].Version == v
				return nil
			}))
		})
		close(release)
		group.Wait()
		head, err := store.Head(t.Context(), w.Stream)
		require.NoError(t, err)
		require.EqualValues(t, 1, head.Version())
		require.Equal(t, v+1, read(t, views).Checkpoints[0].Version)
	}
	assert.True(t, together, "they never shared a transaction")
}

// seen reports whether a transaction has both: a commit in the stream, and ann's
// checkpoint at a version.
func seen(tx *sqlitefile.Tx, s eventstore.StreamID, at eventstore.Version) (both bool, err error) {
	row, err := tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM commits WHERE stream = ?)
		AND EXISTS (SELECT 1 FROM checkpoints WHERE stream = ? AND version = ?)`, s.String(), ann.String(), int64(at))
	if err == nil {
		err = row.Scan(&both)
	}
	return both, err
}
