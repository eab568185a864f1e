package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/handlers/streams"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/dynamoviews"
)

// serve answers the invocations of a function, for as long as Lambda wants. Its name is
// what the function is configured with as its handler.
func serve(name string) error {
	logger := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	handler := newHandler(prefix(), logger)
	functions := map[string]any{"projector": handler.Handle, "sweeper": handler.Sweep}
	if functions[name] == nil {
		return fmt.Errorf("there is no function %q: the handler is projector or sweeper", name)
	}
	lambda.Start(functions[name])
	return nil
}

// newHandler returns what answers the invocations of both functions.
func newHandler(prefix string, logger *slog.Logger) *streams.Handler {
	return streams.Connect(func(ctx context.Context) (*dynamostore.Store, *projection.Engine, error) {
		return connect(ctx, prefix, logger)
	}, streams.Options{Logger: logger})
}

// connect opens what the functions work on. It is called by the first invocation.
func connect(ctx context.Context, prefix string, logger *slog.Logger) (*dynamostore.Store, *projection.Engine, error) {
	settings, err := awsSettings(ctx)
	if err != nil {
		return nil, nil, err
	}
	client := dynamostore.NewClient(settings)
	store, err := dynamostore.Open(ctx, client, prefix, dynamostore.Options{})
	if err != nil {
		return nil, nil, err
	}
	views, err := dynamoviews.Open(ctx, client, prefix, dynamoviews.Options{})
	if err != nil {
		return nil, nil, err
	}
	engine, err := projection.NewEngine(store, views, projection.Options{Logger: logger}, guestsV1)
	return store, engine, err
}
