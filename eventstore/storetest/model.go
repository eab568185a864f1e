package storetest

import (
	"fmt"
	"math"
	"slices"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/leftfold/leftfold/eventstore"
)

var randomClauses = []clause{
	{"any sequence of calls does what the model does", func(t *fixture) {
		rapid.Check(t.T, func(rt *rapid.T) {
			m := &model{fixture: t, category: newCategory(), commits: map[eventstore.StreamID][]eventstore.Commit{}}
			rt.Repeat(rapid.StateMachineActions(m))
		})
	}},
	{"concurrent appends and reads of the head are linearizable", linearizable},
}

// model is what a store ought to be: the commits of each stream. Its methods are
// the actions of the state machine, the seed of which is printed when one fails.
type model struct {
	fixture  *fixture
	category string
	commits  map[eventstore.StreamID][]eventstore.Commit
	appends  int
}

func (m *model) Check(*rapid.T) {}

func (m *model) AppendAtTheHead(rt *rapid.T) {
	stream := m.stream(rt)
	m.stores(rt, m.write(rt, stream, m.head(stream)))
}

func (m *model) AppendAtAny(rt *rapid.T) {
	m.stores(rt, m.write(rt, m.stream(rt), eventstore.Any))
}

func (m *model) AppendAtAStaleRevision(rt *rapid.T) {
	stream := m.full(rt)
	slot := m.slot(rt, stream)
	w := m.write(rt, stream, m.before(stream, slot))
	_, err := m.fixture.Store.Append(m.fixture.Context(), w)
	var conflict *eventstore.ConflictError
	require.ErrorAs(rt, err, &conflict)
	require.Equal(rt, m.commits[stream][slot], conflict.Winner)
	require.Equal(rt, w.Revision, conflict.Expected)
}

func (m *model) SendAgain(rt *rapid.T) {
	stream := m.full(rt)
	slot := m.slot(rt, stream)
	stored := m.commits[stream][slot]
	w := eventstore.Write{Stream: stream, Revision: m.before(stream, slot), ID: stored.ID, Events: stored.Events}
	c, err := m.fixture.Store.Append(m.fixture.Context(), w)
	require.NoError(rt, err)
	require.Equal(rt, stored, c)

	w.Events = append(slices.Clone(w.Events), facts("ANOTHER")...)
	_, err = m.fixture.Store.Append(m.fixture.Context(), w)
	var reused *eventstore.IDReusedError
	require.ErrorAs(rt, err, &reused)
	require.Equal(rt, stored, reused.Stored)
}

func (m *model) AppendAtAnothersRevision(rt *rapid.T) {
	theirs, mine := m.full(rt), m.stream(rt)
	if theirs == mine {
		rt.Skip("it is the same stream")
	}
	_, err := m.fixture.Store.Append(m.fixture.Context(), m.write(rt, mine, m.head(theirs)))
	require.ErrorIs(rt, err, eventstore.ErrRevision)
}

func (m *model) Read(rt *rapid.T) {
	stream, from := m.stream(rt), m.version(rt)
	commits, err := collect(m.fixture.Store.Read(m.fixture.Context(), stream, from))
	require.NoError(rt, err)
	want := slices.DeleteFunc(slices.Clone(m.commits[stream]), func(c eventstore.Commit) bool { return c.Last() < from })
	require.True(rt, assert.ObjectsAreEqual(orNone(want), orNone(commits)), "from %d: %v, not %v", from, commits, want)
}

func (m *model) ReadBackward(rt *rapid.T) {
	stream, from := m.stream(rt), m.version(rt)
	commits, err := collect(m.fixture.Store.ReadBackward(m.fixture.Context(), stream, from))
	require.NoError(rt, err)
	want := slices.DeleteFunc(slices.Clone(m.commits[stream]), func(c eventstore.Commit) bool { return from > 0 && c.First > from })
	slices.Reverse(want)
	require.True(rt, assert.ObjectsAreEqual(orNone(want), orNone(commits)), "from %d: %v, not %v", from, commits, want)
}

