package terminal

import (
	"bytes"
	"encoding/json"
	"text/template"
)

// CheckTemplate refuses a template that names a field that an answer of v's type never has,
// or one of what has no fields: before the work is done that it is the answer of. Nil is not
// known, and not refused.
func (t *Terminal) CheckTemplate(v any) error {
	if t.template == nil || t.template.Tree == nil || v == nil {
		return nil
	}
	if shape, known := shapeOf(v); known {
		return checkFields(t.template.Root, shape)
	}
	return nil
}

// byTemplate shows a template what --json prints, so that there is one set of names. A field
// that --json leaves out of this answer is empty. Of what has no fixed fields, such as a
// payload, what is not there is "<no value>".
func (t *Terminal) byTemplate(v any) error {
	text, err := object(v)
	if err != nil {
		return err
	}
	if err := t.CheckTemplate(v); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var fields map[string]any
	if err := d.Decode(&fields); err != nil {
		return err
	}
	shown, with := cleaned(fields), t.template
	if shape, known := shapeOf(v); known {
		shown, with = filled(shown, shape), t.lenient
	}
	var out bytes.Buffer
	if err := with.Execute(&out, shown); err != nil {
		return wrongTemplate(err)
	}
	out.WriteByte('\n')
	_, err = t.opts.Stdout.Write(out.Bytes())
	return err
}

func parseTemplate(text string) (strict, lenient *template.Template, err error) {
	if strict, err = template.New("--template").Option("missingkey=error").Parse(text); err != nil {
		return nil, nil, err
	}
	if lenient, err = strict.Clone(); err != nil {
		return nil, nil, err
	}
	return strict, lenient.Option("missingkey=zero"), nil
}

func wrongTemplate(err error) error {
	return &Error{Class: ErrUsage, Text: err.Error(), Fix: "the fields are those that --json prints"}
}

// absent is an object, or a list, that --json leaves out: it is printed as nothing, is no
// condition, has nothing to range over, and its fields are the same.
type absent map[string]absent

func (absent) String() string { return "" }

// filled adds what a decoded answer lacks of its shape.
func filled(value, shape any) any {
	switch s := shape.(type) {
	case map[string]any:
		if v, ok := value.(map[string]any); ok {
			for name, of := range s {
				v[name] = filled(v[name], of)
			}
			return v
		}
	case []any:
		if v, ok := value.([]any); ok {
			for i := range v {
				v[i] = filled(v[i], s[0])
			}
			return v
		}
	case string:
		if value == nil {
			return ""
		}
	}
	if value == nil {
		return absent(nil)
	}
	return value
}
