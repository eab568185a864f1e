package dynamostore_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamometer"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
)

// metered is a store whose requests are counted.
type metered struct {
	*dynamostore.Store
	t      *testing.T
	meter  dynamometer.Meter
	client *dynamodb.Client // which is not
	prefix string
}

func newMetered(t *testing.T, plan dynamotest.Plan) *metered {
	endpoint := server.Endpoint(t)
	client, prefix := provisioned(t)
	if plan != nil {
		endpoint = dynamotest.NewProxy(t, endpoint, plan).URL
	}
	m := &metered{t: t, client: client, prefix: prefix}
	m.Store = openStore(t, dynamotest.NewClient(t, endpoint, m.meter.Attach), prefix)
	m.meter.Reset()
	return m
}

// cost holds what some work takes against what it should.
func (m *metered) cost(what string, work func(), requests int, writeUnits, readUnits float64) {
	m.t.Helper()
	m.meter.Reset()
	work()
	total := m.meter.Total()
	assert.Equal(m.t, dynamometer.Usage{Requests: requests, WriteUnits: writeUnits, ReadUnits: readUnits, Throttles: total.Throttles}, total, what)
}

func (m *metered) must(w eventstore.Write) eventstore.Commit {
	m.t.Helper()
	c, err := m.Append(m.t.Context(), w)
	require.NoError(m.t, err)
	return c
}

func stream(t testing.TB, id string) eventstore.StreamID {
	s, err := eventstore.NewStreamID("user", id)
	require.NoError(t, err)
	return s
}

// events returns n events of about so many bytes together, as orders are.
func events(n, bytes int) []eventstore.Event {
	all := make([]eventstore.Event, n)
	for i := range all {
		payload := fmt.Sprintf(`{"product":"%05d","note":""}`, i)
		payload = strings.Replace(payload, `""}`, `"`+strings.Repeat("x", max(0, bytes/n-len(payload)-1))+`"}`, 1)
		all[i] = eventstore.Event{Type: "PURCHASE_MADE", Schema: 1, Payload: []byte(payload)}
	}
	return all
}

// The rows of the unit table in docs/dynamodb.md, as far as the store alone has them.
func TestUnits(t *testing.T) {
	t.Parallel()
	m := newMetered(t, nil)
	var at eventstore.Revision
	m.cost("append to a new stream (directory entry)", func() {
		at = m.must(eventstore.Write{Stream: stream(t, "1"), Events: events(3, 700)}).Revision
	}, 1, 2, 0)
	m.cost("append to an existing stream", func() {
		at = m.must(eventstore.Write{Stream: stream(t, "1"), Revision: at, Events: events(3, 700)}).Revision
	}, 1, 1, 0)
	m.cost("checked read from the last commit on, inclusive", func() {
		n := 0
		for c, err := range m.Read(t.Context(), stream(t, "1"), 4) {
			require.NoError(t, err)
			assert.Equal(t, eventstore.Version(4), c.First)
			n++
		}
		assert.Equal(t, 1, n)
	}, 1, 0, 1)
	m.cost("head", func() {
		head, err := m.Head(t.Context(), stream(t, "1"))
		require.NoError(t, err)
		assert.Equal(t, at, head)
	}, 1, 0, 1)
	m.cost("last commit", func() {
		for c, err := range m.ReadBackward(t.Context(), stream(t, "1"), 0) {
			require.NoError(t, err)
			assert.Equal(t, at, c.Revision)
			break
		}
	}, 1, 0, 1)
	m.cost("a whole stream backwards", func() {
		n := 0
		for _, err := range m.ReadBackward(t.Context(), stream(t, "1"), 0) {
			require.NoError(t, err)
			n++
		}
		assert.Equal(t, 2, n)
	}, 1, 0, 1)
	for _, from := range []eventstore.Version{5, 6, 7} {
		m.cost("a read from within the last commit, or from behind it", func() {
			_, err := read(t, m.Store, "1", from)
			require.NoError(t, err)
		}, 2, 0, 1) // and 1 for the query that finds nothing, which DynamoDB Local gives away
	}
	m.cost("conflict, with the winner in hand", func() {
		_, err := m.Append(t.Context(), eventstore.Write{Stream: stream(t, "1"), Events: events(3, 700)})
		require.ErrorIs(t, err, eventstore.ErrConflict)
	}, 1, 1, 0)
	m.cost("and decided again behind it", func() {
		at = m.must(eventstore.Write{Stream: stream(t, "1"), Revision: at, Events: events(3, 700)}).Revision
	}, 1, 1, 0)
	m.cost("what is refused before the call", func() {
		_, err := m.Append(t.Context(), eventstore.Write{Stream: stream(t, "1"), Revision: at, Events: events(eventstore.MaxCommitEvents+1, 1)})
		require.ErrorIs(t, err, eventstore.ErrTooLarge)
	}, 0, 0, 0)
}

