package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/handlers/streams"
	"github.com/leftfold/leftfold/projection"
)

// functions are what Lambda can run of the shop, by the name that is the function's
// handler in Lambda. Each connects when it is first invoked.
func functions(c cloud) map[string]any {
	views := streams.Connect(c.views, streams.Options{Logger: c.logger})
	return map[string]any{
		"projector": views.Handle,
		"sweeper":   views.Sweep,
	}
}

// cloud is the shop as Lambda runs it.
type cloud struct {
	store  string // as --store
	logger *slog.Logger
}

// storeVariable says which store a function works on.
const storeVariable = "SHOP_STORE"

// serve answers the invocations of a function, for as long as Lambda wants. It returns
// only what is wrong at its start.
func serve(name string, stderr io.Writer) int {
	c := cloud{store: os.Getenv(storeVariable), logger: slog.New(slog.NewJSONHandler(stderr, nil))}
	all := functions(c)
	var err error
	if !strings.HasPrefix(c.store, "dynamodb:") {
		err = &spokenError{class: errUsage, text: fmt.Sprintf("%s=%s: a function works on DynamoDB", storeVariable, c.store), hint: "set it to the prefix of the tables, for example dynamodb:shop"}
	}
	if all[name] == nil {
		err = &spokenError{class: errUsage, text: fmt.Sprintf("there is no function %q", name), hint: "the handler is one of " + strings.Join(slices.Sorted(maps.Keys(all)), ", ")}
	}
	if err != nil {
		fmt.Fprintf(stderr, "error: %s\nhint: %s\n", err, eventstore.Hint(err))
		return exitCode(err)
	}
	lambda.Start(all[name])
	return 0
}

// views connects with the stores, and with an engine that keeps the views.
func (c cloud) views(ctx context.Context) (*dynamostore.Store, *projection.Engine, error) {
	s, err := openService(ctx, c.store, true)
	if err != nil {
		return nil, nil, err
	}
	engine, err := projection.NewEngine(s.Store, s.Views, workerOptions(c.logger), viewConsumers()...)
	if err != nil {
		return nil, nil, errors.Join(err, s.Close())
	}
	return s.Store.(*dynamostore.Store), engine, nil // as serve has made sure
}
