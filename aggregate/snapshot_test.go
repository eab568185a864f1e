package aggregate_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
)

// snapped is a store whose reads are counted, with snapshots beside it.
type snapped struct {
	*spy
	memory *memstore.Store
	looks  int     // how often a snapshot was asked for
	told   []error // what went wrong with snapshots
	fail   error   // of saving, if not nil
}

func newSnapped() *snapped {
	memory := memstore.New()
	return &snapped{spy: &spy{Store: memory}, memory: memory}
}

func (s *snapped) Snapshot(ctx context.Context, stream eventstore.StreamID, schema int) (eventstore.Snapshot, bool, error) {
	s.looks++
	return s.memory.Snapshot(ctx, stream, schema)
}

func (s *snapped) SaveSnapshot(ctx context.Context, snapshot eventstore.Snapshot) error {
	if s.fail != nil {
		return s.fail
	}
	return s.memory.SaveSnapshot(ctx, snapshot)
}

// repo is what another process would have: nothing is cached. It snapshots after so many events.
func (s *snapped) repo(schema, events int) *aggregate.Repository[tally, tallyEvent] {
	decider := tallies
	decider.Snapshot = &aggregate.StateCodec[tally]{Schema: schema}
	return aggregate.NewRepository(s, decider, aggregate.Options{Snapshots: s, SnapshotEvents: events,
		SnapshotFailed: func(_ eventstore.StreamID, err error) { s.told = append(s.told, err) }})
}

func (s *snapped) saved(t *testing.T, schema int) eventstore.Version {
	t.Helper()
	found, _, err := s.memory.Snapshot(t.Context(), streamOf(t, "1"), schema)
	require.NoError(t, err)
	return found.Last
}

func streamOf(t *testing.T, id string) eventstore.StreamID {
	t.Helper()
	stream, err := eventstore.NewStreamID(tallies.Category, id)
	require.NoError(t, err)
	return stream
}

// holds checks the state, and where the read of it began.
func (s *snapped) holds(t *testing.T, repo *aggregate.Repository[tally, tallyEvent], from eventstore.Version, numbers ...int) {
	t.Helper()
	s.reads = nil
	loaded, err := repo.Load(t.Context(), "1")
	require.NoError(t, err)
	assert.Equal(t, tallyOf("1", numbers...), loaded.State)
	assert.EqualValues(t, len(numbers), loaded.Version)
	assert.Equal(t, from, s.reads[0])
}

func execute(t *testing.T, repo *aggregate.Repository[tally, tallyEvent], decide decision) eventstore.Commit {
	t.Helper()
	c, err := repo.Execute(t.Context(), "1", decide)
	require.NoError(t, err)
	return c
}

func TestAnEntityIsReadFromItsSnapshotOn(t *testing.T) {
	t.Parallel()
	s := newSnapped()
	execute(t, s.repo(1, 4), add(1, 2))
	assert.Zero(t, s.saved(t, 1), "too early")
	execute(t, s.repo(1, 4), add(3, 4))
	assert.EqualValues(t, 4, s.saved(t, 1))
	s.holds(t, s.repo(1, 4), 4, 1, 2, 3, 4)
	execute(t, s.repo(1, 4), add(5))
	s.holds(t, s.repo(1, 4), 4, 1, 2, 3, 4, 5)
	assert.EqualValues(t, 4, s.saved(t, 1), "one event behind the last one does not pay")
	execute(t, s.repo(1, 4), add(6, 7, 8))
	assert.EqualValues(t, 8, s.saved(t, 1))
	assert.Empty(t, s.told)
}

func TestARefusedCommandThatHadToReadMuchSavesASnapshotToo(t *testing.T) {
	t.Parallel()
	s := newSnapped()
	execute(t, s.repo(1, 100), add(1, 2, 3))
	_, err := s.repo(1, 3).Execute(t.Context(), "1", double(0))
	require.Equal(t, errTooMuch, err)
	assert.EqualValues(t, 3, s.saved(t, 1))
}

func TestASnapshotIsSavedAfterSoManyBytes(t *testing.T) {
	t.Parallel()
	s := newSnapped()
	decider := tallies
	decider.Snapshot = &aggregate.StateCodec[tally]{Schema: 1}
	repo := aggregate.NewRepository(s, decider, aggregate.Options{Snapshots: s, SnapshotBytes: 15})
	execute(t, repo, add(1))
	assert.Zero(t, s.saved(t, 1))
	execute(t, repo, add(2))
	assert.Zero(t, s.saved(t, 1), "14 bytes")
	execute(t, repo, add(3))
	assert.EqualValues(t, 3, s.saved(t, 1))
}

