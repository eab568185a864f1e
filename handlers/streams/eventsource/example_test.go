package eventsource_test

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"

	"github.com/leftfold/leftfold/eventstore/dynamofeed"
	"github.com/leftfold/leftfold/eventstore/dynamostore"
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

// A program that was built is run, and invoked, as by Lambda: its sweeper once, and its
// projector by the stream of the table.
func Example_program() {
	trigger := func(ctx context.Context) error {
		settings, err := config.LoadDefaultConfig(ctx)
		if err != nil {
			return err
		}
		stream, err := eventsource.OpenStream(ctx, dynamostore.NewClient(settings), dynamofeed.NewClient(settings), "concerts-events")
		if err != nil {
			return err
		}
		// Nothing of your shell's environment is passed on.
		env := []string{"TABLES=concerts", "AWS_ENDPOINT_URL=http://localhost:8000", "AWS_REGION=eu-central-1",
			"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test"}
		sweeper := lambdatest.New("bin/bootstrap", lambdatest.Options{Handler: "sweeper", Env: env, Timeout: 15 * time.Minute, Output: os.Stderr})
		defer sweeper.Close()
		projector := lambdatest.New("bin/bootstrap", lambdatest.Options{Handler: "projector", Env: env, Timeout: time.Minute, Output: os.Stderr})
		defer projector.Close()
		if _, err := sweeper.Invoke(ctx, []byte("{}")); err != nil {
			return err
		}
		logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
		return eventsource.New(stream, projector, eventsource.Settings{ReportBatchItemFailures: true, Logger: logger}).Run(ctx)
	}
	_ = trigger
}
