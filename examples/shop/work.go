package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/projection"
)

func (a *app) projectCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "project",
		Short: "Bring every view up to date, then exit",
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.project(cmd.Context()) },
	}
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
	p := newProgress(a.stderr)
	defer p.end()
	return engine.Sweep(ctx, func(r projection.SweepReport) {
		p.show("%s events of %s streams, %s", thousands(r.Events), thousands(r.Streams), perSecond(r.Events, r.Took))
	})
}

func (a *app) project(ctx context.Context) error {
	return a.with(ctx, func(s *Service) error {
		report, err := a.sweep(ctx, s, a.logger(viewsConsumer), viewConsumers()...)
		if err != nil {
			return err
		}
		if err := a.printProject(report); err != nil {
			return err
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
}

func (a *app) printProject(r projection.SweepReport) error {
	if a.json {
		return printJSON(a.stdout, projectAnswer{r.Streams, r.Behind, r.Events, r.Took.Seconds()})
	}
	_, err := fmt.Fprintf(a.stdout, "%s of %s behind; applied %s to %d projections, %s\n", thousands(r.Behind),
		counted(r.Streams, "stream was", "streams were"), counted(r.Events, "event"), len(projections()), perSecond(r.Events, r.Took))
	return err
}

// hintParked says so if streams are parked.
func (a *app) hintParked(ctx context.Context, s *Service) error {
	parked, err := parkedStreams(ctx, s)
	if err == nil && len(parked) > 0 {
		fmt.Fprintf(a.stderr, "warning: streams that wait on an event that failed: %d; see: %s\n", len(parked), a.command("parked"))
	}
	return err
}

// parkedStream is a stream that waits in a projection.
type parkedStream struct {
	Projection string    `json:"projection"`
	Generation uint64    `json:"generation"`
	Stream     string    `json:"stream"`
	Version    uint64    `json:"version"`
	Type       string    `json:"type"`
	Error      string    `json:"error"`
	Build      string    `json:"build,omitempty"`
	Attempts   int       `json:"attempts"`
	Since      time.Time `json:"since"`
}

func parkedStreams(ctx context.Context, s *Service) ([]parkedStream, error) {
	var parked []parkedStream
	names := []string{mailsReaction, busReaction}
	for _, p := range projections() {
		names = append(names, p.Name())
	}
	for _, name := range names {
		state, err := s.Views.State(ctx, name)
		if err != nil {
			return nil, err
		}
		for _, g := range state.Generations {
			id := projection.GenerationID{Projection: name, Number: g.Number}
			for c, err := range s.Views.AllCheckpoints(ctx, id, true) {
				if err != nil {
					return nil, err
				}
				if !c.Waits() {
					continue // left over from a retry: whoever meets it next removes it
				}
				parked = append(parked, parkedStream{
					Projection: name, Generation: g.Number, Stream: c.Stream.String(), Version: uint64(c.Parked.Version),
					Type: c.Parked.Type, Error: c.Parked.Error, Build: c.Parked.Build, Attempts: c.Parked.Attempts, Since: c.Parked.Since,
				})
			}
		}
	}
	return parked, nil
}
