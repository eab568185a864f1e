package commands_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/commands"
	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
)

// operate carries out one command line of the operator, and returns the exit code: main is
// os.Exit(operate(ctx, os.Args[1:], os.Stdout, os.Stderr, openStores)). A whole program that
// opens files is examples/boxoffice.
func operate(ctx context.Context, args []string, stdout, stderr io.Writer, openStores func(context.Context, commands.Impact) (eventstore.Store, projection.ViewStore, error)) int {
	totals := projection.MustNew("totals", 1, registry, projection.Follow("order"), view(1, "too few"))
	told := operator.Service{Name: "orders", Events: registry, Consumers: []projection.Consumer{totals}} // needs no store
	open := func(ctx context.Context, impact commands.Impact) (s operator.Service, err error) {
		s = told
		s.Store, s.Views, err = openStores(ctx, impact) // read-only for commands.Looks; s.Close closes them, if they have to be
		s.States = []operator.Folder{operator.StateOf(aggregate.NewRepository(s.Store, orders, aggregate.Options{}))}
		return s, err
	}
	out := terminal.New(terminal.Options{Stdout: stdout, Stderr: stderr})
	root := &cobra.Command{Use: "orders", Short: "A service that takes orders"}
	commands.Mount(root, commands.Options{Terminal: out, Open: open, Service: told})
	commands.Prepare(root, out)
	root.SetArgs(args)
	return int(out.Fail(ctx, root.ExecuteContext(ctx), "give it again"))
}

// A program tells what its service is made of, and has commands that know its events and
// projections.
func Example() {
	ctx := context.Background()
	store, views := memstore.New(), memviews.New(memviews.Options{})
	box := aggregate.NewRepository[order, ordered](store, orders, aggregate.Options{})
	if _, err := box.Execute(ctx, "7", func(order) ([]ordered, error) { return []ordered{{Item: "tea", Count: 2}}, nil }); err != nil {
		fmt.Println(err)
	}
	openStores := func(context.Context, commands.Impact) (eventstore.Store, projection.ViewStore, error) {
		return store, views, nil
	}

	for _, line := range []string{"streams", "state order-7 --quiet", "verify", "events order-8", "model", "send", "frob"} {
		code := operate(ctx, strings.Fields(line), os.Stdout, os.Stdout, openStores)
		fmt.Println("exit", code)
	}
	// Output:
	// order-7
	// exit 0
	// order-7@1
	// exit 0
	// 1 event in 1 commit of 1 stream, 0 faults
	// exit 0
	// error: there is no stream "order-8"
	// hint: orders streams order lists the streams of this category
	// exit 3
	// EVENT TYPE  SCHEMA  UPCASTS  HANDLED BY
	// ORDERED          1  –        totals
	//
	// CONSUMER   VIEW    KIND  FOLLOWS  HANDLES
	// totals v1  totals  fold  order    ORDERED
	// exit 0
	// error: this program tells no commands
	// hint: it has to give them to commands.Mount, in Options.Service
	// exit 1
	// error: there is no command "frob"
	// hint: orders --help lists the commands, orders COMMAND --help explains one
	// exit 2
}
