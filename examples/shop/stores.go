package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamofeed"
	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamometer"
	"github.com/leftfold/leftfold/eventstore/memstore"
	"github.com/leftfold/leftfold/eventstore/sqlitestore"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/dynamoviews"
	"github.com/leftfold/leftfold/projection/memviews"
	"github.com/leftfold/leftfold/projection/sqliteviews"
)

// Store is what the shop needs of an event store.
type Store interface {
	eventstore.Store
	eventstore.Transactor
	eventstore.Directory
	eventstore.Scanner
}

// stores are an event store and the views beside it.
type stores struct {
	store Store
	views projection.ViewStore
	feed  openFeed
	// tailer is nil where the store is one, usage where nothing is charged.
	tailer eventstore.Tailer
	usage  func() operator.Usage
	close  func() error
}

// openFeed opens the feed of a consumer: one that has a position of its own, and shares
// the work with the other workers of its name.
type openFeed func(ctx context.Context, consumer string, logger *slog.Logger) (eventstore.Feed, error)

// openStores opens what a URL names, such as sqlite:shop.db. This is the one place that
// knows which stores there are.
func openStores(ctx context.Context, url string, mustExist bool) (stores, error) {
	scheme, place, named := strings.Cut(url, ":")
	switch {
	case url == memoryStore:
		return openMemory(), nil
	case !named || place == "":
		return stores{}, storeErrorf("--store %q: a store is named SCHEME:PLACE", url)
	case scheme == "sqlite":
		return openSQLite(ctx, place, mustExist, false)
	case scheme == "dynamodb":
		return openDynamoDB(ctx, place)
	}
	return stores{}, storeErrorf("--store %q: this program has no store of the scheme %q, only sqlite and dynamodb", url, scheme)
}

// memoryStore is the store that is forgotten at the end: it is not for --store, since each
// command would have another one.
const memoryStore = "memory:"

func openMemory() stores {
	store := memstore.New()
	feed := func(_ context.Context, consumer string, _ *slog.Logger) (eventstore.Feed, error) {
		return store.Feed(consumer), nil
	}
	return stores{store: store, views: memviews.New(memviews.Options{}), feed: feed, close: func() error { return nil }}
}

func storeErrorf(format string, args ...any) error {
	return &terminal.Error{Class: terminal.ErrUsage, Text: fmt.Sprintf(format, args...),
		Fix: "name a file, for example --store sqlite:shop.db, or the prefix of DynamoDB tables, for example --store dynamodb:shop"}
}

// openToLook opens a store that is only looked at, also where it can not be written.
func openToLook(ctx context.Context, url string, mustExist bool) (stores, error) {
	s, err := openStores(ctx, url, mustExist)
	path, isFile := strings.CutPrefix(url, "sqlite:")
	if err == nil || !isFile || errors.Is(err, os.ErrNotExist) {
		return s, err
	}
	if s, failed := openSQLite(ctx, path, true, true); failed == nil {
		return s, nil
	}
	return s, err
}

func openSQLite(ctx context.Context, path string, mustExist, readOnly bool) (stores, error) {
	store, err := sqlitestore.Open(ctx, path, sqlitestore.Options{MustExist: mustExist, ReadOnly: readOnly})
	if err != nil {
		return stores{}, err
	}
	views, err := sqliteviews.Open(ctx, path, sqliteviews.Options{MustExist: true, ReadOnly: readOnly})
	if err != nil {
		return stores{}, errors.Join(err, store.Close())
	}
	feed := func(_ context.Context, consumer string, _ *slog.Logger) (eventstore.Feed, error) {
		return store.Feed(consumer), nil
	}
	return stores{store, views, feed, nil, nil, func() error { return errors.Join(views.Close(), store.Close()) }}, nil
}

func openDynamoDB(ctx context.Context, prefix string) (stores, error) {
	settings, err := awsSettings(ctx, "your tables are")
	if err != nil {
		return stores{}, err
	}
	meter := new(dynamometer.Meter)
	client := dynamostore.NewClient(settings, meter.Attach)
	store, err := dynamostore.Open(ctx, client, prefix, dynamostore.Options{})
	if err != nil {
		return stores{}, err
	}
	views, err := dynamoviews.Open(ctx, client, prefix, dynamoviews.Options{})
	if err != nil {
		return stores{}, err
	}
	streams := dynamofeed.NewClient(settings)
	feed := func(ctx context.Context, consumer string, logger *slog.Logger) (eventstore.Feed, error) {
		return dynamofeed.Open(ctx, client, streams, prefix, consumer, dynamofeed.Options{Name: workerName(), Logger: logger})
	}
	usage := func() operator.Usage {
		u := meter.Total()
		return operator.Usage{Requests: u.Requests, ReadUnits: u.ReadUnits, WriteUnits: u.WriteUnits}
	}
	return stores{store, views, feed, dynamofeed.NewTailer(client, streams, store, dynamofeed.Options{}), usage, func() error { return nil }}, nil
}

// awsSettings are those of the SDK's own variables and files. The Region is where
// something is.
func awsSettings(ctx context.Context, something string) (aws.Config, error) {
	// The SDK would write to stderr what it puts right by itself; errors come as errors.
	settings, err := config.LoadDefaultConfig(ctx, config.WithLogger(logging.Nop{}))
	if err != nil {
		return aws.Config{}, fmt.Errorf("read the settings of AWS: %w", err)
	}
	if settings.Region == "" {
		return aws.Config{}, &terminal.Error{Class: terminal.ErrUsage, Text: "there is no AWS Region", Fix: "export AWS_REGION=eu-central-1, or where " + something}
	}
	return settings, nil
}

// provisionStores makes what a store needs before its first use.
func provisionStores(ctx context.Context, url string) error {
	prefix, ok := strings.CutPrefix(url, "dynamodb:")
	if !ok {
		return usageErrorf("shop provision makes DynamoDB tables, and %s has none: it is made by the first write", url)
	}
	settings, err := awsSettings(ctx, "your tables are")
	if err != nil {
		return err
	}
	client := dynamostore.NewClient(settings)
	if err := dynamostore.Provision(ctx, client, prefix, dynamostore.ProvisionOptions{}); err != nil {
		return err
	}
	if err := dynamoviews.Provision(ctx, client, prefix, dynamoviews.ProvisionOptions{}); err != nil {
		return err
	}
	return dynamofeed.Provision(ctx, client, prefix, dynamofeed.ProvisionOptions{})
}
