package dispatch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/leftfold/leftfold/eventstore"
)

// decode makes a value of a struct type of a JSON object. It refuses what a lenient
// decoder would pass over: a field that the type does not have, a name twice, anything
// behind the object, null in its place. No text is the empty object. The result is a
// pointer. The error wraps [eventstore.ErrInvalid].
func decode(raw []byte, t reflect.Type) (reflect.Value, error) {
	p := reflect.New(t)
	if len(bytes.TrimSpace(raw)) == 0 {
		return p, nil
	}
	if bytes.TrimSpace(raw)[0] != '{' {
		return p, fmt.Errorf("%w: it is no JSON object", eventstore.ErrInvalid)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(p.Interface()); err != nil {
		return p, wrongJSON(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return p, fmt.Errorf("%w: something follows the JSON object", eventstore.ErrInvalid)
	}
	return p, checkNames(raw)
}

// wrongJSON says what is wrong in the words of who has sent it.
func wrongJSON(err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
		return fmt.Errorf("%w: field %q can not be a %s", eventstore.ErrInvalid, wrong.Field, wrong.Value)
	}
	return fmt.Errorf("%w: %w", eventstore.ErrInvalid, err)
}

// checkNames refuses an object in which a name stands twice, at any depth; at the top, where
// names are fields, also in another case, which the decoder takes for the same. The text
// was decoded before, so it is JSON, not too deep, and with few names at the top.
func checkNames(raw []byte) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	type level struct {
		names map[string]bool // nil in an array
		value bool            // a value comes next, not a name
	}
	var open []*level
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return wrongJSON(err)
		}
		var in *level
		if len(open) > 0 {
			in = open[len(open)-1]
		}
		if name, ok := token.(string); ok && in != nil && in.names != nil && !in.value {
			same := func(other string) bool { return strings.EqualFold(other, name) }
			if in.names[name] || len(open) == 1 && slices.ContainsFunc(slices.Collect(maps.Keys(in.names)), same) {
				return fmt.Errorf("%w: field %q stands twice", eventstore.ErrInvalid, name)
			}
			in.names[name], in.value = true, true
			continue
		}
		if in != nil {
			in.value = false // this is it, or begins it
		}
		switch token {
		case json.Delim('{'):
			open = append(open, &level{names: map[string]bool{}})
		case json.Delim('['):
			open = append(open, &level{})
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		}
	}
}

// Canonical returns one text for all that differ only in spaces and in the order of
// fields. Numbers stay as they are written: 1.0 is not 1.
func Canonical(raw []byte) ([]byte, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return []byte("{}"), nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var content any
	if err := d.Decode(&content); err != nil {
		return nil, wrongJSON(err)
	}
	return json.Marshal(content) // a map's names are sorted
}
