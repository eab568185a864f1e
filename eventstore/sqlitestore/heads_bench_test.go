package sqlitestore_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/sqlitestore"
)

// BenchmarkHeads lists the heads of a few long streams: its time is by the streams, and not by
// their commits, of which there are ten and a thousand times as many.
func BenchmarkHeads(b *testing.B) {
	const streams = 20
	for _, commits := range []int{10, 1000} {
		b.Run(fmt.Sprintf("commits=%d", commits), func(b *testing.B) {
			store, err := sqlitestore.Open(b.Context(), filepath.Join(b.TempDir(), "shop.db"), sqlitestore.Options{})
			require.NoError(b, err)
			defer store.Close()
			for i := range streams {
				stream, err := eventstore.NewStreamID(benchCategory, fmt.Sprint(i))
				require.NoError(b, err)
				for range commits {
					_, err := store.Append(b.Context(), eventstore.Write{Stream: stream, Revision: eventstore.Any, Events: []eventstore.Event{{Type: "DEPOSITED", Schema: 1, Payload: []byte(`{}`)}}})
					require.NoError(b, err)
				}
			}
			for b.Loop() {
				n := 0
				for head, err := range store.Heads(b.Context(), benchCategory) {
					require.NoError(b, err)
					require.EqualValues(b, commits, head.Version)
					n++
				}
				require.Equal(b, streams, n)
			}
		})
	}
}