func (m *metered) mustAll(t eventstore.Transaction) []eventstore.Commit {
	m.t.Helper()
	commits, err := m.AppendAll(m.t.Context(), t)
	require.NoError(m.t, err)
	return commits
}

// The rows of the unit table that are transactions.
func TestUnitsOfTransactions(t *testing.T) {
	t.Parallel()
	m := newMetered(t, nil)
	write := func(id string, at eventstore.Revision) eventstore.Write {
		return eventstore.Write{Stream: stream(t, id), Revision: at, Events: events(3, 600)}
	}
	var commits []eventstore.Commit
	m.cost("two streams that are new, in one step", func() {
		commits = m.mustAll(eventstore.Transaction{Writes: []eventstore.Write{write("1", eventstore.NoStream), write("2", eventstore.NoStream)}})
	}, 1, 6, 0) // the entries in the directory are not part of it
	m.cost("two-stream atomic append", func() {
		commits = m.mustAll(eventstore.Transaction{Writes: []eventstore.Write{write("1", commits[0].Revision), write("2", commits[1].Revision)}})
	}, 1, 4, 0)
	m.cost("an append with the check of another stream", func() {
		commits[0] = m.mustAll(eventstore.Transaction{Writes: []eventstore.Write{write("1", commits[0].Revision)},
			Checks: []eventstore.Check{{Stream: stream(t, "2"), Revision: commits[1].Revision}}})[0]
	}, 1, 4, 0)
	m.cost("command with a strict command ID (a claim in the same transaction)", func() {
		w := write("1", commits[0].Revision)
		w.ID, w.Strict = "command", true
		commits[0] = m.must(w)
	}, 1, 4, 0)
	claim := []eventstore.Claim{{Scope: "email", Key: "ada@example.com"}}
	m.cost("append that takes a claim", func() {
		w := write("1", commits[0].Revision)
		w.Claims = claim
		commits[0] = m.must(w)
	}, 1, 4, 0)
	m.cost("who holds a claim", func() {
		holder, err := m.Claimed(t.Context(), claim[0])
		require.NoError(t, err)
		assert.Equal(t, commits[0].EventID(0), holder)
	}, 1, 0, 1)
	m.cost("append that releases a claim", func() {
		w := write("1", commits[0].Revision)
		w.Releases = claim
		commits[0] = m.must(w)
	}, 1, 4, 0)
}

func TestUnitsOfSnapshots(t *testing.T) {
	t.Parallel()
	m := newMetered(t, nil)
	c := m.must(eventstore.Write{Stream: stream(t, "1"), Events: events(3, 700)})
	m.cost("save a snapshot", func() {
		require.NoError(t, m.SaveSnapshot(t.Context(), eventstore.Snapshot{Stream: c.Stream, Schema: 1, First: c.First, Last: c.Last(), CommitID: c.ID, State: make([]byte, 2500)}))
	}, 1, 3, 0)
	m.cost("load with a snapshot", func() {
		s, ok, err := m.Snapshot(t.Context(), c.Stream, 1)
		require.NoError(t, err)
		require.True(t, ok)
		commits, err := read(t, m.Store, "1", s.First)
		require.NoError(t, err)
		assert.Len(t, commits, 1)
	}, 2, 0, 2)
}

func TestUnitsOfALongStream(t *testing.T) {
	t.Parallel()
	m := newMetered(t, nil)
	at := eventstore.NoStream
	for range 36 { // of about 850 bytes each
		at = m.must(eventstore.Write{Stream: stream(t, "1"), Revision: at, Events: events(1, 720)}).Revision
	}
	m.cost("load of a 30 KB stream", func() {
		n := 0
		for _, err := range m.Read(t.Context(), stream(t, "1"), 0) {
			require.NoError(t, err)
			n++
		}
		assert.Equal(t, 36, n)
	}, 1, 0, 8)
}

