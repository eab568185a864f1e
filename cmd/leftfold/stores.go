package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"

	"github.com/leftfold/leftfold/eventstore/dynamofeed"
	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/eventstore/sqlitestore"
	"github.com/leftfold/leftfold/internal/sqlitefile"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection/dynamoviews"
	"github.com/leftfold/leftfold/projection/sqliteviews"
)

// openService opens what a URL names, such as sqlite:shop.db, to be looked at. This and
// provisionStores are the places that know which stores there are.
func openService(ctx context.Context, url string) (operator.Service, error) {
	scheme, place, named := strings.Cut(url, ":")
	switch {
	case !named || place == "":
		return operator.Service{}, wrongStore("--store %q: a store is named SCHEME:PLACE", url)
	case scheme == "sqlite":
		return openSQLite(ctx, place)
	case scheme == "dynamodb":
		return openDynamoDB(ctx, place)
	}
	return operator.Service{}, wrongStore("--store %q: there is no store of the scheme %q, only sqlite and dynamodb", url, scheme)
}

func wrongStore(format string, args ...any) error {
	return &terminal.Error{Class: terminal.ErrUsage, Text: fmt.Sprintf(format, args...),
		Fix: "name a file, for example --store sqlite:shop.db, or the prefix of DynamoDB tables, for example --store dynamodb:shop"}
}

func openSQLite(ctx context.Context, path string) (operator.Service, error) {
	store, err := sqlitestore.Open(ctx, path, sqlitestore.Options{ReadOnly: true})
	if err != nil {
		return operator.Service{}, err
	}
	views, err := sqliteviews.Open(ctx, path, sqliteviews.Options{ReadOnly: true})
	if errors.Is(err, sqlitefile.ErrIncomplete) { // a service without projections, or none has run yet
		return operator.Service{Store: store, Close: store.Close}, nil
	}
	if err != nil {
		return operator.Service{}, errors.Join(err, store.Close())
	}
	return operator.Service{Store: store, Views: views, Close: func() error { return errors.Join(views.Close(), store.Close()) }}, nil
}

func openDynamoDB(ctx context.Context, prefix string) (operator.Service, error) {
	settings, err := awsSettings(ctx)
	if err != nil {
		return operator.Service{}, err
	}
	client := dynamostore.NewClient(settings)
	store, err := dynamostore.Open(ctx, client, prefix, dynamostore.Options{})
	if err != nil {
		return operator.Service{}, notProvisioned(err, prefix)
	}
	views, err := dynamoviews.Open(ctx, client, prefix, dynamoviews.Options{})
	if err != nil {
		return operator.Service{}, notProvisioned(err, prefix)
	}
	tailer := dynamofeed.NewTailer(client, dynamofeed.NewClient(settings), store, dynamofeed.Options{})
	return operator.Service{Store: store, Views: views, Tailer: tailer}, nil
}

// notProvisioned says how this program makes tables, and as what their absence counts.
func notProvisioned(err error, prefix string) error {
	if !errors.Is(err, dynamostore.ErrMissing) {
		return err
	}
	return &terminal.Error{Class: operator.ErrNotFound, Text: err.Error(),
		Fix: terminal.Line("leftfold", "provision", "--store", "dynamodb:"+prefix) + " makes the tables, in this account and Region; or correct the prefix"}
}

// awsSettings are those of the SDK's own variables and files.
func awsSettings(ctx context.Context) (aws.Config, error) {
	// The SDK would write to stderr what it puts right by itself; errors come as errors.
	settings, err := config.LoadDefaultConfig(ctx, config.WithLogger(logging.Nop{}))
	if err != nil {
		return aws.Config{}, fmt.Errorf("read the settings of AWS: %w", err)
	}
	if settings.Region == "" {
		return aws.Config{}, &terminal.Error{Class: terminal.ErrUsage, Text: "there is no AWS Region", Fix: "export AWS_REGION=eu-central-1, or where your tables are"}
	}
	return settings, nil
}

// provisionStores makes what a store needs before its first use.
func provisionStores(ctx context.Context, url string) error {
	prefix, ok := strings.CutPrefix(url, "dynamodb:")
	if !ok {
		return &terminal.Error{Class: terminal.ErrUsage, Text: fmt.Sprintf("provision makes DynamoDB tables, and %s has none: it is made by the first write", url),
			Fix: "name the prefix of the tables, for example --store dynamodb:shop"}
	}
	settings, err := awsSettings(ctx)
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
