package aggregate_test

import (
	"context"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
)

// loaders are the ways to load, each such that it would reach version 3.
var loaders = map[string]func(context.Context, *aggregate.Repository[tally, tallyEvent], string) (aggregate.Loaded[tally], error){
	"Load": func(ctx context.Context, r *aggregate.Repository[tally, tallyEvent], id string) (aggregate.Loaded[tally], error) {
		return r.Load(ctx, id)
	},
	"LoadVersion": func(ctx context.Context, r *aggregate.Repository[tally, tallyEvent], id string) (aggregate.Loaded[tally], error) {
		return r.LoadVersion(ctx, id, 3)
	},
	"LoadAt": func(ctx context.Context, r *aggregate.Repository[tally, tallyEvent], id string) (aggregate.Loaded[tally], error) {
		return r.LoadAt(ctx, id, time.Now().Add(time.Hour))
	},
	"Execute": func(ctx context.Context, r *aggregate.Repository[tally, tallyEvent], id string) (l aggregate.Loaded[tally], err error) {
		_, err = r.Execute(ctx, id, func(s tally) ([]tallyEvent, error) {
			l.State = s
			return nil, nil
		})
		return l, err
	},
}

func at(hour int) time.Time { return time.Date(2010, 12, 1, hour, 0, 0, 0, time.UTC) }

// history has commits 1-2 at 8:00, 3 at 9:00, 4-6 at 9:00 and 7 at 11:00.
func history(t *testing.T) *spy {
	store := newSpy()
	store.rival(t, "1", eventstore.Write{Time: at(8)}, added{1}, added{2})
	store.rival(t, "1", eventstore.Write{Time: at(9)}, added{3})
	store.rival(t, "1", eventstore.Write{Time: at(9)}, added{4}, added{5}, added{6})
	store.rival(t, "1", eventstore.Write{Time: at(11)}, added{7})
	return store
}

func TestAnEntityWithoutEventsIsNotFound(t *testing.T) {
	t.Parallel()
	repo := newTallies(newSpy(), aggregate.Options{})
	for name, load := range loaders {
		if name == "Execute" {
			continue
		}
		loaded, err := load(t.Context(), repo, "17850")
		assert.ErrorIs(t, err, aggregate.ErrNotFound, name)
		assert.ErrorContains(t, err, `"tally-17850"`, name)
		assert.Zero(t, loaded, name)
	}
}

func TestLoadReturnsThePresentStateWithVersionAndTime(t *testing.T) {
	t.Parallel()
	withAndWithoutCache(t, func(t *testing.T, opts aggregate.Options) {
		store := history(t)
		repo := newTallies(store, opts)
		loaded, err := repo.Load(t.Context(), "1")
		require.NoError(t, err)
		assert.Equal(t, aggregate.Loaded[tally]{State: tallyOf("1", 1, 2, 3, 4, 5, 6, 7), Version: 7, Time: at(11)}, loaded)

		_, err = repo.Execute(t.Context(), "1", add())
		require.NoError(t, err)
		store.rival(t, "1", eventstore.Write{Time: at(12)}, added{8})
		loaded, err = repo.Load(t.Context(), "1")
		require.NoError(t, err)
		assert.Equal(t, 36, loaded.State.Sum, "from the store, whatever is cached")
	})
}

func TestLoadVersionReturnsTheStateAfterThatEventAlsoInsideACommit(t *testing.T) {
	t.Parallel()
	store := history(t)
	repo := newTallies(store, aggregate.Options{})
	times := []time.Time{at(8), at(8), at(9), at(9), at(9), at(9), at(11)}
	read := []int{1, 1, 2, 3, 3, 3, 4}
	var numbers []int
	for i := range 7 {
		numbers = append(numbers, i+1)
		version := eventstore.Version(i + 1)
		store.commits = 0
		loaded, err := repo.LoadVersion(t.Context(), "1", version)
		require.NoError(t, err)
		assert.Equal(t, aggregate.Loaded[tally]{State: tallyOf("1", numbers...), Version: version, Time: times[i]}, loaded)
		assert.Equal(t, read[i], store.commits, "nothing is read beyond version %d", version)
	}
}

func TestAVersionThatDoesNotExistIsNotFound(t *testing.T) {
	t.Parallel()
	repo := newTallies(history(t), aggregate.Options{})
	for _, version := range []eventstore.Version{0, 8, 1 << 63, ^eventstore.Version(0)} {
		loaded, err := repo.LoadVersion(t.Context(), "1", version)
		assert.ErrorIs(t, err, aggregate.ErrNotFound, "%d", version)
		assert.ErrorContains(t, err, `"tally-1" at version`, "%d", version)
		assert.Zero(t, loaded, "%d", version)
	}
}

