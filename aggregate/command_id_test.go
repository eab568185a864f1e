package aggregate_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
)

// meetings are the ways in which a command meets the commit that an earlier
// sending of it has led to. Each makes a repository on which the command "c" is
// about to meet it, and that commit.
var meetings = map[string]func(*testing.T, *spy, eventstore.Digest) (*aggregate.Repository[tally, tallyEvent], eventstore.Commit){
	"while loading": func(t *testing.T, store *spy, d eventstore.Digest) (*aggregate.Repository[tally, tallyEvent], eventstore.Commit) {
		own := store.rival(t, "1", eventstore.Write{ID: "c", Digest: d}, added{5})
		store.rival(t, "1", eventstore.Write{}, added{6})
		return newTallies(store, aggregate.Options{}), own
	},
	"as the winner": func(t *testing.T, store *spy, d eventstore.Digest) (*aggregate.Repository[tally, tallyEvent], eventstore.Commit) {
		repo := newTallies(store, aggregate.Options{CacheStreams: 1})
		_, err := repo.Execute(t.Context(), "1", add(1))
		require.NoError(t, err)
		return repo, store.rival(t, "1", eventstore.Write{ID: "c", Digest: d}, added{5})
	},
	"in a cached state that was loaded": func(t *testing.T, store *spy, d eventstore.Digest) (*aggregate.Repository[tally, tallyEvent], eventstore.Commit) {
		store.rival(t, "1", eventstore.Write{}, added{6})
		own := store.rival(t, "1", eventstore.Write{ID: "c", Digest: d}, added{5})
		store.rival(t, "1", eventstore.Write{}, added{6})
		repo := newTallies(store, aggregate.Options{CacheStreams: 1})
		_, err := repo.Execute(t.Context(), "1", add(1))
		require.NoError(t, err)
		return repo, own
	},
	"in a cached state that it has changed itself": func(t *testing.T, store *spy, d eventstore.Digest) (*aggregate.Repository[tally, tallyEvent], eventstore.Commit) {
		repo := newTallies(store, aggregate.Options{CacheStreams: 1})
		own, err := repo.Execute(t.Context(), "1", add(5), aggregate.CommandID("c"), aggregate.CommandDigest(d))
		require.NoError(t, err)
		_, err = repo.Execute(t.Context(), "1", add(1))
		require.NoError(t, err)
		return repo, own
	},
	"behind the winner": func(t *testing.T, store *spy, d eventstore.Digest) (*aggregate.Repository[tally, tallyEvent], eventstore.Commit) {
		repo := newTallies(store, aggregate.Options{CacheStreams: 1})
		_, err := repo.Execute(t.Context(), "1", add(1))
		require.NoError(t, err)
		store.rival(t, "1", eventstore.Write{}, added{6})
		return repo, store.rival(t, "1", eventstore.Write{ID: "c", Digest: d}, added{5})
	},
	"far behind the winner": func(t *testing.T, store *spy, d eventstore.Digest) (*aggregate.Repository[tally, tallyEvent], eventstore.Commit) {
		repo := newTallies(store, aggregate.Options{CacheStreams: 1})
		_, err := repo.Execute(t.Context(), "1", add(1))
		require.NoError(t, err)
		store.rival(t, "1", eventstore.Write{}, added{6})
		store.rival(t, "1", eventstore.Write{}, added{6})
		return repo, store.rival(t, "1", eventstore.Write{ID: "c", Digest: d}, added{5})
	},
}

func eachMeeting(t *testing.T, d eventstore.Digest, test func(*testing.T, *spy, *aggregate.Repository[tally, tallyEvent], eventstore.Commit)) {
	for name, meet := range meetings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := newSpy()
			repo, own := meet(t, store, d)
			test(t, store, repo, own)
		})
	}
}

func TestACommitWithTheCommandsIDIsItsResult(t *testing.T) {
	t.Parallel()
	refuse := func(tally) ([]tallyEvent, error) { return nil, errTooMuch }
	for name, decide := range map[string]decision{
		"deciding the same": add(5), "deciding otherwise now": add(7), "refused now": refuse, "nothing left to do": add(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachMeeting(t, eventstore.Digest{}, func(t *testing.T, store *spy, repo *aggregate.Repository[tally, tallyEvent], own eventstore.Commit) {
				before := store.stored(t, "1")
				c, err := repo.Execute(t.Context(), "1", decide, aggregate.CommandID("c"))
				require.NoError(t, err)
				assert.Equal(t, own, c)
				assert.Equal(t, before, store.stored(t, "1"), "it takes effect once")

				var sums []int
				_, err = repo.Execute(t.Context(), "1", watched(&sums, double(1000)))
				require.NoError(t, err)
				total := 0
				for _, n := range store.numbers(t, "1") {
					total += n
				}
				assert.Equal(t, total, 2*sums[len(sums)-1], "the next command decides on all of it")
			})
		})
	}
}

func TestTheSameDigestIsTheSameCommand(t *testing.T) {
	t.Parallel()
	digest := eventstore.DigestOf([]byte("five"))
	eachMeeting(t, digest, func(t *testing.T, store *spy, repo *aggregate.Repository[tally, tallyEvent], own eventstore.Commit) {
		c, err := repo.Execute(t.Context(), "1", add(7), aggregate.CommandID("c"), aggregate.CommandDigest(digest))
		require.NoError(t, err)
		assert.Equal(t, own, c)
	})
}

