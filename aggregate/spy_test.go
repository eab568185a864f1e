package aggregate_test

import (
	"context"
	"iter"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
)

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
