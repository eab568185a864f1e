package aggregate_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
)

func TestACommandAppendsWhatItDecidedOnTheEntitysPast(t *testing.T) {
	t.Parallel()
	withAndWithoutCache(t, func(t *testing.T, opts aggregate.Options) {
		store := newSpy()
		repo := newTallies(store, opts)
		_, err := repo.Execute(t.Context(), "1", add(3, 4))
		require.NoError(t, err)
		c, err := repo.Execute(t.Context(), "1", double(100))
		require.NoError(t, err)
		assert.Equal(t, store.stored(t, "1")[1], c)
		assert.Equal(t, []int{3, 4, 7}, store.numbers(t, "1"))
	})
}

func TestAnEntityBeginsWithTheInitialStateOfItsID(t *testing.T) {
	t.Parallel()
	_, err := newTallies(newSpy(), aggregate.Options{}).Execute(t.Context(), "17850", func(s tally) ([]tallyEvent, error) {
		assert.Equal(t, tallyOf("17850"), s)
		return nil, nil
	})
	require.NoError(t, err)

	withoutInitial := tallies
	withoutInitial.Initial = nil
	_, err = aggregate.NewRepository(newSpy(), withoutInitial, aggregate.Options{}).Execute(t.Context(), "17850", func(s tally) ([]tallyEvent, error) {
		assert.Zero(t, s)
		return nil, nil
	})
	require.NoError(t, err)
}

func TestARefusalIsReturnedAsItIsAndNothingIsAppended(t *testing.T) {
	t.Parallel()
	withAndWithoutCache(t, func(t *testing.T, opts aggregate.Options) {
		store := newSpy()
		repo := newTallies(store, opts)
		_, err := repo.Execute(t.Context(), "1", add(5))
		require.NoError(t, err)
		c, err := repo.Execute(t.Context(), "1", double(4))
		assert.True(t, err == errTooMuch, "the very error: %v", err)
		assert.Zero(t, c)
		assert.Equal(t, []int{5}, store.numbers(t, "1"))
	})
}

// A decision may ask another store, and hand on what that said.
func TestARefusalThatLooksLikeAStoresErrorIsARefusal(t *testing.T) {
	t.Parallel()
	withAndWithoutCache(t, func(t *testing.T, opts aggregate.Options) {
		for _, refusal := range []error{
			&eventstore.ConflictError{Winner: eventstore.Commit{First: 1}},
			&eventstore.IDReusedError{Stored: eventstore.Commit{First: 1}},
			&eventstore.RevisionError{},
			&eventstore.OutcomeUnknownError{},
		} {
			calls := 0
			_, err := newTallies(newSpy(), opts).Execute(t.Context(), "1", func(tally) ([]tallyEvent, error) {
				calls++
				return []tallyEvent{added{1}}, refusal
			})
			assert.True(t, err == refusal, "%T", refusal)
			assert.Equal(t, 1, calls, "%T", refusal)
		}
	})
}

func TestADecisionWithoutEventsReturnsACommitWithoutEventsAtTheHead(t *testing.T) {
	t.Parallel()
	withAndWithoutCache(t, func(t *testing.T, opts aggregate.Options) {
		store := newSpy()
		repo := newTallies(store, opts)
		c, err := repo.Execute(t.Context(), "1", add())
		require.NoError(t, err)
		assert.Equal(t, eventstore.Commit{Stream: tallyStream(t, "1"), First: 1}, c)
		assert.Zero(t, c.Last())

		_, err = repo.Execute(t.Context(), "1", add(1, 2))
		require.NoError(t, err)
		c, err = repo.Execute(t.Context(), "1", add())
		require.NoError(t, err)
		head, err := store.Head(t.Context(), tallyStream(t, "1"))
		require.NoError(t, err)
		assert.Equal(t, eventstore.Commit{Stream: tallyStream(t, "1"), First: 3, Revision: head}, c)
		assert.EqualValues(t, 2, c.Last())
		assert.Len(t, store.stored(t, "1"), 1)
	})
}

