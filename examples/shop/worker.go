package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

func (a *app) workerCommand() *cobra.Command {
	var mails mailOptions
	c := &cobra.Command{
		Use:   "worker",
		Short: "Keep the views up to date until interrupted",
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.worker(cmd.Context(), mails) },
	}
	mails.flags(c, "mails", ".\n"+
		"On DynamoDB it follows the stream of the table as a consumer of its own, beside the views: these are\n"+
		"the two readers that a stream has room for")
	return c
}

func (a *app) worker(ctx context.Context, mails mailOptions) (err error) {
	s, err := a.create(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if mails.dir == "" && mails.from != "" {
		return &terminal.Error{Class: terminal.ErrUsage, Text: "shop worker: --mails-from needs --mails", Fix: "name the directory of the mails: " + a.command("worker", "--mails", "mails")}
	}
	if mails.dir == "" {
		return a.follow(ctx, s, "")
	}
	logger := a.logger(mailsReaction)
	box, err := mails.open(ctx, s, logger)
	if err != nil {
		return err
	}
	reaction := box.reaction()
	// Mails have a worker of their own, so that a slow disk holds up no view.
	return together(ctx,
		func(ctx context.Context) error { return a.follow(ctx, s, ", and the reaction "+reaction.Name()+",") },
		func(ctx context.Context) error { return a.react(ctx, s, reaction, logger) })
}

// together runs all until they have ended; where one fails, the others are told to end.
func together(ctx context.Context, runs ...func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, len(runs))
	var group sync.WaitGroup
	for i, run := range runs {
		group.Go(func() {
			if errs[i] = run(ctx); errs[i] != nil {
				cancel()
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// react runs a reaction until ctx ends.
func (a *app) react(ctx context.Context, s *Service, reaction *projection.Reaction, logger *slog.Logger) error {
	opts := workerOptions(logger)
	feed, err := s.Feed(ctx, reaction.Name(), opts.Logger)
	if err != nil {
		return err
	}
	worker, err := projection.NewWorker(s.Store, s.Views, feed, opts, reaction)
	if err != nil {
		return err
	}
	return worker.Run(ctx)
}

// viewsConsumer is whom the feed announces to what the views need.
const viewsConsumer = "worker"

// follow keeps the views of a service up to date until ctx ends. What else the process
// feeds is said beside them.
func (a *app) follow(ctx context.Context, s *Service, beside string) error {
	opts := workerOptions(a.logger(viewsConsumer))
	views := &loggedViews{ViewStore: s.Views, logger: opts.Logger, logged: map[string]uint64{}}
	feed, err := s.Feed(ctx, viewsConsumer, opts.Logger)
	if err != nil {
		return err
	}
	worker, err := projection.NewWorker(s.Store, views, feed, opts, s.Edition.consumers()...)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stderr(), "worker %s feeds %d projections%s from %s; interrupt it to stop\n", opts.Name, len(s.Edition.projections), beside, a.store)
	err = worker.Run(ctx)
	for _, b := range worker.Heartbeats(time.Now()) {
		views.log(ctx, b) // what came after the last one
	}
	return err
}

// logger returns a log whose lines say which consumer they are about.
func (a *app) logger(consumer string) *slog.Logger {
	return slog.New(slog.NewTextHandler(a.stderr(), &slog.HandlerOptions{Level: slog.LevelInfo})).With("consumer", consumer)
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
