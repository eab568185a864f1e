package operator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Change is what became of one field of an object. Before is empty where the field is new,
// After where it is gone.
type Change struct {
	Field  string          `json:"field"`
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
}

// Field is a value in an object: Name is its way from the top, as in "lines[0].price".
type Field struct {
	Name  string
	Value json.RawMessage
}

// Fields returns the values of some JSON that are no objects and no lists, in their order.
// Numbers are as they are written.
func Fields(text json.RawMessage) ([]Field, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	w := fieldWalk{d: d}
	err := w.value("")
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return w.fields, err
}

type fieldWalk struct {
	d      *json.Decoder
	fields []Field
}

func (w *fieldWalk) value(name string) error {
	token, err := w.d.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('{'):
		return w.members(name)
	case json.Delim('['):
		return w.elements(name)
	}
	text, err := scalar(token)
	w.fields = append(w.fields, Field{name, text})
	return err
}

func (w *fieldWalk) members(name string) error {
	empty := true
	for w.d.More() {
		empty = false
		key, err := w.d.Token()
		if err != nil {
			return err
		}
		member := fmt.Sprint(key)
		if name != "" {
			member = name + "." + member
		}
		if err := w.value(member); err != nil {
			return err
		}
	}
	return w.end(name, empty, "{}")
}

func (w *fieldWalk) elements(name string) error {
	i := 0
	for ; w.d.More(); i++ {
		if err := w.value(name + "[" + strconv.Itoa(i) + "]"); err != nil {
			return err
		}
	}
	return w.end(name, i == 0, "[]")
}

// end reads the closing sign. What is empty is a value.
func (w *fieldWalk) end(name string, empty bool, text string) error {
	if empty && name != "" {
		w.fields = append(w.fields, Field{name, json.RawMessage(text)})
	}
	_, err := w.d.Token()
	return err
}

func scalar(token json.Token) (json.RawMessage, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(token)
	return bytes.TrimSpace(b.Bytes()), err
}

// diff compares two objects field by field, in the order of the later one; what is gone
// comes last.
func diff(before, after json.RawMessage) ([]Change, error) {
	old, err := Fields(before)
	if err != nil {
		return nil, err
	}
	now, err := Fields(after)
	if err != nil {
		return nil, err
	}
	was := make(map[string]json.RawMessage, len(old))
	for _, f := range old {
		was[f.Name] = f.Value
	}
	var changes []Change
	for _, f := range now {
		if v, ok := was[f.Name]; !ok || !bytes.Equal(v, f.Value) {
			changes = append(changes, Change{f.Name, v, f.Value})
		}
		delete(was, f.Name)
	}
	for _, f := range old {
		if v, gone := was[f.Name]; gone {
			changes = append(changes, Change{Field: f.Name, Before: v})
		}
	}
	return changes, nil
}
