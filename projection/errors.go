package projection

import (
	"errors"
	"fmt"

	"github.com/leftfold/leftfold/eventstore"
)

var (
	// ErrNotFound: there is no such row.
	ErrNotFound = errors.New("row not found")
	// ErrNotBuilt: no generation of the projection can be read yet; see [NotBuiltError].
	ErrNotBuilt = errors.New("projection is not built")
	// ErrChanged: a condition of a write failed: somebody else was there. The
	// engine reads again; users do not meet it.
	ErrChanged = errors.New("changed meanwhile")
	// ErrFingerprint: the declaration of a projection was changed without a new version.
	ErrFingerprint = errors.New("projection was changed without a new version")
	// ErrCursor: a page cursor can not be used: start again from the first page.
	ErrCursor = errors.New("cursor can not be used")
	// ErrAhead: a checkpoint lies beyond its stream's head; see [AheadError].
	ErrAhead = errors.New("checkpoint is ahead of the store")
)

// NotBuiltError says why a projection can not be read, and what to run.
// It is an [ErrNotBuilt].
type NotBuiltError struct {
	Projection string
	Version    int
	Reason     string
	// Fed: a worker of this program makes what is missing, and a sweep does.
	Fed  bool
	hint string
}

func (e *NotBuiltError) Error() string {
	return fmt.Sprintf("projection %q version %d: %s", e.Projection, e.Version, e.Reason)
}

// Is makes the error an [ErrNotBuilt].
func (e *NotBuiltError) Is(target error) bool { return target == ErrNotBuilt }

// Hint says what to run.
func (e *NotBuiltError) Hint() string { return e.hint }

// LimitError says which limit an event's rows exceed, and both numbers. It is an
// [eventstore.ErrTooLarge].
type LimitError struct {
	Row   RowID // zero where it is not one row
	What  string
	Size  int
	Limit int
}

func (e *LimitError) Error() string {
	text := fmt.Sprintf("%d %s, the limit is %d", e.Size, e.What, e.Limit)
	switch {
	case e.Row == (RowID{}):
		return text
	case e.Row.Key.Sort == "":
		return fmt.Sprintf("row %q of view %q: %s", e.Row.Key.Partition, e.Row.View, text)
	default:
		return fmt.Sprintf("row %q, %q of view %q: %s", e.Row.Key.Partition, e.Row.Key.Sort, e.Row.View, text)
	}
}

// Is makes the error an [eventstore.ErrTooLarge].
func (e *LimitError) Is(target error) bool { return target == eventstore.ErrTooLarge }

// AheadError says that a checkpoint lies beyond a strongly read head: the store
// was restored to an earlier time, or the views belong to another store. It is an
// [ErrAhead].
type AheadError struct {
	Generation GenerationID
	Stream     eventstore.StreamID
	Checkpoint eventstore.Version
}

func (e *AheadError) Error() string {
	return fmt.Sprintf("%s: checkpoint of %q is %d, but the stream ends before", e.Generation.text(), e.Stream, e.Checkpoint)
}

// Is makes the error an [ErrAhead].
func (e *AheadError) Is(target error) bool { return target == ErrAhead }

// Hint says what to do.
func (e *AheadError) Hint() string {
	return "these views were made from events that the store no longer has: rebuild the projection"
}

// TwiceError says that a program is given two projections or reactions of one name. It is an
// [eventstore.ErrInvalid].
type TwiceError struct {
	Name string
	// Versions are those of the two, 0 of a reaction.
	Versions [2]int
}

// CheckNames returns a [TwiceError] where two of the consumers have the same name, or nil.
func CheckNames(consumers ...Consumer) error {
	versions := map[string]int{}
	for _, c := range consumers {
		version := 0
		if p, ok := c.(*Projection); ok {
			version = p.version
		}
		if before, twice := versions[c.Name()]; twice {
			return &TwiceError{Name: c.Name(), Versions: [2]int{before, version}}
		}
		versions[c.Name()] = version
	}
	return nil
}

func (e *TwiceError) Error() string {
	if e.Versions[0] == e.Versions[1] {
		return fmt.Sprintf("%q is given twice", e.Name)
	}
	return fmt.Sprintf("%q is given twice, in versions %d and %d", e.Name, e.Versions[0], e.Versions[1])
}

// Is makes the error an [eventstore.ErrInvalid].
func (e *TwiceError) Is(target error) bool { return target == eventstore.ErrInvalid }

// Hint says what to do.
func (e *TwiceError) Hint() string {
	older, newer := min(e.Versions[0], e.Versions[1]), max(e.Versions[0], e.Versions[1])
	if older == newer || older == 0 {
		return "give each name once"
	}
	return fmt.Sprintf("give version %d alone: it brings version %d along, by projection.Replaces", newer, older)
}

type transient struct{ err error }

func (t *transient) Error() string { return t.err.Error() }
func (t *transient) Unwrap() error { return t.err }

// Transient marks an error of a view's code as one that goes away by itself: the
// event is tried again after a pause instead of parking its stream.
func Transient(err error) error { return &transient{err} }

func isTransient(err error) bool {
	_, ok := errors.AsType[*transient](err)
	return ok
}

// guard turns a panic of a view's code into an error.
func guard(run func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return run()
}
