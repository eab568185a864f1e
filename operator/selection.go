package operator

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// MaxSelected is how many parked streams one call tries or retries. Those come first that
// were tried the least, so that the next call goes on with others.
const MaxSelected = 1000

// Selection says which parked streams of a projection or reaction are meant: all, where only
// that is named.
type Selection struct {
	Projection string
	// Stream is the one that is meant. Defaults to any.
	Stream eventstore.StreamID
	// Error is a part of the error, Type the type of the event that failed. Default to any.
	Error, Type string
}

// Selected are the streams that a selection means.
type Selected struct {
	// Streams are those, at most [MaxSelected].
	Streams []eventstore.StreamID `json:"streams"`
	// More is how many streams beside these are meant.
	More int `json:"more,omitempty"`
	// Waiting is how many of their events wait, those among them that failed. Where
	// AtLeast is true, not all of the streams were looked at.
	Waiting uint64 `json:"waiting"`
	AtLeast bool   `json:"at_least,omitempty"`
	// WriteUnits is about what it takes to apply those events, by the events of other
	// streams; absent where it is not known.
	WriteUnits *float64 `json:"write_units,omitempty"`
}

// Bounds of what is read for a plan.
const (
	plannedHeads   = 100
	plannedCommits = 100
)

// Select says which streams are parked, which events wait in them, and about what it takes
// to go on with them here: a reaction that this program does not run is an [UnfedError], and one that is
// paused a [projection.PausedError]. A stream that is not parked is a [NotFoundError]. Cost: a read of the
// index of parked streams, of the heads of 100 streams, and of 100 commits.
func (o *Operator) Select(ctx context.Context, s Selection) (Selected, error) {
	if err := o.Feeds(s.Projection); err != nil {
		return Selected{}, err
	}
	if err := o.running(ctx, s.Projection); err != nil {
		return Selected{}, err
	}
	parked, more, err := o.selected(ctx, s)
	if err != nil {
		return Selected{}, err
	}
	answer := Selected{Streams: []eventstore.StreamID{}, More: more}
	for i, p := range parked {
		answer.Streams = append(answer.Streams, p.Stream)
		if i >= plannedHeads {
			answer.AtLeast = true
			continue
		}
		head, err := o.service.Store.Head(ctx, p.Stream)
		if err != nil {
			return answer, err
		}
		if v := head.Version(); v >= p.Version {
			answer.Waiting += uint64(v-p.Version) + 1
		}
	}
	if len(parked) > 0 {
		answer.WriteUnits, err = o.aboutUnits(ctx, s.Projection, answer.Waiting)
	}
	return answer, err
}

// selected returns a park record for each stream that is meant, in the generation that is
// the furthest behind.
func (o *Operator) selected(ctx context.Context, s Selection) (parked []Parked, more int, err error) {
	var found []Parked
	if s.Stream.IsZero() {
		groups, err := o.Parked(ctx, s.Projection)
		if err != nil {
			return nil, 0, err
		}
		for _, g := range groups {
			found = append(found, g.Streams...)
		}
	} else if found, err = o.ParkedIn(ctx, s.Projection, s.Stream); err != nil {
		return nil, 0, err
	}
	slices.SortFunc(found, func(a, b Parked) int { return cmp.Or(a.Stream.Compare(b.Stream), cmp.Compare(a.Version, b.Version)) })
	for _, p := range found {
		fits := strings.Contains(p.Error, s.Error) && (s.Type == "" || p.Type == s.Type)
		if fits && (len(parked) == 0 || parked[len(parked)-1].Stream != p.Stream) {
			parked = append(parked, p)
		}
	}
	slices.SortStableFunc(parked, func(a, b Parked) int { return cmp.Compare(a.Attempts, b.Attempts) })
	more = max(len(parked)-MaxSelected, 0)
	return parked[:len(parked)-more], more, nil
}

// aboutUnits is about what it takes to apply so many events, or nil: what is not known is
// no error.
func (o *Operator) aboutUnits(ctx context.Context, name string, events uint64) (*float64, error) {
	if o.service.Costs == nil {
		return nil, nil
	}
	c, err := o.consumer(name)
	if err != nil {
		return nil, err
	}
	answer, sample, err := o.takeSample(ctx, o.service.Costs, plannedCommits)
	if err != nil || answer.Events == 0 {
		return nil, context.Cause(ctx)
	}
	cost, err := o.estimate(ctx, c, sample, oneByOne)
	if err != nil {
		return nil, context.Cause(ctx)
	}
	return new(cost.WriteUnits / float64(answer.Events) * float64(events)), nil
}

// checkpointsOf returns those of a stream in the live generations of a projection.
func (o *Operator) checkpointsOf(ctx context.Context, name string, stream eventstore.StreamID) (state projection.State, at []projection.Checkpoint, err error) {
	state, live, err := o.live(ctx, name)
	if err != nil {
		return state, nil, err
	}
	for _, g := range live {
		cs, err := o.service.Views.Checkpoints(ctx, projection.GenerationID{Projection: name, Number: g.Number}, []eventstore.StreamID{stream})
		if err != nil {
			return state, nil, err
		}
		at = append(at, cs...)
	}
	return state, at, nil
}

// isNotFound reports whether something is not there, as [NotFoundError] says.
func isNotFound(err error) bool { return errors.Is(err, ErrNotFound) }
