package commands

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
)

// model reads no store: it tells what the program declares.
func (m *mounted) model() *cobra.Command {
	mermaid := false
	c := m.look("model", "Show which events there are, and which views and reactions follow from them", operator.Model{}, nil)
	c.RunE = func(*cobra.Command, []string) error {
		model := operator.ModelOf(m.Service)
		if len(model.Types) == 0 && len(model.Consumers) == 0 {
			return untold("event types and consumers")
		}
		if mermaid {
			_, err := fmt.Fprint(m.Terminal.Stdout(), model.Mermaid())
			return err
		}
		return m.Terminal.Object(model, "", func() error { return m.showModel(model) })
	}
	c.Flags().BoolVar(&mermaid, "mermaid", false, "print a flowchart as Mermaid draws it")
	return c
}

// untold is the error of a command that shows what a program tells, where it has told nothing.
func untold(what string) error {
	return &terminal.Error{Class: operator.ErrUnsupported, Text: "this program tells no " + what, Fix: "it has to give them to commands.Mount, in Options.Service"}
}

func (m *mounted) showModel(model operator.Model) error {
	t := m.Terminal
	types := t.Table(terminal.Column{Name: "EVENT TYPE"}, terminal.Column{Name: "SCHEMA", Right: true}, terminal.Column{Name: "UPCASTS"},
		terminal.Column{Name: "HANDLED BY", Text: true}, terminal.Column{Name: "GO TYPE", Wide: true})
	for _, e := range model.Types {
		upcasts := any(nil)
		if len(e.Upcasts) > 0 {
			upcasts = fmt.Sprintf("from %d", e.Upcasts[0])
		}
		if err := types.Row(e.Type, e.SchemaVersion, upcasts, orNone(e.Handled), e.GoType); err != nil {
			return err
		}
	}
	if err := types.Flush(); err != nil {
		return err
	}
	if len(model.Types) > 0 && len(model.Consumers) > 0 {
		if _, err := fmt.Fprintln(t.Stdout()); err != nil {
			return err
		}
	}
	views := t.Table(terminal.Column{Name: "CONSUMER"}, terminal.Column{Name: "VIEW"}, terminal.Column{Name: "KIND"}, terminal.Column{Name: "FOLLOWS"},
		terminal.Column{Name: "HANDLES", Text: true})
	for _, c := range model.Consumers {
		follows := strings.Join(c.Categories, ", ")
		if c.Reaction {
			handles := orNone(c.Types)
			if c.AnyType {
				handles = "any type"
			}
			if err := views.Row(c.Name, nil, "reaction", follows, handles); err != nil {
				return err
			}
		}
		for _, v := range c.Views {
			if err := views.Row(fmt.Sprintf("%s v%d", c.Name, c.Version), v.View, v.Kind, follows, orNone(v.Types)); err != nil {
				return err
			}
		}
	}
	return views.Flush()
}

func orNone(names []string) string {
	if len(names) == 0 {
		return terminal.None
	}
	return strings.Join(names, ", ")
}