// The sizes of docs/dynamodb.md: what else is in an item takes a part of its first KB.
func TestUnitsOfPayloadsThatDoNotPack(t *testing.T) {
	t.Parallel()
	m := newMetered(t, nil)
	const id = "0190b5a4-7c3e-7d11-9f2a-3c1d5e6f7a8b"
	meta := eventstore.Metadata{CorrelationID: id, CausationID: id, Actor: "user-17850", TraceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
	at := m.must(eventstore.Write{Stream: stream(t, "17850"), Events: events(1, 1)}).Revision
	for _, test := range []struct {
		bytes int
		meta  eventstore.Metadata
		units float64
	}{{850, eventstore.Metadata{}, 1}, {950, eventstore.Metadata{}, 2}, {650, meta, 1}, {750, meta, 2}} {
		m.cost(fmt.Sprint(test.bytes, " bytes"), func() {
			at = m.must(eventstore.Write{Stream: stream(t, "17850"), Revision: at, Events: []eventstore.Event{noise(test.bytes)}, Metadata: test.meta}).Revision
		}, 1, test.units, 0)
	}
	m.must(eventstore.Write{Stream: stream(t, "2"), Events: []eventstore.Event{noise(20_000)}})
	m.cost("a conflict with a large commit", func() {
		_, err := m.Append(t.Context(), eventstore.Write{Stream: stream(t, "2"), Events: events(1, 1)})
		require.ErrorIs(t, err, eventstore.ErrConflict)
	}, 1, 20, 0)
}

func TestUnitsOfALookAtTheDirectory(t *testing.T) {
	t.Parallel()
	var meter dynamometer.Meter
	client, prefix := dynamotest.NewClient(t, server.Endpoint(t), meter.Attach), dynamotest.NewPrefix()
	one := bare
	one.DirectorySlices = 1
	require.NoError(t, dynamostore.Provision(t.Context(), client, prefix, one))
	s := openStore(t, client, prefix)
	const streams = 200
	for i := range streams {
		_, err := s.Append(t.Context(), eventstore.Write{Stream: stream(t, fmt.Sprint(i)), Events: events(1, 1)})
		require.NoError(t, err)
	}
	meter.Reset()
	for _, err := range s.Streams(t.Context(), "user", eventstore.StreamID{}) {
		require.NoError(t, err)
		break // who asks whether there is one reads no more
	}
	assert.Equal(t, dynamometer.Usage{Requests: 1, ReadUnits: 0.5}, meter.Total())
	meter.Reset()
	n := 0
	for _, err := range s.Streams(t.Context(), "user", eventstore.StreamID{}) {
		require.NoError(t, err)
		n++
	}
	assert.Equal(t, streams, n)
	assert.Equal(t, 2, meter.Total().Requests)
}

func TestUnitsOfALostAnswer(t *testing.T) {
	t.Parallel()
	m := newMetered(t, func(c dynamotest.Call) dynamotest.Fault {
		if c.Writes == 2 {
			return dynamotest.CutAfter
		}
		return dynamotest.None
	})
	at := m.must(eventstore.Write{Stream: stream(t, "1"), Events: events(1, 300)}).Revision
	m.cost("our own lost response", func() {
		c := m.must(eventstore.Write{Stream: stream(t, "1"), Revision: at, ID: "lost", Events: events(1, 300)})
		assert.Equal(t, "lost", c.ID)
		assert.Equal(t, eventstore.Version(2), c.First)
	}, 2, 2, 0)
}

func TestAThrottleIsCountedAndCostsNothing(t *testing.T) {
	t.Parallel()
	m := newMetered(t, func(c dynamotest.Call) dynamotest.Fault {
		if c.Writes == 1 || c.Writes == 2 {
			return dynamotest.Throttled
		}
		return dynamotest.None
	})
	m.cost("two throttles", func() { m.must(eventstore.Write{Stream: stream(t, "1"), Events: events(1, 300)}) }, 3, 2, 0)
	assert.Equal(t, 2, m.meter.Operations()["PutItem"].Throttles)
}

func TestACommitIsPackedWhereThatSavesUnits(t *testing.T) {
	t.Parallel()
	m := newMetered(t, nil)
	at := m.must(eventstore.Write{Stream: stream(t, "1"), Events: events(1, 1)}).Revision
	var c eventstore.Commit
	m.cost("22 events of 5 KB", func() { c = m.must(eventstore.Write{Stream: stream(t, "1"), Revision: at, Events: events(22, 5000)}) }, 1, 1, 0)
	for got, err := range m.Read(t.Context(), stream(t, "1"), 2) {
		require.NoError(t, err)
		assert.Equal(t, c, got)
	}
}

func TestTheCostOfACommitIsWhatTheMeterCounts(t *testing.T) {
	t.Parallel()
	m := newMetered(t, nil)
	for id, writes := range map[string][]eventstore.Write{
		"1": {{Events: events(1, 100)}, {Events: events(3, 900)}, {Events: events(40, 9_000)}, {Events: []eventstore.Event{noise(5_000)}},
			{Events: []eventstore.Event{noise(1 << 20)}, Metadata: eventstore.Metadata{Actor: "ada"}}},
		"2": {{Events: []eventstore.Event{noise(1 << 20)}}}, // a transaction with an entry in the directory
	} {
		at := eventstore.NoStream
		for _, w := range writes {
			w.Stream, w.Revision = stream(t, id), at
			m.meter.Reset()
			c := m.must(w)
			cost, err := dynamostore.CostOf(c)
			require.NoError(t, err)
			assert.Equal(t, m.meter.Total().WriteUnits, float64(cost.WriteUnits), "version %d of %s", c.First, id)
			at = c.Revision
		}
	}
}
