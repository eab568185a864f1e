package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/projection"
)

func (a *app) tradeCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "trade",
		Short:  "Send every order of the demo's day, and print the ID of each that was acknowledged",
		Hidden: true,
		RunE:   func(cmd *cobra.Command, _ []string) error { return a.trade(cmd.Context()) },
	}
}

// tills is how many orders are sent at once. Those of a customer stay in order.
const tills = 16

// trade sends the orders of the day, all of them: those that took effect before are
// recognised by their IDs. A worker keeps the views up to date meanwhile.
func (a *app) trade(ctx context.Context) (err error) {
	s, err := a.create(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	feed, err := s.Feed(ctx, "demo", nil)
	if err != nil {
		return err
	}
	worker, err := projection.NewWorker(s.Store, s.Views, feed, workerOptions(nil), s.Edition.consumers()...)
	if err != nil {
		return err
	}
	working, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- worker.Run(working) }()
	err = sendOrders(ctx, s, a.stdout())
	stop()
	if err = errors.Join(err, <-ended); err != nil {
		return err
	}
	if err := worker.Prepare(ctx); err != nil {
		return err
	}
	_, err = worker.Sweep(ctx, nil)
	return err
}

func sendOrders(ctx context.Context, s *Service, acknowledged io.Writer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var queues [tills][]order
	for _, o := range simulateDay() {
		i := queueOf(o.User) % tills
		queues[i] = append(queues[i], o)
	}
	var group sync.WaitGroup
	var mu sync.Mutex // for acknowledged
	for _, orders := range queues {
		group.Go(func() {
			for _, o := range orders {
				if _, err := s.Customers.Execute(ctx, o.User, o.decision(), aggregate.CommandID(o.ID), aggregate.OccurredAt(o.At)); err != nil {
					cancel(fmt.Errorf("%s: %w", o.ID, err))
					return
				}
				mu.Lock()
				fmt.Fprintln(acknowledged, o.ID)
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}
