package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/operator/changes"
	"github.com/leftfold/leftfold/operator/dynamocost"
	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

func (a *app) devCommand() *cobra.Command {
	var listen string
	var memory bool
	c := &cobra.Command{
		Use:   "dev",
		Short: "Run the whole service in this process, and show what each event changes",
		Long: "Run the whole service in this process: the API, and what keeps the views, until interrupted. Each event is\n" +
			"shown with the rows that it changed, field by field, before and after.\n\n" +
			"On DynamoDB, which has to be on this machine, the views are kept by the handler of the Lambda function, to\n" +
			"which the records of the stream are handed as Lambda does; the tables are made. make dynamodb-local says how\n" +
			"to start one.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if memory {
				a.store = memoryStore
			}
			return a.dev(cmd.Context(), listen)
		},
	}
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:8080", "the address of the API; port 0 takes one that is free")
	c.Flags().BoolVar(&memory, "memory", false, "keep everything in memory, and forget it at the end")
	return c
}

// dev serves the API and keeps the views until ctx ends.
func (a *app) dev(ctx context.Context, listen string) (err error) {
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return terminal.WithHint(err, "end what uses that address, or take a free one: "+a.command("dev", "--listen", "127.0.0.1:0"))
	}
	defer listener.Close() // the server does too, if it gets that far
	d, err := a.openDev(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.service.Close()) }()
	feed, err := d.feed(ctx)
	if err != nil {
		return err
	}
	a.welcome("http://" + listener.Addr().String())
	return together(ctx, feed, func(ctx context.Context) error { return serveHTTP(ctx, listener, d.service.api(d.logger)) })
}

// development is the service while it is developed.
type development struct {
	service *Service
	logger  *slog.Logger
	report  *changes.Report
	// feed prepares the views, and returns what keeps them until its context ends.
	feed func(context.Context) (func(context.Context) error, error)
}

func (a *app) openDev(ctx context.Context) (*development, error) {
	onDynamoDB := strings.HasPrefix(a.store, "dynamodb:")
	if onDynamoDB {
		if err := provisionLocal(ctx, a.store); err != nil {
			return nil, err
		}
	}
	s, err := openService(ctx, a.store, false, a.edition)
	if err != nil {
		return nil, err
	}
	d := &development{service: s,
		logger: slog.New(slog.NewTextHandler(a.stderr(), &slog.HandlerOptions{Level: slog.LevelWarn})),
		report: changes.New(changes.Options{Terminal: a.out, Source: s.Store, Costs: dynamocost.Model{}, Describe: inWords})}
	d.feed = d.byWorker
	if onDynamoDB {
		d.feed = d.byFunction
	}
	return d, nil
}

// engineOptions let the report see what each event changes.
func (d *development) engineOptions() projection.Options {
	opts := workerOptions(d.logger)
	opts.Changes = d.report.Changed
	return opts
}

// byWorker keeps the views by a worker in this process.
func (d *development) byWorker(ctx context.Context) (func(context.Context) error, error) {
	feed, err := d.service.Feed(ctx, viewsConsumer, d.logger)
	if err != nil {
		return nil, err
	}
	worker, err := projection.NewWorker(d.service.Store, d.service.Views, d.report.Feed(feed), d.engineOptions(), d.service.Edition.consumers()...)
	if err != nil {
		return nil, err
	}
	return worker.Run, worker.Prepare(ctx)
}

// welcome says what runs, and what to try.
func (a *app) welcome(url string) {
	upcasters := 0
	types := Events.Types()
	for _, t := range types {
		upcasters += len(t.Upcasts)
	}
	var names []string
	for _, p := range a.edition.projections {
		names = append(names, p.Name())
	}
	place := a.store + ", kept between runs; --memory forgets"
	if a.store == memoryStore {
		place = "in memory, forgotten at the end"
	}
	out := a.stdout()
	fmt.Fprintf(out, "shop · development\n\n")
	fmt.Fprintf(out, "  store        %s\n", place)
	fmt.Fprintf(out, "  events       %s, %s, the chain is checked\n", terminal.Counted(len(types), "type"), terminal.Counted(upcasters, "upcaster"))
	fmt.Fprintf(out, "  projections  %s\n", strings.Join(names, ", "))
	fmt.Fprintf(out, "  api          %s\n\n", url)
	fmt.Fprintf(out, "  try   curl %s/purchases -d '{\"user\":\"17850\",\"lines\":[{\"product\":\"85123A\",\"quantity\":6,\"price\":\"2.55\"}]}'\n", url)
	fmt.Fprintf(out, "  then  curl %s/returns -d '{\"user\":\"17850\",\"purchase\":\"user-17850@1\",\"quantity\":2}'\n", url)
	fmt.Fprintf(out, "        curl %s/customers/17850/history\n\n", url)
}

// inWords is an event for people.
func inWords(c *eventstore.Commit, i int) string {
	event, err := Events.Decode(c, i)
	if err != nil {
		return err.Error()
	}
	switch e := event.(type) {
	case PurchaseMade:
		return fmt.Sprintf("%s ×%d", e.ProductID, e.Quantity)
	case PurchaseReturned:
		return fmt.Sprintf("%s ×%d", e.ProductID, e.Quantity)
	}
	return string(c.Events[i].Payload)
}

// patience is how long the requests that have begun are waited for at the end.
const patience = 5 * time.Second

// serveHTTP answers until ctx ends.
func serveHTTP(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1) // from Serve, once
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	waiting, enough := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer enough()
	err := server.Shutdown(waiting)
	if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
