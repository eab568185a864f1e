// Command leftfold looks at a store of any service, without the service's code, and makes
// the DynamoDB tables that a service needs.
//
//	leftfold status --store dynamodb:shop
//
// What needs the code of a service, such as its states and its folds, belongs to commands
// that the service mounts itself: see operator/commands. Nothing here changes a store.
package main

import (
	"context"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/commands"
	"github.com/leftfold/leftfold/operator/terminal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second interrupt ends the process
	code := run(ctx, os.Args[1:], terminal.New(terminal.Options{}))
	stop()
	os.Exit(code)
}

// run carries out one command line and returns the exit code.
func run(ctx context.Context, args []string, out *terminal.Terminal) int {
	root := newRoot(out)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	return int(out.Fail(ctx, err, "give the command again"))
}

const defaultStore = "sqlite:shop.db"

// needCode are the commands that have nothing to say without the code of a service.
var needCode = []string{"state", "explain", "model", "try", "ask"}

// onlyLooking removes what needs code, or acts.
func onlyLooking(parent *cobra.Command) {
	for _, c := range parent.Commands() {
		if slices.Contains(needCode, c.Name()) || commands.ImpactOf(c) == commands.Acts {
			parent.RemoveCommand(c)
			continue
		}
		onlyLooking(c)
	}
}

func newRoot(out *terminal.Terminal) *cobra.Command {
	store := defaultStore
	flags := func(f *pflag.FlagSet) {
		f.StringVar(&store, "store", defaultStore, "the store, as sqlite:FILE or dynamodb:PREFIX")
		commands.FromEnvironment(f, "store")
	}
	root := &cobra.Command{Use: "leftfold", Short: "Look at the store of a service, and make its tables",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	commands.Mount(root, commands.Options{
		Terminal: out,
		Open:     func(ctx context.Context, _ commands.Impact) (operator.Service, error) { return openService(ctx, store) }, // it only looks
		Flags:    flags,
		Line: func(words ...string) string {
			if store != defaultStore {
				words = append(words, "--store", store)
			}
			return terminal.Line(append([]string{root.Name()}, words...)...)
		},
	})
	onlyLooking(root)
	provision := &cobra.Command{Use: "provision", Short: "Make the DynamoDB tables of a service, or add what they lack", RunE: func(cmd *cobra.Command, _ []string) error {
		if err := provisionStores(cmd.Context(), store); err != nil {
			return err
		}
		out.Say("the tables of %s are ready", store)
		return nil
	}}
	flags(provision.Flags())
	commands.Mark(commands.Acts, provision)
	root.AddCommand(provision)
	commands.Prepare(root, out)
	return root
}
