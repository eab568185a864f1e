package terminal

import (
	"context"
	"errors"
	"io/fs"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/handlers/dispatch"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/projection"
)

// Code is the exit code of a command.
type Code int

// The exit codes. Scripts rely on them: none is ever given another meaning.
const (
	Done           Code = 0
	Failed         Code = 1
	WrongUse       Code = 2   // an unknown flag, a version that is none
	NotThere       Code = 3   // an unknown stream, projection, store
	Changed        Code = 4   // a conflict: somebody else was there
	CheckFailed    Code = 5   // a check or a verification found something
	Refused        Code = 6   // no confirmation, reason or right
	OutcomeUnknown Code = 7   // whether it was done nobody knows
	Interrupted    Code = 130 // and can be given again
)

// String is the code's name in JSON.
func (c Code) String() string {
	switch c {
	case Done:
		return "done"
	case WrongUse:
		return "wrong_use"
	case NotThere:
		return "not_there"
	case Changed:
		return "changed"
	case CheckFailed:
		return "check_failed"
	case Refused:
		return "refused"
	case OutcomeUnknown:
		return "outcome_unknown"
	case Interrupted:
		return "interrupted"
	}
	return "failed"
}

var (
	// ErrUsage: the command was given wrongly.
	ErrUsage = errors.New("wrong use")
	// ErrCheck: a check failed. The answer has said why, and nothing more is said.
	ErrCheck = errors.New("check failed")
)

// classes are the sentinels of the library, by the code that they lead to. The first that
// fits decides.
var classes = []struct {
	code      Code
	sentinels []error
}{
	{CheckFailed, []error{ErrCheck}},
	{Refused, []error{operator.ErrRefused, projection.ErrPaused, projection.ErrNotReady, projection.ErrInUse}}, // whatever the cause, nothing was done
	{OutcomeUnknown, []error{eventstore.ErrOutcomeUnknown}},
	{WrongUse, []error{ErrUsage, eventstore.ErrInvalid, projection.ErrCursor}},
	{NotThere, []error{operator.ErrNotFound, aggregate.ErrNotFound, projection.ErrNotFound, projection.ErrNotSkipped, fs.ErrNotExist,
		projection.ErrNoRebuild, projection.ErrNoGeneration}},
	{Changed, []error{eventstore.ErrConflict, eventstore.ErrRevision, eventstore.ErrIDReused, eventstore.ErrClaimTaken,
		eventstore.ErrClaimNotHeld, projection.ErrChanged, projection.ErrNotParked, projection.ErrRebuilding}},
	{Interrupted, []error{context.Canceled, projection.ErrRebuildPaused}},
}

// CodeOf returns the exit code of an error.
func CodeOf(err error) Code {
	if err == nil {
		return Done
	}
	if f, ok := errors.AsType[*dispatch.Failure](err); ok {
		return Code(f.Class.Exit())
	}
	for _, c := range classes {
		for _, sentinel := range c.sentinels {
			if errors.Is(err, sentinel) {
				return c.code
			}
		}
	}
	return Failed
}
