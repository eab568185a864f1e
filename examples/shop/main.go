// Command shop is the worked example of Leftfold, a complete small service:
// customers make purchases and return them; what each customer bought and how each
// product sells are views.
//
// Read events.go (the facts), customer.go (the decisions), views.go (the views),
// then service.go (the wiring). The other files are its commands.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/handlers/dispatch"
	"github.com/leftfold/leftfold/handlers/eventbridge"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/commands"
	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

func main() {
	if name := os.Getenv("_HANDLER"); name != "" { // Lambda has started it
		os.Exit(serve(name, os.Stderr))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second interrupt ends the process
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run carries out one command line and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	a := &app{out: terminal.New(terminal.Options{Stdout: stdout, Stderr: stderr})}
	var err error
	if a.edition, err = editionOf(os.Getenv(editionVariable)); err == nil {
		root := a.root()
		root.SetArgs(args)
		err = a.explained(root.ExecuteContext(ctx))
	}
	return int(a.out.Fail(ctx, err, "give the command again; what was done is not done twice"))
}

// explained puts the library's errors in terms of this program, where they say less.
func (a *app) explained(err error) error {
	if errors.Is(err, dynamostore.ErrMissing) || errors.Is(err, eventbridge.ErrNoBus) {
		err = &terminal.Error{Class: operator.ErrNotFound, Text: err.Error(), Fix: eventstore.Hint(err), Cause: err}
	}
	if hint := a.hintFor(err); hint != "" {
		return terminal.WithHint(err, hint)
	}
	return err
}

// hintFor is the hint of an error, in terms of this program.
func (a *app) hintFor(err error) string {
	notBuilt, ok := errors.AsType[*projection.NotBuiltError](err)
	switch {
	case ok && notBuilt.Fed:
		return fmt.Sprintf("%s builds the views, %s keeps them up to date", a.command("project"), a.command("worker"))
	case errors.Is(err, dynamostore.ErrMissing):
		return a.command("provision") + " makes the tables, in this account and Region; or correct the prefix"
	case unknownOutcomeOfSend(err): // its own hint names the ID, without which it would take effect twice
		return eventstore.Hint(err)
	case isFull(err):
		return "free some space and give the command again; what was done is not done twice"
	case errors.Is(err, eventstore.ErrOutcomeUnknown):
		return "give the command again; what was done is not done twice"
	}
	return eventstore.Hint(err)
}

// unknownOutcomeOfSend reports whether nobody knows what became of a command of a bus.
func unknownOutcomeOfSend(err error) bool {
	f, ok := errors.AsType[*dispatch.Failure](err)
	return ok && f.Class == dispatch.OutcomeUnknown
}

// app is what the commands share.
type app struct {
	store   string
	edition edition
	out     *terminal.Terminal
}

func (a *app) stdout() io.Writer { return a.out.Stdout() }
func (a *app) stderr() io.Writer { return a.out.Stderr() }

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "shop",
		Short: "The worked example of Leftfold: a shop on an event store",
		Long: "The worked example of Leftfold: a shop on an event store. Without a command it plays the demo.\n" +
			"Most commands take --store, and --json to answer in JSON.\n\n" +
			editionVariable + "=2 is another build of the program: it carries version 2 of product-stats beside version 1.",
		RunE: func(cmd *cobra.Command, _ []string) error { return a.demo(cmd.Context()) },
	}
	commands.Mount(root, commands.Options{Terminal: a.out, Open: a.operated, Service: told(&Service{Edition: a.edition}),
		Flags: a.storeFlag, Line: a.command})
	withoutJSON := []*cobra.Command{a.provisionCommand(), a.tradeCommand(), a.workerCommand()}
	acts := []*cobra.Command{a.loadCommand(), a.projectCommand(), a.mailsCommand(), a.publishCommand(), a.receiveCommand()}
	looks := []*cobra.Command{a.historyCommand(), a.statsCommand(), a.topCommand(), a.dumpCommand()}
	dev := a.devCommand()
	for _, c := range slices.Concat(withoutJSON, acts, looks, []*cobra.Command{dev}) {
		a.storeFlag(c.Flags())
	}
	for _, c := range slices.Concat(acts, looks) {
		a.out.AddJSONFlag(c.Flags())
	}
	demo := a.demoCommand()
	commands.Mark(commands.Looks, looks...)
	commands.Mark(commands.Acts, slices.Concat(withoutJSON, acts)...)
	commands.Mark(commands.Other, demo, dev)
	root.AddCommand(slices.Concat(withoutJSON, acts, looks, []*cobra.Command{demo, dev})...)
	commands.Prepare(root, a.out)
	// So that they may also stand before the command's name.
	a.storeFlag(root.PersistentFlags())
	a.out.AddJSONFlag(root.PersistentFlags())
	root.PersistentFlags().VisitAll(func(f *pflag.Flag) { f.Hidden = true })
	return root
}

const defaultStore = "sqlite:shop.db"

func (a *app) storeFlag(flags *pflag.FlagSet) {
	flags.StringVar(&a.store, "store", defaultStore, "the store, as sqlite:FILE or dynamodb:PREFIX")
	commands.FromEnvironment(flags, "store")
}

// command returns a command line on the same store, to be pasted into a shell.
func (a *app) command(words ...string) string {
	if a.store != defaultStore {
		words = slices.Concat(words, []string{"--store", a.store})
	}
	return terminal.Line(append([]string{"shop"}, words...)...)
}

// with runs a command on a store that must exist.
func (a *app) with(ctx context.Context, run func(*Service) error) error {
	s, err := a.open(ctx, openStores)
	if err != nil {
		return err
	}
	return errors.Join(run(s), s.Close())
}

// open opens a store that must exist.
func (a *app) open(ctx context.Context, open func(context.Context, string, bool) (stores, error)) (*Service, error) {
	s, err := open(ctx, a.store, true)
	if errors.Is(err, os.ErrNotExist) {
		err = terminal.WithHint(err, a.command("load", "FILE")+" makes a store; --store sqlite:FILE names another one")
	}
	if err != nil {
		return nil, err
	}
	return newService(s, a.edition), nil
}

// create opens the service for a command that needs no store to be there. It says
// so if it made one, since a store whose name is mistyped looks like an empty one.
func (a *app) create(ctx context.Context) (*Service, error) {
	s, err := openService(ctx, a.store, true, a.edition)
	if !errors.Is(err, os.ErrNotExist) {
		return s, err
	}
	s, err = openService(ctx, a.store, false, a.edition)
	if err == nil {
		fmt.Fprintf(a.stderr(), "created %s\n", a.store)
	}
	return s, err
}

func usageErrorf(format string, args ...any) error {
	return &terminal.Error{Class: terminal.ErrUsage, Text: fmt.Sprintf(format, args...), Fix: "shop --help lists the commands, shop COMMAND --help explains one"}
}

func notFoundf(hint, format string, args ...any) error {
	return &terminal.Error{Class: operator.ErrNotFound, Text: fmt.Sprintf(format, args...), Fix: hint}
}

// printJSON prints an answer of the shop's own on a line: a row as it is in its view.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
