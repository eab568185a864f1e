package storetest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
)

// Bench measures a kind of store: an append of one event, the same by 64
// writers at once, each to a stream of its own, and the read of a stream of
// 1,000 commits.
func Bench(b *testing.B, open func(t testing.TB) Backend) {
	b.Run("append 1 event", func(b *testing.B) {
		store, category := open(b).Store, newCategory()
		b.ReportAllocs()
		at, stream := eventstore.NoStream, streamOf(b, category, "1")
		for b.Loop() {
			at = appendOne(b, store, at, stream)
		}
	})
	b.Run("append 1 event by 64 writers", func(b *testing.B) {
		const writers = 64
		store, category := open(b).Store, newCategory()
		at := make([]eventstore.Revision, writers)
		b.ReportAllocs()
		for b.Loop() {
			together(writers, func(i int) {
				at[i] = appendOne(b, store, at[i], streamOf(b, category, fmt.Sprint(i)))
			})
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*writers), "ns/append")
	})
	b.Run("read 1,000 commits", func(b *testing.B) {
		store, category := open(b).Store, newCategory()
		at, stream := eventstore.NoStream, streamOf(b, category, "1")
		for range 1_000 {
			at = appendOne(b, store, at, stream)
		}
		b.ReportAllocs()
		for b.Loop() {
			n := 0
			for _, err := range store.Read(b.Context(), stream, 0) {
				require.NoError(b, err)
				n++
			}
			require.Equal(b, 1_000, n)
		}
	})
}

// typical is an event of the size that most have.
var typical = []eventstore.Event{{Type: "PURCHASE_MADE", Schema: 1,
	Payload: []byte(`{"invoice":"536365","product":"85123A","quantity":6,"unit_price":"2.55","country":"United Kingdom"}`)}}

func appendOne(b *testing.B, store eventstore.Store, at eventstore.Revision, stream eventstore.StreamID) eventstore.Revision {
	c, err := store.Append(b.Context(), eventstore.Write{Stream: stream, Revision: at, Events: typical})
	if err != nil {
		b.Error(err)
	}
	return c.Revision
}
