package aggregate_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
)

// overtake lets rivals append before the next appends of the store, one commit
// for each list of numbers; a list of lists is for one append.
func overtake(t testing.TB, store *spy, perAppend ...[][]int) {
	t.Helper()
	store.onAppend = func(ctx context.Context, w eventstore.Write, next appendFunc) (eventstore.Commit, error) {
		if len(perAppend) > 0 {
			for _, numbers := range perAppend[0] {
				var values []any
				for _, n := range numbers {
					values = append(values, added{n})
				}
				store.rival(t, w.Stream.ID(), eventstore.Write{}, values...)
			}
			perAppend = perAppend[1:]
		}
		return next(ctx, w)
	}
}

func TestAConflictFoldsInTheWinnerAndDecidesAgain(t *testing.T) {
	t.Parallel()
	withAndWithoutCache(t, func(t *testing.T, opts aggregate.Options) {
		store := newSpy()
		repo := newTallies(store, opts)
		_, err := repo.Execute(t.Context(), "1", add(1))
		require.NoError(t, err)
		store.readsFrom()
		overtake(t, store, [][]int{{10, 100}})

		var sums []int
		_, err = repo.Execute(t.Context(), "1", watched(&sums, double(1000)))
		require.NoError(t, err)
		assert.Equal(t, []int{1, 111}, sums)
		assert.Equal(t, []int{1, 10, 100, 111}, store.numbers(t, "1"), "the old decision would have added 1")
		if opts.CacheStreams == 0 {
			assert.Equal(t, []eventstore.Version{1}, store.readsFrom(), "the winner is in hand, so nothing is read again")
		} else {
			assert.Empty(t, store.readsFrom())
		}
	})
}

func TestACommandThatIsSeveralCommitsBehindReadsToTheHead(t *testing.T) {
	t.Parallel()
	withAndWithoutCache(t, func(t *testing.T, opts aggregate.Options) {
		store := newSpy()
		repo := newTallies(store, opts)
		store.rival(t, "1", eventstore.Write{}, added{0})
		overtake(t, store, [][]int{{1}, {2}, {3}, {4}, {5}})
		var sums []int
		_, err := repo.Execute(t.Context(), "1", watched(&sums, double(1000)))
		require.NoError(t, err)
		assert.Equal(t, []int{0, 1, 15}, sums, "the winner, then the head")
		assert.Equal(t, []eventstore.Version{1, 2}, store.readsFrom(), "the second from the winner on")
		assert.Equal(t, []int{0, 1, 2, 3, 4, 5, 15}, store.numbers(t, "1"))
	})
}

// The winner of a conflict need not be the head, so a refusal on it is no answer.
func TestARefusalAfterAConflictIsDecidedAgainAtTheHead(t *testing.T) {
	t.Parallel()
	withAndWithoutCache(t, func(t *testing.T, opts aggregate.Options) {
		store := newSpy()
		repo := newTallies(store, opts)
		overtake(t, store, [][]int{{50}, {-50, 2}})
		var sums []int
		_, err := repo.Execute(t.Context(), "1", watched(&sums, double(10)))
		require.NoError(t, err, "refused at 50, which was true for a moment only")
		assert.Equal(t, []int{0, 50, 2}, sums)

		overtake(t, store, [][]int{{50}})
		_, err = repo.Execute(t.Context(), "1", double(10))
		assert.Equal(t, errTooMuch, err)
		assert.Equal(t, []int{50, -50, 2, 2, 50}, store.numbers(t, "1"))
	})
}

// alwaysOvertaken appends a rival's event before each append, and nothing else.
func alwaysOvertaken(t testing.TB, store *spy) {
	store.onAppend = func(ctx context.Context, w eventstore.Write, next appendFunc) (eventstore.Commit, error) {
		store.rival(t, w.Stream.ID(), eventstore.Write{}, added{1})
		return next(ctx, w)
	}
}

func TestAfterMaxAttemptsTheConflictIsReturned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct{ limit, attempts int }{"one": {1, 1}, "three": {3, 3}, "default": {0, 10}} {
			for _, streams := range []int{0, 8} {
				store := newSpy()
				alwaysOvertaken(t, store)
				repo := newTallies(store, aggregate.Options{MaxAttempts: c.limit, CacheStreams: streams})
				var sums []int
				_, err := repo.Execute(t.Context(), "1", watched(&sums, add(1000)))
				require.ErrorIs(t, err, eventstore.ErrConflict, name)
				conflict, ok := errors.AsType[*eventstore.ConflictError](err)
				require.True(t, ok, name)
				assert.EqualValues(t, c.attempts, conflict.Actual.Version(), name)
				assert.Len(t, sums, c.attempts, name)
				assert.Len(t, store.numbers(t, "1"), c.attempts, "%s: only the rival's", name)

				store.onAppend = nil
				_, err = repo.Execute(t.Context(), "1", watched(&sums, double(1000)))
				require.NoError(t, err, name)
				assert.Equal(t, c.attempts, sums[len(sums)-1], "%s: a lost command leaves nothing behind", name)
			}
		}
	})
}

func TestThePausesBetweenAttemptsAreShortAtFirstAndBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newSpy()
		alwaysOvertaken(t, store)
		var decided []time.Time
		_, err := newTallies(store, aggregate.Options{MaxAttempts: 40}).Execute(t.Context(), "1", func(tally) ([]tallyEvent, error) {
			decided = append(decided, time.Now())
			return []tallyEvent{added{1}}, nil
		})
		require.ErrorIs(t, err, eventstore.ErrConflict)
		require.Len(t, decided, 40)
		assert.Zero(t, decided[1].Sub(decided[0]), "the winner is folded in at once")
		limit, distinct := 2*time.Millisecond, map[time.Duration]bool{}
		for i := 2; i < len(decided); i++ {
			pause := decided[i].Sub(decided[i-1])
			assert.Less(t, pause, limit, "pause %d", i)
			distinct[pause] = true
			limit = min(2*limit, 200*time.Millisecond)
		}
		assert.Greater(t, len(distinct), 10, "the pauses are random")
	})
}

func TestAPauseEndsWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, streams := range []int{0, 8} {
			store := newSpy()
			alwaysOvertaken(t, store)
			repo := newTallies(store, aggregate.Options{MaxAttempts: 1_000_000, CacheStreams: streams})
			cause := errors.New("the client left")
			ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Second, cause)
			defer cancel()
			start := time.Now()
			_, err := repo.Execute(ctx, "1", add(1000))
			assert.ErrorIs(t, err, cause)
			assert.ErrorContains(t, err, `"tally-1"`)
			assert.Equal(t, 10*time.Second, time.Since(start), "in the middle of a pause")
			assert.NotContains(t, store.numbers(t, "1"), 1000)
		}
	})
}
