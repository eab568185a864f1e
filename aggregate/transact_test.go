package aggregate_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
	"github.com/leftfold/leftfold/eventstore/storetest"
)

// accounts are counters that keep what they have.
func newCounters(store eventstore.Store) *aggregate.Repository[counter, added] {
	return aggregate.NewRepository(store, counters, aggregate.Options{})
}

// transfer moves n from one counter to another, if there is as much.
func transfer(repo *aggregate.Repository[counter, added], from, to string, n int) func(*aggregate.Tx) error {
	return func(tx *aggregate.Tx) error {
		a, err := repo.In(tx, from)
		if err != nil {
			return err
		}
		b, err := repo.In(tx, to)
		if err != nil {
			return err
		}
		if a.State.Sum < n {
			return errTooMuch
		}
		a.Append(added{-n})
		b.Append(added{n})
		return nil
	}
}

func sumOf(t *testing.T, repo *aggregate.Repository[counter, added], id string) int {
	t.Helper()
	loaded, err := repo.Load(t.Context(), id)
	if !errors.Is(err, aggregate.ErrNotFound) {
		require.NoError(t, err)
	}
	return loaded.State.Sum
}

func TestACommandOnTwoEntitiesTakesEffectOnBothOrOnNone(t *testing.T) {
	t.Parallel()
	store := memstore.New()
	repo := newCounters(store)
	_, err := repo.Execute(t.Context(), "a", func(counter) ([]added, error) { return []added{{10}}, nil })
	require.NoError(t, err)
	commits, err := aggregate.Transact(t.Context(), store, transfer(repo, "a", "b", 7), aggregate.CommandID("c"))
	require.NoError(t, err)
	require.Len(t, commits, 2)
	assert.Equal(t, []string{"c", "c"}, []string{commits[0].ID, commits[1].ID})
	assert.Equal(t, []int{3, 7}, []int{sumOf(t, repo, "a"), sumOf(t, repo, "b")})
	_, err = aggregate.Transact(t.Context(), store, transfer(repo, "a", "b", 7))
	assert.Equal(t, errTooMuch, err, "a refusal is returned as it is")
	again, err := aggregate.Transact(t.Context(), store, transfer(repo, "a", "b", 7), aggregate.CommandID("c"))
	require.NoError(t, err, "it was carried out before, although it would be refused now")
	assert.Equal(t, commits, again)
	_, err = aggregate.Transact(t.Context(), store, transfer(repo, "a", "b", 7), aggregate.CommandID("c"), aggregate.CommandDigest(eventstore.DigestOf([]byte("other"))))
	assert.ErrorIs(t, err, eventstore.ErrIDReused)
	assert.Equal(t, []int{3, 7}, []int{sumOf(t, repo, "a"), sumOf(t, repo, "b")})
}

// overtaking is a store in which something else happens before each transaction.
type overtaking struct {
	*memstore.Store
	before func()
}

func (o *overtaking) AppendAll(ctx context.Context, t eventstore.Transaction) ([]eventstore.Commit, error) {
	o.before()
	return o.Store.AppendAll(ctx, t)
}

func TestWhatWasLookedAtAndNotWrittenIsCheckedToo(t *testing.T) {
	t.Parallel()
	store := &overtaking{Store: memstore.New(), before: func() {}}
	repo := newCounters(store.Store)
	set := func(id string, n int) {
		_, err := repo.Execute(t.Context(), id, func(counter) ([]added, error) { return []added{{n}}, nil })
		require.NoError(t, err)
	}
	set("limit", 5)
	var saw []int
	once := sync.OnceFunc(func() { set("limit", 1) })
	store.before = once
	commits, err := aggregate.Transact(t.Context(), store, func(tx *aggregate.Tx) error {
		limit, err := repo.In(tx, "limit")
		if err != nil {
			return err
		}
		a, err := repo.In(tx, "a")
		if err != nil {
			return err
		}
		again, err := repo.In(tx, "a")
		assert.Same(t, a, again)
		assert.False(t, a.Exists())
		saw = append(saw, limit.State.Sum)
		a.Append(added{limit.State.Sum})
		return err
	})
	require.NoError(t, err)
	assert.Equal(t, []int{5, 6}, saw, "decided again on what the limit is now")
	assert.Len(t, commits, 1)
	assert.Equal(t, 6, sumOf(t, repo, "a"))
}

