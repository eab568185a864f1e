package operator

import (
	"context"
	"encoding/json"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

// EventQuery asks for events of one stream.
type EventQuery struct {
	Stream eventstore.StreamID
	// From is the version with which the page begins. Defaults to the first, or the last
	// where it goes backward.
	From eventstore.Version
	// Backward shows the newest first.
	Backward bool
	// Limit is 1 to [MaxPage]. Defaults to 50.
	Limit int
}

// EventPage is a page of events.
type EventPage struct {
	Events []Event `json:"events"`
	// Next is the version with which the next page begins, 0 where there is none.
	Next eventstore.Version `json:"next,omitzero"`
}

// Event is an event as it is stored, with what its commit says.
type Event struct {
	ID            string              `json:"id"`
	Stream        eventstore.StreamID `json:"stream"`
	Version       eventstore.Version  `json:"version"`
	Type          string              `json:"type"`
	SchemaVersion int                 `json:"schema_version"`
	Time          time.Time           `json:"time"`
	Commit        string              `json:"commit"`
	Strict        bool                `json:"strict,omitempty"`
	Metadata      eventstore.Metadata `json:"metadata,omitzero"`
	// Payload is the event's, if it is JSON; else the bytes are in Binary.
	Payload json.RawMessage `json:"payload,omitempty"`
	Binary  []byte          `json:"binary,omitempty"`
}

func eventOf(c *eventstore.Commit, i int) Event {
	e := &c.Events[i]
	event := Event{ID: c.EventID(i).String(), Stream: c.Stream, Version: c.EventID(i).Version, Type: e.Type, SchemaVersion: e.Schema,
		Time: c.Time, Commit: c.ID, Strict: c.Strict, Metadata: c.Metadata}
	if json.Valid(e.Payload) {
		event.Payload = e.Payload
	} else {
		event.Binary = e.Payload
	}
	return event
}

// Events shows events of a stream: a [NotFoundError] where there is none. Cost: a strongly
// consistent read of the commits.
func (o *Operator) Events(ctx context.Context, q EventQuery) (page EventPage, err error) {
	if q.Limit, err = pageLimit(q.Limit); err != nil {
		return page, err
	}
	read := o.service.Store.Read
	if q.Backward {
		read = o.service.Store.ReadBackward
	}
	found := false
	for c, err := range read(ctx, q.Stream, q.From) {
		if err != nil {
			return page, err
		}
		found = true
		for n := range c.Events {
			i := n
			if q.Backward {
				i = len(c.Events) - 1 - n
			}
			version := c.EventID(i).Version
			if q.From > 0 && (!q.Backward && version < q.From || q.Backward && version > q.From) {
				continue
			}
			if len(page.Events) == q.Limit {
				page.Next = version
				return page, nil
			}
			page.Events = append(page.Events, eventOf(&c, i))
		}
	}
	if !found {
		return page, o.noEvents(ctx, q)
	}
	return page, nil
}

// noEvents says why a stream has nothing to show: behind its head that is no error.
func (o *Operator) noEvents(ctx context.Context, q EventQuery) error {
	if q.From > 0 {
		if head, err := o.service.Store.Head(ctx, q.Stream); err != nil || head.Version() > 0 {
			return err
		}
	}
	return &NotFoundError{What: "stream", Name: q.Stream.String()}
}
