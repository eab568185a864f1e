package operator

import (
	"context"
	"fmt"
	"strings"

	"github.com/leftfold/leftfold/projection"
)

// Swept is what a sweep did.
type Swept struct {
	Streams int `json:"streams"`
	Behind  int `json:"behind"`
	Events  int `json:"events"`
	Parked  int `json:"parked"`
	// Paused are the projections that were passed over.
	Paused []string `json:"paused,omitempty"`
	// Rebuilding are those that were left to a rebuild, which fills what they have.
	Rebuilding []string `json:"rebuilding,omitempty"`
	// Next is where to go on, where it was interrupted.
	Next projection.SweepCursor `json:"next,omitzero"`
	Recorded
}

// SweepOptions say what is swept. The zero value works.
type SweepOptions struct {
	// Projection is the one projection or reaction that is swept. Defaults to all that
	// this program feeds.
	Projection string
	// From is where another sweep of the same was interrupted. Defaults to the beginning.
	From projection.SweepCursor
	// Progress, if not nil, is told from time to time what was done so far.
	Progress func(projection.SweepReport)
}

// Sweep brings every stream of what this program feeds to its head, but for what is paused.
// What was applied stays applied where it is interrupted. Cost: a read of each stream, and
// of its checkpoints.
func (o *Operator) Sweep(ctx context.Context, by By, opts SweepOptions) (Swept, error) {
	if err := o.CanSweep(ctx, opts.Projection); err != nil {
		return Swept{}, err
	}
	engine, err := o.sweeping(ctx, opts.Projection)
	if err != nil {
		return Swept{}, err
	}
	var report Swept
	report.Recorded, err = o.Act(ctx, Action{Action: "sweep", Target: opts.Projection, Reason: by.Reason, Actor: by.Actor}, func(ctx context.Context) (string, error) {
		return report.from(ctx, engine, opts)
	})
	return report, err
}

func (s *Swept) from(ctx context.Context, engine *projection.Engine, opts SweepOptions) (string, error) {
	if err := engine.Prepare(ctx); err != nil {
		return "", err
	}
	r, err := engine.SweepFrom(ctx, opts.From, opts.Progress)
	s.Streams, s.Behind, s.Events, s.Parked, s.Next = r.Streams, r.Behind, r.Events, r.Parked, r.Next
	s.Paused, s.Rebuilding = r.Paused, r.Rebuilding
	text := fmt.Sprintf("%d of %d streams were behind, %d events", r.Behind, r.Streams, r.Events)
	if len(r.Paused) > 0 {
		text += ", passed over what is paused: " + strings.Join(r.Paused, ", ")
	}
	if len(r.Rebuilding) > 0 {
		text += ", left to a rebuild: " + strings.Join(r.Rebuilding, ", ")
	}
	return text, err
}

// CanSweep returns why this program can not sweep one now, or nil; "" is all that it feeds.
func (o *Operator) CanSweep(ctx context.Context, name string) error {
	if name == "" {
		return nil
	}
	if err := o.Feeds(name); err != nil {
		return err
	}
	return o.running(ctx, name)
}

// sweeping returns an engine of what is swept.
func (o *Operator) sweeping(ctx context.Context, name string) (*projection.Engine, error) {
	if name == "" {
		return o.engine(ctx)
	}
	return o.engineOf(ctx, name)
}
