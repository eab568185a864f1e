package memstore_test

import (
	"testing"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
	"github.com/leftfold/leftfold/eventstore/storetest"
)

func open(testing.TB) storetest.Backend { return backend(memstore.New()) }

func backend(s *memstore.Store) storetest.Backend {
	return storetest.Backend{
		Store: s, Directory: s, Scanner: s, Transactor: s, Snapshots: s, Tailer: s,
		Feed:   func(consumer string) eventstore.Feed { return s.Feed(consumer) },
		Reopen: func(testing.TB) storetest.Backend { return backend(s) },
	}
}

func TestStore(t *testing.T) { storetest.Run(t, open) }

func BenchmarkStore(b *testing.B) { storetest.Bench(b, open) }
