package operator

import (
	"errors"
	"fmt"
	"strings"

	"github.com/leftfold/leftfold/eventstore"
)

var (
	// ErrNotFound: what was asked for is not there; see [NotFoundError].
	ErrNotFound = errors.New("not there")
	// ErrRefused: an action was not carried out, since a reason, a confirmation or a right
	// is missing.
	ErrRefused = errors.New("refused")
	// ErrUnsupported: the store or the program has no means for it.
	ErrUnsupported = errors.New("not supported")
)

// NotFoundError says what is not there, and what is. It is an [ErrNotFound].
type NotFoundError struct {
	// What it is that was looked for: "stream", "projection".
	What string
	Name string
	// There is what there is instead, empty if that would be long.
	There []string
	// Reason says more, or is empty.
	Reason string
}

func (e *NotFoundError) Error() string {
	switch {
	case e.Reason != "":
		return e.Reason
	case len(e.There) > 0:
		return fmt.Sprintf("there is no %s %q; there are: %s", e.What, e.Name, strings.Join(e.There, ", "))
	}
	return fmt.Sprintf("there is no %s %q", e.What, e.Name)
}

// Is makes the error an [ErrNotFound].
func (e *NotFoundError) Is(target error) bool { return target == ErrNotFound }

// ReactionError says that a reaction was named where a projection is wanted. It is an
// [eventstore.ErrInvalid].
type ReactionError struct{ Reaction string }

func (e *ReactionError) Error() string {
	return e.Reaction + " is a reaction: it has no views that could be built again"
}

// Is makes the error an [eventstore.ErrInvalid].
func (e *ReactionError) Is(target error) bool { return target == eventstore.ErrInvalid }

// Hint says what to do.
func (e *ReactionError) Hint() string { return "name a projection" }

// UnrecordedError says that an action was not begun, since that could not be recorded. It is
// an [ErrRefused].
type UnrecordedError struct {
	Action string
	Err    error
}

func (e *UnrecordedError) Error() string {
	return fmt.Sprintf("%s was not begun, since it could not be recorded: %v", e.Action, e.Err)
}

// Is makes the error an [ErrRefused].
func (e *UnrecordedError) Is(target error) bool { return target == ErrRefused }

// Unwrap returns the cause.
func (e *UnrecordedError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *UnrecordedError) Hint() string {
	return "nothing was done; actions need the right to write to the stream " + ActivityStream.String()
}

// unsupported says what is missing for something.
func unsupported(what string, missing any) error {
	return fmt.Errorf("%w: %s: %v", ErrUnsupported, what, missing)
}
