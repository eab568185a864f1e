package terminal

import (
	"cmp"
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
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
// entry, or a text, which stands for every single value; nil where that is not known, as that
// of a struct within one of its own type.
func shape(v reflect.Value, within ...reflect.Type) any {
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
		if slices.Contains(within, of) {
			return nil
		}
		fields := map[string]any{}
		addFields(fields, v, append(slices.Clip(within), of))
		return fields
	case reflect.Slice, reflect.Array:
		return []any{shape(reflect.Zero(of.Elem()), within...)}
	case reflect.Map, reflect.Interface:
		return nil
	}
	return ""
}

// addFields adds those of a struct, and of the structs within it that have no name of their
// own, where it has not got one of that name itself.
func addFields(fields map[string]any, v reflect.Value, within []reflect.Type) {
	var embedded []reflect.Value
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		of := f.Type
		if of.Kind() == reflect.Pointer {
			of = of.Elem()
		}
		switch {
		case name == "-":
		case f.Anonymous && name == "" && of.Kind() == reflect.Struct:
			part := v.Field(i)
			if part.Kind() == reflect.Pointer {
				part = reflect.Zero(of)
			}
			embedded = append(embedded, part)
		case !f.IsExported():
		default:
			fields[cmp.Or(name, f.Name)] = shape(v.Field(i), within...)
		}
	}
	for _, part := range embedded {
		if slices.Contains(within, part.Type()) {
			continue
		}
		more := map[string]any{}
		addFields(more, part, append(slices.Clip(within), part.Type()))
		for name, of := range more {
			if _, there := fields[name]; !there {
				fields[name] = of
			}
		}
	}
}
