package dynamotable

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptrace"
	"sync/atomic"

	"github.com/aws/smithy-go/middleware"
)

// unsentError is that of an attempt that failed before there was a connection for it:
// for want of credentials, of a host, of a certificate.
type unsentError struct{ error }

func (e *unsentError) Unwrap() error { return e.error }

// IsUnsent reports whether a request can not have reached the server.
func IsUnsent(err error) bool {
	_, ok := errors.AsType[*unsentError](err)
	return ok
}

// way is how far an attempt came.
type way struct {
	identified bool // there were credentials
	passedOn   bool // to the HTTP client
	// The HTTP client has asked for a connection, and has got one. One that is not of
	// net/http tells neither.
	asked, connected atomic.Bool
}

func (w *way) mayBeSent() bool { return w.passedOn && (w.connected.Load() || !w.asked.Load()) }

type wayKey struct{}

func wayOf(ctx context.Context) *way {
	w, _ := middleware.GetStackValue(ctx, wayKey{}).(*way)
	return w
}

// MarkUnsent is an option of a client, or of a request, by which [IsUnsent] knows the
// attempts that were not sent. It may be given twice.
func MarkUnsent(stack *middleware.Stack) error {
	const id = "LeftfoldUnsent"
	if _, marked := stack.Finalize.Get(id); marked {
		return nil
	}
	// Each of these steps is within the SDK's repetitions.
	return errors.Join(
		stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc(id, markUnsent), "ResolveAuthScheme", middleware.Before),
		stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc(id+"Identified", noteIdentity), "GetIdentity", middleware.After),
		stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc(id+"PassedOn", traceConnection), "Signing", middleware.After))
}

func markUnsent(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
	w := &way{}
	out, metadata, err := next.HandleFinalize(middleware.WithStackValue(ctx, wayKey{}, w), in)
	if err == nil || w.mayBeSent() {
		return out, metadata, err
	}
	if !w.identified {
		err = fmt.Errorf("%w: %w", ErrDenied, err)
	}
	return out, metadata, &unsentError{err}
}

func noteIdentity(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
	wayOf(ctx).identified = true
	return next.HandleFinalize(ctx, in)
}

// traceConnection looks at the request alone: credentials are fetched before, by
// requests of their own.
func traceConnection(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
	w := wayOf(ctx)
	w.passedOn = true
	return next.HandleFinalize(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { w.asked.Store(true) },
		// What is written to the connection is written later, perhaps beside us.
		GotConn: func(httptrace.GotConnInfo) { w.connected.Store(true) },
	}), in)
}
