package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"runtime/debug"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

// report turns every error into a [*Failure], and logs how the request ended.
func (t *Table) report(next Handler) Handler {
	return func(ctx context.Context, r *Request) (any, error) {
		began := time.Now()
		answer, err := next(ctx, r)
		failure := Explain(err, t.opts.Refusals...)
		class := OK
		if failure != nil {
			class = failure.Class
			failure = new(*failure) // it may be the handler's, and of all its requests
			failure.Kind, failure.Name, failure.ID = r.Kind, clip(r.Name), r.ID
		}
		level := manners[class].level
		if t.opts.Logger.Enabled(ctx, level) {
			t.opts.Logger.LogAttrs(ctx, level, "answered", logged(r, class, time.Since(began), failure)...)
		}
		if failure != nil {
			return nil, failure
		}
		return answer, nil
	}
}

// logged says how a request ended. The text of an error is that of the service's own
// ones: others speak of what was sent.
func logged(r *Request, class Class, took time.Duration, f *Failure) []slog.Attr {
	attrs := []slog.Attr{slog.String("kind", string(r.Kind)), slog.String("name", clip(r.Name))}
	if r.ID != "" {
		attrs = append(attrs, slog.String("id", clip(r.ID)))
	}
	attrs = append(attrs, slog.Duration("took", took), slog.String("class", string(class)))
	if f == nil {
		return attrs
	}
	if f.Code != string(class) {
		attrs = append(attrs, slog.String("code", f.Code))
	}
	if manners[class].level < slog.LevelWarn {
		return attrs
	}
	attrs = append(attrs, slog.Any("error", f.Err))
	if hint := eventstore.Hint(f.Err); hint != "" {
		attrs = append(attrs, slog.String("hint", hint))
	}
	if p, ok := errors.AsType[*panicError](f.Err); ok {
		attrs = append(attrs, slog.String("stack", string(p.stack)))
	}
	return attrs
}

type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// recovering turns a panic into an error that is [Internal].
func recovering(next Handler) Handler {
	return func(ctx context.Context, r *Request) (answer any, err error) {
		defer func() {
			if p := recover(); p != nil {
				answer, err = nil, &panicError{value: p, stack: debug.Stack()}
			}
		}()
		return next(ctx, r)
	}
}

// timeout ends the context when the time is over. It waits for the handler, which alone
// knows what has been written by then.
func (t *Table) timeout(next Handler) Handler {
	return func(ctx context.Context, r *Request) (any, error) {
		ctx, stop := context.WithTimeout(ctx, t.opts.Timeout)
		defer stop()
		answer, err := next(ctx, r)
		if err != nil && ctx.Err() != nil {
			err = fmt.Errorf("%w (%w)", err, context.Cause(ctx)) // a driver may say it in words of its own
		}
		return answer, err
	}
}

// authorize asks whether the actor may do this.
func (t *Table) authorize(next Handler) Handler {
	if t.opts.Authorize == nil {
		return next
	}
	return func(ctx context.Context, r *Request) (any, error) {
		actor := actorOf(ctx)
		if actor == "" {
			return nil, fmt.Errorf("%w: the metadata of the context names no actor", ErrUnauthenticated)
		}
		if err := t.opts.Authorize(ctx, actor, r); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrForbidden, err)
		}
		return next(ctx, r)
	}
}

// invalid is the error of a Validate method.
type invalid struct{ err error }

func (e *invalid) Error() string        { return e.err.Error() }
func (e *invalid) Unwrap() error        { return e.err }
func (e *invalid) Is(target error) bool { return target == eventstore.ErrInvalid }

// validate calls the Validate method of what was decoded, where it has one.
func validate(next Handler) Handler {
	return func(ctx context.Context, r *Request) (any, error) {
		p := reflect.New(reflect.TypeOf(r.Content)) // the method may be the pointer's
		p.Elem().Set(reflect.ValueOf(r.Content))
		if v, ok := p.Interface().(interface{ Validate() error }); ok {
			if err := v.Validate(); err != nil {
				return nil, &invalid{err}
			}
		}
		return next(ctx, r)
	}
}

// clip keeps a log readable when what was sent is far too long.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
