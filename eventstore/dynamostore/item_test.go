package dynamostore

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/dynamotable"
)

func prepared(t testing.TB, events ...eventstore.Event) (eventstore.Commit, dynamotable.Item) {
	stream, err := eventstore.NewStreamID("user", "1")
	require.NoError(t, err)
	w, err := eventstore.Prepare(t.Context(), "store", eventstore.Write{Stream: stream, ID: "c", Events: events, Metadata: eventstore.Metadata{Actor: "ada"}})
	require.NoError(t, err)
	b, err := newBody(w)
	require.NoError(t, err)
	c := w.CommitAt("store", eventstore.NoStream)
	c.Events = b.events
	s := Store{identity: "store", slices: defaultSlices}
	return c, s.itemOf(&c, b)
}

func event(payload string) eventstore.Event {
	return eventstore.Event{Type: "A", Schema: 1, Payload: []byte(payload)}
}

func TestEveryWayInWhichAnItemCanBeDamagedIsNamed(t *testing.T) {
	t.Parallel()
	for says, spoil := range map[string]func(dynamotable.Item){
		`the attribute "n" is not a number`:       func(i dynamotable.Item) { delete(i, attrCount) },
		`the attribute "at" is not a number`:      func(i dynamotable.Item) { i[attrTime] = dynamotable.S("1") },
		`the attribute "id" is not a string`:      func(i dynamotable.Item) { i[attrID] = dynamotable.N(1) },
		`the attribute "frame" is not binary`:     func(i dynamotable.Item) { delete(i, attrFrame) },
		`the attribute "events" is not binary`:    func(i dynamotable.Item) { delete(i, attrEvents) },
		`the checksum does not match`:             func(i dynamotable.Item) { i[attrEvents] = dynamotable.S(`[{"x":2},{"x":2}]`) },
		`the item says 3 events, its frame 2`:     func(i dynamotable.Item) { i[attrCount] = dynamotable.N(3) },
		`it has version 1 and 0 events`:           func(i dynamotable.Item) { i[attrCount] = dynamotable.N(0) },
		`the digest has 1 bytes`:                  func(i dynamotable.Item) { i[attrDigest] = dynamotable.B([]byte{1}) },
		`the metadata is not JSON`:                func(i dynamotable.Item) { i[attrMeta] = dynamotable.S("{") },
		`the payloads can not be unpacked`:        func(i dynamotable.Item) { i[attrPacked] = dynamotable.B([]byte("nonsense")) },
		`the frame is of no known format`:         func(i dynamotable.Item) { i[attrFrame] = dynamotable.B([]byte{1}) },
		`the attribute "n" is not a whole number`: func(i dynamotable.Item) { i[attrCount] = numberOf("1.5") },
		`the attribute "packed" is not binary`:    func(i dynamotable.Item) { i[attrPacked] = dynamotable.S("x") },
		`the attribute "sum" is not binary`:       func(i dynamotable.Item) { delete(i, attrDigest) },
		`the attribute "meta" is not a string`:    func(i dynamotable.Item) { i[attrMeta] = dynamotable.N(1) },
		`the attribute "SK" is not a number`:      func(i dynamotable.Item) { i[attrSK] = dynamotable.S("1") },
		`it has version 0 and 2 events`:           func(i dynamotable.Item) { i[attrSK] = dynamotable.N(0) },
		`the checksum does not match `:            nil,
	} {
		c, item := prepared(t, event(`{"x":1}`), event(`{"x":2}`))
		s := Store{identity: "store", slices: defaultSlices}
		if spoil == nil {
			got, err := s.commit(item, c.Stream, nil, nil)
			require.NoError(t, err)
			assert.Equal(t, c, got, "as it is it is right")
			continue
		}
		spoil(item)
		_, err := s.commit(item, c.Stream, nil, nil)
		assert.ErrorIs(t, err, eventstore.ErrCorrupt, says)
		assert.ErrorContains(t, err, says)
	}
}

// FuzzItem: no item makes the store panic, and what it takes is whole.
func FuzzItem(f *testing.F) {
	c, item := prepared(f, event(`{"x":1}`), event(`{"x":2}`))
	r := dynamotable.Reader{Item: item}
	text := []byte(`[{"x":1},{"x":2}]`)
	f.Add(int64(1), int64(2), int64(0), "c", r.Bytes(attrFrame), text, r.Bytes(attrDigest), `{"actor":"ada"}`, byte(0))
	f.Add(int64(1), int64(2), int64(0), "c", r.Bytes(attrFrame), pack(text), r.Bytes(attrDigest), "", byte(1))
	f.Add(int64(1), int64(2), int64(0), "c", r.Bytes(attrFrame), text, r.Bytes(attrDigest), "{", byte(2))
	f.Fuzz(func(t *testing.T, first, count, at int64, id string, frame, text, digest []byte, meta string, kind byte) {
		item := dynamotable.Item{attrSK: dynamotable.N(first), attrCount: dynamotable.N(count), attrTime: dynamotable.N(at), attrID: dynamotable.S(id),
			attrFrame: dynamotable.B(frame), attrDigest: dynamotable.B(digest), attrEvents: dynamotable.B(text)}
		if meta != "" {
			item[attrMeta] = dynamotable.S(meta)
		}
		switch kind % 3 {
		case 1:
			item[attrPacked] = dynamotable.B(text)
		case 2:
			item[attrEvents] = dynamotable.S(string(text))
		}
		s := Store{identity: "store", slices: defaultSlices}
		got, err := s.commit(item, c.Stream, nil, nil)
		if err != nil {
			assert.ErrorIs(t, err, eventstore.ErrCorrupt)
			return
		}
		assert.Len(t, got.Events, int(count))
		assert.Equal(t, eventstore.Version(first+count-1), got.Last())
	})
}

func numberOf(text string) types.AttributeValue { return &types.AttributeValueMemberN{Value: text} }
