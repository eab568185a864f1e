package eventstore_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
)

func TestThereAreOneToMaxSegmentsCountedFromZero(t *testing.T) {
	t.Parallel()
	for _, good := range [][2]int{{0, 1}, {6, 7}, {eventstore.MaxSegments - 1, eventstore.MaxSegments}} {
		c, err := eventstore.StartCursor(good[0], good[1])
		require.NoError(t, err)
		i, n := c.Segment()
		assert.Equal(t, good, [2]int{i, n})
		assert.Zero(t, c.Place())
	}
	for _, bad := range [][2]int{{0, 0}, {1, 1}, {-1, 1}, {0, -1}, {7, 7}, {0, eventstore.MaxSegments + 1}} {
		_, err := eventstore.StartCursor(bad[0], bad[1])
		assert.EqualError(t, err, fmt.Sprintf("invalid: segment %d of %d: there are 1 to 4096 segments, counted from 0", bad[0], bad[1]))
		assert.ErrorIs(t, err, eventstore.ErrInvalid)
	}
	i, n := eventstore.Cursor{}.Segment()
	assert.Equal(t, [2]int{0, 1}, [2]int{i, n}, "the zero cursor is the start of the only segment")
}

func TestEveryStreamLiesInOneSegmentAndTheyAreOfLikeSize(t *testing.T) {
	t.Parallel()
	const streams = 4_000
	for _, n := range []int{1, 2, 7, 16} {
		sizes := make([]int, n)
		for s := range streams {
			stream := streamID(t, fmt.Sprintf("user-%d", s))
			holds := 0
			for i := range n {
				c, err := eventstore.StartCursor(i, n)
				require.NoError(t, err)
				if c.Holds(stream) {
					holds++
					sizes[i]++
				}
			}
			require.Equal(t, 1, holds)
		}
		for _, size := range sizes {
			assert.InEpsilon(t, streams/n, size, 0.25)
		}
	}
	assert.True(t, eventstore.Cursor{}.Holds(streamID(t, "user-1")))
}

func TestACursorSurvivesAsText(t *testing.T) {
	t.Parallel()
	start, err := eventstore.StartCursor(3, 200)
	require.NoError(t, err)
	for _, c := range []eventstore.Cursor{
		start,
		start.At(eventstore.EventID{Stream: streamID(t, "user-ü@1"), Version: 7}),
		start.At(eventstore.EventID{Stream: streamID(t, "user-1"), Version: math.MaxInt64 - 1}),
		start.Past(streamID(t, "user-1")),
	} {
		text, err := json.Marshal(c)
		require.NoError(t, err)
		var back eventstore.Cursor
		require.NoError(t, json.Unmarshal(text, &back))
		assert.Equal(t, c, back)
		assert.Equal(t, c.IsPast(), back.IsPast())
	}
	text, err := eventstore.Cursor{}.MarshalText()
	require.NoError(t, err)
	var zero eventstore.Cursor
	require.NoError(t, zero.UnmarshalText(text))
	one, err := eventstore.StartCursor(0, 1)
	require.NoError(t, err)
	assert.Equal(t, one, zero)
}

func TestATextThatIsNoCursorIsRefused(t *testing.T) {
	t.Parallel()
	encode := func(body string) string { return base64.RawURLEncoding.EncodeToString([]byte(body)) }
	for text, message := range map[string]string{
		"!":                                "cursor: illegal base64 data at input byte 0",
		"":                                 `cursor "" is of no known format`,
		encode("\x02\x00\x01"):             `cursor "AgAB" is of no known format`,
		encode("\x01"):                     `cursor "AQ" is cut short`,
		encode("\x01\x00"):                 `cursor "AQA" is cut short`,
		encode("\x01\x01\x01"):             "segment 1 of 1: there are 1 to 4096 segments, counted from 0",
		encode("\x01\xff\xff\x7f\x01"):     "segment 2097151 of 1: there are 1 to 4096 segments, counted from 0",
		encode("\x01\x00\x01user-1"):       `event id "user-1" has no '@' between stream and version`,
		encode("\x01\x00\x01user-1@0"):     `event id "user-1@0": "0" is not a version`,
		encode("\x01\x80\x00\x01user-1@1"): "is not written as it should be",
	} {
		err := new(eventstore.Cursor).UnmarshalText([]byte(text))
		assert.ErrorContains(t, err, message, "%q", text)
		assert.ErrorIs(t, err, eventstore.ErrInvalid)
	}
}
