package operator

import (
	"context"
	"fmt"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

// ActivityQuery asks for actions, newest first.
type ActivityQuery struct {
	// Before is the record before which the page begins. Defaults to the newest.
	Before eventstore.Version
	// Limit is 1 to [MaxPage]. Defaults to 50.
	Limit int
}

// ActivityPage is a page of actions.
type ActivityPage struct {
	Actions []Activity `json:"actions"`
	// Next is what ActivityQuery.Before is for the next page, 0 where there is none.
	Next eventstore.Version `json:"next,omitzero"`
}

// Activity is an action that was recorded.
type Activity struct {
	// ID is the record with which it began.
	ID     string    `json:"id"`
	Time   time.Time `json:"time"`
	Actor  string    `json:"actor"`
	Action string    `json:"action"`
	Target string    `json:"target,omitempty"`
	Reason string    `json:"reason"`
	Build  string    `json:"build,omitempty"`
	// Ended is when what became of it was recorded, zero where that was not: it is on its
	// way, or its program was killed.
	Ended  time.Time `json:"ended,omitzero"`
	Result string    `json:"result,omitempty"`
	Error  string    `json:"error,omitempty"`
}

// Activity shows who did what and why. Cost: a read of the operator's stream from its head.
func (o *Operator) Activity(ctx context.Context, q ActivityQuery) (page ActivityPage, err error) {
	if q.Limit, err = pageLimit(q.Limit); err != nil {
		return page, err
	}
	ends := map[eventstore.Version]Activity{}
	for c, err := range o.service.Store.ReadBackward(ctx, ActivityStream, 0) {
		if err != nil {
			return page, err
		}
		for i := len(c.Events) - 1; i >= 0; i-- {
			event, err := ownEvents.Decode(&c, i)
			if err != nil {
				return page, err
			}
			version := c.EventID(i).Version
			switch e := event.(type) {
			case ActionEnded:
				ends[e.Begun] = Activity{Ended: c.Time, Result: e.Result, Error: e.Error}
			case ActionBegun:
				if q.Before > 0 && version >= q.Before {
					continue
				}
				if len(page.Actions) == q.Limit {
					page.Next = version + 1
					return page, nil
				}
				a := ends[version]
				a.ID, a.Time, a.Actor = c.EventID(i).String(), c.Time, c.Metadata.Actor
				a.Action, a.Target, a.Reason, a.Build = e.Action, e.Target, e.Reason, e.Build
				page.Actions = append(page.Actions, a)
			default:
				return page, fmt.Errorf("%w: %s of type %T", eventstore.ErrUnregistered, c.EventID(i), event)
			}
		}
	}
	return page, nil
}
