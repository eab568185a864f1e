package projection

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func TestWritesAreInFlightTogetherUpToABound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f inFlight
		answer := make(chan error)
		begun := 0
		go func() {
			for range mostInFlight + 1 {
				if f.next(func() error { return <-answer }) != nil {
					return
				}
				begun++
			}
		}()
		synctest.Wait()
		require.Equal(t, mostInFlight, begun)
		answer <- nil
		synctest.Wait()
		require.Equal(t, mostInFlight+1, begun, "there is room for another one")
		close(answer)
		require.NoError(t, f.settle())
	})
}

func TestNothingIsBegunBehindAWriteThatFailed(t *testing.T) {
	failed := errors.New("the disk is full")
	var f inFlight
	_ = f.next(func() error { return failed })
	require.ErrorIs(t, f.settle(), failed)
	require.ErrorIs(t, f.next(func() error { t.Error("begun"); return nil }), failed)
	require.ErrorIs(t, f.settle(), failed)
}
