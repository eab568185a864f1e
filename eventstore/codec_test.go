package eventstore_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
)

type note struct {
	Text string            `json:"text"`
	Raw  json.RawMessage   `json:"raw,omitempty"`
	Tags map[string]string `json:"tags,omitempty"`
}

func TestJSONIsOneLineThatEscapesNoMoreThanItMust(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain":            `{"text":"plain"}`,
		"<a href='x'>&":    `{"text":"<a href='x'>&"}`,
		"line\nbreak":      `{"text":"line\nbreak"}`,
		"日本 ü":             `{"text":"日本 ü"}`,
		"a genuine \ufffd": "{\"text\":\"a genuine \ufffd\"}",
		`a literal \ufffd`: `{"text":"a literal \\ufffd"}`,
		`\\ufffd`:          `{"text":"\\\\ufffd"}`,
	} {
		payload, err := eventstore.JSON{}.Marshal(note{Text: text})
		require.NoError(t, err)
		assert.Equal(t, want, string(payload))
		var back note
		require.NoError(t, eventstore.JSON{}.Unmarshal(payload, &back))
		assert.Equal(t, text, back.Text)
	}
}

func TestJSONRefusesWhatIsNotUTF8(t *testing.T) {
	t.Parallel()
	for _, v := range []any{
		note{Text: "\xff"}, note{Text: "half a rune: \xc3"}, note{Text: `\` + "\xff"}, note{Text: `\\` + "\xff"},
		note{Tags: map[string]string{"\xff": "key"}}, note{Tags: map[string]string{"value": "\xff"}}, "\xff", []string{"fine", "\xff"},
	} {
		_, err := eventstore.JSON{}.Marshal(v)
		assert.EqualError(t, err, "a string is not UTF-8", "%q", v)
	}
	_, err := eventstore.JSON{}.Marshal(make(chan int))
	assert.ErrorContains(t, err, "unsupported type")
}

func TestNumbersKeepTheirDigits(t *testing.T) {
	t.Parallel()
	payload, err := eventstore.JSON{}.Marshal(note{Raw: json.RawMessage(`{"price":1.10,"id":100000000000000000001}`)})
	require.NoError(t, err)
	assert.Equal(t, `{"text":"","raw":{"price":1.10,"id":100000000000000000001}}`, string(payload))
}