func TestASnapshotOfAnotherPastIsPassedOver(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*eventstore.Snapshot){
		"ahead of the log":          func(s *eventstore.Snapshot) { s.First, s.Last = 7, 9 },
		"with another commit":       func(s *eventstore.Snapshot) { s.CommitID = "other" },
		"that ends within a commit": func(s *eventstore.Snapshot) { s.Last = 3 },
		"whose state is no state":   func(s *eventstore.Snapshot) { s.State = []byte("{") },
		"that begins with a gap":    func(s *eventstore.Snapshot) { s.First = 2 },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSnapped()
			c := execute(t, s.repo(1, 100), add(1, 2))
			c = execute(t, s.repo(1, 100), add(3, 4))
			text := `{"ID":"1","Sum":1000,"List":[1000],"By":{"1000":1}}`
			snapshot := eventstore.Snapshot{Stream: c.Stream, Schema: 1, First: c.First, Last: c.Last(), CommitID: c.ID, State: []byte(text)}
			spoil(&snapshot)
			require.NoError(t, s.memory.SaveSnapshot(t.Context(), snapshot))
			looks := s.looks
			loaded, err := s.repo(1, 100).Load(t.Context(), "1")
			require.NoError(t, err)
			assert.Equal(t, tallyOf("1", 1, 2, 3, 4), loaded.State)
			require.Len(t, s.told, 1, "it is told")
			assert.Equal(t, looks+1, s.looks, "it is looked at once")
			execute(t, s.repo(1, 100), add(5))
			loaded, err = s.repo(1, 100).Load(t.Context(), "1")
			require.NoError(t, err)
			assert.Equal(t, tallyOf("1", 1, 2, 3, 4, 5), loaded.State)
		})
	}
}

func TestEachSchemaOfAStateHasItsSnapshot(t *testing.T) {
	t.Parallel()
	s := newSnapped()
	execute(t, s.repo(1, 2), add(1, 2))
	s.holds(t, s.repo(2, 2), 1, 1, 2)
	execute(t, s.repo(2, 2), add(3))
	assert.Equal(t, []eventstore.Version{2, 3}, []eventstore.Version{s.saved(t, 1), s.saved(t, 2)})
	s.holds(t, s.repo(1, 2), 2, 1, 2, 3)
	assert.Panics(t, func() { s.repo(0, 2) })
	assert.Panics(t, func() { aggregate.NewRepository(s, tallies, aggregate.Options{Snapshots: s}) }, "it does not say how")
}

func TestASnapshotThatCanNotBeSavedFailsNoCommand(t *testing.T) {
	t.Parallel()
	s := newSnapped()
	s.fail = errors.New("no room")
	ctx, cancel := context.WithCancel(t.Context())
	s.onAppend = func(ctx context.Context, w eventstore.Write, next appendFunc) (eventstore.Commit, error) {
		defer cancel()
		return next(ctx, w)
	}
	_, err := s.repo(1, 1).Execute(ctx, "1", add(1))
	require.NoError(t, err)
	require.Len(t, s.told, 1)
	assert.ErrorIs(t, s.told[0], s.fail)
	s.fail, s.told = nil, nil
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	_, err = s.repo(1, 1).Execute(ctx, "1", add(2))
	require.NoError(t, err)
	assert.EqualValues(t, 2, s.saved(t, 1), "the end of the command's context does not stop it")
	assert.Empty(t, s.told)
}

// Repositories with and without snapshots and caches, each as if it were another process,
// come to the same state, whatever snapshots are there.
func TestWhateverSnapshotsThereAreTheStateIsTheFold(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 0))
	for range 50 {
		s := newSnapped()
		decider := tallies
		decider.Snapshot = &aggregate.StateCodec[tally]{Schema: 1}
		repos := []*aggregate.Repository[tally, tallyEvent]{s.repo(1, 3), s.repo(2, 5), newTallies(s, aggregate.Options{}),
			aggregate.NewRepository(s, decider, aggregate.Options{Snapshots: s, SnapshotEvents: 2, CacheStreams: 1}),
			aggregate.NewRepository(s, decider, aggregate.Options{Snapshots: s, SnapshotEvents: 7, CacheStreams: 1})}
		var all []int
		for range 30 {
			var numbers []int
			for range 1 + random.IntN(3) {
				numbers = append(numbers, random.IntN(100))
			}
			var saw int
			_, err := repos[random.IntN(len(repos))].Execute(t.Context(), "1", func(state tally) ([]tallyEvent, error) {
				saw = len(state.List)
				return add(numbers...)(state)
			})
			require.NoError(t, err)
			require.Equal(t, len(all), saw)
			all = append(all, numbers...)
		}
		for _, repo := range repos {
			loaded, err := repo.Load(t.Context(), "1")
			require.NoError(t, err)
			require.Equal(t, tallyOf("1", all...), loaded.State)
		}
		require.Empty(t, s.told)
	}
}
