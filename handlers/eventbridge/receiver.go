package eventbridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/aws/aws-lambda-go/events"

	"github.com/leftfold/leftfold/eventstore"
)

// ErrSource: an event comes from a source that the receiver does not expect.
var ErrSource = errors.New("source is not expected")

// ReceiverOptions says how a receiver works. The zero value works.
type ReceiverOptions struct {
	// Fetch returns a payload that the sender has deposited elsewhere, by its reference.
	// What it returns is checked against the digest in the event. Defaults to refusing
	// such an event.
	Fetch func(ctx context.Context, reference string) ([]byte, error)
	// Logger gets, at the level debug, what is passed over. Defaults to discarding it.
	Logger *slog.Logger
}

// Receiver hands the events that come over a bus to the functions of a service. It is
// made by [NewReceiver], immutable, and safe for concurrent use.
//
// A bus delivers at least once, in any order, and again what is replayed from an archive.
// Give the commands that follow from an event the ID [Received.CommandID]: so they take
// effect once. Their context carries the event's correlation ID and trace, and the event
// as their cause.
//
// Nothing is passed over in silence: an event of an unexpected source, of a type that is
// not registered, or in a form that can not be read is an error, so that Lambda tries it
// again and then hands it to the function's dead-letter queue. What is to be passed over is
// named by [Ignore] or [IgnoreOthers]; so is a type that is registered and not handled.
type Receiver struct {
	name    string
	opts    ReceiverOptions
	sources map[string]*source
}

// NewReceiver returns a receiver. The name is a part of the IDs of its commands: of two
// receivers that make commands on the same streams, each needs its own, and it never
// changes. The error wraps [eventstore.ErrInvalid] and names every fault.
func NewReceiver(name string, opts ReceiverOptions, sources ...Source) (*Receiver, error) {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Receiver{name: name, opts: opts, sources: map[string]*source{}}
	var errs []error
	if err := checkReceiverName(name); err != nil {
		errs = append(errs, err)
	}
	if len(sources) == 0 {
		errs = append(errs, fmt.Errorf("%w: it has no source", eventstore.ErrInvalid))
	}
	for _, from := range sources {
		s := from.build()
		if r.sources[s.name] != nil {
			s.fail("it is named twice")
		}
		r.sources[s.name] = s
		errs = append(errs, s.errs...)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("eventbridge: receiver %q: %w", clip(name), err)
	}
	return r, nil
}

// Handle takes one event, as Lambda hands it over: it is a handler for lambda.Start.
//
// It returns when the function for the event has, with its error. Any other error is a
// [*ReceiveError] that wraps [ErrSource], [eventstore.ErrUnregistered],
// [eventstore.ErrUndecodable] or [eventstore.ErrInvalid]. An error never shows a payload.
func (r *Receiver) Handle(ctx context.Context, event events.EventBridgeEvent) error {
	return r.handle(ctx, message{EventBridgeEvent: event})
}

// HandleMessage takes one event as JSON, as a queue or a file holds it, and otherwise does
// what Handle does. It is a handler for lambda.Start, too, and the one that knows a replay:
// see [Received.Replay].
func (r *Receiver) HandleMessage(ctx context.Context, raw json.RawMessage) error {
	m, err := decodeMessage(raw)
	if err != nil {
		return r.failure(message{}, err)
	}
	return r.handle(ctx, m)
}

func (r *Receiver) handle(ctx context.Context, m message) error {
	s := r.sources[m.Source]
	if s == nil {
		return r.failure(m, fmt.Errorf("%w: expected is %q", ErrSource, slices.Sorted(maps.Keys(r.sources))))
	}
	handle, err := s.handlerOf(m.DetailType)
	if err != nil {
		return r.failure(m, err)
	}
	if handle == nil {
		r.opts.Logger.DebugContext(ctx, "event is passed over", "receiver", r.name, "source", m.Source, "type", m.DetailType)
		return nil
	}
	a, err := r.arrivalOf(ctx, s, m)
	if err == nil {
		err = handle(eventstore.WithMetadata(ctx, a.metadata()), a)
	}
	if err != nil {
		return r.failure(m, err)
	}
	return nil
}

// ReceiveError says which event could not be handled.
type ReceiveError struct {
	Receiver string
	Source   string
	Type     string
	// ID is the event's, stream@version, or where it has none that can be read the bus's own.
	ID  string
	Err error
}

func (e *ReceiveError) Error() string {
	return fmt.Sprintf("eventbridge: receiver %q: event %q of type %q from %q: %v", e.Receiver, clip(e.ID), clip(e.Type), clip(e.Source), e.Err)
}

// Unwrap returns the cause.
func (e *ReceiveError) Unwrap() error { return e.Err }

// Hint says what an operator can do, or is empty.
func (e *ReceiveError) Hint() string {
	var own string
	switch {
	case errors.Is(e.Err, ErrSource):
		own = "narrow the rule of the bus, or add the source to the receiver"
	case errors.Is(e.Err, eventstore.ErrUnregistered):
		own = "register the type, let the receiver ignore it, or narrow the rule of the bus"
	}
	return hintOr(own, e.Err)
}

func (r *Receiver) failure(m message, err error) error {
	return &ReceiveError{Receiver: r.name, Source: m.Source, Type: m.DetailType, ID: m.eventID(), Err: err}
}
