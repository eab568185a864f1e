package projection

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// FieldCount says in how many of the changed rows of a view a field differs, one at the top of
// their JSON. Rows that are no JSON objects are one field without a name.
type FieldCount struct {
	View  string `json:"view"`
	Field string `json:"field"`
	// Added: only the new row has it, Removed: only the old one, Changed: both, with other
	// values.
	Added   int `json:"added,omitempty"`
	Removed int `json:"removed,omitempty"`
	Changed int `json:"changed,omitempty"`
}

// Rows is in how many rows it differs.
func (f FieldCount) Rows() int { return f.Added + f.Removed + f.Changed }

const (
	// mostFields is how many fields a Compared names, each of as many bytes at the most.
	mostFields     = 20
	mostFieldBytes = 100
	// mostTold is how many fields are told apart while it is counted.
	mostTold = 1000
)

// fieldName is a field of a view.
type fieldName struct{ view, field string }

// fieldCounts counts fields that differ.
type fieldCounts struct {
	of     map[fieldName]*FieldCount
	others int
}

// add counts the fields in which a row differs, and returns their names, sorted.
func (c *fieldCounts) add(view string, row RowChange) (names []string) {
	for _, f := range row.Fields() {
		names = append(names, f.Name)
		count := c.of[fieldName{view, f.Name}]
		switch {
		case count != nil:
		case len(c.of) == mostTold || len(f.Name) > mostFieldBytes:
			c.others++
			continue
		default:
			count = &FieldCount{View: view, Field: f.Name}
			if c.of == nil {
				c.of = map[fieldName]*FieldCount{}
			}
			c.of[fieldName{view, f.Name}] = count
		}
		switch {
		case f.Before == nil:
			count.Added++
		case f.After == nil:
			count.Removed++
		default:
			count.Changed++
		}
	}
	slices.Sort(names)
	return names
}

// most returns those that differ most often, and how often others do.
func (c *fieldCounts) most() (named []FieldCount, others int) {
	others = c.others
	for f := range maps.Values(c.of) {
		named = append(named, *f)
	}
	slices.SortFunc(named, func(a, b FieldCount) int {
		return cmp.Or(cmp.Compare(b.Rows(), a.Rows()), strings.Compare(a.View, b.View), strings.Compare(a.Field, b.Field))
	})
	for _, f := range named[min(len(named), mostFields):] {
		others += f.Rows()
	}
	return named[:min(len(named), mostFields)], others
}

// keepSample keeps a pair that differs, for who looks. Where there are enough, one that differs in
// other fields than all of them takes the place of one that differs as another one does.
func (c *comparer) keepSample(p pair, fields []string) {
	kind := strings.Join(append([]string{p.view, p.kind()}, fields...), "\x00")
	if len(c.result.Samples) == c.opts.Samples {
		if slices.Contains(c.kinds, kind) {
			return
		}
		i := c.twice()
		if i < 0 {
			return
		}
		c.result.Samples, c.kinds = slices.Delete(c.result.Samples, i, i+1), slices.Delete(c.kinds, i, i+1)
	}
	c.result.Samples, c.kinds = append(c.result.Samples, diffOf(p)), append(c.kinds, kind)
}

// twice returns the last sample that differs as an earlier one does, or -1.
func (c *comparer) twice() int {
	for i := len(c.kinds) - 1; i > 0; i-- {
		if slices.Contains(c.kinds[:i], c.kinds[i]) {
			return i
		}
	}
	return -1
}

// kind says which rows there are.
func (p pair) kind() string {
	switch {
	case p.old == nil:
		return "only new"
	case p.new == nil:
		return "only old"
	}
	return "changed"
}
