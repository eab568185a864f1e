package terminal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/handlers/dispatch"
	"github.com/leftfold/leftfold/projection"
)

// Error is an error in words for who typed a command.
type Error struct {
	// Class decides the exit code: a sentinel of the library, [ErrUsage], or nil.
	Class error
	Text  string
	// Fix says what to do.
	Fix   string
	Cause error
}

func (e *Error) Error() string { return e.Text }

// Is makes the error one of its class.
func (e *Error) Is(target error) bool { return e.Class != nil && target == e.Class }

// Unwrap returns the cause, or nil.
func (e *Error) Unwrap() error { return e.Cause }

// Hint says what to do.
func (e *Error) Hint() string { return e.Fix }

// WithHint gives an error another hint than its own.
func WithHint(err error, hint string) error { return &Error{Text: err.Error(), Fix: hint, Cause: err} }

// Interrupt returns the error of a command that its context ended, with how to go on. Where
// the context has not ended it returns err.
func Interrupt(ctx context.Context, err error, goOn string) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	return Paused("interrupted", err, goOn)
}

// Paused returns the error of a command that stands still, and can go on.
func Paused(text string, err error, goOn string) error { return &interruption{text, goOn, err} }

type interruption struct {
	text, goOn string
	err        error
}

func (i *interruption) Error() string        { return i.text }
func (i *interruption) Unwrap() error        { return i.err }
func (i *interruption) Hint() string         { return i.goOn }
func (i *interruption) Is(target error) bool { return target == context.Canceled }

// Failure is an error as --json prints it.
type Failure struct {
	Code    string              `json:"code"`
	Message string              `json:"message"`
	Stream  eventstore.StreamID `json:"stream,omitzero"`
	Version eventstore.Version  `json:"version,omitempty"`
	// Refusal says more of what a command or query of the service answered than Code.
	Refusal string `json:"refusal,omitempty"`
	Size    int    `json:"size,omitempty"`
	Limit   int    `json:"limit,omitempty"`
	Hint    string `json:"hint,omitempty"`
}

// Fail says on stderr what went wrong, and returns the exit code: for nil that is [Done]. Where
// ctx has ended, the command was interrupted, and again says what to do then.
func (t *Terminal) Fail(ctx context.Context, err error, again string) Code {
	code := CodeOf(err)
	if err != nil && ctx.Err() != nil && code != OutcomeUnknown {
		code = Interrupted
	}
	f := failureOf(code, err)
	if code == Interrupted {
		f.Message, f.Hint = "interrupted", again
		if i, ok := errors.AsType[*interruption](err); ok {
			f.Message, f.Hint = i.text, i.goOn
		}
	}
	switch {
	case code == Done || errors.Is(err, ErrCheck):
	case t.JSON:
		_ = WriteJSON(t.Stderr(), map[string]Failure{"error": f}) // there is nowhere to say that it failed
	case code == Interrupted:
		t.failed(f.Message, f.Hint)
	default:
		t.failed(t.Paint(t.opts.Stderr, Bad, "error:")+" "+Clean(f.Message), f.Hint)
	}
	return code
}

func (t *Terminal) failed(text, hint string) {
	if hint != "" {
		text += "\n" + t.Paint(t.opts.Stderr, Dim, "hint:") + " " + Clean(hint)
	}
	fmt.Fprintln(t.Stderr(), text)
}

func failureOf(code Code, err error) Failure {
	f := Failure{Code: code.String()}
	if err == nil {
		return f
	}
	f.Message, f.Hint = distinctLines(err), eventstore.Hint(err)
	if e, ok := errors.AsType[*dispatch.Failure](err); ok {
		f.Refusal, f.Stream = e.Code, e.Stream
		f.Hint = cmp.Or(f.Hint, e.Hint)
	}
	if e, ok := errors.AsType[*projection.FoldError](err); ok {
		f.Stream, f.Version = e.Event.Stream, e.Event.Version
	}
	if e, ok := errors.AsType[*eventstore.EventError](err); ok {
		f.Stream, f.Version = e.ID.Stream, e.ID.Version
	}
	if e, ok := errors.AsType[*eventstore.CorruptError](err); ok {
		f.Stream, f.Version = e.Stream, e.Version
	}
	if e, ok := errors.AsType[*eventstore.ConflictError](err); ok {
		f.Stream, f.Version = e.Stream, e.Actual.Version()
	}
	if e, ok := errors.AsType[*eventstore.LimitError](err); ok {
		f.Stream, f.Size, f.Limit = e.Stream, e.Size, e.Limit
	}
	if e, ok := errors.AsType[*projection.LimitError](err); ok {
		f.Size, f.Limit = e.Size, e.Limit
	}
	if e, ok := errors.AsType[*projection.AheadError](err); ok {
		f.Stream, f.Version = e.Stream, e.Checkpoint
	}
	return f
}

// distinctLines says once what keeps several things back.
func distinctLines(err error) string {
	var lines []string
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}
