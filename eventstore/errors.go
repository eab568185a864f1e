package eventstore

import (
	"errors"
	"fmt"
)

// One sentinel for each class of failure, for the whole module. The facts are in
// the struct errors below; both are reached with errors.Is and errors.AsType.
var (
	// ErrInvalid: the call itself is wrong, and sending it again never helps.
	ErrInvalid = errors.New("invalid")
	// ErrConflict: the stream has moved on; see [ConflictError].
	ErrConflict = errors.New("conflict")
	// ErrRevision: the revision can not be used here; see [RevisionError].
	ErrRevision = errors.New("revision refused")
	// ErrTooLarge: a limit is exceeded; see [LimitError].
	ErrTooLarge = errors.New("too large")
	// ErrIDReused: the commit ID is taken by a commit with other content; see [IDReusedError].
	ErrIDReused = errors.New("commit id used for other content")
	// ErrOutcomeUnknown: nobody can say whether the write took place; see [OutcomeUnknownError].
	ErrOutcomeUnknown = errors.New("outcome unknown")
	// ErrUnregistered: the registry does not know an event's type or schema version.
	ErrUnregistered = errors.New("event type not registered")
	// ErrUndecodable: a registered event's payload can not be decoded.
	ErrUndecodable = errors.New("payload can not be decoded")
	// ErrCorrupt: what is stored contradicts itself: a gap, a damaged frame.
	ErrCorrupt = errors.New("store is corrupt")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("store is closed")
)

// Hinter is implemented by errors that know what an operator can do about them.
type Hinter interface{ Hint() string }

// Hint returns the first hint in err's tree, or "".
func Hint(err error) string {
	var h Hinter
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

// ConflictError says that an append expected a revision that is no longer the head.
// It is an [ErrConflict].
type ConflictError struct {
	Stream   StreamID
	Expected Revision
	// Actual is the earliest boundary that the stream is known to have passed:
	// the end of Winner. It need not be the head.
	Actual Revision
	// Winner is the commit that follows Expected, as a read would return it.
	Winner Commit
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("append to %q: expected %s, but commit %q has taken the stream to version %d",
		e.Stream, describe(e.Expected), e.Winner.ID, e.Actual.Version())
}

// Is makes the error an [ErrConflict].
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

// RevisionError says that a revision can not be used for a write: it belongs to
// another stream or store, or to a state that this store never had. It is an [ErrRevision].
type RevisionError struct {
	Stream   StreamID
	Revision Revision
	Reason   string
}

func (e *RevisionError) Error() string {
	return fmt.Sprintf("append to %q at %s: the revision %s", e.Stream, describe(e.Revision), e.Reason)
}

// Is makes the error an [ErrRevision].
func (e *RevisionError) Is(target error) bool { return target == ErrRevision }

// Hint says what to do.
func (e *RevisionError) Hint() string {
	return "load the stream again and decide anew; drop caches that outlived a restore"
}

// LimitError names the limit that a write, an event or a row exceeds, and both
// numbers. It is an [ErrTooLarge]. Limits are checked before anything is sent.
type LimitError struct {
	Stream StreamID
	// What is measured, with its unit: "commit bytes".
	What  string
	Size  int
	Limit int
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%q: %d %s, the limit is %d", e.Stream, e.Size, e.What, e.Limit)
}

// Is makes the error an [ErrTooLarge].
func (e *LimitError) Is(target error) bool { return target == ErrTooLarge }

// IDReusedError says that the slot holds a commit of the same ID whose content
// differs. It is an [ErrIDReused].
type IDReusedError struct {
	Stream StreamID
	ID     string
	// Stored is the commit that has the ID.
	Stored Commit
}

func (e *IDReusedError) Error() string {
	return fmt.Sprintf("append to %q: commit id %q already belongs to version %d with other content",
		e.Stream, e.ID, e.Stored.First)
}

// Is makes the error an [ErrIDReused].
func (e *IDReusedError) Is(target error) bool { return target == ErrIDReused }

// OutcomeUnknownError says that a write may or may not have taken place. Unless
// its revision is [Any], appending Write again is safe for ever: it is stored
// once, and the answer is the first result. It is an [ErrOutcomeUnknown].
type OutcomeUnknownError struct {
	Write Write
	// With is what is to be sent again instead where it was a transaction: Write is its first.
	With *Transaction
	Err  error
}

func (e *OutcomeUnknownError) Error() string {
	return fmt.Sprintf("append of commit %q to %q at %s: outcome unknown: %v",
		e.Write.ID, e.Write.Stream, describe(e.Write.Revision), e.Err)
}

// Is makes the error an [ErrOutcomeUnknown].
func (e *OutcomeUnknownError) Is(target error) bool { return target == ErrOutcomeUnknown }

// Unwrap returns the cause.
func (e *OutcomeUnknownError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *OutcomeUnknownError) Hint() string {
	if e.Write.Revision.IsAny() {
		return "read the stream and look for the commit id; a write at any revision that is sent again may be stored twice"
	}
	return "send the same write with the same commit id again; do not decide anew before"
}

// CorruptError says where a store contradicts itself. It is an [ErrCorrupt].
type CorruptError struct {
	Stream StreamID
	// Version is where it was noticed.
	Version Version
	Reason  string
	// Err is what the store's own file or service said, or nil.
	Err error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s@%d: store is corrupt: %s", e.Stream, e.Version, e.Reason)
}

// Unwrap returns the cause, or nil.
func (e *CorruptError) Unwrap() error { return e.Err }

// Is makes the error an [ErrCorrupt].
func (e *CorruptError) Is(target error) bool { return target == ErrCorrupt }

// Hint says what to do.
func (e *CorruptError) Hint() string {
	return "stop writing to the stream, keep a copy of the store, restore it from a backup"
}

// EventError names the event that could not be decoded. It wraps
// [ErrUnregistered] or [ErrUndecodable] and the cause.
type EventError struct {
	ID     EventID
	Type   string
	Schema int
	Err    error
}

func (e *EventError) Error() string {
	return fmt.Sprintf("event %s of type %s (schema %d): %v", e.ID, e.Type, e.Schema, e.Err)
}

// Unwrap returns the cause.
func (e *EventError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *EventError) Hint() string {
	if errors.Is(e.Err, ErrUnregistered) {
		return fmt.Sprintf("register %s schema %d in this program, or deploy the code that knows it", e.Type, e.Schema)
	}
	return "the registered Go type does not fit the stored payload: register the old shape with an upcaster"
}

func describe(r Revision) string {
	switch {
	case r.any:
		return "any revision"
	case r.version == 0:
		return "no stream"
	}
	return fmt.Sprintf("version %d", r.version)
}
