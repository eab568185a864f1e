package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Classes of errors, by which the exit code is chosen.
var (
	errUsage    = errors.New("wrong use")
	errNotFound = errors.New("not there")
)

// spokenError is an error in words for who typed the command, with what to do next.
type spokenError struct {
	class error // errUsage, errNotFound or nil
	text  string
	hint  string
	cause error
}

func (e *spokenError) Error() string        { return e.text }
func (e *spokenError) Is(target error) bool { return target == e.class }
func (e *spokenError) Unwrap() error        { return e.cause }

// Hint says what to do.
func (e *spokenError) Hint() string { return e.hint }

func usageErrorf(format string, args ...any) error {
	return &spokenError{class: errUsage, text: fmt.Sprintf(format, args...), hint: "shop --help lists the commands, shop COMMAND --help explains one"}
}

func notFoundf(hint, format string, args ...any) error {
	return &spokenError{class: errNotFound, text: fmt.Sprintf(format, args...), hint: hint}
}

// shellWord quotes a word where a shell would take it for something else.
func shellWord(word string) string {
	plain := strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+@%:,./") == ""
	if plain && word != "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// withHint gives an error another hint than its own.
func withHint(err error, hint string) error {
	return &spokenError{text: err.Error(), hint: hint, cause: err}
}

// noSuchCommand suggests what was meant.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return usageErrorf("there is no command %q; did you mean %s?", args[0], strings.Join(near, " or "))
	}
	return usageErrorf("there is no command %q", args[0])
}

// namedArgs wants one argument for each that the command's usage line names.
func namedArgs(cmd *cobra.Command, args []string) error {
	names := strings.Fields(cmd.Use)[1:]
	switch {
	case len(args) < len(names):
		return wrongUse(cmd, "shop %s: %s is missing", cmd.Name(), names[len(args)])
	case len(args) > len(names):
		return wrongUse(cmd, "shop %s: %q is one argument too many", cmd.Name(), args[len(names)])
	}
	return nil
}

// onlyItsFlags refuses a flag of other commands: it would have no effect.
func onlyItsFlags(cmd *cobra.Command, _ []string) (err error) {
	own := cmd.LocalNonPersistentFlags()
	cmd.Flags().Visit(func(f *pflag.Flag) {
		switch {
		case own.Lookup(f.Name) != nil:
		case cmd.HasParent():
			err = noSuchFlag(cmd, "--"+f.Name)
		default:
			err = &spokenError{class: errUsage, text: fmt.Sprintf("--%s is for a command, and the command is missing", f.Name),
				hint: "without a command shop plays the demo, on a store of its own and without flags; shop --help lists the commands"}
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
	list := strings.Join(takes, ", ")
	if len(takes) == 0 {
		list = "no flags"
	}
	return &spokenError{class: errUsage, text: fmt.Sprintf("%s has no flag %s", cmd.CommandPath(), name),
		hint: fmt.Sprintf("%s takes %s; %[1]s --help explains it", cmd.CommandPath(), list)}
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
		return wrongUse(cmd, "%s: --%s needs a value", cmd.CommandPath(), e.GetSpecifiedName())
	}
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		kind := map[string]string{"int": "a whole number", "uint64": "a whole number from 0 on", "bool": "true or false"}
		return wrongUse(cmd, "%s: --%s: %q is not %s", cmd.CommandPath(), e.GetFlag().Name, e.GetValue(), kind[e.GetFlag().Value.Type()])
	}
	return wrongUse(cmd, "%s: %v", cmd.CommandPath(), err)
}

// wrongUse is a usage error whose hint is the command's usage line.
func wrongUse(cmd *cobra.Command, format string, args ...any) error {
	return &spokenError{class: errUsage, text: fmt.Sprintf(format, args...),
		hint: fmt.Sprintf("usage: %s; %s --help explains it", cmd.UseLine(), cmd.CommandPath())}
}

func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:                   "help [COMMAND]",
		DisableFlagsInUseLine: true,
		Short:                 "Explain a command",
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return noSuchCommand(root, args)
			}
			return cmd.Help()
		},
	}
}
