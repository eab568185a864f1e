package dispatch

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// example returns a JSON object of a struct type, to be changed into a request. A field
// has the value of its tag example, or one that shows what it takes; one that may be left
// out and has no example is. Panics if a tag
// does not fit.
func example(t reflect.Type) json.RawMessage {
	p := reflect.New(t)
	exemplify(p.Elem(), nil)
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(p.Interface()); err != nil {
		panic(fmt.Sprintf("dispatch: %s can not be written as JSON: %v", t, err))
	}
	return bytes.TrimSpace(text.Bytes())
}

var (
	jsonMarshaler = reflect.TypeFor[json.Marshaler]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
)

// exemplify fills a value; within are the types that it is a part of. Panics if a tag does
// not fit.
func exemplify(v reflect.Value, within []reflect.Type) {
	t := v.Type()
	switch {
	case t == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)))
		return
	case t == reflect.TypeFor[json.RawMessage](), reflect.PointerTo(t).Implements(jsonMarshaler), reflect.PointerTo(t).Implements(textMarshaler):
		return // its zero value says most
	}
	if k := v.Kind(); (k == reflect.Pointer || k == reflect.Slice || k == reflect.Map) && slices.Contains(within, t.Elem()) {
		return // a type that holds itself has no end
	}
	switch v.Kind() {
	case reflect.Struct:
		exemplifyFields(v, append(within, t))
	case reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		exemplify(v.Elem(), within)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(t, 1, 1))
		exemplify(v.Index(0), within)
	case reflect.Map:
		key, value := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
		exemplify(key, within)
		exemplify(value, within)
		v.Set(reflect.MakeMap(t))
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString("text")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(1)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(1)
	}
}

// exemplifyFields fills those of a struct. Panics if a tag does not fit.
func exemplifyFields(v reflect.Value, within []reflect.Type) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		switch {
		case field.Anonymous && field.Type.Kind() == reflect.Struct && field.Tag == "":
			exemplifyFields(v.Field(i), within) // its fields are this one's, also where it is not exported itself
			continue
		case !field.IsExported():
			continue
		}
		tag, tagged := field.Tag.Lookup("example")
		if !tagged {
			if _, options, _ := strings.Cut(field.Tag.Get("json"), ","); !strings.Contains(options, "omit") { // what may be left out is
				exemplify(v.Field(i), within)
			}
			continue
		}
		p := v.Field(i).Addr().Interface()
		quoted, _ := json.Marshal(tag) // a string is always one in JSON
		if json.Unmarshal([]byte(tag), p) != nil && json.Unmarshal(quoted, p) != nil {
			panic(fmt.Sprintf("dispatch: the example %q of %s.%s does not fit its type", tag, v.Type(), field.Name))
		}
	}
}
