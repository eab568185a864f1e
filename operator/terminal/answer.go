package terminal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// schema is the version of the names in JSON.
const schema = 1

// List is an answer of several entries: a table, or a line each.
type List struct {
	t     *Terminal
	table *Table
	n     int
}

// List returns a list that is shown as a table with these columns.
func (t *Terminal) List(columns ...Column) *List { return &List{t: t, table: t.Table(columns...)} }

// Add adds an entry: with --json v, as one line; with --quiet its name; by --template v; else
// the cells, as in [Table.Row].
func (l *List) Add(v any, name string, cells ...any) error {
	l.n++
	if done, err := l.t.special(v, name); done {
		return err
	}
	return l.table.Row(cells...)
}

// Len is how many entries there are.
func (l *List) Len() int { return l.n }

// End prints what is left.
func (l *List) End() error { return l.table.Flush() }

// Object prints a single answer: with --json v; with --quiet its name; by --template v; else
// as show does.
func (t *Terminal) Object(v any, name string, show func() error) error {
	if done, err := t.special(v, name); done {
		return err
	}
	return show()
}

// special prints an answer that is not for people.
func (t *Terminal) special(v any, name string) (done bool, err error) {
	switch {
	case t.template != nil:
		return true, t.byTemplate(v)
	case t.JSON:
		return true, WriteJSON(t.opts.Stdout, v)
	case t.Quiet:
		_, err := fmt.Fprintln(t.opts.Stdout, Clean(name))
		return true, err
	}
	return false, nil
}

// cleaned makes the texts in a decoded object harmless to a terminal, as [Clean] does.
func cleaned(value any) any {
	switch v := value.(type) {
	case string:
		return Clean(v)
	case []any:
		for i := range v {
			v[i] = cleaned(v[i])
		}
	case map[string]any:
		clean := make(map[string]any, len(v))
		for name, member := range v {
			clean[Clean(name)] = cleaned(member)
		}
		return clean
	}
	return value
}

// WriteJSON prints an object on one line, without escaping for HTML, and with the version
// of its names first.
func WriteJSON(w io.Writer, v any) error {
	text, err := object(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

func object(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	text := []byte(Clean(strings.TrimSuffix(b.String(), "\n"))) // JSON lets some control characters stand as they are
	rest, ok := bytes.CutPrefix(text, []byte("{"))
	if !ok {
		return nil, fmt.Errorf("terminal: %T is no object in JSON", v)
	}
	separator := ","
	if string(rest) == "}" {
		separator = ""
	}
	return append(fmt.Appendf(nil, `{"schema":%d%s`, schema, separator), rest...), nil
}
