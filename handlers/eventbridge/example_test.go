package eventbridge_test

import (
	"context"
	"path"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/handlers/eventbridge"
	"github.com/leftfold/leftfold/projection"
)

// The publisher is opened once, at start. The reaction keeps count of what was published.
func publishing(ctx context.Context, settings aws.Config) (*projection.Reaction, error) {
	publisher, err := eventbridge.OpenPublisher(ctx, eventbridge.NewClient(settings), "shop", eventbridge.PublisherOptions{Bus: "orders"})
	if err != nil {
		return nil, err
	}
	return projection.NewReaction("bus", shopEvents, projection.Follow("user"), projection.ReactAny(publisher.Publish))
}

// Other services hear of purchases, and of nothing else.
func purchasesOnly(publisher *eventbridge.Publisher) projection.Part {
	return projection.ReactAny(func(ctx context.Context, e projection.Event[eventstore.Event]) error {
		if e.Data.Type != "PURCHASE_MADE" {
			return nil
		}
		return publisher.Publish(ctx, e)
	})
}

// bucket keeps objects, in S3 for example.
type bucket interface {
	Put(ctx context.Context, key string, content []byte) error
	Get(ctx context.Context, key string) ([]byte, error)
}

// What is too large for the bus goes into a bucket, under the event's own ID.
func withBucket(b bucket) eventbridge.PublisherOptions {
	return eventbridge.PublisherOptions{Bus: "orders", Deposit: func(ctx context.Context, e projection.Event[eventstore.Event]) (string, error) {
		return "s3://large-events/" + e.ID().String(), b.Put(ctx, e.ID().String(), e.Data.Payload)
	}}
}

// The receiver gets it from there.
func fromBucket(b bucket) eventbridge.ReceiverOptions {
	return eventbridge.ReceiverOptions{Fetch: func(ctx context.Context, reference string) ([]byte, error) {
		return b.Get(ctx, path.Base(reference))
	}}
}

func ExamplePublisher() {
	bus, err := publishing(context.Background(), aws.Config{Region: "eu-central-1"})
	if err != nil {
		panic(err)
	}
	_ = bus // is given to a worker of its own

	_, _ = purchasesOnly, withBucket
}

// Points are what a customer gets for a purchase.
type Points struct{ Points int }

// accounts are the entities of the service that receives.
var accounts *aggregate.Repository[int, Points]

// credit is a command that takes effect once for each event, however often it comes.
func credit(ctx context.Context, e eventbridge.Received[PurchaseMade]) error {
	_, err := accounts.Execute(ctx, e.Stream.ID(), func(int) ([]Points, error) { return []Points{{e.Data.Amount}}, nil }, aggregate.CommandID(e.CommandID()))
	return err
}

func ExampleReceiver() {
	receiver, err := eventbridge.NewReceiver("loyalty", eventbridge.ReceiverOptions{},
		eventbridge.From("shop", shopEvents, eventbridge.On(credit), eventbridge.Ignore("PURCHASE_RETURNED")))
	if err != nil {
		panic(err)
	}
	lambda.Start(receiver.HandleMessage)

	_ = fromBucket
}
