package aggregatetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// node is a value as it is shown: its text, and what it consists of.
type node struct {
	text  string
	parts []part // nil for a value without parts
	list  bool   // parts are elements, named by their index
}

type part struct {
	name string
	node
}

func leaf(text string) node { return node{text: text} }

func object(parts []part) node {
	texts := make([]string, len(parts))
	for i, p := range parts {
		texts[i] = quote(p.name) + ":" + p.text
	}
	return node{text: "{" + strings.Join(texts, ",") + "}", parts: parts}
}

func list(elements []node) node {
	n := node{list: true}
	texts := make([]string, len(elements))
	for i, e := range elements {
		texts[i] = e.text
		n.parts = append(n.parts, part{fmt.Sprintf("[%d]", i), e})
	}
	n.text = "[" + strings.Join(texts, ",") + "]"
	return n
}

// quote writes a string as JSON does, but for what only HTML needs escaped.
func quote(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // of a string it never fails
	return strings.TrimSuffix(b.String(), "\n")
}

// parse reads valid JSON. Numbers keep the digits in which they are written.
func parse(valid []byte) node {
	d := json.NewDecoder(bytes.NewReader(valid))
	d.UseNumber()
	return parseNext(d)
}

func parseNext(d *json.Decoder) node {
	token, _ := d.Token() // it never fails: the JSON is valid
	switch v := token.(type) {
	case json.Delim:
		if v == '[' {
			var elements []node
			for d.More() {
				elements = append(elements, parseNext(d))
			}
			_, _ = d.Token() // the closing bracket
			return list(elements)
		}
		var parts []part
		for d.More() {
			name, _ := d.Token()
			parts = append(parts, part{fmt.Sprint(name), parseNext(d)})
		}
		_, _ = d.Token()
		return object(parts)
	case string:
		return leaf(quote(v))
	case nil:
		return leaf("null")
	}
	return leaf(fmt.Sprint(token))
}

// differences says how got differs from want, in a phrase for each field. word
// introduces what is in want.
func differences(want, got node, word string) []string { return compare("", want, got, word) }

func compare(path string, want, got node, word string) []string {
	if want.text == got.text {
		return nil
	}
	if want.parts == nil || got.parts == nil || want.list != got.list || want.list && len(want.parts) != len(got.parts) {
		return []string{fmt.Sprintf("%s is %s, %s %s", field(path), got.text, word, want.text)}
	}
	var found []string
	for _, w := range want.parts {
		if g, ok := got.part(w.name); ok {
			found = append(found, compare(join(path, w.name), w.node, g, word)...)
		} else {
			found = append(found, fmt.Sprintf("%s is missing, %s %s", field(join(path, w.name)), word, w.text))
		}
	}
	for _, g := range got.parts {
		if _, ok := want.part(g.name); !ok {
			found = append(found, fmt.Sprintf("%s is %s, %s missing", field(join(path, g.name)), g.text, word))
		}
	}
	return found
}

func (n node) part(name string) (node, bool) {
	i := slices.IndexFunc(n.parts, func(p part) bool { return p.name == name })
	if i < 0 {
		return node{}, false
	}
	return n.parts[i].node, true
}

func field(path string) string {
	if path == "" {
		return "it"
	}
	return "field " + path
}

func join(path, name string) string {
	if path == "" || strings.HasPrefix(name, "[") {
		return path + name
	}
	return path + "." + name
}
