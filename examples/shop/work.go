package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

func (a *app) projectCommand() *cobra.Command {
	var product string
	c := &cobra.Command{
		Use:   "project",
		Short: "Bring every view up to date, then exit",
		RunE: func(cmd *cobra.Command, _ []string) error {
			consumers := a.edition.consumers()
			if product != "" {
				consumers = a.edition.broken(product)
			}
			return a.project(cmd.Context(), consumers)
		},
	}
	c.Flags().StringVar(&product, "break", "", "to see what is done about it: fail on all events of this product, in every version of product-stats")
	return c
}

// sweep brings consumers to the head of every stream, and shows on the way how far it is.
func (a *app) sweep(ctx context.Context, s *Service, logger *slog.Logger, consumers ...projection.Consumer) (report projection.SweepReport, err error) {
	engine, err := projection.NewEngine(s.Store, s.Views, workerOptions(logger), consumers...)
	if err != nil {
		return report, err
	}
	if err := engine.Prepare(ctx); err != nil {
		return report, err
	}
	p := a.out.Progress()
	defer p.End()
	return engine.Sweep(ctx, func(r projection.SweepReport) {
		p.Show("%s events of %s streams, %s", terminal.Thousands(r.Events), terminal.Thousands(r.Streams), terminal.PerSecond(r.Events, r.Took))
	})
}

func (a *app) project(ctx context.Context, consumers []projection.Consumer) error {
	return a.with(ctx, func(s *Service) error {
		log := newFew(a.logger(viewsConsumer).Handler())
		report, err := a.sweep(ctx, s, slog.New(log), consumers...)
		log.end(a.out)
		if err != nil {
			return err
		}
		if err := a.printProject(report); err != nil {
			return err
		}
		for _, name := range report.Paused {
			a.out.Warn("%s is paused, and was passed over; %s lets it go on", name, a.command("resume", name))
		}
		for _, name := range report.Rebuilding {
			a.out.Warn("%s is left to its rebuild, and got nothing; %s tells how far that is", name, a.command("rebuild", "status", name))
		}
		return a.hintParked(ctx, s)
	})
}

// projectAnswer is what a sweep did.
type projectAnswer struct {
	Streams int     `json:"streams"`
	Behind  int     `json:"behind"`
	Events  int     `json:"events"`
	Seconds float64 `json:"seconds"`
	// Fed are the projections that events were applied in.
	Fed        []string `json:"fed,omitempty"`
	Paused     []string `json:"paused,omitempty"`
	Rebuilding []string `json:"rebuilding,omitempty"`
}

func (a *app) printProject(r projection.SweepReport) error {
	if a.out.JSON {
		return printJSON(a.stdout(), projectAnswer{r.Streams, r.Behind, r.Events, r.Took.Seconds(), r.Fed, r.Paused, r.Rebuilding})
	}
	_, err := fmt.Fprintf(a.stdout(), "%s of %s behind; applied %s%s, %s\n", terminal.Thousands(r.Behind),
		terminal.Counted(r.Streams, "stream was", "streams were"), terminal.Counted(r.Events, "event"), a.toFed(r), terminal.PerSecond(r.Events, r.Took))
	return err
}

// toFed says how many projections events were applied in.
func (a *app) toFed(r projection.SweepReport) string {
	switch fed, all := len(r.Fed), len(a.edition.projections); {
	case r.Events == 0:
		return ""
	case fed < all:
		return fmt.Sprintf(" to %d of %d projections", fed, all)
	default:
		return fmt.Sprintf(" to %d projections", all)
	}
}

// hintParked says so if streams are parked.
func (a *app) hintParked(ctx context.Context, s *Service) error {
	o, err := operator.New(s.operated())
	if err != nil {
		return err
	}
	groups, err := o.Parked(ctx, "")
	n := 0
	for _, g := range groups {
		n += len(g.Streams)
	}
	if n > 0 {
		a.out.Warn("streams that wait on an event that failed: %d; see: %s", n, a.command("parked", "list"))
	}
	return err
}
