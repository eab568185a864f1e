package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/leftfold/leftfold/eventstore"
)

// ActivityCategory is that of the stream in which actions are recorded. It is none of the
// service's: no projection follows it unless it names it.
const ActivityCategory = "leftfold"

// ActivityStream is where actions are recorded: leftfold-operator.
var ActivityStream, _ = eventstore.NewStreamID(ActivityCategory, "operator") // a name that is valid

// ActionBegun is an event of [ActivityStream]: somebody is about to do something. It is recorded
// before anything is done: what can not be recorded is not done.
type ActionBegun struct {
	Action string `json:"action"`
	Target string `json:"target,omitempty"`
	Reason string `json:"reason"`
	Build  string `json:"build,omitempty"`
}

// ActionEnded is an event of [ActivityStream]: what became of the action that began at Begun.
type ActionEnded struct {
	Begun  eventstore.Version `json:"begun"`
	Result string             `json:"result,omitempty"`
	Error  string             `json:"error,omitempty"`
}

// ownEvents are the types of the operator's own stream.
var ownEvents = eventstore.MustRegistry(
	eventstore.Type[ActionBegun]("ACTION_BEGUN", 1),
	eventstore.Type[ActionEnded]("ACTION_ENDED", 1),
)

// The limits of what is recorded of an action.
const (
	MinReasonLetters = 5
	MaxReasonBytes   = 1000
)

// Action is something that an operator does.
type Action struct {
	// Action says what it is: "parked retry". Target says to what.
	Action, Target string
	// Reason is why, [MinReasonLetters] or more, Actor is who.
	Reason, Actor string
	// Unasked: it may do without a reason, since nobody would be asked for one.
	Unasked bool
}

// Check refuses an action without reason or actor; the error wraps [ErrRefused].
func (a Action) Check() error {
	reason := strings.TrimSpace(a.Reason)
	switch {
	case utf8.RuneCountInString(reason) < MinReasonLetters && !(a.Unasked && reason == ""):
		return fmt.Errorf("%w: %s needs a reason of %d letters or more, which is recorded", ErrRefused, a.Action, MinReasonLetters)
	case len(reason) > MaxReasonBytes:
		return fmt.Errorf("%w: the reason has %d bytes, allowed are %d", ErrRefused, len(reason), MaxReasonBytes)
	case a.Actor == "":
		return fmt.Errorf("%w: %s needs to know who asks for it", ErrRefused, a.Action)
	}
	return nil
}

// endTimeout is for recording how an action ended, also where its context has ended.
const endTimeout = 10 * time.Second

// Recorded is where an action was recorded.
type Recorded struct {
	// Record is where it began, by which [Operator.Activity] names it.
	Record eventstore.EventID `json:"record,omitzero"`
	// Warning says why it was not recorded how the action ended, empty where it was: what
	// was done is done all the same.
	Warning string `json:"warning,omitempty"`
}

// Act records that an action begins, does it, and records what became of it: what do
// returns, or its error. What can not be recorded is not begun: that is an
// [UnrecordedError]. The error is that of do, and none of recording what became of it: that
// is a warning.
func (o *Operator) Act(ctx context.Context, a Action, do func(ctx context.Context) (result string, err error)) (Recorded, error) {
	if err := a.Check(); err != nil {
		return Recorded{}, err
	}
	ctx = eventstore.WithMetadata(ctx, eventstore.Metadata{Actor: a.Actor, CorrelationID: uuid.NewString()})
	begun, err := o.record(ctx, ActionBegun{Action: a.Action, Target: a.Target, Reason: strings.TrimSpace(a.Reason), Build: o.service.Build})
	if err != nil {
		return Recorded{}, &UnrecordedError{Action: a.Action, Err: err}
	}
	recorded := Recorded{Record: begun}
	result, err := do(ctx)
	ended := ActionEnded{Begun: begun.Version, Result: clip(result)}
	if err != nil {
		ended.Error = clip(err.Error())
	}
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		ended.Error = "interrupted"
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	if _, failed := o.record(late, ended); failed != nil {
		recorded.Warning = fmt.Sprintf("it could not be recorded what became of %s: %v", begun, failed)
	}
	return recorded, err
}

// record appends to the operator's stream. An outcome that is unknown is made sure of, by
// the same write at the same place.
func (o *Operator) record(ctx context.Context, event any) (eventstore.EventID, error) {
	e, err := ownEvents.Encode(event)
	if err != nil {
		return eventstore.EventID{}, err
	}
	w := eventstore.Write{Stream: ActivityStream, ID: uuid.NewString(), Events: []eventstore.Event{e}}
	for {
		if w.Revision, err = o.service.Store.Head(ctx, ActivityStream); err != nil {
			return eventstore.EventID{}, err
		}
		c, err := o.appendSurely(ctx, w)
		if err == nil {
			return c.EventID(0), nil
		}
		if !errors.Is(err, eventstore.ErrConflict) {
			return eventstore.EventID{}, err
		}
	}
}

// recordAttempts is how often a record is sent whose outcome is unknown.
const recordAttempts = 3

func (o *Operator) appendSurely(ctx context.Context, w eventstore.Write) (c eventstore.Commit, err error) {
	for range recordAttempts {
		if c, err = o.service.Store.Append(ctx, w); !errors.Is(err, eventstore.ErrOutcomeUnknown) {
			break
		}
	}
	return c, err
}

// clip keeps a record small.
func clip(text string) string {
	const most = 2000
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
