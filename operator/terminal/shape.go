package terminal

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
)

var (
	marshaler     = reflect.TypeFor[json.Marshaler]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
)

// shapeOf returns the fields that an answer like v may have; false where that is not known.
func shapeOf(v any) (map[string]any, bool) {
	fields, known := shape(reflect.ValueOf(v)).(map[string]any)
	if known {
		fields["schema"] = ""
	}
	return fields, known
}

// shape is what --json may print of a value: an object with all its fields, a list with one
// entry, or a text, which stands for every single value; nil where that is not known.
func shape(v reflect.Value) any {
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
	case reflect.Struct:
		fields := map[string]any{}
		addFields(fields, v)
		return fields
	case reflect.Slice, reflect.Array:
		return []any{shape(reflect.Zero(of.Elem()))}
	case reflect.Map, reflect.Interface:
		return nil
	}
	return ""
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
			fields[f.Name] = shape(v.Field(i))
		default:
			fields[name] = shape(v.Field(i))
		}
	}
}
