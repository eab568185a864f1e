package aggregate_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
)

var errNetwork = errors.New("the network is down")

// unknown is what a store returns that gave up; it stored the write or did not.
func unknown(stored bool) func(context.Context, eventstore.Write, appendFunc) (eventstore.Commit, error) {
	return func(ctx context.Context, w eventstore.Write, next appendFunc) (eventstore.Commit, error) {
		if w.ID == "" {
			w.ID = "made-by-the-store"
		}
		if stored {
			if _, err := next(ctx, w); err != nil {
				return eventstore.Commit{}, err
			}
		}
		return eventstore.Commit{}, &eventstore.OutcomeUnknownError{Write: w, Err: errNetwork}
	}
}

// A store whose answer was lost appends the same write again by itself.
func TestALostAnswerGivesTheFirstResult(t *testing.T) {
	t.Parallel()
	withAndWithoutCache(t, func(t *testing.T, opts aggregate.Options) {
		store := newSpy()
		repo := newTallies(store, opts)
		_, err := repo.Execute(t.Context(), "1", add(1))
		require.NoError(t, err)
		store.onAppend = func(ctx context.Context, w eventstore.Write, next appendFunc) (eventstore.Commit, error) {
			w.ID = "made-by-the-store"
			if _, err := next(ctx, w); err != nil {
				return eventstore.Commit{}, err
			}
			store.rival(t, "1", eventstore.Write{}, added{100}) // before the second try
			return next(ctx, w)
		}
		var sums []int
		c, err := repo.Execute(t.Context(), "1", watched(&sums, double(1000)))
		require.NoError(t, err)
		assert.Equal(t, []int{1}, sums, "decided once")
		assert.Equal(t, store.stored(t, "1")[1], c)

		store.onAppend = nil
		_, err = repo.Execute(t.Context(), "1", double(1000))
		require.NoError(t, err)
		assert.Equal(t, []int{1, 1, 100, 102}, store.numbers(t, "1"))
	})
}

func TestAfterAnUnknownOutcomeNothingIsDecidedAgainAndTheCarriedWriteIsStoredOnce(t *testing.T) {
	t.Parallel()
	for name, stored := range map[string]bool{"stored": true, "not stored": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			withAndWithoutCache(t, func(t *testing.T, opts aggregate.Options) {
				store := newSpy()
				repo := newTallies(store, opts)
				store.onAppend = unknown(stored)
				var sums []int
				_, err := repo.Execute(t.Context(), "1", watched(&sums, add(5)))
				require.ErrorIs(t, err, eventstore.ErrOutcomeUnknown)
				assert.ErrorIs(t, err, errNetwork)
				assert.Len(t, sums, 1)
				assert.Equal(t, 1, store.appends)

				lost, ok := errors.AsType[*eventstore.OutcomeUnknownError](err)
				require.True(t, ok)
				for range 3 {
					c, err := store.Store.Append(t.Context(), lost.Write)
					require.NoError(t, err)
					assert.Equal(t, store.stored(t, "1"), []eventstore.Commit{c})
				}
			})
		})
	}
}

func TestAnUnknownOutcomeDropsTheCachedState(t *testing.T) {
	t.Parallel()
	for name, stored := range map[string]bool{"stored": true, "not stored": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := newSpy()
			repo := newTallies(store, aggregate.Options{CacheStreams: 1})
			_, err := repo.Execute(t.Context(), "1", add(1))
			require.NoError(t, err)
			store.onAppend = unknown(stored)
			_, err = repo.Execute(t.Context(), "1", add(5), aggregate.CommandID("c"))
			require.ErrorIs(t, err, eventstore.ErrOutcomeUnknown)
			store.onAppend = nil
			store.readsFrom()

			// The same command again, in this process: the read meets its commit.
			c, err := repo.Execute(t.Context(), "1", add(5), aggregate.CommandID("c"))
			require.NoError(t, err)
			assert.Equal(t, []eventstore.Version{1}, store.readsFrom())
			assert.EqualValues(t, 2, c.First)
			assert.Equal(t, []int{1, 5}, store.numbers(t, "1"))
		})
	}
}

func TestAFailedAppendLeavesTheCachedStateRight(t *testing.T) {
	t.Parallel()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, fail := range map[string]func(*spy) context.Context{
		"the store": func(s *spy) context.Context {
			s.onAppend = func(context.Context, eventstore.Write, appendFunc) (eventstore.Commit, error) {
				return eventstore.Commit{}, errNetwork
			}
			return t.Context()
		},
		"the context": func(*spy) context.Context { return cancelled },
	} {
		t.Run(name, func(t *testing.T) {
			store := newSpy()
			repo := newTallies(store, aggregate.Options{CacheStreams: 1})
			_, err := repo.Execute(t.Context(), "1", add(1))
			require.NoError(t, err)
			store.readsFrom()
			ctx := fail(store)
			_, err = repo.Execute(ctx, "1", add(5))
			require.Error(t, err)
			_, err = repo.Execute(ctx, "1", add(5))
			require.Error(t, err)
			store.onAppend = nil

			_, err = repo.Execute(t.Context(), "1", func(s tally) ([]tallyEvent, error) {
				assert.Equal(t, tallyOf("1", 1), s)
				return []tallyEvent{added{2}}, nil
			})
			require.NoError(t, err)
			assert.Equal(t, []int{1, 2}, store.numbers(t, "1"))
			assert.Empty(t, store.readsFrom(), "it is still cached")
		})
	}
}

