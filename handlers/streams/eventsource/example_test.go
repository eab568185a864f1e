package eventsource_test

import (
	"context"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"

	"github.com/leftfold/leftfold/handlers/lambdatest"
	"github.com/leftfold/leftfold/handlers/streams"
	"github.com/leftfold/leftfold/handlers/streams/eventsource"
)

// A handler in this process is invoked by the stream of a table, as Lambda would.
func Example() {
	trigger := func(ctx context.Context, tables *dynamodb.Client, client *dynamodbstreams.Client, handler *streams.Handler) error {
		stream, err := eventsource.OpenStream(ctx, tables, client, "shop-events")
		if err != nil {
			return err
		}
		function := lambda.NewHandler(handler.Handle)
		return eventsource.New(stream, function, eventsource.Settings{ReportBatchItemFailures: true, Timeout: time.Minute}).Run(ctx)
	}
	_ = trigger
}

// A program that was built is run, and invoked, as by Lambda.
func Example_program() {
	trigger := func(ctx context.Context, stream *eventsource.Stream) error {
		function := lambdatest.New("bin/bootstrap", lambdatest.Options{
			Handler: "projector",
			Env:     []string{"SHOP_STORE=dynamodb:shop", "AWS_REGION=eu-central-1"},
			Timeout: time.Minute,
		})
		defer function.Close()
		return eventsource.New(stream, function, eventsource.Settings{ReportBatchItemFailures: true, ParallelizationFactor: 10}).Run(ctx)
	}
	_ = trigger
}
