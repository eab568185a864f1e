package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/leftfold/leftfold/eventstore/dynamofeed"
	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/handlers/streams"
	"github.com/leftfold/leftfold/handlers/streams/eventsource"
	"github.com/leftfold/leftfold/operator/changes"
	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

// provisionLocal makes the tables, if DynamoDB is on this machine: nobody wants tables in an
// account because a variable was not set.
func provisionLocal(ctx context.Context, store string) error {
	settings, err := awsSettings(ctx, "your tables are")
	if err != nil {
		return err
	}
	endpoint, err := endpointOf(ctx, dynamostore.NewClient(settings))
	if err != nil {
		return err
	}
	if !isLocal(endpoint.Hostname()) {
		return &terminal.Error{Class: terminal.ErrUsage, Text: fmt.Sprintf("shop dev works on a DynamoDB on this machine, and not on %s", endpoint.Host),
			Fix: "make dynamodb-local says how to start one; then export AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:8000 and AWS_ENDPOINT_URL_DYNAMODB_STREAMS"}
	}
	return provisionStores(ctx, store)
}

// endpointOf returns where a client sends its requests.
func endpointOf(ctx context.Context, client *dynamodb.Client) (*url.URL, error) {
	opts := client.Options()
	if opts.BaseEndpoint != nil {
		return url.Parse(*opts.BaseEndpoint)
	}
	resolved, err := opts.EndpointResolverV2.ResolveEndpoint(ctx, dynamodb.EndpointParameters{Region: &opts.Region})
	return &resolved.URI, err
}

func isLocal(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || net.ParseIP(host).IsLoopback()
}

// byFunction keeps the views by the handler of the Lambda function, which gets the records of
// the table's stream as Lambda hands them over.
func (d *development) byFunction(ctx context.Context) (func(context.Context) error, error) {
	settings, err := awsSettings(ctx, "your tables are")
	if err != nil {
		return nil, err
	}
	store := d.service.Store.(*dynamostore.Store) // as openDev has made sure
	engine, err := projection.NewEngine(store, d.service.Views, d.engineOptions(), d.service.Edition.consumers()...)
	if err != nil {
		return nil, err
	}
	handler := streams.New(store, engine, streams.Options{Logger: d.logger})
	records, err := eventsource.OpenStream(ctx, dynamostore.NewClient(settings), dynamofeed.NewClient(settings), store.Table())
	if err != nil {
		return nil, err
	}
	function := shown{lambda.NewHandler(handler.Handle), d.report}
	mapping := eventsource.New(records, function, eventsource.Settings{ReportBatchItemFailures: true, PollEvery: 100 * time.Millisecond,
		Timeout: time.Minute, Logger: d.logger})
	if err := engine.Prepare(ctx); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		return together(ctx, mapping.Run, func(ctx context.Context) error {
			err := sweepOnce(ctx, handler)
			d.report.During(ctx, func() {}) // shows what the sweep has found before the stream
			return err
		})
	}, nil
}

// shown is a function whose changes are shown after each invocation.
type shown struct {
	eventsource.Function
	report *changes.Report
}

// Invoke implements [eventsource.Function].
func (f shown) Invoke(ctx context.Context, payload []byte) (answer []byte, err error) {
	f.report.During(ctx, func() { answer, err = f.Function.Invoke(ctx, payload) })
	return answer, err
}

// sweepOnce finds what the stream no longer holds, as the schedule of a real account does.
func sweepOnce(ctx context.Context, handler *streams.Handler) error {
	_, err := handler.Sweep(ctx, streams.SweepRequest{})
	if err != nil && (ctx.Err() != nil || errors.Is(err, context.Canceled)) {
		return nil
	}
	return err
}
