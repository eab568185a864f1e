package aggregate_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
)

// visits is a repository whose cache is seen from outside: a command on an entity
// that is not cached begins with a read.
type visits struct {
	*testing.T
	store *spy
	repo  *aggregate.Repository[tally, tallyEvent]
}

func newVisits(t *testing.T, opts aggregate.Options) visits {
	store := newSpy()
	return visits{t, store, newTallies(store, opts)}
}

// grow adds events to an entity, and reports whether it was cached.
func (v visits) grow(id string, events int) (cached bool) {
	v.Helper()
	v.store.readsFrom()
	_, err := v.repo.Execute(v.Context(), id, add(make([]int, events)...))
	require.NoError(v, err)
	return len(v.store.readsFrom()) == 0
}

// cached returns those of some entities that are, by adding an event to each.
func (v visits) cached(ids ...string) (cached []string) {
	v.Helper()
	for _, id := range ids {
		if v.grow(id, 1) {
			cached = append(cached, id)
		}
	}
	return cached
}

func TestTheCacheHoldsStatesOfAsManyEventsAsItMay(t *testing.T) {
	t.Parallel()
	v := newVisits(t, aggregate.Options{CacheStreams: 100, CacheEvents: 20})
	for _, id := range []string{"a", "b", "c", "d"} {
		v.grow(id, 4)
	}
	assert.Equal(t, []string{"a", "b", "c", "d"}, v.cached("a", "b", "c", "d"), "each has 5 now")
	assert.False(t, v.grow("e", 1), "pushes out a")
	assert.Equal(t, []string{"b", "c", "d", "e"}, v.cached("b", "c", "d", "e"), "which have 20")
	assert.True(t, v.grow("d", 1), "pushes out b, of which 6 are given back")
	assert.Equal(t, []string{"c", "d", "e"}, v.cached("c", "d", "e"))
	assert.False(t, v.grow("b", 1))
}

// What was loaded counts as what was decided does.
func TestAStateThatWasLoadedCountsWithAllItsEvents(t *testing.T) {
	t.Parallel()
	store := newSpy()
	opts := aggregate.Options{CacheStreams: 100, CacheEvents: 20}
	for _, id := range []string{"a", "b", "c"} {
		v := visits{t, store, newTallies(store, opts)}
		v.grow(id, 8)
	}
	v := visits{t, store, newTallies(store, opts)}
	assert.Empty(t, v.cached("a", "b", "c"))
	assert.Equal(t, []string{"b", "c"}, v.cached("b", "c"))
	assert.False(t, v.grow("a", 1))
}

func TestALargeEntityIsKeptWhileItIsUsedOften(t *testing.T) {
	t.Parallel()
	v := newVisits(t, aggregate.Options{CacheStreams: 100, CacheEvents: 20})
	v.grow("large", 1000)
	for i := range 30 {
		other := string(rune('a' + i))
		assert.False(t, v.grow(other, 4))
		assert.True(t, v.grow(other, 1), "beside others")
		assert.True(t, v.grow("large", 1))
	}
	v.grow("huge", 10_000)
	assert.Equal(t, []string{"large", "huge"}, v.cached("large", "huge"), "two of them push out all others")
	v.grow("third", 100)
	assert.Equal(t, []string{"huge", "third"}, v.cached("huge", "third"), "and a third the one used longest ago")
	assert.False(t, v.grow("large", 1))
}

func TestTheEntityUsedLastIsKeptHoweverLittleRoomThereIs(t *testing.T) {
	t.Parallel()
	v := newVisits(t, aggregate.Options{CacheStreams: 100, CacheEvents: 1})
	for _, id := range []string{"a", "b"} {
		assert.False(t, v.grow(id, 7))
		assert.True(t, v.grow(id, 1))
	}
	assert.False(t, v.grow("a", 1))
}

func TestManyEventsAreKeptUnlessToldOtherwise(t *testing.T) {
	t.Parallel()
	for _, events := range []int{0, -1} {
		v := newVisits(t, aggregate.Options{CacheStreams: 3, CacheEvents: events})
		for _, id := range []string{"a", "b", "c"} {
			v.grow(id, 5_000)
		}
		assert.Equal(t, []string{"a", "b", "c"}, v.cached("a", "b", "c"))
		assert.False(t, v.grow("d", 1), "pushes out a, as the fourth")
		assert.Equal(t, []string{"b", "c", "d"}, v.cached("b", "c", "d"))
	}
	v := newVisits(t, aggregate.Options{CacheEvents: 20})
	v.grow("a", 1)
	assert.False(t, v.grow("a", 1), "without CacheStreams there is no cache")
}

// executeLong begins a command on an entity that has five events, and returns a
// function that lets it end.
func (v visits) executeLong(id string) (end func()) {
	v.store.rival(v, id, eventstore.Write{}, added{1}, added{2}, added{3}, added{4}, added{5})
	long, goOn := blocked(1)
	ended := make(chan error)
	go func() {
		_, err := v.repo.Execute(v.Context(), id, long)
		ended <- err
	}()
	synctest.Wait()
	return func() {
		v.Helper()
		goOn()
		require.NoError(v, <-ended)
	}
}

func TestAnEntityThatWasPushedOutDuringACommandIsNotCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := newVisits(t, aggregate.Options{CacheStreams: 2, CacheEvents: 14})
		end := v.executeLong("slow")
		v.grow("a", 5)
		v.grow("b", 5)
		end()
		assert.Equal(t, []string{"a", "b"}, v.cached("a", "b"), "who have the room")
		assert.False(t, v.grow("slow", 1))

		end = v.executeLong("other")
		v.grow("a", 1)
		v.grow("b", 1)
		v.grow("other", 1)
		end()
		assert.Equal(t, []string{"b", "other"}, v.cached("b", "other"), "not twice either")
	})
}

func TestAnEntityIsUsedUntilTheCommandOnItHasEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := newVisits(t, aggregate.Options{CacheStreams: 2})
		end := v.executeLong("slow")
		v.grow("a", 1)
		end()
		v.grow("b", 1)
		assert.True(t, v.grow("slow", 1))
	})
}
