package dispatch

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// Refusal says what an error means to the callers of a service.
type Refusal struct {
	// Err is found by errors.Is.
	Err error
	// Code is for programs, such as sold-out. Defaults to the class.
	Code string
	// Class defaults to [Refused].
	Class Class
	// Text is what callers read. Defaults to the text of the error that was returned.
	Text string
}

// Failure is the error of a request: all that its caller may know, and the error itself
// for the log. Its JSON is the first alone.
type Failure struct {
	Class Class `json:"class"`
	// Code tells more than the class where a [Refusal] says so, and is the class else.
	Code string `json:"code"`
	// Text and Hint are for people.
	Text string `json:"detail"`
	Hint string `json:"hint,omitempty"`
	// Kind and Name are those of the request, and ID is that of the command: the same
	// sent again has to have it.
	Kind Kind   `json:"kind,omitempty"`
	Name string `json:"name,omitempty"`
	ID   string `json:"id,omitempty"`
	// Stream is the one that the error is about, where it is about one.
	Stream eventstore.StreamID `json:"stream,omitzero"`
	// Limit is the one that is exceeded.
	Limit *Limit `json:"limit,omitempty"`
	// Err is what happened.
	Err error `json:"-"`
}

// Limit is a limit that is exceeded. Size is 0 where it is not known.
type Limit struct {
	What  string `json:"what"`
	Size  int    `json:"size,omitempty"`
	Limit int    `json:"limit"`
}

func (f *Failure) Error() string {
	text := f.Text
	if f.Err != nil {
		text = f.Err.Error()
	}
	if f.Name == "" {
		return text
	}
	return fmt.Sprintf("%s %q: %s", f.Kind, f.Name, text)
}

// Unwrap returns what happened.
func (f *Failure) Unwrap() error { return f.Err }

// Explain says what an error means to the caller of a request. A [*Failure] is returned as
// it is. The answer for nil is nil.
func Explain(err error, refusals ...Refusal) *Failure {
	if err == nil {
		return nil
	}
	if f, ok := errors.AsType[*Failure](err); ok {
		return f
	}
	r := classify(err, refusals)
	m := manners[r.Class]
	f := &Failure{Class: r.Class, Code: cmp.Or(r.Code, string(r.Class)), Text: cmp.Or(r.Text, m.text), Hint: m.hint, Err: err}
	if f.Text == "" {
		f.Text = strings.TrimPrefix(err.Error(), eventstore.ErrInvalid.Error()+": ")
		f.Hint = cmp.Or(eventstore.Hint(err), f.Hint)
	}
	f.Stream, f.Limit = streamOf(err), limitOf(err)
	if f.Limit != nil {
		f.Text = fmt.Sprintf("%d %s, the limit is %d", f.Limit.Size, f.Limit.What, f.Limit.Limit)
	}
	return f
}

// classify finds what an error means. Nothing that a service declares hides that the
// outcome is unknown.
func classify(err error, refusals []Refusal) Refusal {
	if errors.Is(err, eventstore.ErrOutcomeUnknown) {
		return Refusal{Class: OutcomeUnknown}
	}
	for _, r := range refusals {
		if errors.Is(err, r.Err) {
			r.Class = cmp.Or(r.Class, Refused)
			if r.Text == "" {
				r.Text = err.Error()
			}
			return r
		}
	}
	for _, s := range sentinels {
		if errors.Is(err, s.err) {
			return Refusal{Class: s.class}
		}
	}
	return Refusal{Class: Internal}
}

// streamOf returns the stream that an error is about.
func streamOf(err error) (stream eventstore.StreamID) {
	if e, ok := errors.AsType[*eventstore.OutcomeUnknownError](err); ok {
		return e.Write.Stream
	}
	if e, ok := errors.AsType[*eventstore.ConflictError](err); ok {
		return e.Stream
	}
	if e, ok := errors.AsType[*eventstore.IDReusedError](err); ok {
		return e.Stream
	}
	if e, ok := errors.AsType[*eventstore.ClaimError](err); ok {
		return e.Stream
	}
	if e, ok := errors.AsType[*eventstore.LimitError](err); ok {
		return e.Stream
	}
	if e, ok := errors.AsType[*projection.BehindError](err); ok {
		return e.Want.Stream
	}
	if e, ok := errors.AsType[*projection.ParkedError](err); ok {
		return e.Stream
	}
	return stream
}

func limitOf(err error) *Limit {
	if e, ok := errors.AsType[*eventstore.LimitError](err); ok {
		return &Limit{What: e.What, Size: e.Size, Limit: e.Limit}
	}
	return nil
}
