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
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/handlers/eventbridge"
	"github.com/leftfold/leftfold/projection"
)

// Exit codes beside 0 and 1.
const (
	exitUsage       = 2
	exitNotFound    = 3
	exitInterrupted = 130
)

func main() {
	if name := os.Getenv("_HANDLER"); name != "" { // Lambda has started it
		os.Exit(serve(name, os.Stderr))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run carries out one command line and returns the exit code. What was asked for
// goes to stdout, talk to stderr.
func run(ctx context.Context, args []string, stdout, stderr *os.File) int {
	a := &app{stdout: stdout, stderr: stderr}
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "interrupted\nhint: give the command again; what was done is not done twice")
		return exitInterrupted
	case !errors.Is(err, errSilent):
		fmt.Fprintf(stderr, "error: %s\n", distinctLines(err))
		if hint := a.hintFor(err); hint != "" {
			fmt.Fprintf(stderr, "hint: %s\n", hint)
		}
	}
	return exitCode(err)
}

// distinctLines says once what keeps several projections back.
func distinctLines(err error) string {
	var lines []string
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// hintFor puts the library's hints in terms of this program, where they say less.
func (a *app) hintFor(err error) string {
	switch {
	case errors.Is(err, projection.ErrNotBuilt):
		return fmt.Sprintf("%s builds the views, %s keeps them up to date", a.command("project"), a.command("worker"))
	case errors.Is(err, dynamostore.ErrMissing):
		return a.command("provision") + " makes the tables, in this account and Region; or correct the prefix"
	case isFull(err):
		return "free some space and give the command again; what was done is not done twice"
	case errors.Is(err, eventstore.ErrOutcomeUnknown):
		return "give the command again; what was done is not done twice"
	}
	return eventstore.Hint(err)
}

func exitCode(err error) int {
	switch {
	case errors.Is(err, errUsage), errors.Is(err, eventstore.ErrInvalid), errors.Is(err, projection.ErrCursor):
		return exitUsage
	case errors.Is(err, errNotFound), errors.Is(err, os.ErrNotExist), errors.Is(err, dynamostore.ErrMissing),
		errors.Is(err, eventbridge.ErrNoBus):
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

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "shop",
		Short: "The worked example of Leftfold: a shop on an event store",
		Long: "The worked example of Leftfold: a shop on an event store. Without a command it plays the demo.\n" +
			"Most commands take --store, and --json to answer in JSON.",
		SilenceErrors:     true,
		SilenceUsage:      true,
		Args:              noSuchCommand,
		PersistentPreRunE: onlyItsFlags,
		RunE:              func(cmd *cobra.Command, _ []string) error { return a.demo(cmd.Context()) },
	}
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(wrongFlag)
	root.SuggestionsMinimumDistance = 2
	root.SetHelpCommand(helpCommand(root))
	root.AddCommand(a.demoCommand())
	for _, c := range []*cobra.Command{a.provisionCommand(), a.tradeCommand(), a.workerCommand(), a.devCommand()} {
		a.storeFlag(c.Flags())
		root.AddCommand(c)
	}
	for _, c := range []*cobra.Command{
		a.loadCommand(), a.emailCommand(), a.mergeCommand(), a.projectCommand(), a.mailsCommand(), a.publishCommand(), a.receiveCommand(),
		a.historyCommand(), a.statsCommand(), a.topCommand(), a.stateCommand(), a.dumpCommand(),
		a.streamsCommand(), a.eventsCommand(), a.parkedCommand(), a.verifyCommand(), a.explainCommand(),
	} {
		a.storeFlag(c.Flags())
		a.jsonFlag(c.Flags())
		root.AddCommand(c)
	}
	for _, c := range root.Commands() {
		c.Args = namedArgs
	}
	// So that they may also stand before the command's name.
	a.storeFlag(root.PersistentFlags())
	a.jsonFlag(root.PersistentFlags())
	root.PersistentFlags().VisitAll(func(f *pflag.Flag) { f.Hidden = true })
	return root
}

const defaultStore = "sqlite:shop.db"

func (a *app) storeFlag(flags *pflag.FlagSet) {
	flags.StringVar(&a.store, "store", defaultStore, "the store, as sqlite:FILE or dynamodb:PREFIX")
}

func (a *app) jsonFlag(flags *pflag.FlagSet) { flags.BoolVar(&a.json, "json", false, "print JSON") }

// command returns a command line on the same store, to be pasted into a shell.
func (a *app) command(words ...string) string {
	if a.store != defaultStore {
		words = slices.Concat(words, []string{"--store", a.store})
	}
	line := []string{"shop"}
	for _, w := range words {
		line = append(line, shellWord(w))
	}
	return strings.Join(line, " ")
}

// with runs a command on a store that must exist.
func (a *app) with(ctx context.Context, run func(*Service) error) error {
	s, err := openService(ctx, a.store, true)
	if errors.Is(err, os.ErrNotExist) {
		return withHint(err, a.command("load", "FILE")+" makes a store; --store sqlite:FILE names another one")
	}
	if err != nil {
		return err
	}
	return errors.Join(run(s), s.Close())
}

// create opens the service for a command that needs no store to be there. It says
// so if it made one, since a store whose name is mistyped looks like an empty one.
func (a *app) create(ctx context.Context) (*Service, error) {
	s, err := openService(ctx, a.store, true)
	if !errors.Is(err, os.ErrNotExist) {
		return s, err
	}
	s, err = openService(ctx, a.store, false)
	if err == nil {
		fmt.Fprintf(a.stderr, "created %s\n", a.store)
	}
	return s, err
}
