package commands_test

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore/memstore"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/commands"
	"github.com/leftfold/leftfold/operator/terminal"
)

// mount adds the commands of operators to a program.
func mount(root *cobra.Command, out *terminal.Terminal, open func(context.Context, commands.Impact) (operator.Service, error)) {
	commands.Mount(root, commands.Options{Terminal: out, Open: open})
	commands.Prepare(root, out)
}

// A program tells what its service is made of, and has commands that know its events and
// states.
func Example() {
	ctx := context.Background()
	store := memstore.New()
	box := aggregate.NewRepository[order, ordered](store, orders, aggregate.Options{})
	if _, err := box.Execute(ctx, "7", func(order) ([]ordered, error) { return []ordered{{Item: "tea", Count: 2}}, nil }); err != nil {
		fmt.Println(err)
	}
	open := func(context.Context, commands.Impact) (operator.Service, error) {
		return operator.Service{Name: "orders", Events: registry, Store: store, States: []operator.Folder{operator.StateOf(box)}}, nil
	}

	out := terminal.New(terminal.Options{Stdout: os.Stdout, Stderr: os.Stdout})
	for _, line := range [][]string{{"streams"}, {"state", "order-7", "--quiet"}, {"verify"}, {"events", "order-8"}} {
		root := &cobra.Command{Use: "orders"}
		mount(root, out, open)
		root.SetArgs(line)
		code := out.Fail(ctx, root.ExecuteContext(ctx), "give it again") // a program exits with it
		fmt.Println("exit", code)
		out.Quiet = false
	}
	// Output:
	// order-7
	// exit done
	// order-7@1
	// exit done
	// 1 event in 1 commit of 1 stream, 0 faults
	// exit done
	// error: there is no stream "order-8"
	// hint: orders streams order lists the streams of this category
	// exit not_there
}
