package terminal

import (
	"fmt"
	"slices"
	"strings"
	"text/template"

	"github.com/spf13/pflag"
)

// Settings are what flags say about the output.
type Settings struct {
	JSON, Quiet, Wide, Verbose bool
	// NoInput asks nothing: what needs an answer is refused.
	NoInput bool
	// Template is a Go template for each answer, in place of a table.
	Template string
	// Color is auto, always or never, Time relative, utc or local.
	Color, Time string

	// template fails on a field that is not there, lenient does not.
	template, lenient *template.Template
}

// AddFlags adds the flags of all settings to those of a command.
func (t *Terminal) AddFlags(flags *pflag.FlagSet) {
	t.AddJSONFlag(flags)
	flags.BoolVarP(&t.Quiet, "quiet", "q", false, "print names only, and no talk")
	flags.BoolVar(&t.Wide, "wide", false, "print every column, and cut nothing")
	flags.BoolVarP(&t.Verbose, "verbose", "v", false, "say where settings come from")
	flags.BoolVar(&t.NoInput, "no-input", false, "ask nothing; what is not confirmed by flags is refused")
	flags.Var(&templateValue{t}, "template", "print each answer by this Go template, of the fields that --json has")
	flags.Var(&choice{&t.Color, []string{"auto", "always", "never"}}, "color", "auto, always or never")
	flags.Var(&choice{&t.Time, []string{"relative", "utc", "local"}}, "time", "how times are shown: relative, utc or local")
}

// AddJSONFlag adds --json alone, for a program's own commands.
func (t *Terminal) AddJSONFlag(flags *pflag.FlagSet) {
	flags.BoolVar(&t.JSON, "json", false, "print JSON")
}

// choice is a flag that is one of some words.
type choice struct {
	value *string
	words []string
}

func (c *choice) String() string { return *c.value }
func (c *choice) Type() string   { return "word" }

func (c *choice) Set(word string) error {
	if !slices.Contains(c.words, word) {
		return fmt.Errorf("it is %s or %s", strings.Join(c.words[:len(c.words)-1], ", "), c.words[len(c.words)-1])
	}
	*c.value = word
	return nil
}

// templateValue is a flag that is a template.
type templateValue struct{ t *Terminal }

func (v *templateValue) String() string { return v.t.Template }
func (v *templateValue) Type() string   { return "template" }

func (v *templateValue) Set(text string) error {
	strict, lenient, err := parseTemplate(text)
	if err == nil {
		v.t.Template, v.t.template, v.t.lenient = text, strict, lenient
	}
	return err
}
