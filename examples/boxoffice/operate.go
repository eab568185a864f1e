package main

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore/sqlitestore"
	"github.com/leftfold/leftfold/handlers/dispatch"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/commands"
	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/sqliteviews"
)

// operate carries out a command line of whoever operates the box office, on the file that it
// keeps everything in, and returns the exit code.
func operate(ctx context.Context, file string, args []string, stdout, stderr io.Writer) int {
	out := terminal.New(terminal.Options{Stdout: stdout, Stderr: stderr})
	open := func(ctx context.Context, impact commands.Impact) (operator.Service, error) {
		return opened(ctx, file, impact == commands.Looks)
	}
	root := &cobra.Command{Use: "boxoffice", Short: "Sells the seats of concerts over HTTP", Long: usage}
	commands.Mount(root, commands.Options{Terminal: out, Open: open, Service: told(&service{})})
	commands.Prepare(root, out)
	root.SetArgs(args)
	return int(out.Fail(ctx, root.ExecuteContext(ctx), "give the command again"))
}

// told is what is known of the box office without opening its file.
func told(s *service) operator.Service {
	opts := dispatch.Options{Refusals: refusals}
	return operator.Service{
		Name: "boxoffice", Events: Events, Consumers: []projection.Consumer{GuestsV1},
		Commands: s.commands(opts), Queries: s.queries(opts),
	}
}

// opened opens the file, and makes none. What only looks needs no right to write to it.
func opened(ctx context.Context, file string, readOnly bool) (o operator.Service, err error) {
	store, err := sqlitestore.Open(ctx, file, sqlitestore.Options{MustExist: true, ReadOnly: readOnly})
	if err != nil {
		return o, err
	}
	views, err := sqliteviews.Open(ctx, file, sqliteviews.Options{MustExist: true, ReadOnly: readOnly})
	if err != nil {
		return o, errors.Join(err, store.Close())
	}
	s := &service{views: views, concerts: aggregate.NewRepository(store, Concerts, aggregate.Options{})}
	o = told(s)
	o.Store, o.Views, o.States = store, views, []operator.Folder{operator.StateOf(s.concerts)}
	o.Close = func() error { return errors.Join(views.Close(), store.Close()) }
	return o, nil
}
