package operator

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

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
// writes nothing. A stream that is named and not parked is a [NotFoundError]; one that is no
// longer parked when its turn comes is left out. more is how many streams beside these are
// meant. A reaction can not be tried. Cost: for each a read of the event, and of the rows
// that it concerns.
func (o *Operator) Try(ctx context.Context, s Selection) (tried []Tried, more int, err error) {
	engine, err := o.engineOf(ctx, s.Projection)
	if err != nil {
		return nil, 0, err
	}
	parked, more, err := o.selected(ctx, s)
	if err != nil {
		return nil, more, err
	}
	for _, p := range parked {
		trials, err := engine.Try(ctx, s.Projection, p.Stream)
		if errors.Is(err, projection.ErrNotParked) {
			var unfed []Tried
			unfed, err = o.untried(ctx, s.Projection, p.Stream)
			tried = append(tried, unfed...)
		}
		if err != nil {
			return tried, more, err
		}
		for _, t := range trials {
			tried = append(tried, triedOf(s.Projection, p.Stream, t))
		}
	}
	return tried, more, nil
}

// untried are where a stream is parked and this program can not try it, none where it is
// parked no more.
func (o *Operator) untried(ctx context.Context, name string, stream eventstore.StreamID) (tried []Tried, err error) {
	parked, err := o.ParkedIn(ctx, name, stream)
	if isNotFound(err) {
		return nil, nil
	}
	for _, p := range parked {
		tried = append(tried, Tried{Projection: name, Generation: p.Generation, Stream: stream, Version: p.Version,
			Error: "this program does not feed the generation"})
	}
	return tried, err
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
