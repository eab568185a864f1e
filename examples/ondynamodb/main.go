// Command ondynamodb books seats for a concert as the quickstart does, on DynamoDB:
// main.go is the service, watch.go what it tells of itself, lambda.go how Lambda runs it,
// and laptop.go how it runs what Lambda would, here.
//
//	ondynamodb provision          makes the tables, once, as a step of the deployment
//	ondynamodb book GUEST SEATS   carries out a command
//	ondynamodb worker             keeps the view up to date until it is interrupted
//	ondynamodb seats GUEST        answers from the view
//	ondynamodb laptop             does what the functions in Lambda do, until it is interrupted
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/logging"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamofeed"
	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/dynamoviews"
)

// Booked is an event: a fact.
type Booked struct {
	Guest string
	Seats int
}

var events = eventstore.MustRegistry(eventstore.Type[Booked]("BOOKED", 1))

// The state of a concert is the number of seats taken, folded from its events.
var concerts = aggregate.Decider[int, Booked]{Category: "concert", Events: events,
	Evolve: func(taken int, e Booked) int { return taken + e.Seats }}

// book is a command: a function from state to new events, or a refusal.
func book(guest string, seats int) aggregate.Decision[int, Booked] {
	return func(taken int) ([]Booked, error) {
		if taken+seats > 10 {
			return nil, fmt.Errorf("%d of 10 seats are taken", taken)
		}
		return []Booked{{guest, seats}}, nil
	}
}

// The view has a row a guest: its key, and what an event does to it.
var guests = projection.Fold("guests", projection.On(
	func(e projection.Event[Booked]) projection.Key { return projection.KeyOf(e.Data.Guest) },
	func(seats *int, e projection.Event[Booked]) error { *seats += e.Data.Seats; return nil }))

var guestsV1 = projection.MustNew("guests", 1, events, projection.Follow("concert"), guests)

func main() {
	if name := os.Getenv("_HANDLER"); name != "" { // Lambda has started it
		os.Exit(report(serve(name)))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := report(run(ctx, prefix(), os.Args[1:], os.Stdout))
	stop()
	os.Exit(code)
}

// prefix begins the names of the tables: concerts-events, concerts-views, concerts-leases.
func prefix() string {
	if p := os.Getenv("TABLES"); p != "" {
		return p
	}
	return "concerts"
}

// report says what went wrong, and what can be done about it where that is known.
func report(err error) (code int) {
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "error:", err)
	if hint := eventstore.Hint(err); hint != "" {
		fmt.Fprintln(os.Stderr, "hint:", hint)
	}
	return 1
}

func run(ctx context.Context, prefix string, args []string, out io.Writer) error {
	settings, err := awsSettings(ctx)
	if err != nil {
		return err
	}
	client := dynamostore.NewClient(settings) // one for everything
	switch {
	case len(args) == 1 && args[0] == "provision":
		return provision(ctx, client, prefix)
	case len(args) == 1 && args[0] == "worker":
		return work(ctx, settings, client, prefix)
	case len(args) == 1 && args[0] == "laptop":
		return laptop(ctx, settings, client, prefix)
	}

	store, err := dynamostore.Open(ctx, client, prefix, dynamostore.Options{})
	if err != nil {
		return err
	}
	views, err := dynamoviews.Open(ctx, client, prefix, dynamoviews.Options{})
	if err != nil {
		return err
	}
	box := aggregate.NewRepository(store, concerts, aggregate.Options{CacheStreams: 1000})
	switch {
	case len(args) == 3 && args[0] == "book":
		seats, err := strconv.Atoi(args[2])
		if err != nil || seats < 1 {
			return fmt.Errorf("%q is no number of seats: book GUEST SEATS, with 1 seat or more", args[2])
		}
		commit, err := box.Execute(ctx, "opera", book(args[1], seats))
		if err != nil {
			return err
		}
		fmt.Fprintln(out, commit.EventID(0))
	case len(args) == 2 && args[0] == "seats":
		seats, err := guests.Get(ctx, views, projection.KeyOf(args[1]))
		if err != nil {
			return err
		}
		fmt.Fprintln(out, args[1], "has", seats, "seats")
	default:
		return errors.New("usage: ondynamodb provision | book GUEST SEATS | worker | seats GUEST | laptop")
	}
	return nil
}

// awsSettings are those of the SDK's own variables and files: Region, credentials, endpoint.
func awsSettings(ctx context.Context) (aws.Config, error) {
	// The SDK would log what it puts right by itself; errors come as errors.
	settings, err := config.LoadDefaultConfig(ctx, config.WithLogger(logging.Nop{}))
	if err == nil && settings.Region == "" {
		err = errors.New("there is no AWS Region: export AWS_REGION=eu-central-1, or where your tables are")
	}
	return settings, err
}

// provision makes the tables, or adds what they lack. It is a step of the deployment,
// with a role of its own: nothing else needs the right to make or change a table.
func provision(ctx context.Context, client *dynamodb.Client, prefix string) error {
	if err := dynamostore.Provision(ctx, client, prefix, dynamostore.ProvisionOptions{}); err != nil {
		return err
	}
	if err := dynamoviews.Provision(ctx, client, prefix, dynamoviews.ProvisionOptions{}); err != nil {
		return err
	}
	return dynamofeed.Provision(ctx, client, prefix, dynamofeed.ProvisionOptions{})
}

// work keeps the view up to date until ctx ends, beside any number of others that do.
func work(ctx context.Context, settings aws.Config, client *dynamodb.Client, prefix string) error {
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	store, err := dynamostore.Open(ctx, client, prefix, dynamostore.Options{})
	if err != nil {
		return err
	}
	views, err := dynamoviews.Open(ctx, client, prefix, dynamoviews.Options{})
	if err != nil {
		return err
	}
	feed, err := dynamofeed.Open(ctx, client, dynamofeed.NewClient(settings), prefix, "worker", dynamofeed.Options{Logger: logger})
	if err != nil {
		return err
	}
	worker, err := projection.NewWorker(store, views, feed, projection.Options{Logger: logger}, guestsV1)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer stop()
	watching.Go(func() { keepWatching(ctx, views, feed, logger) })
	return worker.Run(ctx)
}
