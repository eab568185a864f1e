package aggregate_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A tally is a sum of numbers. Its Evolve changes slice and map in place, as the
// documentation allows, so that each test also tests that.

type tallyEvent interface{ tallyEvent() }

type added struct {
	N int `json:"n"`
}

// spoilt is stored, but can not be read back.
type spoilt struct{}

// unregistered is an event of tallies that the registry does not know.
type unregistered struct{}

// foreign is registered, and no event of tallies.
type foreign struct{}

func (added) tallyEvent()        {}
func (spoilt) tallyEvent()       {}
func (unregistered) tallyEvent() {}

func (*spoilt) UnmarshalJSON([]byte) error { return errors.New("this is spoilt") }

type tally struct {
	ID   string
	Sum  int
	List []int
	By   map[int]int
}

var events = eventstore.MustRegistry(
	eventstore.Type[added]("ADDED", 1),
	eventstore.Type[spoilt]("SPOILT", 1),
	eventstore.Type[foreign]("FOREIGN", 1),
)

var tallies = aggregate.Decider[tally, tallyEvent]{
	Category: "tally",
	Events:   events,
	Initial:  func(id string) tally { return tally{ID: id, By: map[int]int{}} },
	Evolve: func(s tally, e tallyEvent) tally {
		n := e.(added).N
		s.Sum += n
		s.List = append(s.List, n)
		s.By[n]++
		return s
	},
}

func tallyOf(id string, numbers ...int) tally {
	s := tallies.Initial(id)
	for _, n := range numbers {
		s = tallies.Evolve(s, added{n})
	}
	return s
}

type decision = aggregate.Decision[tally, tallyEvent]

func add(numbers ...int) decision {
	return func(tally) ([]tallyEvent, error) {
		var decided []tallyEvent
		for _, n := range numbers {
			decided = append(decided, added{n})
		}
		return decided, nil
	}
}

var errTooMuch = errors.New("too much")

// double adds what is there already, and is refused above most.
func double(most int) decision {
	return func(s tally) ([]tallyEvent, error) {
		if s.Sum > most {
			return nil, errTooMuch
		}
		return []tallyEvent{added{s.Sum}}, nil
	}
}

// watched counts how often a decision is made, and on which sums.
func watched(sums *[]int, decide decision) decision {
	return func(s tally) ([]tallyEvent, error) {
		*sums = append(*sums, s.Sum)
		return decide(s)
	}
}

type appendFunc func(context.Context, eventstore.Write) (eventstore.Commit, error)

// spy is a store that counts, and lets a test step in.
type spy struct {
	eventstore.Store
	// onAppend replaces Append; next is the real one. Set by one goroutine at a time.
	onAppend func(ctx context.Context, w eventstore.Write, next appendFunc) (eventstore.Commit, error)
	// onRead runs before a read, which fails with its error; onCommit before each
	// commit that a read returns.
	onRead   func(eventstore.Version) error
	onCommit func(*eventstore.Commit) error

	mu      sync.Mutex
	reads   []eventstore.Version // where each began
	commits int                  // that reads returned
	appends int
}

func newSpy() *spy { return &spy{Store: memstore.New()} }

func (s *spy) Append(ctx context.Context, w eventstore.Write) (eventstore.Commit, error) {
	s.mu.Lock()
	s.appends++
	s.mu.Unlock()
	if s.onAppend != nil {
		return s.onAppend(ctx, w, s.Store.Append)
	}
	return s.Store.Append(ctx, w)
}

func (s *spy) Read(ctx context.Context, stream eventstore.StreamID, from eventstore.Version) iter.Seq2[eventstore.Commit, error] {
	return func(yield func(eventstore.Commit, error) bool) {
		s.mu.Lock()
		s.reads = append(s.reads, from)
		s.mu.Unlock()
		if s.onRead != nil {
			if err := s.onRead(from); err != nil {
				yield(eventstore.Commit{}, err)
				return
			}
		}
		n := 0
		defer func() {
			s.mu.Lock()
			s.commits += n
			s.mu.Unlock()
		}()
		for c, err := range s.Store.Read(ctx, stream, from) {
			n++
			if err == nil && s.onCommit != nil {
				err = s.onCommit(&c)
			}
			if !yield(c, err) || err != nil {
				return
			}
		}
	}
}

// readsFrom returns where the reads began since it was last asked.
func (s *spy) readsFrom() []eventstore.Version {
	s.mu.Lock()
	defer s.mu.Unlock()
	reads := slices.Clone(s.reads)
	s.reads = nil
	return reads
}

func tallyStream(t testing.TB, id string) eventstore.StreamID {
	t.Helper()
	stream, err := eventstore.NewStreamID("tally", id)
	require.NoError(t, err)
	return stream
}

func encode(t testing.TB, values ...any) []eventstore.Event {
	t.Helper()
	encoded := make([]eventstore.Event, len(values))
	for i, v := range values {
		var err error
		encoded[i], err = events.Encode(v)
		require.NoError(t, err)
	}
	return encoded
}

// rival appends events behind the back of every repository.
func (s *spy) rival(t testing.TB, id string, w eventstore.Write, values ...any) eventstore.Commit {
	t.Helper()
	w.Stream = tallyStream(t, id)
	head, err := s.Head(context.Background(), w.Stream)
	require.NoError(t, err)
	w.Revision, w.Events = head, encode(t, values...)
	c, err := s.Store.Append(context.Background(), w)
	require.NoError(t, err)
	return c
}

// stored returns the commits of a stream.
func (s *spy) stored(t testing.TB, id string) []eventstore.Commit {
	t.Helper()
	var commits []eventstore.Commit
	for c, err := range s.Store.Read(context.Background(), tallyStream(t, id), 0) {
		require.NoError(t, err)
		commits = append(commits, c)
	}
	return commits
}

// numbers returns what the events of a stream add.
func (s *spy) numbers(t testing.TB, id string) []int {
	t.Helper()
	var numbers []int
	for _, c := range s.stored(t, id) {
		for i := range c.Events {
			v, err := events.Decode(&c, i)
			require.NoError(t, err)
			numbers = append(numbers, v.(added).N)
		}
	}
	return numbers
}

func newTallies(store eventstore.Store, opts aggregate.Options) *aggregate.Repository[tally, tallyEvent] {
	return aggregate.NewRepository(store, tallies, opts)
}

// withAndWithoutCache runs a test that must hold either way.
func withAndWithoutCache(t *testing.T, test func(t *testing.T, opts aggregate.Options)) {
	for name, streams := range map[string]int{"without cache": 0, "with cache": 8} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, aggregate.Options{CacheStreams: streams})
		})
	}
}
