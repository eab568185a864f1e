package storetest

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
)

// fixture is one test with a store of its own, and short words for what tests do.
type fixture struct {
	*testing.T
	Backend
	open     func(testing.TB) Backend
	category string // nobody else's
}

func newFixture(t *testing.T, open func(testing.TB) Backend) *fixture {
	return &fixture{T: t, Backend: open(t), open: open, category: newCategory()}
}

func newCategory() string { return "t" + strings.ReplaceAll(uuid.NewString(), "-", "") }

// stream returns the stream of an ID in the test's own category.
func (t *fixture) stream(id string) eventstore.StreamID {
	t.Helper()
	return streamOf(t, t.category, id)
}

func streamOf(t require.TestingT, category, id string) eventstore.StreamID {
	stream, err := eventstore.NewStreamID(category, id)
	require.NoError(t, err)
	return stream
}

// facts returns one event of each type.
func facts(types ...string) []eventstore.Event {
	events := make([]eventstore.Event, len(types))
	for i, name := range types {
		events[i] = eventstore.Event{Type: name, Schema: 1, Payload: fmt.Appendf(nil, `{"fact":%q}`, name)}
	}
	return events
}

// weighing returns an event whose payload is JSON of that many bytes, which hardly gets
// smaller when it is packed.
func weighing(bytes int) eventstore.Event {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	random := rand.New(rand.NewPCG(uint64(bytes), 0))
	payload := make([]byte, bytes)
	for i := range payload {
		payload[i] = letters[random.IntN(len(letters))]
	}
	payload[0], payload[bytes-1] = '"', '"'
	return eventstore.Event{Type: "BIG", Schema: 1, Payload: payload}
}

func writeAt(r eventstore.Revision, stream eventstore.StreamID, types ...string) eventstore.Write {
	return eventstore.Write{Stream: stream, Revision: r, Events: facts(types...)}
}

// must appends what has to be accepted.
func (t *fixture) must(w eventstore.Write) eventstore.Commit {
	t.Helper()
	c, err := t.Store.Append(t.Context(), w)
	require.NoError(t, err)
	return c
}

// history appends one commit for each size, of so many events.
func (t *fixture) history(stream eventstore.StreamID, sizes ...int) []eventstore.Commit {
	t.Helper()
	var commits []eventstore.Commit
	at := eventstore.NoStream
	for _, size := range sizes {
		types := make([]string, size)
		for i := range types {
			types[i] = fmt.Sprintf("E%d", i)
		}
		c := t.must(writeAt(at, stream, types...))
		commits, at = append(commits, c), c.Revision
	}
	return commits
}

func (t *fixture) head(stream eventstore.StreamID) eventstore.Revision {
	t.Helper()
	head, err := t.Store.Head(t.Context(), stream)
	require.NoError(t, err)
	return head
}

func (t *fixture) read(stream eventstore.StreamID, from eventstore.Version) []eventstore.Commit {
	t.Helper()
	return all(t, t.Store.Read(t.Context(), stream, from))
}

func (t *fixture) readBackward(stream eventstore.StreamID, from eventstore.Version) []eventstore.Commit {
	t.Helper()
	return all(t, t.Store.ReadBackward(t.Context(), stream, from))
}

// all returns the values of a sequence that has to end without an error.
func all[V any](t testing.TB, seq iter.Seq2[V, error]) []V {
	t.Helper()
	values, err := collect(seq)
	require.NoError(t, err)
	return values
}

// collect returns the values of a sequence and the error that ended it.
func collect[V any](seq iter.Seq2[V, error]) (values []V, err error) {
	for v, err := range seq {
		if err != nil {
			return values, err
		}
		values = append(values, v)
	}
	return values, nil
}

// together calls f n times at once and returns when all have returned.
func together(n int, f func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	wg.Wait()
}

// patience is how long the suite waits for what a store may delay.
const patience = 30 * time.Second

// await waits for a channel to be closed.
func (t *fixture) await(closed <-chan struct{}, sentence string) {
	t.Helper()
	select {
	case <-closed:
	case <-time.After(patience):
		require.Fail(t, sentence)
	}
}

// eventually tries again until the condition holds: for what a store may show late.
func (t *fixture) eventually(condition func() bool, sentence string) {
	t.Helper()
	deadline := time.After(patience)
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !condition() {
		select {
		case <-again.C:
		case <-deadline:
			require.Fail(t, sentence)
		}
	}
}