func TestATransactionThatIsOvertakenEachTimeGivesUp(t *testing.T) {
	t.Parallel()
	store := &overtaking{Store: memstore.New()}
	repo := newCounters(store.Store)
	store.before = func() {
		_, err := repo.Execute(t.Context(), "a", func(counter) ([]added, error) { return []added{{1}}, nil })
		require.NoError(t, err)
	}
	_, err := aggregate.Transact(t.Context(), store, transfer(repo, "a", "b", 0))
	assert.ErrorIs(t, err, eventstore.ErrConflict)
	assert.ErrorContains(t, err, "decided 10 times")
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	store.before = func() { cancel(gone) }
	_, err = aggregate.Transact(ctx, store, transfer(repo, "a", "b", 0))
	assert.ErrorIs(t, err, gone)
}

func TestTransactionsOnManyEntitiesLoseAndDoubleNothing(t *testing.T) {
	t.Parallel()
	inner := memstore.New()
	store := storetest.NewFaulty(inner, storetest.Seeded(1, 0.3, storetest.AnswerLostAndRetried))
	repo := newCounters(store)
	const entities, goroutines, rounds = 5, 8, 25
	for i := range entities {
		_, err := repo.Execute(t.Context(), fmt.Sprint(i), func(counter) ([]added, error) { return []added{{100}}, nil })
		require.NoError(t, err)
	}
	var group sync.WaitGroup
	for g := range goroutines {
		group.Go(func() {
			for round := range rounds {
				from, to := fmt.Sprint((g+round)%entities), fmt.Sprint((g+2*round+1)%entities)
				if from == to {
					continue
				}
				id := fmt.Sprintf("%d-%d", g, round)
				for { // after so many conflicts one sends the command again
					_, err := aggregate.Transact(t.Context(), store, transfer(repo, from, to, 3), aggregate.CommandID(id))
					if errors.Is(err, eventstore.ErrConflict) {
						continue
					}
					assert.True(t, err == nil || errors.Is(err, errTooMuch), err)
					break
				}
			}
		})
	}
	group.Wait()
	sum := 0
	for i := range entities {
		n := sumOf(t, repo, fmt.Sprint(i))
		assert.GreaterOrEqual(t, n, 0)
		sum += n
	}
	assert.Equal(t, 100*entities, sum)
	assert.Positive(t, store.Count(storetest.AnswerLostAndRetried))
}

func TestADecisionThatAppendsNothingStoresNothing(t *testing.T) {
	t.Parallel()
	store := memstore.New()
	repo := newCounters(store)
	commits, err := aggregate.Transact(t.Context(), store, func(tx *aggregate.Tx) error {
		_, err := repo.In(tx, "a")
		return err
	})
	require.NoError(t, err)
	assert.Empty(t, commits)
}

// forgetful is a store in which one commit is not recognised by whoever loads its stream,
// as it is not by who loads from a snapshot: only a read that begins with it shows its ID.
type forgetful struct {
	*memstore.Store
	forgotten eventstore.Version
}

func (f *forgetful) Read(ctx context.Context, stream eventstore.StreamID, from eventstore.Version) iter.Seq2[eventstore.Commit, error] {
	return func(yield func(eventstore.Commit, error) bool) {
		for c, err := range f.Store.Read(ctx, stream, from) {
			if err == nil && c.First == f.forgotten && from != f.forgotten {
				c.ID = "forgotten"
			}
			if !yield(c, err) {
				return
			}
		}
	}
}

func TestAStrictCommandTakesEffectOnceHoweverLate(t *testing.T) {
	t.Parallel()
	withAndWithoutCache(t, func(t *testing.T, opts aggregate.Options) {
		store := memstore.New()
		ask := func(digest string) []aggregate.CommandOption {
			return []aggregate.CommandOption{aggregate.CommandID("c"), aggregate.CommandDigest(eventstore.DigestOf([]byte(digest))), aggregate.Strict()}
		}
		_, err := newTallies(store, opts).Execute(t.Context(), "1", add(1))
		require.NoError(t, err)
		first, err := newTallies(store, opts).Execute(t.Context(), "1", double(1), ask("double")...)
		require.NoError(t, err)
		_, err = newTallies(store, opts).Execute(t.Context(), "1", add(1))
		require.NoError(t, err)
		repo := newTallies(&forgetful{store, first.First}, opts)
		for name, decide := range map[string]decision{"it would be refused now": double(1), "there would be nothing to do": add(), "it would be stored again": add(5)} {
			again, err := repo.Execute(t.Context(), "1", decide, ask("double")...)
			require.NoError(t, err, name)
			assert.Equal(t, first, again, name)
			_, err = repo.Execute(t.Context(), "1", decide, ask("other")...)
			assert.ErrorIs(t, err, eventstore.ErrIDReused, name)
		}
		loaded, err := repo.Load(t.Context(), "1")
		require.NoError(t, err)
		assert.EqualValues(t, 3, loaded.Version)
	})
}