func TestLoadAtReturnsTheLongestRunOfCommitsNotAfterThatTime(t *testing.T) {
	t.Parallel()
	store := history(t)
	repo := newTallies(store, aggregate.Options{})
	for _, c := range []struct {
		t       time.Time
		version eventstore.Version
		time    time.Time
		read    int
	}{
		{at(8), 2, at(8), 2},
		{at(9).Add(-1), 2, at(8), 2},
		{at(9), 6, at(9), 4}, // both commits of that time
		{at(10), 6, at(9), 4},
		{at(11).In(time.FixedZone("", -7200)), 7, at(11), 4},
		{at(23), 7, at(11), 4},
	} {
		store.commits = 0
		loaded, err := repo.LoadAt(t.Context(), "1", c.t)
		require.NoError(t, err, "%s", c.t)
		assert.Equal(t, c.version, loaded.Version, "%s", c.t)
		assert.Equal(t, c.time, loaded.Time, "%s", c.t)
		assert.Len(t, loaded.State.List, int(c.version), "%s", c.t)
		assert.Equal(t, c.read, store.commits, "%s: nothing is read beyond the first later commit", c.t)
	}
	loaded, err := repo.LoadAt(t.Context(), "1", at(8).Add(-1))
	assert.ErrorIs(t, err, aggregate.ErrNotFound, "before the first commit")
	assert.ErrorContains(t, err, `"tally-1" at 2010-12-01T07:59:59.999999999Z`)
	assert.Zero(t, loaded)
}

func TestAnEventThatCanNotBeFoldedIsAnErrorThatNamesStreamVersionAndType(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		event eventstore.Event
		is    error
	}{
		"an unknown type":      {eventstore.Event{Type: "RENAMED", Schema: 1, Payload: []byte("{}")}, eventstore.ErrUnregistered},
		"an unknown schema":    {eventstore.Event{Type: "ADDED", Schema: 2, Payload: []byte("{}")}, eventstore.ErrUnregistered},
		"a payload of another": {eventstore.Event{Type: "ADDED", Schema: 1, Payload: []byte(`{"n":"one"}`)}, eventstore.ErrUndecodable},
		"a damaged payload":    {eventstore.Event{Type: "ADDED", Schema: 1, Payload: []byte(`{"n":`)}, eventstore.ErrUndecodable},
		"no event of tallies":  {eventstore.Event{Type: "FOREIGN", Schema: 1, Payload: []byte(`{}`)}, eventstore.ErrUnregistered},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for by, load := range loaders {
				store := newSpy()
				head := store.rival(t, "1", eventstore.Write{}, added{1}, added{2}).Revision
				_, err := store.Append(t.Context(), eventstore.Write{Stream: tallyStream(t, "1"), Revision: head, Events: []eventstore.Event{c.event}})
				require.NoError(t, err)
				loaded, err := load(t.Context(), newTallies(store, aggregate.Options{}), "1")
				assert.ErrorIs(t, err, c.is, by)
				assert.Zero(t, loaded, by)
				assert.ErrorContains(t, err, "tally-1@3 of type "+c.event.Type, by)
				bad, ok := errors.AsType[*eventstore.EventError](err)
				require.True(t, ok, by)
				assert.Equal(t, eventstore.EventID{Stream: tallyStream(t, "1"), Version: 3}, bad.ID, by)
				assert.Equal(t, c.event.Type, bad.Type, by)
			}
		})
	}
}

func TestAWinnerThatCanNotBeFoldedEndsTheCommand(t *testing.T) {
	t.Parallel()
	withAndWithoutCache(t, func(t *testing.T, opts aggregate.Options) {
		store := newSpy()
		repo := newTallies(store, opts)
		store.onAppend = func(ctx context.Context, w eventstore.Write, next appendFunc) (eventstore.Commit, error) {
			store.rival(t, "1", eventstore.Write{}, added{1}, foreign{})
			return next(ctx, w)
		}
		_, err := repo.Execute(t.Context(), "1", add(1))
		assert.ErrorIs(t, err, eventstore.ErrUnregistered)
		assert.ErrorContains(t, err, "tally-1@2 of type FOREIGN")
		assert.Equal(t, 1, store.appends)
	})
}

func TestAReadThatFailsIsAnErrorThatNamesTheStream(t *testing.T) {
	t.Parallel()
	store := history(t)
	store.onRead = func(eventstore.Version) error { return errNetwork }
	for name, load := range loaders {
		loaded, err := load(t.Context(), newTallies(store, aggregate.Options{}), "1")
		assert.ErrorIs(t, err, errNetwork, name)
		assert.ErrorContains(t, err, `"tally-1"`, name)
		assert.Zero(t, loaded, name)
	}
}

// holed is a store that leaves out the second commit of what it reads.
type holed struct{ eventstore.Store }

func (h holed) Read(ctx context.Context, stream eventstore.StreamID, from eventstore.Version) iter.Seq2[eventstore.Commit, error] {
	return func(yield func(eventstore.Commit, error) bool) {
		n := 0
		for c, err := range h.Store.Read(ctx, stream, from) {
			if n++; n != 2 && !yield(c, err) {
				return
			}
		}
	}
}

func TestAPastWithAHoleIsNeverFolded(t *testing.T) {
	t.Parallel()
	for name, load := range loaders {
		loaded, err := load(t.Context(), newTallies(holed{history(t)}, aggregate.Options{}), "1")
		assert.ErrorIs(t, err, eventstore.ErrCorrupt, name)
		assert.ErrorContains(t, err, "tally-1@3", name)
		assert.Zero(t, loaded, name)
	}
}
