package aggregate_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
)

func TestACommandOnACachedEntityReadsNothing(t *testing.T) {
	t.Parallel()
	store := newSpy()
	repo := newTallies(store, aggregate.Options{CacheStreams: 1})
	_, err := repo.Execute(t.Context(), "1", add())
	require.NoError(t, err)
	for range 5 {
		_, err := repo.Execute(t.Context(), "1", add(1))
		require.NoError(t, err)
	}
	assert.Equal(t, []eventstore.Version{1}, store.readsFrom(), "the first one only, though it found no events")
	assert.Equal(t, 5, store.appends)
}

func TestADecisionThatWritesNothingOnAStaleCacheIsDecidedAgainAtTheHead(t *testing.T) {
	t.Parallel()
	refusedAbove := func(most int) decision {
		return func(s tally) ([]tallyEvent, error) {
			if s.Sum > most {
				return nil, errTooMuch
			}
			return nil, nil
		}
	}
	for name, c := range map[string]struct {
		decide decision
		err    error
	}{
		"refused in the end":           {refusedAbove(1), errTooMuch},
		"nothing to do in the end":     {refusedAbove(100), nil},
		"refused on the stale one":     {func(s tally) ([]tallyEvent, error) { return nil, map[bool]error{true: errTooMuch}[s.Sum < 6] }, nil},
		"nothing to do there, but now": {func(s tally) ([]tallyEvent, error) { return []tallyEvent{added{1}}[:s.Sum/6], nil }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := newSpy()
			repo := newTallies(store, aggregate.Options{CacheStreams: 1})
			for _, n := range []int{0, 1} {
				_, err := repo.Execute(t.Context(), "1", add(n))
				require.NoError(t, err)
			}
			store.rival(t, "1", eventstore.Write{}, added{2})
			store.rival(t, "1", eventstore.Write{}, added{3})
			store.readsFrom()
			store.commits = 0
			var sums []int
			_, err := repo.Execute(t.Context(), "1", watched(&sums, c.decide))
			assert.Equal(t, c.err, err)
			assert.Equal(t, []int{1, 6}, sums)
			assert.Equal(t, []eventstore.Version{2}, store.readsFrom(), "in one read")
			assert.Equal(t, 3, store.commits, "the last one that was known, and what is new")
		})
	}
}

func TestADecisionThatWritesNothingIsMadeOnceOnAFreshLoadAndCheckedOnceOnACache(t *testing.T) {
	t.Parallel()
	refuse := func(tally) ([]tallyEvent, error) { return nil, errTooMuch }
	for name, decide := range map[string]decision{"a refusal": refuse, "no events": add()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := newSpy()
			repo := newTallies(store, aggregate.Options{CacheStreams: 1})
			store.rival(t, "1", eventstore.Write{}, added{0})
			store.rival(t, "1", eventstore.Write{}, added{7})
			var sums []int
			_, _ = repo.Execute(t.Context(), "1", watched(&sums, decide))
			assert.Equal(t, []int{7}, sums)
			assert.Equal(t, []eventstore.Version{1}, store.readsFrom())
			store.commits = 0
			_, _ = repo.Execute(t.Context(), "1", watched(&sums, decide))
			assert.Equal(t, []int{7, 7}, sums, "nothing has changed: the decision stands")
			assert.Equal(t, []eventstore.Version{2}, store.readsFrom(), "which only a read can tell")
			assert.Equal(t, 1, store.commits, "of the last one")
		})
	}
}

// After the last attempt the state is known to be old; the next command begins
// with what is new, instead of losing again.
func TestACommandAfterALostOneDoesNotLoseForTheSameReason(t *testing.T) {
	t.Parallel()
	store := newSpy()
	store.rival(t, "1", eventstore.Write{}, added{0})
	repo := newTallies(store, aggregate.Options{CacheStreams: 1, MaxAttempts: 1})
	_, err := repo.Execute(t.Context(), "1", add(1))
	require.NoError(t, err)
	for range 5 {
		store.rival(t, "1", eventstore.Write{}, added{1})
	}
	_, err = repo.Execute(t.Context(), "1", add(1))
	require.ErrorIs(t, err, eventstore.ErrConflict)
	_, err = repo.Execute(t.Context(), "1", double(100))
	require.NoError(t, err)
	assert.Equal(t, []int{0, 1, 1, 1, 1, 1, 1, 6}, store.numbers(t, "1"))
	assert.Equal(t, []eventstore.Version{1, 2}, store.readsFrom())
}

