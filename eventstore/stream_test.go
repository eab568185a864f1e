package eventstore_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
)

func streamID(t require.TestingT, name string) eventstore.StreamID {
	s, err := eventstore.ParseStreamID(name)
	require.NoError(t, err)
	return s
}

func TestAStreamIsNamedByCategoryAndID(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, category, id string }{
		{"user-17850", "user", "17850"},
		{"user--", "user", "-"},
		{"user-a-b", "user", "a-b"},
		{"Shop.v2_x-ü @%#?/", "Shop.v2_x", "ü @%#?/"},
		{strings.Repeat("c", eventstore.MaxCategoryBytes) + "-" + strings.Repeat("i", eventstore.MaxIDBytes),
			strings.Repeat("c", eventstore.MaxCategoryBytes), strings.Repeat("i", eventstore.MaxIDBytes)},
	} {
		made, err := eventstore.NewStreamID(test.category, test.id)
		require.NoError(t, err)
		assert.Equal(t, streamID(t, test.name), made)
		assert.Equal(t, []string{test.name, test.category, test.id}, []string{made.String(), made.Category(), made.ID()})
		assert.False(t, made.IsZero())
	}
}

func TestANameThatIsNoStreamIsRefused(t *testing.T) {
	t.Parallel()
	for name, message := range map[string]string{
		"":                                 `invalid: stream "" has no hyphen between category and id, as in CATEGORY-ID`,
		"user":                             `invalid: stream "user" has no hyphen between category and id, as in CATEGORY-ID`,
		"-1":                               `stream category "": invalid: has 0 bytes, allowed are 1 to 64`,
		"user-":                            `id "" of a stream of category "user": invalid: has 0 bytes, allowed are 1 to 256`,
		"us er-1":                          `stream category "us er": invalid: ' ' is not a letter, a digit, '_' or '.'`,
		"üser-1":                           `stream category "üser": invalid: 'ü' is not a letter, a digit, '_' or '.'`,
		"user-a\n":                         `id "a\n" of a stream of category "user": invalid: has a control character at byte 1`,
		"user-\xff":                        `id "\xff" of a stream of category "user": invalid: is not UTF-8`,
		strings.Repeat("c", 65) + "-1":     `stream category "` + strings.Repeat("c", 65) + `": invalid: has 65 bytes, allowed are 1 to 64`,
		"user-" + strings.Repeat("i", 257): `id "` + strings.Repeat("i", 80) + `…" of a stream of category "user": invalid: has 257 bytes, allowed are 1 to 256`,
	} {
		_, err := eventstore.ParseStreamID(name)
		assert.EqualError(t, err, message)
		assert.ErrorIs(t, err, eventstore.ErrInvalid)
	}
	assert.NoError(t, eventstore.CheckCategory("user"))
	assert.EqualError(t, eventstore.CheckCategory("a-b"), `stream category "a-b": invalid: '-' is not a letter, a digit, '_' or '.'`)
}

func TestStreamsAreOrderedByTheBytesOfTheirNames(t *testing.T) {
	t.Parallel()
	streams := []eventstore.StreamID{streamID(t, "b-1"), streamID(t, "a-2"), streamID(t, "a-10"), streamID(t, "a.b-1"), streamID(t, "a-ü"), streamID(t, "A-1")}
	slices.SortFunc(streams, eventstore.StreamID.Compare)
	var names []string
	for _, s := range streams {
		names = append(names, s.String())
	}
	assert.Equal(t, []string{"A-1", "a-10", "a-2", "a-ü", "a.b-1", "b-1"}, names)
}

func TestAStreamIsTextInJSON(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(map[eventstore.StreamID]eventstore.StreamID{streamID(t, "user-1"): streamID(t, "user-ü")})
	require.NoError(t, err)
	assert.JSONEq(t, `{"user-1":"user-ü"}`, string(text))
	var back map[eventstore.StreamID]eventstore.StreamID
	require.NoError(t, json.Unmarshal(text, &back))
	assert.Equal(t, streamID(t, "user-ü"), back[streamID(t, "user-1")])
	assert.Error(t, json.Unmarshal([]byte(`"user"`), new(eventstore.StreamID)))
	assert.True(t, eventstore.StreamID{}.IsZero())
}

func TestAnEventIDIsTextInJSON(t *testing.T) {
	t.Parallel()
	ids := []eventstore.EventID{{Stream: streamID(t, "user-1"), Version: 2}, {}}
	text, err := json.Marshal(ids)
	require.NoError(t, err)
	require.JSONEq(t, `["user-1@2", ""]`, string(text))
	var read []eventstore.EventID
	require.NoError(t, json.Unmarshal(text, &read))
	require.Equal(t, ids, read)
	require.ErrorIs(t, json.Unmarshal([]byte(`["user-1"]`), &read), eventstore.ErrInvalid)
}

func TestAnEventIDIsStreamAndVersion(t *testing.T) {
	t.Parallel()
	id, err := eventstore.ParseEventID("user-a@b@42")
	require.NoError(t, err)
	assert.Equal(t, eventstore.EventID{Stream: streamID(t, "user-a@b"), Version: 42}, id)
	assert.Equal(t, "user-a@b@42", id.String())
	for text, message := range map[string]string{
		"user-1":                      `invalid: event id "user-1" has no '@' between stream and version`,
		"user@1":                      `event id: invalid: stream "user" has no hyphen between category and id, as in CATEGORY-ID`,
		"user-1@":                     `invalid: event id "user-1@": "" is not a version`,
		"user-1@0":                    `invalid: event id "user-1@0": "0" is not a version`,
		"user-1@007":                  `invalid: event id "user-1@007": "007" is not a version`,
		"user-1@+7":                   `invalid: event id "user-1@+7": "+7" is not a version`,
		"user-1@-7":                   `invalid: event id "user-1@-7": "-7" is not a version`,
		"user-1@1_0":                  `invalid: event id "user-1@1_0": "1_0" is not a version`,
		"user-1@9223372036854775808":  `invalid: event id "user-1@9223372036854775808": "9223372036854775808" is not a version`,
		"user-1@99999999999999999999": `invalid: event id "user-1@99999999999999999999": "99999999999999999999" is not a version`,
	} {
		_, err := eventstore.ParseEventID(text)
		assert.EqualError(t, err, message)
		assert.ErrorIs(t, err, eventstore.ErrInvalid)
	}
}

func TestACommitKnowsTheVersionsOfItsEvents(t *testing.T) {
	t.Parallel()
	c := eventstore.Commit{Stream: streamID(t, "user-1"), First: 5, Events: make([]eventstore.Event, 3)}
	assert.Equal(t, eventstore.Version(7), c.Last())
	assert.Equal(t, "user-1@6", c.EventID(1).String())
	a := eventstore.Announce(&c)
	assert.Equal(t, eventstore.Announcement{Stream: c.Stream, First: 5, Last: 7, Commit: &c}, a)
}
