package frame_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/frame"
)

func event(name string, schema int, payload string) eventstore.Event {
	return eventstore.Event{Type: name, Schema: schema, Payload: []byte(payload)}
}

// samples are events of all shapes.
func samples() map[string][]eventstore.Event {
	many := make([]eventstore.Event, 300)
	for i := range many {
		many[i] = event(fmt.Sprintf("T%d", i%200), 1+i%3, strings.Repeat("x", i))
	}
	return map[string][]eventstore.Event{
		"none":                         {},
		"one":                          {event("A", 1, `{"n":1}`)},
		"several of one kind":          {event("A", 1, "1"), event("A", 1, "22"), event("A", 1, "333")},
		"several kinds":                {event("A", 1, "1"), event("B", 1, "2"), event("A", 1, "3"), event("A", 2, "4")},
		"empty payloads":               {event("A", 1, ""), event("A", 1, ""), event("B", 1, "")},
		"payloads that look like text": {event("A", 1, ","), event("A", 1, "]["), event("A", 1, "\x00\xff")},
		"the greatest schema":          {event("A", eventstore.MaxSchema, "1")},
		"many kinds":                   many,
	}
}

func TestWhatIsDecodedIsWhatWasEncoded(t *testing.T) {
	t.Parallel()
	for name, events := range samples() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header, text := frame.Encode(events)
			got, err := frame.Decode(header, text, nil)
			require.NoError(t, err)
			assert.Equal(t, events, got)
			assert.Equal(t, events, frame.Split(events, text))
		})
	}
}

func TestJSONPayloadsMakeAJSONArray(t *testing.T) {
	t.Parallel()
	_, text := frame.Encode([]eventstore.Event{event("A", 1, `{"price":1.10}`), event("B", 1, `"x"`)})
	assert.Equal(t, `[{"price":1.10},"x"]`, string(text))
	_, text = frame.Encode(nil)
	assert.True(t, json.Valid(text))
}

func TestDecodedPayloadsArePartsOfTheTextThatCanNotGrowIntoEachOther(t *testing.T) {
	t.Parallel()
	header, text := frame.Encode([]eventstore.Event{event("A", 1, "11"), event("A", 1, "22")})
	decoded, err := frame.Decode(header, text, nil)
	require.NoError(t, err)
	for _, events := range [][]eventstore.Event{decoded, frame.Split(decoded, text)} {
		assert.Same(t, &text[1], &events[0].Payload[0])
		_ = append(events[0].Payload, "###"...)
		assert.Equal(t, "22", string(events[1].Payload))
	}
}

func TestTypeNamesAreInterned(t *testing.T) {
	t.Parallel()
	header, text := frame.Encode(samples()["several kinds"])
	var asked []string
	_, err := frame.Decode(header, text, func(b []byte) string {
		asked = append(asked, string(b))
		return string(b)
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"A", "B", "A"}, asked, "once for each kind")
}

func TestKindsComeInTheOrderOfTheirFirstEvent(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []frame.Kind{{Type: "A", Schema: 1}, {Type: "B", Schema: 1}, {Type: "A", Schema: 2}}, frame.KindsOf(samples()["several kinds"]))
}

func TestNoBitMayChangeUnnoticed(t *testing.T) {
	t.Parallel()
	header, text := frame.Encode(samples()["several kinds"])
	for _, part := range [][]byte{header, text} {
		for i := range part {
			for bit := range 8 {
				part[i] ^= 1 << bit
				_, err := frame.Decode(header, text, nil)
				assert.Error(t, err, "bit %d of byte %d", bit, i)
				part[i] ^= 1 << bit
			}
		}
	}
	for i := range header {
		_, err := frame.Decode(header[:i], text, nil)
		assert.Error(t, err)
	}
	for i := range text {
		_, err := frame.Decode(header, text[:i], nil)
		assert.Error(t, err)
	}
}

func TestAnInternerMakesOneStringForEachName(t *testing.T) {
	intern := frame.Interner()
	names := [][]byte{[]byte("PURCHASE_MADE"), []byte("PURCHASE_RETURNED")}
	for _, name := range names {
		assert.Equal(t, string(name), intern(name))
	}
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		for _, name := range names {
			_ = intern(name)
		}
	}))
}
