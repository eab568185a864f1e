package operator

import (
	"context"
	"fmt"

	"github.com/leftfold/leftfold/eventstore"
)

// Skipped is what became of a skip, or of taking one back.
type Skipped struct {
	Projection string             `json:"projection"`
	Event      eventstore.EventID `json:"event"`
	// Record is where it was recorded.
	Record eventstore.EventID `json:"record,omitzero"`
}

// Skip makes a projection pass over the event that a stream is parked at, for good: no
// generation will ever contain it. Errors are those of [projection.Engine.Skip], of
// recording it, and of by.
func (o *Operator) Skip(ctx context.Context, by By, name string, event eventstore.EventID) (Skipped, error) {
	return o.skip(ctx, by, "skip", name, event)
}

// Unskip takes a skip back, for generations that are built later; see [projection.Engine.Unskip].
func (o *Operator) Unskip(ctx context.Context, by By, name string, event eventstore.EventID) (Skipped, error) {
	return o.skip(ctx, by, "unskip", name, event)
}

func (o *Operator) skip(ctx context.Context, by By, what, name string, event eventstore.EventID) (Skipped, error) {
	report := Skipped{Projection: name, Event: event}
	engine, err := o.engineOf(ctx, name)
	if err != nil {
		return report, err
	}
	do := engine.Skip
	if what == "unskip" {
		do = engine.Unskip
	}
	report.Record, err = o.Act(ctx, Action{Action: what, Target: fmt.Sprintf("%s %s", name, event), Reason: by.Reason, Actor: by.Actor},
		func(ctx context.Context) (string, error) { return "", do(ctx, name, event) })
	return report, err
}