// A strict command of two entities that comes again late: where each of them stands behind a
// snapshot, where one of them does, and where none does.
func TestAStrictCommandOnTwoEntitiesIsRecognisedBehindSnapshots(t *testing.T) {
	t.Parallel()
	for name, forgotten := range map[string][]string{"both": {"a", "b"}, "the first": {"a"}, "the second": {"b"}, "none": nil} {
		t.Run(name, func(t *testing.T) {
			store := memstore.New()
			repo := newTallies(store, aggregate.Options{})
			strictly := []aggregate.CommandOption{aggregate.CommandID("c"), aggregate.Strict()}
			move := func(repo *aggregate.Repository[tally, tallyEvent], more int) func(*aggregate.Tx) error {
				return func(tx *aggregate.Tx) error {
					for _, id := range []string{"a", "b"} {
						e, err := repo.In(tx, id)
						if err != nil {
							return err
						}
						e.Append(added{e.State.Sum + more}) // decided otherwise each time
					}
					return nil
				}
			}
			first, err := aggregate.Transact(t.Context(), store, move(repo, 1), strictly...)
			require.NoError(t, err)
			snapshots := memstore.New()
			decider := tallies
			decider.Snapshot = &aggregate.StateCodec[tally]{Schema: 1}
			late := aggregate.NewRepository(store, decider, aggregate.Options{Snapshots: snapshots, SnapshotEvents: 1})
			for _, id := range forgotten {
				_, err := late.Execute(t.Context(), id, add(5))
				require.NoError(t, err)
			}
			again, err := aggregate.Transact(t.Context(), store, move(late, 2), strictly...)
			require.NoError(t, err)
			assert.Equal(t, first, again)
		})
	}
}

func TestStrictIsRefusedWhereItCanNotBeKept(t *testing.T) {
	t.Parallel()
	_, err := newTallies(memstore.New(), aggregate.Options{}).Execute(t.Context(), "1", add(1), aggregate.Strict())
	assert.ErrorIs(t, err, eventstore.ErrInvalid, "without an ID")
	_, err = newTallies(newSpy(), aggregate.Options{}).Execute(t.Context(), "1", add(1), aggregate.CommandID("c"), aggregate.Strict())
	assert.ErrorIs(t, err, eventstore.ErrInvalid, "a store without claims")
	_, err = aggregate.Transact(t.Context(), memstore.New(), func(*aggregate.Tx) error { return nil }, aggregate.Strict())
	assert.ErrorIs(t, err, eventstore.ErrInvalid, "without an ID")
}

// named is a tally whose numbers are unique: no two have the same.
func newUnique(store eventstore.Store) *aggregate.Repository[tally, tallyEvent] {
	unique := tallies
	unique.Claims = func(e tallyEvent) (takes, releases []eventstore.Claim) {
		n := e.(added).N
		claim := []eventstore.Claim{{Scope: "number", Key: fmt.Sprint(max(n, -n))}}
		if n < 0 {
			return nil, claim
		}
		return claim, nil
	}
	return aggregate.NewRepository(store, unique, aggregate.Options{})
}

func TestAKeyThatAnotherEntityHasFailsTheCommand(t *testing.T) {
	t.Parallel()
	store := memstore.New()
	repo := newUnique(store)
	c, err := repo.Execute(t.Context(), "1", add(5, 6, -6, 7))
	require.NoError(t, err)
	assert.Equal(t, []eventstore.Claim{{Scope: "number", Key: "5"}, {Scope: "number", Key: "7"}}, c.Claims, "what was taken and given back is left alone")
	_, err = repo.Execute(t.Context(), "2", add(8, 7))
	taken, ok := errors.AsType[*eventstore.ClaimError](err)
	require.True(t, ok, err)
	assert.Equal(t, c.EventID(0), taken.Holder)
	_, err = repo.Execute(t.Context(), "1", add(-7))
	require.NoError(t, err)
	_, err = repo.Execute(t.Context(), "2", add(8, 7))
	require.NoError(t, err)
	_, err = repo.Execute(t.Context(), "1", add(-7))
	assert.ErrorIs(t, err, eventstore.ErrClaimNotHeld)
	assert.Panics(t, func() { newUnique(newSpy()) }, "a store without claims")

	_, err = aggregate.Transact(t.Context(), store, func(tx *aggregate.Tx) error {
		e, err := repo.In(tx, "3")
		if err == nil {
			e.Append(added{5})
		}
		return err
	})
	assert.ErrorIs(t, err, eventstore.ErrClaimTaken)
}
