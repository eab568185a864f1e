// Command shop is the worked example of Leftfold, a complete small service:
// customers make purchases and return them; what each customer bought and how each
// product sells are views.
//
// Read events.go (the facts), customer.go (the decisions), views.go (the views),
// then service.go (the wiring). The other files are its commands.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// Exit codes beside 0 and 1.
const (
	exitUsage    = 2
	exitNotFound = 3
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run carries out one command line and returns the exit code. What was asked for
// goes to stdout, talk to stderr.
func run(ctx context.Context, args []string, stdout, stderr *os.File) int {
	root := newRoot(stdout, stderr)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if !errors.Is(err, errSilent) {
		fmt.Fprintf(stderr, "error: %v\n", err)
		if hint := eventstore.Hint(err); hint != "" {
			fmt.Fprintf(stderr, "hint: %s\n", hint)
		}
	}
	return exitCode(err)
}

func exitCode(err error) int {
	switch {
	case errors.Is(err, errUsage):
		return exitUsage
	case errors.Is(err, aggregate.ErrNotFound), errors.Is(err, projection.ErrNotFound), errors.Is(err, os.ErrNotExist):
		return exitNotFound
	}
	return 1
}

// errUsage: the command line is wrong. errSilent: the command has said what is wrong.
var (
	errUsage  = errors.New("wrong use")
	errSilent = errors.New("said already")
)

type usageError struct{ text string }

func (e *usageError) Error() string        { return e.text }
func (e *usageError) Is(target error) bool { return target == errUsage }
func (e *usageError) Hint() string {
	return "shop --help lists the commands, shop COMMAND --help explains one"
}

func usageErrorf(format string, args ...any) error {
	return &usageError{text: fmt.Sprintf(format, args...)}
}

// app is what the commands share.
type app struct {
	store          string
	json           bool
	stdout, stderr *os.File
}

func newRoot(stdout, stderr *os.File) *cobra.Command {
	a := &app{stdout: stdout, stderr: stderr}
	root := &cobra.Command{
		Use:           "shop",
		Short:         "The worked example of Leftfold: a shop on an event store",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noSuchCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return a.demo(cmd.Context()) },
	}
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.PersistentFlags().StringVar(&a.store, "store", "sqlite:shop.db", "the store, as sqlite:FILE")
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print JSON")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageErrorf("%v", err) })
	root.AddCommand(
		a.demoCommand(), a.tradeCommand(), a.loadCommand(), a.projectCommand(), a.workerCommand(),
		a.historyCommand(), a.statsCommand(), a.topCommand(), a.stateCommand(), a.dumpCommand(),
		a.streamsCommand(), a.eventsCommand(), a.parkedCommand(), a.verifyCommand(),
	)
	for _, c := range root.Commands() {
		c.Args = usageArgs(c.Args)
	}
	return root
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

// usageArgs makes errors about arguments ours.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if check == nil {
			check = cobra.NoArgs
		}
		if err := check(cmd, args); err != nil {
			return usageErrorf("shop %s: %v", cmd.Name(), err)
		}
		return nil
	}
}

// open opens the service for a command; those that only look need a store that exists.
func (a *app) open(ctx context.Context, mustExist bool) (*Service, error) {
	return openService(ctx, a.store, mustExist)
}

// with runs a command on a store that must exist.
func (a *app) with(ctx context.Context, run func(*Service) error) (err error) {
	s, err := a.open(ctx, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return run(s)
}
