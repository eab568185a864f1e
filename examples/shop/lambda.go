package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/handlers/eventbridge"
	"github.com/leftfold/leftfold/handlers/httpapi"
	"github.com/leftfold/leftfold/handlers/streams"
	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

// functions are what Lambda can run of the shop, by the name that is the function's
// handler in Lambda. Each connects when it is first invoked.
func functions(c cloud) map[string]any {
	views := streams.Connect(c.views, streams.Options{Logger: c.logger})
	bus := streams.Connect(c.publishing, streams.Options{Logger: c.logger})
	return map[string]any{
		"projector":         views.Handle,
		"sweeper":           views.Sweep,
		"publisher":         bus.Handle,
		"publisher-sweeper": bus.Sweep,
		"receiver":          c.receive(),
		"api":               c.api(),
	}
}

// cloud is the shop as Lambda runs it.
type cloud struct {
	store   string // as --store
	bus     string // as --bus
	edition edition
	logger  *slog.Logger
}

// storeVariable says which store a function works on, and busVariable on which bus it
// publishes.
const (
	storeVariable = "SHOP_STORE"
	busVariable   = "SHOP_BUS"
)

// serve answers the invocations of a function, for as long as Lambda wants. It returns
// only what is wrong at its start.
func serve(name string, stderr io.Writer) int {
	c := cloud{store: os.Getenv(storeVariable), bus: os.Getenv(busVariable), logger: slog.New(slog.NewJSONHandler(stderr, nil))}
	var err error
	c.edition, err = editionOf(os.Getenv(editionVariable))
	all := functions(c)
	if !strings.HasPrefix(c.store, "dynamodb:") {
		err = &terminal.Error{Class: terminal.ErrUsage, Text: fmt.Sprintf("%s=%s: a function works on DynamoDB", storeVariable, c.store), Fix: "set it to the prefix of the tables, for example dynamodb:shop"}
	}
	if all[name] == nil {
		err = &terminal.Error{Class: terminal.ErrUsage, Text: fmt.Sprintf("there is no function %q", name), Fix: "the handler is one of " + strings.Join(slices.Sorted(maps.Keys(all)), ", ")}
	}
	if err != nil {
		fmt.Fprintf(stderr, "error: %s\nhint: %s\n", err, eventstore.Hint(err))
		return int(terminal.CodeOf(err))
	}
	lambda.Start(all[name])
	return 0
}

// views connects with the stores, and with an engine that keeps the views.
func (c cloud) views(ctx context.Context) (*dynamostore.Store, *projection.Engine, error) {
	return c.feed(ctx, c.edition.consumers()...)
}

// publishing connects with the stores and the bus, and with an engine that publishes.
func (c cloud) publishing(ctx context.Context) (*dynamostore.Store, *projection.Engine, error) {
	if c.bus == "" {
		return nil, nil, terminal.WithHint(fmt.Errorf("%s is not set", busVariable), "set it to the name or the ARN of the bus")
	}
	publisher, err := openBus(ctx, c.bus)
	if err != nil {
		return nil, nil, err
	}
	return c.feed(ctx, publishing(publisher))
}

func (c cloud) feed(ctx context.Context, consumers ...projection.Consumer) (*dynamostore.Store, *projection.Engine, error) {
	s, err := openService(ctx, c.store, true, c.edition)
	if err != nil {
		return nil, nil, err
	}
	engine, err := projection.NewEngine(s.Store, s.Views, workerOptions(c.logger), consumers...)
	if err != nil {
		return nil, nil, errors.Join(err, s.Close())
	}
	return s.Store.(*dynamostore.Store), engine, nil // as serve has made sure
}

// receive returns what takes an event of the bus. It connects with the first one.
func (c cloud) receive() func(context.Context, json.RawMessage) error {
	connected := onFirstUse(func(ctx context.Context) (*eventbridge.Receiver, error) {
		s, err := openService(ctx, c.store, true, c.edition)
		if err != nil {
			return nil, err
		}
		return s.receiver()
	})
	return func(ctx context.Context, message json.RawMessage) error {
		r, err := connected(ctx)
		if err != nil {
			return err
		}
		return r.HandleMessage(ctx, message)
	}
}

// api returns what answers a request that API Gateway, or a function URL, hands over. It
// connects with the first one.
func (c cloud) api() func(context.Context, json.RawMessage) (events.APIGatewayV2HTTPResponse, error) {
	connected := onFirstUse(func(ctx context.Context) (http.Handler, error) {
		s, err := openService(ctx, c.store, true, c.edition)
		if err != nil {
			return nil, err
		}
		return s.api(c.logger), nil
	})
	return func(ctx context.Context, request json.RawMessage) (events.APIGatewayV2HTTPResponse, error) {
		handler, err := connected(ctx)
		if err != nil {
			return events.APIGatewayV2HTTPResponse{}, err
		}
		return httpapi.Lambda(handler)(ctx, request)
	}
}

// onFirstUse returns what open has opened: it is called until it succeeds once.
func onFirstUse[T any](open func(context.Context) (T, error)) func(context.Context) (T, error) {
	var mu sync.Mutex
	var opened bool
	var value T
	return func(ctx context.Context) (T, error) {
		mu.Lock()
		defer mu.Unlock()
		if opened {
			return value, nil
		}
		v, err := open(ctx)
		if err == nil {
			value, opened = v, true
		}
		return v, err
	}
}
