package aggregate_test

import (
	"context"
	"iter"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
)

// rewound is a store that has lost what came after a version of each stream.
type rewound struct {
	eventstore.Store
	head eventstore.Version
}

func (r rewound) Read(ctx context.Context, stream eventstore.StreamID, from eventstore.Version) iter.Seq2[eventstore.Commit, error] {
	return func(yield func(eventstore.Commit, error) bool) {
		for c, err := range r.Store.Read(ctx, stream, from) {
			if c.Last() > r.head || !yield(c, err) {
				return
			}
		}
	}
}

// restorations are the ways in which a store changes behind a state that was
// folded from commits that added 1, 2 and 3.
var restorations = map[string]struct {
	restore func(*testing.T, *spy)
	sum     int
	reads   []eventstore.Version
}{
	"to before the last commit": {func(t *testing.T, store *spy) { store.Store = rewound{store.Store, 2} }, 3, []eventstore.Version{3, 1}},
	"to before the stream":      {func(_ *testing.T, store *spy) { store.Store = memstore.New() }, 0, []eventstore.Version{3, 1}},
	"with other commits": {func(t *testing.T, store *spy) {
		store.Store = memstore.New()
		for _, n := range []int{1, 2, 4} {
			store.rival(t, "1", eventstore.Write{}, added{n})
		}
	}, 7, []eventstore.Version{3, 1}},
	"with more and other commits": {func(t *testing.T, store *spy) {
		store.Store = memstore.New()
		for _, n := range []int{1, 2, 4, 8} {
			store.rival(t, "1", eventstore.Write{}, added{n})
		}
	}, 15, []eventstore.Version{3, 1}},
	"with one large commit": {func(t *testing.T, store *spy) {
		store.Store = memstore.New()
		store.rival(t, "1", eventstore.Write{}, added{1}, added{2}, added{3}, added{4})
	}, 10, []eventstore.Version{3, 1}},
	"not at all": {func(*testing.T, *spy) {}, 6, []eventstore.Version{3}},
}

// A decision that writes nothing has no append that would be refused.
func TestADecisionThatWritesNothingIsCheckedAgainstARestoredStore(t *testing.T) {
	t.Parallel()
	refuse := func(tally) ([]tallyEvent, error) { return nil, errTooMuch }
	for name, c := range restorations {
		for what, decide := range map[string]decision{"refusal": refuse, "nothing to do": add()} {
			t.Run(name+", "+what, func(t *testing.T) {
				t.Parallel()
				store := newSpy()
				repo := newTallies(store, aggregate.Options{CacheStreams: 1})
				for _, n := range []int{1, 2, 3} {
					_, err := repo.Execute(t.Context(), "1", add(n))
					require.NoError(t, err)
				}
				c.restore(t, store)
				store.readsFrom()

				var sums []int
				_, err := repo.Execute(t.Context(), "1", watched(&sums, decide))
				if what == "refusal" {
					require.Equal(t, errTooMuch, err)
				} else {
					require.NoError(t, err)
				}
				want := []int{6}
				if len(c.reads) > 1 {
					want = append(want, c.sum)
				}
				assert.Equal(t, want, sums)
				assert.Equal(t, c.reads, store.readsFrom())

				sums = nil
				_, err = repo.Execute(t.Context(), "1", watched(&sums, add()))
				require.NoError(t, err)
				assert.Equal(t, []int{c.sum}, sums, "what is cached now")
			})
		}
	}
}

func TestAStateThatIsKnownToBeBehindIsCheckedAgainstARestoredStore(t *testing.T) {
	t.Parallel()
	store := newSpy()
	repo := newTallies(store, aggregate.Options{CacheStreams: 1, MaxAttempts: 1})
	for _, n := range []int{1, 2} {
		_, err := repo.Execute(t.Context(), "1", add(n))
		require.NoError(t, err)
	}
	store.rival(t, "1", eventstore.Write{}, added{3})
	_, err := repo.Execute(t.Context(), "1", add(1))
	require.ErrorIs(t, err, eventstore.ErrConflict)
	store.Store = memstore.New()
	for _, n := range []int{4, 5, 6} {
		store.rival(t, "1", eventstore.Write{}, added{n})
	}
	var sums []int
	_, err = repo.Execute(t.Context(), "1", watched(&sums, double(1000)))
	require.NoError(t, err)
	assert.Equal(t, []int{15}, sums)
	assert.Equal(t, []int{4, 5, 6, 15}, store.numbers(t, "1"))
}
