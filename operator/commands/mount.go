package commands

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
)

// Options say how commands are mounted.
type Options struct {
	// Terminal is what they talk through.
	Terminal *terminal.Terminal
	// Open opens the service that the program's flags name. It must not make what is not
	// there. A command that looks needs no right to write.
	Open func(ctx context.Context, impact Impact) (operator.Service, error)
	// Service is what is known of the service without opening it: its event types, its
	// consumers, and what its buses have. Defaults to nothing.
	Service operator.Service
	// Flags, if not nil, adds the program's own flags, such as --store, to each command.
	Flags func(*pflag.FlagSet)
	// Line returns a command line that can be pasted, with the flags that name the same
	// service. Defaults to the program's name and the words.
	Line func(words ...string) string
}

// Impact is what a command does to a service.
type Impact string

// The impacts. They are the groups in which help lists commands, too.
const (
	Looks Impact = "look" // changes nothing
	Acts  Impact = "act"  // changes something
	Other Impact = "other"
)

const impactKey = "leftfold.impact"

// Mark says what a command does. A program marks its own, too.
func Mark(impact Impact, commands ...*cobra.Command) {
	for _, c := range commands {
		if c.Annotations == nil {
			c.Annotations = map[string]string{}
		}
		c.Annotations[impactKey] = string(impact)
		c.GroupID = string(impact)
	}
}

// ImpactOf returns what a command does, "" where it is not marked.
func ImpactOf(c *cobra.Command) Impact { return Impact(c.Annotations[impactKey]) }

// Mount adds the commands to the root command of a program, and the groups in which help
// lists them.
func Mount(root *cobra.Command, o Options) {
	root.AddGroup(&cobra.Group{ID: string(Looks), Title: "Look:"}, &cobra.Group{ID: string(Acts), Title: "Act:"},
		&cobra.Group{ID: string(Other), Title: "Other:"})
	if o.Line == nil {
		o.Line = func(words ...string) string { return terminal.Line(append([]string{root.Name()}, words...)...) }
	}
	m := &mounted{Options: o, root: root}
	root.AddCommand(m.status(), m.projections(), m.streams(), m.events(), m.state(), m.parked(), m.verify(), m.explain(), m.tail(), m.model(), m.doctor(), m.activity(),
		m.pause(), m.resume(), m.sweep(), m.rebuild(), m.send(), m.ask())
	root.SetHelpCommandGroupID(string(Other))
	root.SetCompletionCommandGroupID(string(Other))
}

// mounted is what the commands share.
type mounted struct {
	Options
	root *cobra.Command
}

// look returns a command that changes nothing. answer is an empty one of what it answers, by
// which a template is checked before anything is done; nil where that is not known.
func (m *mounted) look(use, short string, answer any, run func(ctx context.Context, o *operator.Operator, args []string) error) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, RunE: func(cmd *cobra.Command, args []string) error {
		return m.with(cmd.Context(), func(o *operator.Operator) error { return run(cmd.Context(), o, args) })
	}, PreRunE: func(*cobra.Command, []string) error { return m.Terminal.CheckTemplate(answer) }}
	Mark(Looks, c)
	m.Terminal.AddFlags(c.Flags())
	FromEnvironment(c.Flags(), "color", "time")
	if m.Flags != nil {
		m.Flags(c.Flags())
	}
	return c
}

// with opens the service for a command that looks.
func (m *mounted) with(ctx context.Context, run func(*operator.Operator) error) error {
	return m.opened(ctx, Looks, run)
}

func (m *mounted) opened(ctx context.Context, impact Impact, run func(*operator.Operator) error) error {
	s, err := m.Open(ctx, impact)
	if err != nil {
		return err
	}
	o, err := operator.New(s)
	if err != nil {
		return err
	}
	return errors.Join(run(o), o.Close())
}

// someStream names a stream of the service as an example.
func (m *mounted) someStream() string {
	if categories := m.Service.AllCategories(); len(categories) > 0 {
		return categories[0] + "-ID"
	}
	return "CATEGORY-ID"
}

// arg returns the i-th argument, "" where it was left out.
func arg(args []string, i int) string {
	if i < len(args) {
		return args[i]
	}
	return ""
}

// lines joins those of a long help.
func lines(text ...string) string { return strings.Join(text, "\n") }