func TestOccurredAtIsTheTimeOfTheCommit(t *testing.T) {
	t.Parallel()
	repo := newTallies(newSpy(), aggregate.Options{})
	when := time.Date(2010, 12, 1, 8, 26, 0, 123_456_789, time.FixedZone("", 3600))
	c, err := repo.Execute(t.Context(), "1", add(1), aggregate.OccurredAt(when))
	require.NoError(t, err)
	assert.Equal(t, time.Date(2010, 12, 1, 7, 26, 0, 123_456_000, time.UTC), c.Time)
	later, err := repo.Execute(t.Context(), "1", add(1), aggregate.OccurredAt(when.Add(-time.Hour)))
	require.NoError(t, err)
	assert.Equal(t, c.Time, later.Time, "time never runs backwards")
}

func TestAnInvalidIDIsRefusedBeforeAnythingIsDone(t *testing.T) {
	t.Parallel()
	withAndWithoutCache(t, func(t *testing.T, opts aggregate.Options) {
		store := newSpy()
		repo := newTallies(store, opts)
		for _, id := range []string{"", "a\x00b", "\xff", string(make([]byte, 300))} {
			_, execute := repo.Execute(t.Context(), id, func(tally) ([]tallyEvent, error) { panic("decided") })
			_, load := repo.Load(t.Context(), id)
			_, version := repo.LoadVersion(t.Context(), id, 1)
			_, at := repo.LoadAt(t.Context(), id, time.Now())
			for _, err := range []error{execute, load, version, at} {
				assert.ErrorIs(t, err, eventstore.ErrInvalid, "%q", id)
			}
		}
		assert.Empty(t, store.reads)
	})
}

func TestADecidedEventThatIsNotRegisteredIsAnErrorAndNothingIsAppended(t *testing.T) {
	t.Parallel()
	withAndWithoutCache(t, func(t *testing.T, opts aggregate.Options) {
		store := newSpy()
		repo := newTallies(store, opts)
		for _, wrong := range []tallyEvent{unregistered{}, &added{1}, nil} {
			_, err := repo.Execute(t.Context(), "1", func(tally) ([]tallyEvent, error) { return []tallyEvent{added{1}, wrong}, nil })
			assert.ErrorIs(t, err, eventstore.ErrUnregistered)
			assert.ErrorContains(t, err, `"tally-1"`)
		}
		assert.Zero(t, store.appends)
	})
}

func TestALimitOfTheStoreIsReportedAndTheRepositoryGoesOn(t *testing.T) {
	t.Parallel()
	withAndWithoutCache(t, func(t *testing.T, opts aggregate.Options) {
		store := newSpy()
		repo := newTallies(store, opts)
		_, err := repo.Execute(t.Context(), "1", add(make([]int, eventstore.MaxCommitEvents+1)...))
		limit, ok := errors.AsType[*eventstore.LimitError](err)
		require.True(t, ok, "%v", err)
		assert.Equal(t, tallyStream(t, "1"), limit.Stream)
		_, err = repo.Execute(t.Context(), "1", add(1))
		require.NoError(t, err)
		assert.Equal(t, []int{1}, store.numbers(t, "1"))
	})
}

func TestAPanicLeavesTheRepositoryUsable(t *testing.T) {
	t.Parallel()
	withAndWithoutCache(t, func(t *testing.T, opts aggregate.Options) {
		store := newSpy()
		repo := newTallies(store, opts)
		_, err := repo.Execute(t.Context(), "1", add(1))
		require.NoError(t, err)
		assert.Panics(t, func() {
			_, _ = repo.Execute(t.Context(), "1", func(s tally) ([]tallyEvent, error) {
				s.By[1] = 99 // what it did to the state is forgotten too
				panic("decide")
			})
		})
		_, err = repo.Execute(t.Context(), "1", func(s tally) ([]tallyEvent, error) {
			assert.Equal(t, tallyOf("1", 1), s)
			return nil, nil
		})
		require.NoError(t, err)
	})
}

func TestNewRepositoryPanicsOnADeciderThatCanNotWork(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*aggregate.Decider[tally, tallyEvent]){
		"no Evolve":   func(d *aggregate.Decider[tally, tallyEvent]) { d.Evolve = nil },
		"no Events":   func(d *aggregate.Decider[tally, tallyEvent]) { d.Events = nil },
		"no category": func(d *aggregate.Decider[tally, tallyEvent]) { d.Category = "" },
		"a hyphen":    func(d *aggregate.Decider[tally, tallyEvent]) { d.Category = "a-b" },
	} {
		d := tallies
		spoil(&d)
		assert.Panics(t, func() { aggregate.NewRepository(newSpy(), d, aggregate.Options{}) }, name)
	}
}