func TestTheCacheHoldsTheEntitiesUsedLast(t *testing.T) {
	t.Parallel()
	store := newSpy()
	repo := newTallies(store, aggregate.Options{CacheStreams: 3})
	reads := func(ids ...string) (n int) {
		for _, id := range ids {
			_, err := repo.Execute(t.Context(), id, add(1))
			require.NoError(t, err)
		}
		return len(store.readsFrom())
	}
	assert.Equal(t, 3, reads("a", "b", "c"))
	assert.Equal(t, 0, reads("b", "c", "a"))
	assert.Equal(t, 1, reads("d"), "pushes out b")
	assert.Equal(t, 0, reads("c", "a", "d"))
	assert.Equal(t, 1, reads("b"), "pushes out c")
	assert.Equal(t, 100, reads(func() (ids []string) {
		for i := range 100 {
			ids = append(ids, fmt.Sprint("other-", i))
		}
		return ids
	}()...))
	assert.Equal(t, 1, reads("a"))
}

// blocked returns a decision that waits for the function, and adds a number.
func blocked(n int) (decision, func()) {
	gate := make(chan struct{})
	return func(tally) ([]tallyEvent, error) {
		<-gate
		return []tallyEvent{added{n}}, nil
	}, sync.OnceFunc(func() { close(gate) })
}

func TestCommandsOnOneCachedEntityWaitForEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newSpy()
		repo := newTallies(store, aggregate.Options{CacheStreams: 1})
		first, goOn := blocked(1)
		var wg sync.WaitGroup
		var done atomic.Int64
		execute := func(id string, decide decision) {
			wg.Go(func() {
				_, err := repo.Execute(t.Context(), id, decide)
				assert.NoError(t, err)
				done.Add(1)
			})
			synctest.Wait()
		}
		execute("1", first)
		for range 5 {
			execute("1", double(1000))
		}
		assert.Zero(t, done.Load(), "the first one has the entity")
		execute("2", add(1))
		assert.EqualValues(t, 1, done.Load(), "another entity waits for nobody, though it pushes out the first")
		goOn()
		wg.Wait()
		assert.Equal(t, []int{1, 1, 2, 4, 8, 16}, store.numbers(t, "1"))
		assert.Equal(t, 7, store.appends, "and there was no conflict")
	})
}

func TestTheContextEndsTheWaitingForAnotherCommand(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newSpy()
		repo := newTallies(store, aggregate.Options{CacheStreams: 1})
		first, goOn := blocked(1)
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := repo.Execute(t.Context(), "1", first)
			assert.NoError(t, err)
		})
		synctest.Wait()
		cause := errors.New("the client left")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, cause)
		defer cancel()
		start := time.Now()
		_, err := repo.Execute(ctx, "1", func(tally) ([]tallyEvent, error) { panic("decided") })
		assert.ErrorIs(t, err, cause)
		assert.ErrorContains(t, err, `"tally-1"`)
		assert.Equal(t, time.Minute, time.Since(start))
		goOn()
		wg.Wait()
		_, err = repo.Execute(t.Context(), "1", double(100))
		require.NoError(t, err)
		assert.Equal(t, []int{1, 1}, store.numbers(t, "1"))
	})
}

// Evolve changes maps and slices in place while others read and decide. The race
// detector sees whether any state is shared.
func TestAStateThatEvolveChangesInPlaceIsSharedWithNobody(t *testing.T) {
	t.Parallel()
	withAndWithoutCache(t, func(t *testing.T, opts aggregate.Options) {
		store := newSpy()
		repo := newTallies(store, opts)
		opts.MaxAttempts = 1000
		other := newTallies(store, opts)
		_, err := repo.Execute(t.Context(), "1", add(1))
		require.NoError(t, err)
		consistent := func(s tally) bool {
			sum, count := 0, 0
			for _, n := range s.List {
				sum += n
			}
			for _, n := range s.By {
				count += n
			}
			return sum == s.Sum && count == len(s.List)
		}
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				for k := range 50 {
					_, err := other.Execute(t.Context(), "1", func(s tally) ([]tallyEvent, error) {
						assert.True(t, consistent(s))
						return []tallyEvent{added{i}, added{k}}, nil
					})
					assert.NoError(t, err)
				}
			})
			wg.Go(func() {
				for range 50 {
					loaded, err := repo.Load(t.Context(), "1")
					assert.NoError(t, err)
					assert.True(t, consistent(loaded.State))
					loaded.State.By[-1]++ // it is the caller's
					loaded.State.List[0] = -1
				}
			})
		}
		wg.Wait()
		loaded, err := repo.Load(t.Context(), "1")
		require.NoError(t, err)
		assert.Equal(t, tallyOf("1", store.numbers(t, "1")...), loaded.State)
	})
}
