package terminal

import (
	"encoding"
	"encoding/json"
	"io"
	"reflect"
	"strings"
)

// CheckTemplate refuses a template that names a field that an answer of v's type never has,
// or one of what has no fields: before the work is done that it is the answer of. Nil is not
// known, and not refused.
func (t *Terminal) CheckTemplate(v any) error {
	if t.template == nil || v == nil {
		return nil
	}
	fields, ok := example(reflect.ValueOf(v)).(map[string]any)
	if !ok {
		return nil
	}
	fields["schema"] = json.Number("1")
	err := t.template.Execute(io.Discard, fields)
	for _, always := range []string{"map has no entry for key", "can't evaluate field"} {
		if err != nil && strings.Contains(err.Error(), always) {
			return wrongTemplate(err)
		}
	}
	return nil // what else fails depends on the answer
}

func wrongTemplate(err error) error {
	return &Error{Class: ErrUsage, Text: err.Error(), Fix: "the fields are those that --json prints"}
}

var (
	marshaler     = reflect.TypeFor[json.Marshaler]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
)

// example is a decoded value like v, with every field that it may have; nil where that is not
// known.
func example(v reflect.Value) any {
	if v.Kind() == reflect.Interface && !v.IsNil() {
		v = v.Elem()
	}
	of := v.Type()
	if of.Kind() == reflect.Pointer {
		v = reflect.Zero(of.Elem())
		of = v.Type()
	}
	switch {
	case of.Implements(textMarshaler) || reflect.PointerTo(of).Implements(textMarshaler):
		return ""
	case of.Implements(marshaler) || reflect.PointerTo(of).Implements(marshaler):
		return nil
	}
	switch of.Kind() {
	case reflect.String:
		return ""
	case reflect.Bool:
		return false
	case reflect.Struct:
		fields := map[string]any{}
		addFields(fields, v)
		return fields
	case reflect.Slice, reflect.Array:
		return []any{example(reflect.Zero(of.Elem()))}
	case reflect.Map, reflect.Interface:
		return nil
	}
	return json.Number("1")
}

// addFields adds those of a struct, and of the structs within it that have no name of their own.
func addFields(fields map[string]any, v reflect.Value) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			addFields(fields, v.Field(i))
		case !f.IsExported():
		case name == "":
			fields[f.Name] = example(v.Field(i))
		default:
			fields[name] = example(v.Field(i))
		}
	}
}
