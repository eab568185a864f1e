package aggregatetest

import (
	"cmp"
	"encoding"
	"fmt"
	"reflect"
	"slices"
)

// render shows any Go value much as JSON would, but with its unexported fields:
// a state is not made for JSON. It keeps nothing of the value, so that a later
// change of the value can be seen.
func render(v any) node {
	return renderer{}.value(reflect.ValueOf(v))
}

// renderer holds the references that lead to the present value, to end a cycle.
type renderer map[reference]bool

type reference struct {
	kind reflect.Type
	at   uintptr
}

func (r renderer) value(v reflect.Value) node {
	if text, ok := marshalText(v); ok {
		return leaf(quote(text))
	}
	switch v.Kind() {
	case reflect.Invalid:
		return leaf("null")
	case reflect.String:
		return leaf(quote(v.String()))
	case reflect.Struct:
		return r.structure(v)
	case reflect.Array:
		return r.elements(v)
	case reflect.Slice, reflect.Map, reflect.Pointer, reflect.Interface, reflect.Func, reflect.Chan, reflect.UnsafePointer:
		if v.IsNil() {
			return leaf("null")
		}
		return r.pointing(v)
	}
	return leaf(fmt.Sprint(v))
}

func (r renderer) pointing(v reflect.Value) node {
	switch v.Kind() {
	case reflect.Interface:
		return r.value(v.Elem())
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return leaf(quote(v.Type().String()))
	}
	ref := reference{v.Type(), v.Pointer()}
	if r[ref] {
		return leaf(`"(a cycle)"`)
	}
	r[ref] = true
	defer delete(r, ref)
	switch v.Kind() {
	case reflect.Slice:
		return r.elements(v)
	case reflect.Map:
		return r.entries(v)
	}
	return r.value(v.Elem())
}

func (r renderer) structure(v reflect.Value) node {
	if !v.CanAddr() { // only fields of an addressable struct can be opened
		copied := reflect.New(v.Type()).Elem()
		copied.Set(v)
		v = copied
	}
	parts := make([]part, v.NumField())
	for i := range parts {
		f := v.Field(i)
		open := reflect.NewAt(f.Type(), f.Addr().UnsafePointer()).Elem() // also an unexported one
		parts[i] = part{v.Type().Field(i).Name, r.value(open)}
	}
	return object(parts)
}

func (r renderer) elements(v reflect.Value) node {
	elements := make([]node, v.Len())
	for i := range elements {
		elements[i] = r.value(v.Index(i))
	}
	return list(elements)
}

func (r renderer) entries(v reflect.Value) node {
	var parts []part
	for key, value := range v.Seq2() {
		name := r.value(key).text
		if key.Kind() == reflect.String {
			name = key.String()
		}
		parts = append(parts, part{name, r.value(value)})
	}
	slices.SortFunc(parts, func(a, b part) int { return cmp.Compare(a.name, b.name) })
	return object(parts)
}

// marshalText asks values that have a text of their own, such as time.Time.
func marshalText(v reflect.Value) (string, bool) {
	if !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() || v.Kind() == reflect.Interface {
		return "", false
	}
	if v.CanAddr() && v.Kind() != reflect.Pointer {
		v = v.Addr()
	}
	m, ok := v.Interface().(encoding.TextMarshaler)
	if !ok {
		return "", false
	}
	text, err := m.MarshalText()
	return string(text), err == nil
}
