package retail

import (
	"fmt"
	"strings"
)

// fault says why a line is a reject.
type fault struct {
	kind   Kind
	reason string
}

func faultf(kind Kind, format string, args ...any) *fault {
	return &fault{kind, fmt.Sprintf(format, args...)}
}

// splitLine decodes the fields of one line by the rules of RFC 4180, except that
// a quoted field ends on its line: a newline inside one can not be told from a
// quote that was never closed, and would swallow the rows up to the next quote.
// The fields share memory with line, and are put into the given slice.
//
// encoding/csv would agree on every single line, but reads a text as a whole.
func splitLine(line string, fields []string) ([]string, *fault) {
	if line == "" {
		return fields[:0], nil
	}
	fields = fields[:0]
	for {
		field, rest, more, flt := cutField(line, len(fields)+1)
		if flt != nil {
			return nil, flt
		}
		fields = append(fields, field)
		if !more {
			return fields, nil
		}
		line = rest
	}
}

// cutField returns the first field of line, and what follows its comma if it has one.
func cutField(line string, column int) (field, rest string, more bool, flt *fault) {
	if !strings.HasPrefix(line, `"`) {
		field, rest, more = strings.Cut(line, ",")
		if strings.Contains(field, `"`) {
			return "", "", false, faultf(KindQuote, "column %d has a quote inside, but is not quoted", column)
		}
		return field, rest, more, nil
	}
	body := line[1:]
	end, doubled := closingQuote(body)
	if end < 0 {
		return "", "", false, faultf(KindQuote, "column %d has a quote that is not closed on its line", column)
	}
	field, after := body[:end], body[end+1:]
	if doubled {
		field = strings.ReplaceAll(field, `""`, `"`)
	}
	if after == "" {
		return field, "", false, nil
	}
	if after[0] != ',' {
		return "", "", false, faultf(KindQuote, "column %d has text after its closing quote", column)
	}
	return field, after[1:], true, nil
}

// closingQuote returns where a quoted field ends, or -1, and whether there are
// doubled quotes in it, which stand for one.
func closingQuote(body string) (end int, doubled bool) {
	for i := 0; ; {
		next := strings.IndexByte(body[i:], '"')
		if next < 0 {
			return -1, doubled
		}
		i += next
		if !strings.HasPrefix(body[i+1:], `"`) {
			return i, doubled
		}
		doubled = true
		i += 2
	}
}
