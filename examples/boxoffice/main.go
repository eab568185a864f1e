// Command boxoffice sells the seats of concerts over HTTP. It is a service as small
// as one can be, and docs/your-own-service.md explains it: booking.go is what it
// decides, guests.go what it shows, http.go how it is asked, parked.go how it goes on
// after a view has failed.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/sqlitestore"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/sqliteviews"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	listener, err := net.Listen("tcp", "localhost:8080")
	if err == nil {
		err = run(ctx, "boxoffice.db", listener, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	}
	stop()
	if err != nil {
		report(os.Stderr, err)
		os.Exit(1)
	}
}

// report says what went wrong, and what can be done about it where that is known.
func report(w io.Writer, err error) {
	fmt.Fprintf(w, "error: %v\n", err)
	if hint := eventstore.Hint(err); hint != "" {
		fmt.Fprintf(w, "hint: %s\n", hint)
	}
}

// run serves requests and keeps the views up to date, until ctx ends or one of both
// fails. It closes the listener.
func run(ctx context.Context, file string, listener net.Listener, logger *slog.Logger) (err error) {
	defer listener.Close() // the server does too, if it gets that far
	store, err := sqlitestore.Open(ctx, file, sqlitestore.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	views, err := sqliteviews.Open(ctx, file, sqliteviews.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, views.Close()) }()
	worker, err := projection.NewWorker(store, views, store.Feed("boxoffice"), projection.Options{Logger: logger}, GuestsV1)
	if err != nil {
		return err
	}
	if err := retryParked(ctx, worker.Engine, views, logger); err != nil {
		return err
	}
	s := &service{views: views, concerts: aggregate.NewRepository(store, Concerts, aggregate.Options{CacheStreams: 1000})}
	server := &http.Server{Handler: s.routes(), ReadHeaderTimeout: 5 * time.Second}

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 2) // from both, once each
	go func() { defer stop(); ended <- worker.Run(ctx) }()
	go func() { defer stop(); ended <- server.Serve(listener) }()
	<-ctx.Done()
	patience, enough := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer enough()
	err = server.Shutdown(patience) // waits for the requests that have begun
	for range cap(ended) {
		if e := <-ended; !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
		}
	}
	return err
}
