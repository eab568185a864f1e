package projection

import (
	"errors"
	"fmt"
	"strings"

	"github.com/leftfold/leftfold/eventstore"
)

var (
	// ErrNoRebuild: no rebuild of the projection is under way; see [NoRebuildError].
	ErrNoRebuild = errors.New("no rebuild is under way")
	// ErrRebuilding: a rebuild is under way, and another one has to wait; see [RebuildingError].
	ErrRebuilding = errors.New("a rebuild is under way")
	// ErrRebuildPaused: somebody has paused the rebuild.
	ErrRebuildPaused = errors.New("the rebuild is paused")
	// ErrFold: the fold of a rebuild has failed; see [FoldError].
	ErrFold = errors.New("the fold failed")
	// ErrNotReady: readers can not be switched to a generation; see [NotReadyError].
	ErrNotReady = errors.New("generation is not ready")
	// ErrNoGeneration: there is no generation to switch or go back to, to compare or to retire.
	ErrNoGeneration = errors.New("there is no generation")
)

// NoRebuildError is an [ErrNoRebuild].
type NoRebuildError struct {
	Projection string
	// Finished is the generation whose rebuild has come to its end, and that waits for a
	// switch; 0 where there is none.
	Finished uint64
}

func (e *NoRebuildError) Error() string {
	if e.Finished > 0 {
		return fmt.Sprintf("the rebuild of projection %q has come to its end: generation %d is built", e.Projection, e.Finished)
	}
	return fmt.Sprintf("no rebuild of projection %q is under way", e.Projection)
}

// Is makes the error an [ErrNoRebuild].
func (e *NoRebuildError) Is(target error) bool { return target == ErrNoRebuild }

// Hint says what to do.
func (e *NoRebuildError) Hint() string {
	if e.Finished > 0 {
		return "compare it and switch to it, or cancel it"
	}
	return "start one"
}

// RebuildingError says what is built already. It is an [ErrRebuilding].
type RebuildingError struct {
	Generation GenerationID
	Version    int
	// Live: workers build it from its first event on, not a rebuild.
	Live bool
}

func (e *RebuildingError) Error() string {
	return fmt.Sprintf("%s, of version %d, is still being built", e.Generation.text(), e.Version)
}

// Is makes the error an [ErrRebuilding].
func (e *RebuildingError) Is(target error) bool { return target == ErrRebuilding }

// Hint says what to do.
func (e *RebuildingError) Hint() string {
	if e.Live {
		return "let a worker run until its first sweep has ended"
	}
	return "let it run to its end and switch to it, or cancel it"
}

// FoldError says at which event a fold has failed. It is an [ErrFold].
type FoldError struct {
	Generation GenerationID
	// Event is zero where no single one is at fault, such as where a row has become too
	// large.
	Event eventstore.EventID
	Type  string
	Err   error
}

func (e *FoldError) Error() string {
	if e.Event.Version == 0 {
		return fmt.Sprintf("fold of %s: %v", e.Generation.text(), e.Err)
	}
	return fmt.Sprintf("fold of %s at %s (%s): %v", e.Generation.text(), e.Event, e.Type, e.Err)
}

// Is makes the error an [ErrFold].
func (e *FoldError) Is(target error) bool { return target == ErrFold }

// Unwrap returns the cause.
func (e *FoldError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *FoldError) Hint() string {
	return "readers notice nothing; mend the code and resume the rebuild, or cancel it"
}

// NotReadyError says what keeps readers from being switched. It is an [ErrNotReady].
type NotReadyError struct {
	Generation GenerationID
	// Obstacles are for people, the first one first.
	Obstacles []string
	// Firm: one of them is such that nobody can pass it by.
	Firm bool
	// Needs is the version that the program lacks for it, which is of version Program; 0
	// where that is not what is missing.
	Needs, Program int

	hint  string
	cause error // with a hint of its own, or nil
}

func (e *NotReadyError) Error() string {
	return fmt.Sprintf("%s is not ready: %s", e.Generation.text(), strings.Join(e.Obstacles, "; "))
}

// Is makes the error an [ErrNotReady].
func (e *NotReadyError) Is(target error) bool { return target == ErrNotReady }

// Unwrap returns the cause, such as a [PausedError], or nil.
func (e *NotReadyError) Unwrap() error { return e.cause }

// Hint says what to do.
func (e *NotReadyError) Hint() string {
	switch {
	case e.hint != "":
		return e.hint
	case e.Needs > e.Program:
		return tooOld(e.Needs)
	case e.Needs > 0:
		return hintReplaces
	case e.cause != nil:
		return eventstore.Hint(e.cause)
	}
	return "see to it, or force the switch"
}

// tooOld is the hint to a program that lacks a later version than it has.
func tooOld(version int) string {
	return fmt.Sprintf("this program is too old: deploy the one that has version %d", version)
}

func streamsAre(n int) string {
	if n == 1 {
		return "1 stream is"
	}
	return fmt.Sprintf("%d streams are", n)
}
