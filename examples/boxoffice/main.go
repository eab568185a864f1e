// Command boxoffice sells the seats of concerts over HTTP. It is a service as small
// as one can be, and docs/your-own-service.md explains it: booking.go is what it
// decides, guests.go what it shows, http.go how it is asked, parked.go how it goes on
// after a view has failed, operate.go what its operators type.
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

const (
	address = "localhost:8080"
	file    = "boxoffice.db"
	usage   = "Without a command it serves http://" + address + " until it is interrupted, and keeps everything in " + file + "."
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second interrupt ends the process
	code := commandLine(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// commandLine carries out the command line and returns the exit code.
func commandLine(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		return operate(ctx, file, args, stdout, stderr)
	}
	listener, err := net.Listen("tcp", address)
	if err == nil {
		err = run(ctx, file, listener, slog.New(slog.NewTextHandler(stderr, nil)))
	}
	if err != nil {
		report(stderr, err)
		return 1
	}
	return 0
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
	server := &http.Server{Handler: s.api(logger), ReadHeaderTimeout: 5 * time.Second}
	logger.InfoContext(ctx, "serving", "url", "http://"+listener.Addr().String())

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
