package eventstore

import (
	"bytes"
	"encoding/json"
	"errors"
)

// Codec turns the Go values of events into payloads and back. It is safe for
// concurrent use. Unmarshal must not keep the payload, nor let the value share
// memory with it.
type Codec interface {
	Marshal(v any) ([]byte, error)
	Unmarshal(payload []byte, v any) error
}

// JSON is the default codec: encoding/json, without escaping what only HTML
// needs escaped. It refuses strings that are not UTF-8, which encoding/json
// would replace in silence, and so also the escape \ufffd, by which it knows
// them, where a json.Marshaler writes it.
type JSON struct{}

// Marshal returns v as one line of JSON.
func (JSON) Marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	out := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	if hasReplacementEscape(out) {
		return nil, errors.New("a string is not UTF-8")
	}
	return out, nil
}

// Unmarshal is json.Unmarshal.
func (JSON) Unmarshal(payload []byte, v any) error { return json.Unmarshal(payload, v) }

// hasReplacementEscape finds the escape \ufffd. encoding/json writes it for
// bytes that are not UTF-8, and writes a genuine U+FFFD as itself.
func hasReplacementEscape(out []byte) bool {
	escape := []byte(`\ufffd`)
	if !bytes.Contains(out, escape) {
		return false
	}
	for i := 0; i < len(out); i++ {
		if out[i] != '\\' {
			continue
		}
		if bytes.HasPrefix(out[i:], escape) {
			return true
		}
		i++ // the escaped character
	}
	return false
}
