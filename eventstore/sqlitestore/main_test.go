package sqlitestore_test

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/sqlitestore"
	"github.com/leftfold/leftfold/internal/sqlitefile"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childFile); path != "" {
		child(path) // this process is the other one that a test has started
		return
	}
	goleak.VerifyTestMain(m)
}

func newPath(t *testing.T) string { return filepath.Join(t.TempDir(), "shop.db") }

func openStore(t *testing.T, path string) *sqlitestore.Store {
	t.Helper()
	s, err := sqlitestore.Open(context.Background(), path, sqlitestore.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// share returns the file as the views see it: with the store's own writer.
func share(t *testing.T, path string) *sqlitefile.File {
	t.Helper()
	f, err := sqlitefile.Open(context.Background(), path, sqlitefile.Options{MustExist: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	return f
}

func stream(t require.TestingT, id any) eventstore.StreamID {
	s, err := eventstore.NewStreamID("user", fmt.Sprint(id))
	require.NoError(t, err)
	return s
}

// write returns a write of one event, whose ID is its type.
func write(at eventstore.Revision, stream eventstore.StreamID, id string, payload string) eventstore.Write {
	return eventstore.Write{Stream: stream, Revision: at, ID: id,
		Events: []eventstore.Event{{Type: "HAPPENED", Schema: 1, Payload: []byte(payload)}}}
}

func must(t *testing.T, s eventstore.Store, w eventstore.Write) eventstore.Commit {
	t.Helper()
	c, err := s.Append(context.Background(), w)
	require.NoError(t, err)
	return c
}

// ids returns the commit IDs of a sequence that has to end without an error.
func ids(t *testing.T, commits iter.Seq2[eventstore.Commit, error]) []string {
	t.Helper()
	var list []string
	for c, err := range commits {
		require.NoError(t, err)
		list = append(list, c.ID)
	}
	return list
}