func (m *model) Head(rt *rapid.T) {
	stream := m.stream(rt)
	head, err := m.fixture.Store.Head(m.fixture.Context(), stream)
	require.NoError(rt, err)
	if len(m.commits[stream]) == 0 {
		require.Zero(rt, head.Version())
		return
	}
	require.Equal(rt, m.head(stream), head)
}

func (m *model) Streams(rt *rapid.T) {
	after := m.stream(rt)
	var want []eventstore.StreamID
	for stream := range m.commits {
		if stream.Compare(after) > 0 {
			want = append(want, stream)
		}
	}
	slices.SortFunc(want, eventstore.StreamID.Compare)
	var got []eventstore.StreamID
	m.fixture.eventually(func() bool {
		var err error
		got, err = collect(m.fixture.Directory.Streams(m.fixture.Context(), m.category, after))
		require.NoError(rt, err)
		return len(got) >= len(want)
	}, "the streams are listed")
	require.Equal(rt, want, got)
}

// stores appends what has to be accepted behind the model's head.
func (m *model) stores(rt *rapid.T, w eventstore.Write) {
	c, err := m.fixture.Store.Append(m.fixture.Context(), w)
	require.NoError(rt, err)
	before := m.head(w.Stream)
	require.Equal(rt, before.Version()+1, c.First)
	require.Equal(rt, w.Events, c.Events)
	require.Equal(rt, w.ID, c.ID)
	require.Equal(rt, w.Metadata, c.Metadata)
	require.False(rt, c.Time.Before(before.Time()))
	require.Equal(rt, c.Last(), c.Revision.Version())
	m.commits[w.Stream] = append(m.commits[w.Stream], c)
}

func (m *model) write(rt *rapid.T, stream eventstore.StreamID, at eventstore.Revision) eventstore.Write {
	m.appends++
	w := eventstore.Write{Stream: stream, Revision: at, ID: fmt.Sprintf("command %d", m.appends)}
	for range rapid.IntRange(1, 4).Draw(rt, "events") {
		w.Events = append(w.Events, eventstore.Event{
			Type: rapid.SampledFrom([]string{"A", "B", "C"}).Draw(rt, "type"), Schema: rapid.IntRange(1, 3).Draw(rt, "schema"),
			Payload: rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(rt, "payload"),
		})
	}
	w.Metadata.Actor = rapid.String().Draw(rt, "actor")
	return w
}

// stream draws one of a few streams, full one that has commits, slot the number
// of one of these, and version one from the start to beyond the head.
func (m *model) stream(rt *rapid.T) eventstore.StreamID {
	return streamOf(rt, m.category, rapid.SampledFrom([]string{"1", "10", "1-1", "2"}).Draw(rt, "stream"))
}

func (m *model) full(rt *rapid.T) eventstore.StreamID {
	stream := m.stream(rt)
	if len(m.commits[stream]) == 0 {
		rt.Skip("the stream is empty")
	}
	return stream
}

func (m *model) slot(rt *rapid.T, stream eventstore.StreamID) int {
	return rapid.IntRange(0, len(m.commits[stream])-1).Draw(rt, "slot")
}

func (m *model) version(rt *rapid.T) eventstore.Version {
	v := rapid.OneOf(rapid.Uint64Range(0, 30), rapid.SampledFrom([]uint64{math.MaxInt64, math.MaxUint64})).Draw(rt, "version")
	return eventstore.Version(v)
}

func (m *model) head(stream eventstore.StreamID) eventstore.Revision {
	return m.before(stream, len(m.commits[stream]))
}

// before returns the revision at which the slot was free.
func (m *model) before(stream eventstore.StreamID, slot int) eventstore.Revision {
	if slot == 0 {
		return eventstore.NoStream
	}
	return m.commits[stream][slot-1].Revision
}

func orNone(commits []eventstore.Commit) []eventstore.Commit {
	return append([]eventstore.Commit{}, commits...)
}
