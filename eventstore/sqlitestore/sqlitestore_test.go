package sqlitestore_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/sqlitestore"
	"github.com/leftfold/leftfold/eventstore/storetest"
)

func open(t testing.TB) storetest.Backend { return openAt(t, filepath.Join(t.TempDir(), "shop.db")) }

func openAt(t testing.TB, path string) storetest.Backend {
	s, err := sqlitestore.Open(t.Context(), path, sqlitestore.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return storetest.Backend{
		Store: s, Directory: s, Scanner: s, Transactor: s, Snapshots: s, Tailer: s,
		Feed: func(consumer string) eventstore.Feed { return s.Feed(consumer) },
		Reopen: func(t testing.TB) storetest.Backend {
			require.NoError(t, s.Close())
			return openAt(t, path)
		},
	}
}

func TestStore(t *testing.T) { storetest.Run(t, open) }

func BenchmarkStore(b *testing.B) { storetest.Bench(b, open) }
