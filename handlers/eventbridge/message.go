package eventbridge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/leftfold/leftfold/eventstore"
)

// message is an event as the bus delivers it.
type message struct {
	events.EventBridgeEvent
	Replay string `json:"replay-name"`
}

// eventID returns the ID of the event, as far as there is one to be read.
func (m message) eventID() string {
	var d struct{ ID string }
	if err := json.Unmarshal(m.Detail, &d); err != nil || d.ID == "" {
		return m.ID
	}
	return d.ID
}

func decodeMessage(raw []byte) (message, error) {
	var m message
	if err := json.Unmarshal(raw, &m); err != nil {
		return message{}, unreadable(eventstore.ErrInvalid, "it is no event of a bus", err)
	}
	return m, nil
}

// arrival is an event that was read, with the value that its payload is decoded to.
type arrival struct {
	receiver, source, replay string
	commit                   eventstore.Commit // with this one event
	value                    any
}

// arrivalOf reads the detail of a message, and the payload wherever it is.
func (r *Receiver) arrivalOf(ctx context.Context, s *source, m message) (*arrival, error) {
	d, id, err := decodeDetail(m.Detail)
	if err != nil {
		return nil, err
	}
	if !s.events.Knows(m.DetailType, d.Schema) {
		return nil, fmt.Errorf("schema version %d: %w", d.Schema, eventstore.ErrUnregistered)
	}
	if d.Deposited != nil {
		if d.Payload, err = r.fetch(ctx, d.Deposited); err != nil {
			return nil, err
		}
	}
	a := &arrival{receiver: r.name, source: s.name, replay: m.Replay, commit: eventstore.Commit{Stream: id.Stream, First: id.Version,
		Time: d.Time.UTC(), Metadata: d.Metadata, Events: []eventstore.Event{{Type: m.DetailType, Schema: d.Schema, Payload: d.Payload}}}}
	if a.value, err = s.events.Decode(&a.commit, 0); err != nil {
		return nil, unreadable(eventstore.ErrUndecodable, fmt.Sprintf("its payload of schema version %d does not fit the registered Go type", d.Schema), err)
	}
	return a, nil
}

// decodeDetail reads what newEntry writes.
func decodeDetail(raw json.RawMessage) (d detail, id eventstore.EventID, err error) {
	if err := json.Unmarshal(raw, &d); err != nil {
		return detail{}, id, unreadable(eventstore.ErrInvalid, "its detail is not that of an event of Leftfold", err)
	}
	invalid := func(format string, args ...any) (detail, eventstore.EventID, error) {
		return detail{}, eventstore.EventID{}, fmt.Errorf("%w: its detail: "+format, append([]any{eventstore.ErrInvalid}, args...)...)
	}
	if id, err = eventstore.ParseEventID(d.ID); err != nil {
		return invalid("id: %w", err)
	}
	switch {
	case d.Stream != id.Stream.String() || d.Version != id.Version:
		return invalid("id %q is not stream %q at version %d", clip(d.ID), clip(d.Stream), d.Version)
	case d.Time.IsZero():
		return invalid("it has no time")
	case d.Schema < 1:
		return invalid("schema version %d is below 1", d.Schema)
	case (d.Deposited == nil) == (d.Payload == nil):
		return invalid("it needs either a payload or the place of one")
	}
	return d, id, nil
}

// fetch gets a payload that was deposited elsewhere. Only what the sender had is taken.
func (r *Receiver) fetch(ctx context.Context, d *deposited) (json.RawMessage, error) {
	if r.opts.Fetch == nil {
		return nil, fmt.Errorf("%w: its payload of %d bytes was deposited at %q, and ReceiverOptions.Fetch is not set", eventstore.ErrInvalid, d.Bytes, clip(d.Reference))
	}
	payload, err := r.opts.Fetch(ctx, d.Reference)
	if err != nil {
		return nil, fmt.Errorf("fetch its payload from %q: %w", clip(d.Reference), err)
	}
	if sum := sha256.Sum256(payload); len(payload) != d.Bytes || hex.EncodeToString(sum[:]) != d.SHA256 {
		return nil, fmt.Errorf("%w: the %d bytes at %q are not the %d that were deposited", eventstore.ErrInvalid, len(payload), clip(d.Reference), d.Bytes)
	}
	return payload, nil
}

// metadata is what the commands get that follow from the event.
func (a *arrival) metadata() eventstore.Metadata {
	m := a.commit.Metadata
	return eventstore.Metadata{CorrelationID: m.CorrelationID, CausationID: a.source + "/" + a.commit.EventID(0).String(),
		TraceParent: m.TraceParent, TraceState: m.TraceState}
}

// commandID makes an ID that fits into a commit however long the names are. None of them
// holds the character between them.
func commandID(receiver, source string, id eventstore.EventID) string {
	sum := sha256.Sum256([]byte(receiver + "\n" + source + "\n" + id.String()))
	return "bus-" + hex.EncodeToString(sum[:16])
}

// unreadableError says where something could not be read, and not what stands there: the
// texts of the decoders quote what they meet.
type unreadableError struct {
	text  string
	class error
	cause error
}

func (e *unreadableError) Error() string   { return e.text }
func (e *unreadableError) Unwrap() []error { return []error{e.class, e.cause} }

func unreadable(class error, text string, cause error) error {
	text = class.Error() + ": " + text
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](cause); ok {
		text += fmt.Sprintf(": field %q, byte %d, is no %s", wrong.Field, wrong.Offset, wrong.Type)
	} else if wrong, ok := errors.AsType[*json.SyntaxError](cause); ok {
		text += fmt.Sprintf(": byte %d is no JSON", wrong.Offset)
	} else if _, ok := errors.AsType[*time.ParseError](cause); ok {
		text += ": a time is not as in 2026-01-31T00:00:00Z"
	}
	return &unreadableError{text, class, cause}
}
