package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/handlers/eventbridge"
	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

const (
	busReaction = "bus"
	// shopSource is what the shop is called on a bus.
	shopSource = "shop"
)

// openBus returns what publishes to a bus. Account, Region and endpoint are taken from the
// SDK's own variables and files.
func openBus(ctx context.Context, bus string) (*eventbridge.Publisher, error) {
	settings, err := awsSettings(ctx, "your bus is")
	if err != nil {
		return nil, err
	}
	return eventbridge.OpenPublisher(ctx, eventbridge.NewClient(settings), shopSource, eventbridge.PublisherOptions{Bus: bus})
}

// publishing is the reaction that puts every event of the customers on a bus.
func publishing(p *eventbridge.Publisher) *projection.Reaction {
	return projection.MustNewReaction(busReaction, Events, projection.Follow(customerCategory), projection.ReactAny(p.Publish))
}

// busOptions say where events go, and from when on.
type busOptions struct{ bus, from string }

func (a *app) publishCommand() *cobra.Command {
	var opts busOptions
	c := &cobra.Command{
		Use:   "publish",
		Short: "Put the events that are due on a bus of EventBridge, then exit",
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.publish(cmd.Context(), opts) },
	}
	c.Flags().StringVar(&opts.bus, "bus", "", "name or ARN of the bus")
	c.Flags().StringVar(&opts.from, "from", "", "where publishing begins: 'beginning', 'now', or a time as in 2026-01-31T00:00:00Z.\n"+
		"Only for the first time, and needed then unless the store is new")
	return c
}

func (a *app) publish(ctx context.Context, opts busOptions) (err error) {
	if opts.bus == "" {
		return &terminal.Error{Class: terminal.ErrUsage, Text: "shop publish: --bus is missing", Fix: "name the bus: " + a.command("publish", "--bus", "default")}
	}
	publisher, err := openBus(ctx, opts.bus)
	if err != nil {
		return err
	}
	s, err := a.create(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	reaction := publishing(publisher)
	if err := a.startPublishing(ctx, s, reaction, opts); err != nil {
		return err
	}
	report, err := a.sweep(ctx, s, a.logger(reaction.Name()), reaction)
	if err != nil {
		return err
	}
	if err := a.printPublish(report); err != nil {
		return err
	}
	return a.hintParked(ctx, s)
}

// startPublishing fixes from when on events are published. In a store that has some
// somebody has to say so: all of them on a bus can be as wrong as none.
func (a *app) startPublishing(ctx context.Context, s *Service, reaction *projection.Reaction, opts busOptions) error {
	if opts.from != "" {
		return startFrom(ctx, s, reaction, "--from", opts.from)
	}
	state, err := s.Views.State(ctx, reaction.Name())
	if err != nil || state.Revision > 0 {
		return err
	}
	for _, err := range s.Store.Streams(ctx, customerCategory, eventstore.StreamID{}) {
		if err != nil {
			return err
		}
		return &terminal.Error{Class: terminal.ErrUsage, Text: fmt.Sprintf("shop publish: %s has events already, and has published none", a.store),
			Fix: "say where to begin: " + a.command("publish", "--bus", opts.bus, "--from", "beginning") + " publishes all of them, --from now only what comes"}
	}
	return nil
}

func (a *app) printPublish(r projection.SweepReport) error {
	if a.out.JSON {
		return printJSON(a.stdout(), projectAnswer{Streams: r.Streams, Behind: r.Behind, Events: r.Events, Seconds: r.Took.Seconds()})
	}
	_, err := fmt.Fprintf(a.stdout(), "%s of %s behind; went through %s, %s\n", terminal.Thousands(r.Behind),
		terminal.Counted(r.Streams, "stream was", "streams were"), terminal.Counted(r.Events, "event"), terminal.PerSecond(r.Events, r.Took))
	return err
}
