package dynamotable

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A table without capacity brings a little of a batch each time. An answer that is cut
// for its size brings most of it.
func TestABatchThatBringsLittleIsFollowedByAPause(t *testing.T) {
	t.Parallel()
	for comes, pauses := range map[int]bool{1: true, 10: true, 50: false, 60: false} {
		synctest.Test(t, func(t *testing.T) {
			begun, calls := time.Now(), 0
			require.NoError(t, inBatches(t.Context(), watch("BatchGetItem", 3), 100, make([]int, 100), func(w *watcher, batch []int) ([]int, error) {
				w.attempts++
				calls++
				return batch[min(comes, len(batch)):], nil
			}))
			assert.Equal(t, (100+comes-1)/comes, calls, "what comes forward is not given up")
			assert.Equal(t, pauses, time.Since(begun) > 0, comes)
		})
	}
}

func TestABatchOfWhichNothingComesIsGivenUpAfterAllAttempts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		err := inBatches(t.Context(), watch("BatchGetItem", 7), 100, make([]int, 100), func(w *watcher, batch []int) ([]int, error) {
			w.attempts += 2 // one was throttled
			calls++
			return batch, nil
		})
		assert.ErrorIs(t, err, ErrThrottled)
		assert.Contains(t, err.(*Error).Hint(), "capacity")
		assert.Equal(t, 4, calls)
	})
}
