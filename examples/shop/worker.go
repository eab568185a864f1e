package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/projection"
)

func (a *app) workerCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "worker",
		Short: "Keep the views up to date until interrupted",
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.worker(cmd.Context()) },
	}
}

func (a *app) worker(ctx context.Context) (err error) {
	s, err := a.create(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if s.Feed == nil {
		return &spokenError{class: errUsage, text: "shop worker has no feed of " + a.store + " yet", hint: a.command("project") + " brings the views up to date, as often as it is run"}
	}
	return a.follow(ctx, s)
}

// follow keeps the views of a service up to date until ctx ends.
func (a *app) follow(ctx context.Context, s *Service) error {
	opts := workerOptions(a.logger())
	views := &loggedViews{ViewStore: s.Views, logger: opts.Logger, logged: map[string]uint64{}}
	worker, err := projection.NewWorker(s.Store, views, s.Feed("worker"), opts, viewConsumers()...)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "worker %s feeds %d projections from %s; interrupt it to stop\n", opts.Name, len(projections()), a.store)
	err = worker.Run(ctx)
	for _, b := range worker.Heartbeats(time.Now()) {
		views.log(ctx, b) // what came after the last one
	}
	return err
}

func (a *app) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

// loggedViews logs what each heartbeat of a worker tells, as far as it is new: each
// is a durable write, so a log line is no reason for more of them. The worker itself
// logs what fails and what it parks.
type loggedViews struct {
	projection.ViewStore
	logger *slog.Logger

	mu     sync.Mutex
	logged map[string]uint64 // events, by projection
}

// Beat implements [projection.StateStore].
func (v *loggedViews) Beat(ctx context.Context, b projection.Heartbeat) error {
	v.log(ctx, b)
	return v.ViewStore.Beat(ctx, b)
}

func (v *loggedViews) log(ctx context.Context, b projection.Heartbeat) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if n := b.Applied - v.logged[b.Projection]; n > 0 {
		v.logged[b.Projection] = b.Applied
		v.logger.InfoContext(ctx, "events applied", "projection", b.Projection, "events", n, "waiting", b.Waiting)
	}
}
