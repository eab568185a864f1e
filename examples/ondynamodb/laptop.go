package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/leftfold/leftfold/eventstore/dynamofeed"
	"github.com/leftfold/leftfold/handlers/streams"
	"github.com/leftfold/leftfold/handlers/streams/eventsource"
)

// laptop does in this process what the functions do in Lambda, until ctx ends: a sweep,
// before which the view can not be read on a store that is not empty, and then the
// projector, which the stream of the table triggers.
func laptop(ctx context.Context, settings aws.Config, client *dynamodb.Client, prefix string) error {
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	handler := newHandler(prefix, logger)
	swept, err := handler.Sweep(ctx, streams.SweepRequest{}) // a schedule would repeat it
	if err != nil {
		return err
	}
	logger.InfoContext(ctx, "swept", "streams", swept.Streams, "behind", swept.Behind)

	stream, err := eventsource.OpenStream(ctx, client, dynamofeed.NewClient(settings), prefix+"-events")
	if err != nil {
		return err
	}
	projector := lambda.NewHandler(handler.Handle)
	mapping := eventsource.New(stream, projector, eventsource.Settings{ReportBatchItemFailures: true, Timeout: time.Minute, Logger: logger})
	return mapping.Run(ctx)
}