func TestAnotherDigestUnderTheSameIDIsAnError(t *testing.T) {
	t.Parallel()
	for name, decide := range map[string]decision{"deciding the same": add(5), "nothing to do": add()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachMeeting(t, eventstore.DigestOf([]byte("five")), func(t *testing.T, store *spy, repo *aggregate.Repository[tally, tallyEvent], own eventstore.Commit) {
				before := store.stored(t, "1")
				_, err := repo.Execute(t.Context(), "1", decide, aggregate.CommandID("c"), aggregate.CommandDigest(eventstore.DigestOf([]byte("six"))))
				assert.ErrorIs(t, err, eventstore.ErrIDReused)
				assert.ErrorContains(t, err, `"c"`)
				assert.Equal(t, before, store.stored(t, "1"))

				_, err = repo.Execute(t.Context(), "1", add(1))
				assert.NoError(t, err)
			})
		})
	}
}

func TestTheFirstOfSeveralCommitsWithTheCommandsIDIsItsResult(t *testing.T) {
	t.Parallel()
	withAndWithoutCache(t, func(t *testing.T, opts aggregate.Options) {
		store := newSpy()
		first := store.rival(t, "1", eventstore.Write{ID: "c"}, added{1})
		store.rival(t, "1", eventstore.Write{ID: "c"}, added{2})
		repo := newTallies(store, opts)
		for range 2 {
			c, err := repo.Execute(t.Context(), "1", add(3), aggregate.CommandID("c"))
			require.NoError(t, err)
			assert.Equal(t, first, c)
		}
		assert.Equal(t, []eventstore.Version{1, 1}, store.readsFrom(), "one read each")
	})
}

// A cached state knows the IDs of the commands it was folded from, not their commits.
func TestACommandThatIsSentAgainToACacheCostsOneReadAndAnotherNone(t *testing.T) {
	t.Parallel()
	store := newSpy()
	repo := newTallies(store, aggregate.Options{CacheStreams: 1})
	for _, id := range []string{"a", "b", "c"} {
		_, err := repo.Execute(t.Context(), "1", add(1, 1), aggregate.CommandID(id))
		require.NoError(t, err)
	}
	store.readsFrom()
	store.commits = 0
	_, err := repo.Execute(t.Context(), "1", add(1), aggregate.CommandID("b"))
	require.NoError(t, err)
	assert.Equal(t, []eventstore.Version{3}, store.readsFrom())
	assert.Equal(t, 1, store.commits)

	for _, opts := range [][]aggregate.CommandOption{nil, {aggregate.CommandID("d")}} {
		_, err = repo.Execute(t.Context(), "1", add(1), opts...)
		require.NoError(t, err)
		assert.Empty(t, store.readsFrom())
	}
}

func TestACommandThatCanNotBeLookedUpIsNotDecided(t *testing.T) {
	t.Parallel()
	store := newSpy()
	repo := newTallies(store, aggregate.Options{CacheStreams: 1})
	own, err := repo.Execute(t.Context(), "1", add(1), aggregate.CommandID("c"))
	require.NoError(t, err)
	store.onRead = func(eventstore.Version) error { return errNetwork }
	_, err = repo.Execute(t.Context(), "1", func(tally) ([]tallyEvent, error) { panic("decided") }, aggregate.CommandID("c"))
	require.ErrorIs(t, err, errNetwork)
	assert.ErrorContains(t, err, `"tally-1"`)
	store.onRead = nil
	c, err := repo.Execute(t.Context(), "1", add(1), aggregate.CommandID("c"))
	require.NoError(t, err)
	assert.Equal(t, own, c)
}

// What the cache remembers is looked up in the store, which may have been restored.
func TestACommandThatTheRestoredStoreNeverSawIsDecided(t *testing.T) {
	t.Parallel()
	for name, numbers := range map[string][]any{"empty": nil, "with other commits": {added{7}, added{8}}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := newSpy()
			repo := newTallies(store, aggregate.Options{CacheStreams: 1})
			_, err := repo.Execute(t.Context(), "1", add(1), aggregate.CommandID("c"))
			require.NoError(t, err)
			store.Store = memstore.New()
			for _, n := range numbers {
				store.rival(t, "1", eventstore.Write{}, n)
			}
			_, err = repo.Execute(t.Context(), "1", add(1), aggregate.CommandID("c"))
			require.NoError(t, err)
			assert.Equal(t, 1, store.numbers(t, "1")[len(numbers)], "after what the restored store holds")
		})
	}
}

func TestACommandsCommitCarriesItsIDAndDigest(t *testing.T) {
	t.Parallel()
	digest := eventstore.DigestOf([]byte("five"))
	c, err := newTallies(newSpy(), aggregate.Options{}).Execute(t.Context(), "1", add(5), aggregate.CommandID("c"), aggregate.CommandDigest(digest))
	require.NoError(t, err)
	assert.Equal(t, "c", c.ID)
	assert.Equal(t, digest, c.Digest)
}
