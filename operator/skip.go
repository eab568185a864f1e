package operator

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// Actions that the list of skips is read from.
const skipAction = "skip"

func skipTarget(name string, event eventstore.EventID) string {
	return fmt.Sprintf("%s %s", name, event)
}

// SkipPlan is what a skip would do.
type SkipPlan struct {
	Projection string             `json:"projection"`
	Event      eventstore.EventID `json:"event"`
	// Already: the projection passes over the event, everywhere.
	Already bool `json:"already,omitempty"`
	// Parked are the generations that would go on, empty where Already is true.
	Parked []Parked `json:"parked,omitempty"`
}

// PlanSkip says what a skip would do. A stream that is parked at another event is a
// [projection.NotParkedError], one that is not parked a [NotFoundError].
func (o *Operator) PlanSkip(ctx context.Context, name string, event eventstore.EventID) (SkipPlan, error) {
	plan := SkipPlan{Projection: name, Event: event}
	if err := o.Feeds(name); err != nil {
		return plan, err
	}
	if err := o.running(ctx, name); err != nil {
		return plan, err
	}
	state, _, err := o.live(ctx, name)
	if err != nil {
		return plan, err
	}
	_, listed := slices.BinarySearchFunc(state.Skips, event, eventstore.EventID.Compare)
	parked, err := o.ParkedIn(ctx, name, event.Stream)
	if err != nil && !(listed && isNotFound(err)) {
		return plan, err
	}
	for _, p := range parked {
		if p.Version == event.Version {
			plan.Parked = append(plan.Parked, p)
		}
	}
	plan.Already = listed && len(plan.Parked) == 0
	if !plan.Already && len(plan.Parked) == 0 {
		return plan, &projection.NotParkedError{Projection: name, Stream: event.Stream, Want: event.Version, Have: parked[0].Version}
	}
	return plan, nil
}

// Skipped is what became of a skip.
type Skipped struct {
	Projection string             `json:"projection"`
	Event      eventstore.EventID `json:"event"`
	// Parked are where the stream waits again, at a later event.
	Parked []Parked `json:"parked,omitempty"`
	Recorded
}

// Skip makes a projection pass over an event at which its stream is parked, for good and in
// every generation; see [projection.Engine.Skip].
func (o *Operator) Skip(ctx context.Context, by By, name string, event eventstore.EventID) (Skipped, error) {
	report := Skipped{Projection: name, Event: event}
	engine, err := o.engineOf(ctx, name)
	if err != nil {
		return report, err
	}
	a := Action{Action: skipAction, Target: skipTarget(name, event), Reason: by.Reason, Actor: by.Actor}
	report.Recorded, err = o.Act(ctx, a, func(ctx context.Context) (string, error) {
		if err := engine.Skip(ctx, name, event); err != nil {
			return "", err
		}
		report.Parked, err = o.ParkedIn(ctx, name, event.Stream)
		if isNotFound(err) {
			return "the stream goes on", nil
		}
		if err != nil {
			return "the event is skipped", err
		}
		return fmt.Sprintf("the stream is parked again at %d", report.Parked[0].Version), nil
	})
	return report, err
}

// Unskip takes a skip back, for generations that are built later; see
// [projection.Engine.Unskip].
func (o *Operator) Unskip(ctx context.Context, by By, name string, event eventstore.EventID) (Recorded, error) {
	engine, err := o.engineOf(ctx, name)
	if err != nil {
		return Recorded{}, err
	}
	return o.Act(ctx, Action{Action: "unskip", Target: skipTarget(name, event), Reason: by.Reason, Actor: by.Actor}, func(ctx context.Context) (string, error) {
		return "", engine.Unskip(ctx, name, event)
	})
}

// Skip is an event that a projection passes over, in every generation.
type Skip struct {
	Projection string             `json:"projection"`
	Event      eventstore.EventID `json:"event"`
	// Record is the action that skipped it, with its time, who and why; absent where it is
	// not among the newest [SkipRecords].
	Record eventstore.EventID `json:"record,omitzero"`
	Time   time.Time          `json:"time,omitzero"`
	Actor  string             `json:"actor,omitempty"`
	Reason string             `json:"reason,omitempty"`
}

// SkipRecords is how many actions are searched for those that skipped something.
const SkipRecords = 10_000

// Skips lists the events that projections and reactions pass over, of one if it is named.
// Cost: a read of the state of each, and where there are some, of the operator's stream from
// its head until they are found.
func (o *Operator) Skips(ctx context.Context, name string) ([]Skip, error) {
	all, err := o.known(ctx)
	if name != "" && err == nil {
		var k known
		k, err = o.find(ctx, name)
		all = []known{k}
	}
	if err != nil {
		return nil, err
	}
	skips := []Skip{}
	for _, k := range all {
		state, _, err := o.live(ctx, k.name)
		if err != nil {
			return nil, err
		}
		for _, id := range state.Skips {
			skips = append(skips, Skip{Projection: k.name, Event: id})
		}
	}
	return skips, o.explainSkips(ctx, skips)
}

// explainSkips finds who has skipped events, and why.
func (o *Operator) explainSkips(ctx context.Context, skips []Skip) error {
	unknown := map[string]*Skip{}
	for i := range skips {
		unknown[skipTarget(skips[i].Projection, skips[i].Event)] = &skips[i]
	}
	q := ActivityQuery{Limit: MaxPage}
	for seen := 0; len(unknown) > 0 && seen < SkipRecords; seen += MaxPage {
		page, err := o.Activity(ctx, q)
		if err != nil {
			return err
		}
		for _, a := range page.Actions {
			s := unknown[a.Target]
			if s == nil || a.Action != skipAction {
				continue
			}
			if s.Record, err = eventstore.ParseEventID(a.ID); err != nil {
				return err
			}
			s.Time, s.Actor, s.Reason = a.Time, a.Actor, a.Reason
			delete(unknown, a.Target)
		}
		if q.Before = page.Next; q.Before == 0 {
			return nil
		}
	}
	return nil
}
