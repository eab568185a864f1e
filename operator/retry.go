package operator

import (
	"context"
	"errors"
	"fmt"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// By is who does something, and why.
type By struct{ Actor, Reason string }

// Retried is what became of a retry.
type Retried struct {
	// Retried are streams that went on, Failed those that are parked as before, or again.
	Retried []eventstore.StreamID `json:"retried"`
	Failed  []FailedRetry         `json:"failed,omitempty"`
	// Gone are streams that were parked no more when their turn came: somebody else was
	// there.
	Gone []eventstore.StreamID `json:"gone,omitempty"`
	// Events are how many events all checkpoints of the streams have moved on by.
	Events uint64 `json:"events"`
	Recorded
}

// FailedRetry is a stream that is still parked, and why.
type FailedRetry struct {
	Stream eventstore.StreamID `json:"stream"`
	Error  string              `json:"error"`
}

// Retry tries the events again at which these streams of a projection are parked, and goes
// on with the streams where that succeeds. That an event fails again is no error. Where it is
// interrupted, the report says what was done until then. progress, if not nil, is told of
// each stream.
func (o *Operator) Retry(ctx context.Context, by By, name string, streams []eventstore.StreamID, progress func(done, of int)) (Retried, error) {
	report := Retried{Retried: []eventstore.StreamID{}}
	if len(streams) > MaxSelected {
		return report, fmt.Errorf("%w: %d streams, allowed are %d", eventstore.ErrInvalid, len(streams), MaxSelected)
	}
	engine, err := o.engineOf(ctx, name)
	if err != nil {
		return report, err
	}
	target := fmt.Sprintf("%s, %d streams", name, len(streams))
	if len(streams) == 1 {
		target = fmt.Sprintf("%s %s", name, streams[0])
	}
	report.Recorded, err = o.Act(ctx, Action{Action: "retry", Target: target, Reason: by.Reason, Actor: by.Actor}, func(ctx context.Context) (string, error) {
		for i, stream := range streams {
			if progress != nil {
				progress(i, len(streams))
			}
			if err := o.retryOne(ctx, engine, name, stream, &report); err != nil {
				return report.text(), err
			}
		}
		return report.text(), nil
	})
	return report, err
}

// retrier is what a retry needs of an engine.
type retrier interface {
	Retry(ctx context.Context, projection string, stream eventstore.StreamID) error
}

// retryOne notes what becomes of one stream. The error is one that keeps the others back, too.
func (o *Operator) retryOne(ctx context.Context, engine retrier, name string, stream eventstore.StreamID, report *Retried) error {
	waits, before, err := o.place(ctx, name, stream)
	if err != nil {
		return err
	}
	if !waits {
		report.Gone = append(report.Gone, stream)
		return nil
	}
	failure := engine.Retry(ctx, name, stream)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(failure, projection.ErrPaused) {
		return failure
	}
	waits, after, err := o.place(ctx, name, stream)
	switch {
	case failure != nil:
		report.Failed = append(report.Failed, FailedRetry{stream, failure.Error()})
	case err == nil && waits:
		report.Failed = append(report.Failed, FailedRetry{stream, "it is parked again, or in a generation that this program does not feed"})
	default:
		report.Retried = append(report.Retried, stream)
	}
	if err == nil && after > before { // a generation may have been retired meanwhile
		report.Events += after - before
	}
	return err
}

// place says whether a stream waits in a projection, and how far its checkpoints are together.
func (o *Operator) place(ctx context.Context, name string, stream eventstore.StreamID) (waits bool, at uint64, err error) {
	_, checkpoints, err := o.checkpointsOf(ctx, name, stream)
	for _, c := range checkpoints {
		waits = waits || c.Waits()
		at += uint64(c.Version)
	}
	return waits, at, err
}

func (r Retried) text() string {
	text := fmt.Sprintf("%d retried, %d failed", len(r.Retried), len(r.Failed))
	if len(r.Gone) > 0 {
		text += fmt.Sprintf(", %d no longer parked", len(r.Gone))
	}
	return text
}
