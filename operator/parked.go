package operator

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// Parked is a stream that waits in a generation of a projection, because an event failed.
type Parked struct {
	Projection string              `json:"projection"`
	Generation uint64              `json:"generation"`
	Stream     eventstore.StreamID `json:"stream"`
	// Version is that of the event that failed, of this type and schema version.
	Version       eventstore.Version `json:"version"`
	Type          string             `json:"type"`
	SchemaVersion int                `json:"schema_version"`
	Error         string             `json:"error"`
	// Unknown: the program did not know the type. One that does tries again by itself.
	Unknown bool `json:"unknown,omitempty"`
	// Skipping: an operator has decided to pass over the event, and that has not ended.
	Skipping bool `json:"skipping,omitempty"`
	// Build is the program that failed.
	Build    string    `json:"build,omitempty"`
	Attempts int       `json:"attempts"`
	Since    time.Time `json:"since"`
}

// ID returns the ID of the event that failed.
func (p Parked) ID() eventstore.EventID {
	return eventstore.EventID{Stream: p.Stream, Version: p.Version}
}

// ParkedGroup is what failed in the same way: one mistake, as a rule.
type ParkedGroup struct {
	Projection string `json:"projection"`
	Generation uint64 `json:"generation"`
	// Error is what the errors have in common: names and numbers that differ are "…".
	Error         string    `json:"error"`
	Type          string    `json:"type"`
	SchemaVersion int       `json:"schema_version"`
	Build         string    `json:"build,omitempty"`
	Since         time.Time `json:"since"`
	Streams       []Parked  `json:"streams"`
}

// Parked lists the streams that wait, those of one projection or reaction if it is named,
// grouped by error, event type and build, the largest group first. It reads the index of
// parked streams and nothing else.
func (o *Operator) Parked(ctx context.Context, name string) ([]ParkedGroup, error) {
	all, err := o.known(ctx)
	if name != "" && err == nil {
		var k known
		k, err = o.find(ctx, name)
		all = []known{k}
	}
	if err != nil {
		return nil, err
	}
	var groups []ParkedGroup
	places := map[groupKey]int{}
	for _, k := range all {
		_, live, err := o.live(ctx, k.name)
		if err != nil {
			return nil, err
		}
		for _, g := range live {
			for p, err := range o.parkedIn(ctx, k.name, g) {
				if err != nil {
					return nil, err
				}
				groups = group(groups, places, p)
			}
		}
	}
	slices.SortStableFunc(groups, func(a, b ParkedGroup) int { return cmp.Compare(len(b.Streams), len(a.Streams)) })
	return groups, nil
}

// ParkedIn returns the park records of one stream in a projection's live generations, or a
// [NotFoundError].
func (o *Operator) ParkedIn(ctx context.Context, name string, stream eventstore.StreamID) ([]Parked, error) {
	if _, err := o.find(ctx, name); err != nil {
		return nil, err
	}
	_, live, err := o.live(ctx, name)
	if err != nil {
		return nil, err
	}
	var found []Parked
	for _, g := range live {
		cs, err := o.service.Views.Checkpoints(ctx, projection.GenerationID{Projection: name, Number: g.Number}, []eventstore.StreamID{stream})
		if err != nil {
			return nil, err
		}
		for _, c := range cs {
			if c.Waits() {
				found = append(found, parkedOf(name, g, c))
			}
		}
	}
	if len(found) == 0 {
		return nil, &NotFoundError{What: "parked stream", Name: stream.String(), Reason: "stream " + stream.String() + " is not parked in " + name}
	}
	return found, nil
}

func (o *Operator) parkedIn(ctx context.Context, name string, g projection.Generation) iter.Seq2[Parked, error] {
	return func(yield func(Parked, error) bool) {
		for c, err := range o.service.Views.AllCheckpoints(ctx, projection.GenerationID{Projection: name, Number: g.Number}, true) {
			if err != nil {
				yield(Parked{}, err)
				return
			}
			if !c.Waits() {
				continue // left over from a retry: whoever meets it next removes it
			}
			if !yield(parkedOf(name, g, c), nil) {
				return
			}
		}
	}
}

func parkedOf(name string, g projection.Generation, c projection.Checkpoint) Parked {
	p := c.Parked
	return Parked{Projection: name, Generation: g.Number, Stream: c.Stream, Version: p.Version, Type: p.Type, SchemaVersion: p.Schema,
		Error: p.Error, Unknown: p.Unknown, Skipping: p.Skip, Build: p.Build, Attempts: p.Attempts, Since: p.Since}
}

// groupKey is what parked streams of one group have in common.
type groupKey struct {
	projection string
	generation uint64
	typ        string
	schema     int
	build      string
	class      string // of the error
}

// group adds a stream to its group; places says where each group is.
func group(groups []ParkedGroup, places map[groupKey]int, p Parked) []ParkedGroup {
	own := withoutEvent(p)
	key := groupKey{p.Projection, p.Generation, p.Type, p.SchemaVersion, p.Build, errorClass(own)}
	i, there := places[key]
	if !there {
		places[key] = len(groups)
		return append(groups, ParkedGroup{Projection: p.Projection, Generation: p.Generation, Error: own, Type: p.Type,
			SchemaVersion: p.SchemaVersion, Build: p.Build, Since: p.Since, Streams: []Parked{p}})
	}
	g := &groups[i]
	if g.Error != own {
		g.Error = key.class
	}
	g.Streams = append(g.Streams, p)
	g.Since = earlier(g.Since, p.Since)
	return groups
}

// withoutEvent is the error without the event that it begins with.
func withoutEvent(p Parked) string {
	prefix := fmt.Sprintf("event %s of type %s (schema %d): ", p.ID(), p.Type, p.SchemaVersion) // of an EventError
	return strings.TrimPrefix(p.Error, prefix)
}

var particular = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|[\p{L}\p{N}_.-]*\p{N}[\p{L}\p{N}_.@-]*`)

// errorClass leaves out what differs between errors of one kind: what is quoted, and words
// with numbers.
func errorClass(text string) string { return particular.ReplaceAllString(text, "…") }
