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
	"syscall"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// Exit codes beside 0 and 1.
const (
	exitUsage       = 2
	exitNotFound    = 3
	exitInterrupted = 130
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
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "interrupted\nhint: give the command again; what was done is not done twice")
		return exitInterrupted
	case !errors.Is(err, errSilent):
		fmt.Fprintf(stderr, "error: %v\n", err)
		if hint := hintFor(err); hint != "" {
			fmt.Fprintf(stderr, "hint: %s\n", hint)
		}
	}
	return exitCode(err)
}

// hintFor puts the library's hints in terms of this program, where they say less.
func hintFor(err error) string {
	if errors.Is(err, projection.ErrNotBuilt) {
		return "shop project builds the views, shop worker keeps them up to date"
	}
	return eventstore.Hint(err)
}

func exitCode(err error) int {
	switch {
	case errors.Is(err, errUsage), errors.Is(err, eventstore.ErrInvalid), errors.Is(err, projection.ErrCursor):
		return exitUsage
	case errors.Is(err, errNotFound), errors.Is(err, os.ErrNotExist):
		return exitNotFound
	}
	return 1
}

// errSilent: the command has said what is wrong.
var errSilent = errors.New("said already")

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
	root.SetFlagErrorFunc(wrongFlag)
	root.SuggestionsMinimumDistance = 2
	root.SetHelpCommand(helpCommand(root))
	root.AddCommand(
		a.demoCommand(), a.tradeCommand(), a.loadCommand(), a.projectCommand(), a.workerCommand(),
		a.historyCommand(), a.statsCommand(), a.topCommand(), a.stateCommand(), a.dumpCommand(),
		a.streamsCommand(), a.eventsCommand(), a.parkedCommand(), a.verifyCommand(),
	)
	for _, c := range root.Commands() {
		c.Args = namedArgs
	}
	return root
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
