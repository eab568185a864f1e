package dynamofeed_test

import (
	"context"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/leftfold/leftfold/eventstore/dynamofeed"
	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/dynamoviews"
)

// A process that keeps the views up to date, as one of any number.
func Example() {
	ctx := context.Background() // ends with the process, in a service
	settings, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return
	}
	client := dynamostore.NewClient(settings)
	store, err := dynamostore.Open(ctx, client, "shop", dynamostore.Options{})
	if err != nil {
		return
	}
	views, err := dynamoviews.Open(ctx, client, "shop", dynamoviews.Options{})
	if err != nil {
		return
	}

	streams := dynamofeed.NewClient(settings)
	feed, err := dynamofeed.Open(ctx, client, streams, "shop", "worker", dynamofeed.Options{Logger: slog.Default()})
	if err != nil {
		return
	}
	worker, err := projection.NewWorker(store, views, feed, projection.Options{}, consumers...)
	if err != nil {
		return
	}
	_ = worker.Run(ctx)
}

// consumers are the projections of the service.
var consumers []projection.Consumer
