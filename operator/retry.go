package operator

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// By is who does something, and why.
type By struct{ Actor, Reason string }

// Tried is what the code of this program would make of an event that a stream is parked at.
type Tried struct {
	Projection string              `json:"projection"`
	Generation uint64              `json:"generation"`
	Stream     eventstore.StreamID `json:"stream"`
	Version    eventstore.Version  `json:"version"`
	OK         bool                `json:"ok"`
	Error      string              `json:"error,omitempty"`
	// Rows are what it would change.
	Rows []TriedRow `json:"rows,omitempty"`
}

// ID returns the ID of the event.
func (t Tried) ID() eventstore.EventID {
	return eventstore.EventID{Stream: t.Stream, Version: t.Version}
}

// TriedRow is a row that would change.
type TriedRow struct {
	View      string   `json:"view"`
	Partition string   `json:"partition"`
	Sort      string   `json:"sort,omitempty"`
	Changes   []Change `json:"changes"`
}

// Try runs this program's code on the events that streams of a projection are parked at, and
// writes nothing. Without streams it tries all that are parked. A reaction can not be tried.
// Cost: for each a read of the event, and of the rows that it concerns.
func (o *Operator) Try(ctx context.Context, name string, streams ...eventstore.StreamID) ([]Tried, error) {
	engine, err := o.engineOf(ctx, name)
	if err != nil {
		return nil, err
	}
	if len(streams) == 0 {
		if streams, err = o.ParkedStreams(ctx, name); err != nil {
			return nil, err
		}
	}
	var tried []Tried
	for _, stream := range streams {
		trials, err := engine.Try(ctx, name, stream)
		if err != nil {
			return tried, err
		}
		for _, t := range trials {
			tried = append(tried, triedOf(name, stream, t))
		}
	}
	return tried, nil
}

func triedOf(name string, stream eventstore.StreamID, t projection.Trial) Tried {
	tried := Tried{Projection: name, Generation: t.Generation.Number, Stream: stream, Version: t.Parked.Version, OK: t.Err == nil}
	if t.Err != nil {
		tried.Error = t.Err.Error()
		return tried
	}
	for _, r := range t.Change.Rows {
		row := TriedRow{View: r.Row.View, Partition: r.Row.Key.Partition, Sort: r.Row.Key.Sort}
		for _, f := range r.Fields() {
			row.Changes = append(row.Changes, Change{Field: f.Name, Before: json.RawMessage(f.Before), After: json.RawMessage(f.After)})
		}
		tried.Rows = append(tried.Rows, row)
	}
	return tried
}

// Retried is what became of a retry.
type Retried struct {
	// Retried are streams that went on, Failed those that are parked as before, or again.
	Retried []eventstore.StreamID `json:"retried"`
	Failed  []FailedRetry         `json:"failed,omitempty"`
	// Record is where it was recorded.
	Record eventstore.EventID `json:"record,omitzero"`
}

// FailedRetry is a stream that is still parked, and why.
type FailedRetry struct {
	Stream eventstore.StreamID `json:"stream"`
	Error  string              `json:"error"`
}

// Retry tries the events again at which streams of a projection are parked, and goes on with
// the streams where that succeeds. Without streams it retries all that are parked. The error
// is one of recording it, of the stores, or of by; that an event fails again is no error.
// progress, if not nil, is told of each stream.
func (o *Operator) Retry(ctx context.Context, by By, name string, streams []eventstore.StreamID, progress func(done, of int)) (Retried, error) {
	report := Retried{Retried: []eventstore.StreamID{}}
	engine, err := o.engineOf(ctx, name)
	if err != nil {
		return report, err
	}
	if len(streams) == 0 {
		if streams, err = o.ParkedStreams(ctx, name); err != nil {
			return report, err
		}
	}
	target := fmt.Sprintf("%s, %d streams", name, len(streams))
	if len(streams) == 1 {
		target = fmt.Sprintf("%s %s", name, streams[0])
	}
	report.Record, err = o.Act(ctx, Action{Action: "retry", Target: target, Reason: by.Reason, Actor: by.Actor}, func(ctx context.Context) (string, error) {
		for i, stream := range streams {
			if progress != nil {
				progress(i, len(streams))
			}
			err := engine.Retry(ctx, name, stream)
			if ctx.Err() != nil {
				return report.text(), context.Cause(ctx)
			}
			if err != nil {
				report.Failed = append(report.Failed, FailedRetry{stream, err.Error()})
				continue
			}
			report.Retried = append(report.Retried, stream)
		}
		return report.text(), nil
	})
	return report, err
}

func (r Retried) text() string {
	return fmt.Sprintf("%d retried, %d failed", len(r.Retried), len(r.Failed))
}

// Swept is what a sweep did.
type Swept struct {
	Streams int                `json:"streams"`
	Behind  int                `json:"behind"`
	Events  int                `json:"events"`
	Parked  int                `json:"parked"`
	Record  eventstore.EventID `json:"record,omitzero"`
}

// Sweep brings every stream of what this program feeds to its head. Cost: a read of each
// stream, and of its checkpoints.
func (o *Operator) Sweep(ctx context.Context, by By, progress func(projection.SweepReport)) (Swept, error) {
	engine, err := o.engine(ctx)
	if err != nil {
		return Swept{}, err
	}
	if err := engine.Prepare(ctx); err != nil {
		return Swept{}, err
	}
	var report Swept
	report.Record, err = o.Act(ctx, Action{Action: "sweep", Reason: by.Reason, Actor: by.Actor}, func(ctx context.Context) (string, error) {
		r, err := engine.Sweep(ctx, progress)
		report.Streams, report.Behind, report.Events, report.Parked = r.Streams, r.Behind, r.Events, r.Parked
		return fmt.Sprintf("%d of %d streams were behind, %d events", r.Behind, r.Streams, r.Events), err
	})
	return report, err
}
