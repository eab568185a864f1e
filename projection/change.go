package projection

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

// Change is what one event did to the rows of a projection. An event that the projection
// passes over, or that changes nothing, has no Rows.
type Change struct {
	// Generation is zero where the change was made in memory, by [Try].
	Generation GenerationID
	Event      eventstore.EventID
	Type       string
	// Time is when the event was appended.
	Time time.Time
	// Skipped: an operator has decided that the projection passes over it.
	Skipped bool
	Rows    []RowChange
}

// RowChange is what one event did to one row, as JSON. An absent row is nil.
type RowChange struct {
	// Row names the view as its projection does, also one made by [PerStream].
	Row           RowID
	Before, After json.RawMessage
}

// FieldChange is what became of one field of a row, as JSON. An absent field is nil. A row
// that is no JSON object is one field without a name.
type FieldChange struct {
	Name          string
	Before, After json.RawMessage
}

// Fields returns the fields that differ, in the order in which they are stored; those that
// are no longer there come last.
func (c RowChange) Fields() []FieldChange {
	before, after := fieldsOf(c.Before), fieldsOf(c.After)
	was := make(map[string]json.RawMessage, len(before))
	for _, f := range before {
		was[f.name] = f.value
	}
	var changes []FieldChange
	for _, f := range after {
		if value, had := was[f.name]; !had || !bytes.Equal(value, f.value) {
			changes = append(changes, FieldChange{Name: f.name, Before: value, After: f.value})
		}
		delete(was, f.name)
	}
	for _, f := range before {
		if value, gone := was[f.name]; gone {
			changes = append(changes, FieldChange{Name: f.name, Before: value})
		}
	}
	return changes
}

type field struct {
	name  string
	value json.RawMessage
}

// fieldsOf returns the fields of a JSON object in their order.
func fieldsOf(row json.RawMessage) (fields []field) {
	if row == nil {
		return nil
	}
	whole := []field{{value: row}}
	d := json.NewDecoder(bytes.NewReader(row))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return whole
	}
	for d.More() {
		name, err := d.Token()
		var value json.RawMessage
		if err == nil {
			err = d.Decode(&value)
		}
		if err != nil {
			return whole
		}
		fields = append(fields, field{name.(string), value})
	}
	return fields
}

// observe is change, and says what it did to the row.
func (w *working) observe(event *envelope, e effect) (RowChange, error) {
	c := RowChange{Row: RowID{View: strings.TrimPrefix(w.id.View, perStreamMark), Key: w.id.Key}}
	var err error
	if c.Before, err = w.stored(); err != nil {
		return c, err
	}
	if err = w.change(event, e); err != nil {
		return c, err
	}
	c.After, err = w.stored()
	return c, err
}

// changed reports whether the row is another one now.
func (c RowChange) changed() bool { return !bytes.Equal(c.Before, c.After) }
