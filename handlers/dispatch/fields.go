package dispatch

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/leftfold/leftfold/eventstore"
)

// Fill adds fields to a JSON object whose values come as text, from a path or the query of
// a URL: each becomes what the type of the field wants, several of a name an array. A field
// that the type does not have, that stands in the object too, or whose text does not fit is
// an error that wraps [eventstore.ErrInvalid].
func (e *Entry) Fill(raw json.RawMessage, fields map[string][]string) (json.RawMessage, error) {
	if len(fields) == 0 {
		return raw, nil
	}
	if _, err := decode(raw, e.content); err != nil {
		return nil, err
	}
	object := map[string]json.RawMessage{}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &object); err != nil {
			return nil, wrongJSON(err)
		}
	}
	types := fieldsOf(e.content)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		t, known := types[name]
		if !known {
			return nil, fmt.Errorf("%w: there is no field %q", eventstore.ErrInvalid, name)
		}
		for given := range object { // the decoder does not look at the case
			if strings.EqualFold(given, name) {
				return nil, fmt.Errorf("%w: field %q is in the address and in the body", eventstore.ErrInvalid, name)
			}
		}
		value, err := fieldValue(t, fields[name])
		if err != nil {
			return nil, fmt.Errorf("%w: field %q %w", eventstore.ErrInvalid, name, err)
		}
		object[name] = value
	}
	return json.Marshal(object)
}

// HasField reports whether the type has a field of that name in JSON.
func (e *Entry) HasField(name string) bool {
	_, known := fieldsOf(e.content)[name]
	return known
}

// fieldsOf returns the types of a struct's fields by their names in JSON.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case !f.IsExported() || name == "-" || f.Anonymous && name == "":
			continue
		case name == "":
			name = f.Name
		}
		fields[name] = f.Type
	}
	return fields
}

// fieldValue returns the JSON of a field of a type.
func fieldValue(t reflect.Type, texts []string) (json.RawMessage, error) {
	if len(texts) == 1 {
		if value, ok := scalar(t, texts[0]); ok {
			return value, nil
		}
	}
	if t.Kind() == reflect.Slice {
		list := make([]json.RawMessage, len(texts))
		for i, text := range texts {
			value, ok := scalar(t.Elem(), text)
			if !ok {
				return nil, fmt.Errorf("can not be %q", text)
			}
			list[i] = value
		}
		return json.Marshal(list)
	}
	if len(texts) > 1 {
		return nil, fmt.Errorf("stands %d times", len(texts))
	}
	return nil, fmt.Errorf("can not be %q", texts[0])
}

// scalar returns text as a JSON string where a type takes that, else as it is.
func scalar(t reflect.Type, text string) (json.RawMessage, bool) {
	quoted, err := json.Marshal(text)
	if err == nil && json.Unmarshal(quoted, reflect.New(t).Interface()) == nil {
		return quoted, true
	}
	plain := json.RawMessage(text)
	if text == "null" || strings.ContainsAny(text, "{[ \t\r\n") || json.Unmarshal(plain, reflect.New(t).Interface()) != nil {
		return nil, false
	}
	return plain, true
}