func TestAFailedReadLeavesTheCachedStateRight(t *testing.T) {
	t.Parallel()
	store := newSpy()
	store.rival(t, "1", eventstore.Write{}, added{0})
	repo := newTallies(store, aggregate.Options{CacheStreams: 1})
	_, err := repo.Execute(t.Context(), "1", add(1))
	require.NoError(t, err)
	store.rival(t, "1", eventstore.Write{}, added{2})
	store.onRead = func(eventstore.Version) error { return errNetwork }
	_, err = repo.Execute(t.Context(), "1", add())
	require.ErrorIs(t, err, errNetwork)
	assert.ErrorContains(t, err, `"tally-1"`)
	store.onRead = nil
	store.readsFrom()
	_, err = repo.Execute(t.Context(), "1", double(0))
	assert.Equal(t, errTooMuch, err)
	assert.Equal(t, []eventstore.Version{2}, store.readsFrom(), "not all of it")
}

// A load that broke off has seen a part of the past, which is not enough to decide on.
func TestALoadThatBreaksOffIsBegunAgainByTheNextCommand(t *testing.T) {
	t.Parallel()
	withAndWithoutCache(t, func(t *testing.T, opts aggregate.Options) {
		store := newSpy()
		store.rival(t, "1", eventstore.Write{}, added{1})
		store.rival(t, "1", eventstore.Write{}, added{2})
		store.onCommit = func(c *eventstore.Commit) error {
			if c.First == 2 {
				return errNetwork
			}
			return nil
		}
		repo := newTallies(store, opts)
		_, err := repo.Execute(t.Context(), "1", func(tally) ([]tallyEvent, error) { panic("decided on a part of the past") })
		require.ErrorIs(t, err, errNetwork)
		store.onCommit = nil
		_, err = repo.Execute(t.Context(), "1", func(s tally) ([]tallyEvent, error) {
			assert.Equal(t, tallyOf("1", 1, 2), s)
			return nil, nil
		})
		require.NoError(t, err)
		assert.Equal(t, []eventstore.Version{1, 1}, store.readsFrom())
	})
}

// Evolve has changed the state in place when the second event of a commit fails.
func TestAHalfFoldedStateIsForgotten(t *testing.T) {
	t.Parallel()
	store := newSpy()
	repo := newTallies(store, aggregate.Options{CacheStreams: 1})
	_, err := repo.Execute(t.Context(), "1", add(1))
	require.NoError(t, err)
	store.rival(t, "1", eventstore.Write{}, added{2}, added{3})
	store.onCommit = func(c *eventstore.Commit) error {
		if c.First == 2 {
			c.Events[1].Payload = []byte("damaged on the way")
		}
		return nil
	}
	_, err = repo.Execute(t.Context(), "1", add())
	require.ErrorIs(t, err, eventstore.ErrUndecodable)
	store.onCommit = nil
	_, err = repo.Execute(t.Context(), "1", func(s tally) ([]tallyEvent, error) {
		assert.Equal(t, tallyOf("1", 1, 2, 3), s)
		return nil, nil
	})
	require.NoError(t, err)
}

// A cache that outlived the restore of its store holds states that never were.
func TestAStateThatTheStoreNeverHadIsLoadedAgain(t *testing.T) {
	t.Parallel()
	store := newSpy()
	repo := newTallies(store, aggregate.Options{CacheStreams: 1})
	_, err := repo.Execute(t.Context(), "1", add(1))
	require.NoError(t, err)
	_, err = repo.Execute(t.Context(), "1", add(2))
	require.NoError(t, err)
	store.Store = memstore.New() // restored to before the second command
	store.rival(t, "1", eventstore.Write{}, added{1})

	var sums []int
	_, err = repo.Execute(t.Context(), "1", watched(&sums, double(1000)))
	require.NoError(t, err)
	assert.Equal(t, []int{3, 1}, sums)
	assert.Equal(t, []int{1, 1}, store.numbers(t, "1"))
}

func TestARevisionThatIsRefusedThoughItWasJustReadIsAnError(t *testing.T) {
	t.Parallel()
	withAndWithoutCache(t, func(t *testing.T, opts aggregate.Options) {
		store := newSpy()
		store.onAppend = func(_ context.Context, w eventstore.Write, _ appendFunc) (eventstore.Commit, error) {
			return eventstore.Commit{}, &eventstore.RevisionError{Stream: w.Stream, Revision: w.Revision, Reason: "is odd"}
		}
		_, err := newTallies(store, opts).Execute(t.Context(), "1", add(1))
		assert.ErrorIs(t, err, eventstore.ErrRevision)
		assert.Equal(t, 1, store.appends)
	})
}

func TestACommitThatCanNotBeReadBackIsStoredAllTheSame(t *testing.T) {
	t.Parallel()
	withAndWithoutCache(t, func(t *testing.T, opts aggregate.Options) {
		store := newSpy()
		repo := newTallies(store, opts)
		c, err := repo.Execute(t.Context(), "1", func(tally) ([]tallyEvent, error) { return []tallyEvent{added{1}, spoilt{}}, nil })
		require.NoError(t, err)
		assert.Equal(t, store.stored(t, "1"), []eventstore.Commit{c})
		_, err = repo.Execute(t.Context(), "1", add(1))
		assert.ErrorIs(t, err, eventstore.ErrUndecodable)
		assert.ErrorContains(t, err, "tally-1@2")
	})
}
