package commands

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/leftfold/leftfold/operator/terminal"
)

// Prepare gives a program's root command, and all commands below it, their manners: what is
// typed wrongly is answered with how to do it, and exits with [terminal.WrongUse]; a flag that
// a command does not take is refused, and so is a word that is none; settings come from the environment and from leftfold.toml
// where no flag gives them, see [FromEnvironment]. It is called when all commands are there.
func Prepare(root *cobra.Command, t *terminal.Terminal) {
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SuggestionsMinimumDistance = 2
	root.SetOut(t.Stdout())
	root.SetErr(t.Stderr())
	root.SetFlagErrorFunc(wrongFlag)
	root.SetHelpCommand(helpCommand(root))
	root.PersistentPreRunE = func(cmd *cobra.Command, args []string) error {
		if err := onlyItsFlags(cmd); err != nil {
			return err
		}
		return settle(cmd, t)
	}
	root.Args = noSuchCommand
	prepareBelow(root)
}

// prepareBelow prepares the commands below one. One that has such, and does nothing by
// itself, explains itself, and refuses what it has not: else an unknown word would be no error.
func prepareBelow(parent *cobra.Command) {
	if parent.HasSubCommands() && !parent.Runnable() {
		parent.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	for _, c := range parent.Commands() {
		addProfile(c.Flags())
		c.SuggestionsMinimumDistance = parent.SuggestionsMinimumDistance
		if c.Args == nil {
			c.Args = namedArgs
			if c.HasSubCommands() {
				c.Args = noSuchCommand
			}
		}
		prepareBelow(c)
	}
}

// Wrong is the error of a command that was given wrongly: its hint is the usage line.
func Wrong(cmd *cobra.Command, format string, args ...any) error {
	return &terminal.Error{Class: terminal.ErrUsage, Text: cmd.CommandPath() + ": " + fmt.Sprintf(format, args...),
		Fix: fmt.Sprintf("usage: %s; %s --help explains it", cmd.UseLine(), cmd.CommandPath())}
}

// noSuchCommand suggests what was meant.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	e := &terminal.Error{Class: terminal.ErrUsage, Text: fmt.Sprintf("there is no command %q", strings.TrimSpace(strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name())+" "+args[0])),
		Fix: fmt.Sprintf("%s --help lists the commands, %[1]s COMMAND --help explains one", cmd.CommandPath())}
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		e.Text += fmt.Sprintf("; did you mean %s?", strings.Join(near, " or "))
	}
	return e
}

// namedArgs wants one argument for each that the command's usage line names; those in
// brackets may be left out.
func namedArgs(cmd *cobra.Command, args []string) error {
	names := strings.Fields(cmd.Use)[1:]
	switch {
	case len(args) < len(names) && !strings.HasPrefix(names[len(args)], "["):
		return Wrong(cmd, "%s is missing", names[len(args)])
	case len(args) > len(names):
		return Wrong(cmd, "%q is one argument too many", args[len(names)])
	}
	return nil
}

// onlyItsFlags refuses a flag of other commands: it would have no effect.
func onlyItsFlags(cmd *cobra.Command) (err error) {
	own := cmd.LocalNonPersistentFlags()
	cmd.Flags().Visit(func(f *pflag.Flag) {
		switch {
		case own.Lookup(f.Name) != nil:
		case cmd.HasParent():
			err = noSuchFlag(cmd, "--"+f.Name)
		default:
			err = &terminal.Error{Class: terminal.ErrUsage, Text: fmt.Sprintf("--%s is for a command, and the command is missing", f.Name),
				Fix: fmt.Sprintf("%s --help lists the commands", cmd.Name())}
		}
	})
	return err
}

// noSuchFlag says which flags there are.
func noSuchFlag(cmd *cobra.Command, name string) error {
	var takes []string
	cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" {
			takes = append(takes, "--"+f.Name)
		}
	})
	if name == "--yes" && slices.Contains(takes, "--confirm") {
		return &terminal.Error{Class: terminal.ErrUsage, Text: fmt.Sprintf("%s has no flag %s", cmd.CommandPath(), name),
			Fix: "use --confirm NAME: " + strings.TrimPrefix(cmd.Flags().Lookup("confirm").Usage, doNotAsk+": ")}
	}
	list := strings.Join(takes, ", ")
	if len(takes) == 0 {
		list = "no flags"
	}
	return &terminal.Error{Class: terminal.ErrUsage, Text: fmt.Sprintf("%s has no flag %s", cmd.CommandPath(), name),
		Fix: fmt.Sprintf("%s takes %s; %[1]s --help explains it", cmd.CommandPath(), list)}
}

// wrongFlag says in our words what the flag library found.
func wrongFlag(cmd *cobra.Command, err error) error {
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
		name := "--" + e.GetSpecifiedName()
		if e.GetSpecifiedShortnames() != "" {
			name = "-" + e.GetSpecifiedName()
		}
		return noSuchFlag(cmd, name)
	}
	if e, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return Wrong(cmd, "--%s needs a value", e.GetSpecifiedName())
	}
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		kind, known := map[string]string{"int": "is not a whole number", "uint64": "is not a whole number from 0 on", "bool": "is not true or false",
			"duration": "is no duration such as 30s or 5m"}[e.GetFlag().Value.Type()]
		if !known {
			kind = fmt.Sprintf("can not be: %v", e.Unwrap())
		}
		return Wrong(cmd, "--%s: %q %s", e.GetFlag().Name, e.GetValue(), kind)
	}
	return Wrong(cmd, "%v", err)
}

func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:                   "help [COMMAND]",
		DisableFlagsInUseLine: true,
		Short:                 "Explain a command",
		GroupID:               string(Other),
		Args:                  cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err != nil {
				return err
			}
			if len(rest) > 0 {
				return noSuchCommand(cmd, rest)
			}
			return cmd.Help()
		},
	}
}
