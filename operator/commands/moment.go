package commands

import (
	"fmt"
	"strings"
	"time"
)

// moments are the forms of a time: how it is parsed, and an example.
var moments = []struct{ layout, example string }{
	{time.DateOnly, "2011-01-31 (00:00 UTC)"},
	{"2006-01-02 15:04", `"2011-01-31 12:00"`},
	{time.DateTime, `"2011-01-31 12:00:00"`},
	{time.RFC3339, "2011-01-31T12:00:00Z"},
	{time.RFC3339, "2011-01-31T12:00:00+01:00"},
}

// ParseMoment reads a time as people write it, in UTC where it names no zone; "" is the zero
// time.
func ParseMoment(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	var examples []string
	for _, m := range moments {
		if t, err := time.Parse(m.layout, text); err == nil {
			return t, nil
		}
		examples = append(examples, m.example)
	}
	return time.Time{}, fmt.Errorf("%q is no time such as %s", text, strings.Join(examples, ", "))
}
