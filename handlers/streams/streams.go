// Package streams lets AWS Lambda feed projections: its [Handler] takes the records of
// the DynamoDB Stream of the table PREFIX-events, as an event source mapping hands them
// to a function, and a sweep for a schedule.
//
//	handler := streams.Connect(connect, streams.Options{Logger: logger})
//	lambda.Start(handler.Handle)
//
// A record is a doorbell, as every announcement: records may come twice, late, in any
// order, halved, and to several processes and versions of the program at once. What keeps
// each view exact is the engine. What keeps every record is the answer: see
// [Handler.Handle]. How to set the mapping up, and what its settings cost, is in
// docs/lambda.md.
package streams

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/projection"
)

// Options says how a Handler works. The zero value works.
type Options struct {
	// Logger gets what an operator should know. Defaults to discarding it.
	Logger *slog.Logger
	// Margin is how long before its time is up an invocation stops to work, and answers
	// with what it has done. It is never more than half of the time that there is.
	// Defaults to one second.
	Margin time.Duration
	// AtOnce is how many records are applied together, where an invocation has more: what
	// is done is known to be done after each part. Defaults to 1,000.
	AtOnce int
	// OnDamage, if not nil, is told of each record that must not be, after the log. A
	// program counts them here, for an alarm. It may be called concurrently.
	OnDamage func(context.Context, Damage)
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Margin <= 0 {
		o.Margin = time.Second
	}
	if o.AtOnce < 1 {
		o.AtOnce = 1000
	}
	return o
}

// Damage is something that is wrong with the store, and that no repetition puts right.
type Damage struct {
	// Sequence is the number of the record that told of it.
	Sequence string
	// Err says what it is, and where; it wraps [eventstore.ErrCorrupt].
	Err error
}

// Handler answers the invocations of a Lambda function. It is made by [New] or [Connect]
// and safe for concurrent use.
type Handler struct {
	opts    Options
	connect func(context.Context) (commitStore, feedEngine, error)

	busy     chan struct{} // of capacity 1, held while connecting. It guards what follows
	store    commitStore
	engine   feedEngine
	prepared bool
}

// commitStore is what a handler needs of a [dynamostore.Store].
type commitStore interface {
	Table() string
	Announcement(item map[string]types.AttributeValue) (a eventstore.Announcement, ok bool, err error)
}

// feedEngine is what a handler needs of a [projection.Engine].
type feedEngine interface {
	Prepare(context.Context) error
	Deliver(context.Context, eventstore.Batch) []projection.Undone
	Beat(context.Context)
	SweepFrom(context.Context, projection.SweepCursor, func(projection.SweepReport)) (projection.SweepReport, error)
}

// New returns a handler that feeds an engine from a store's table. The first invocation
// calls [projection.Engine.Prepare]; if that fails the invocation does, and the next one
// calls it again.
func New(s *dynamostore.Store, e *projection.Engine, opts Options) *Handler {
	return Connect(func(context.Context) (*dynamostore.Store, *projection.Engine, error) { return s, e, nil }, opts)
}

// Connect is New for a program that opens its store when it is first needed: connect is
// called by the first invocation, and by the next one if it failed. So a program starts
// at once, and a network that fails for a moment ends no process.
func Connect(connect func(context.Context) (*dynamostore.Store, *projection.Engine, error), opts Options) *Handler {
	return newHandler(func(ctx context.Context) (commitStore, feedEngine, error) { return connect(ctx) }, opts)
}

func newHandler(connect func(context.Context) (commitStore, feedEngine, error), opts Options) *Handler {
	return &Handler{opts: opts.withDefaults(), connect: connect, busy: make(chan struct{}, 1)}
}

// connected returns store and engine, ready for use.
func (h *Handler) connected(ctx context.Context) (commitStore, feedEngine, error) {
	select {
	case h.busy <- struct{}{}:
		defer func() { <-h.busy }()
	case <-ctx.Done():
		return nil, nil, context.Cause(ctx)
	}
	if h.engine == nil {
		s, e, err := h.connect(ctx)
		if err != nil {
			return nil, nil, err
		}
		h.store, h.engine = s, e
	}
	if !h.prepared {
		if err := h.engine.Prepare(ctx); err != nil {
			return nil, nil, err
		}
		h.prepared = true
	}
	return h.store, h.engine, nil
}

// errTime ends the work of an invocation.
var errTime = errors.New("the invocation's time is up")

// working returns a context that ends early enough to answer.
func (h *Handler) working(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	margin := min(h.opts.Margin, time.Until(deadline)/2)
	return context.WithDeadlineCause(ctx, deadline.Add(-margin), errTime)
}

// failed logs why an invocation fails, and what can be done about it: of an error Lambda
// keeps the text alone.
func (h *Handler) failed(ctx context.Context, err error) {
	attributes := []any{"error", err}
	if hint := eventstore.Hint(err); hint != "" {
		attributes = append(attributes, "hint", hint)
	}
	h.opts.Logger.ErrorContext(ctx, "the invocation failed", attributes...)
}

func (h *Handler) damage(ctx context.Context, d Damage) {
	h.opts.Logger.ErrorContext(ctx, "the store is damaged: a record tells of what must not be", "sequence", d.Sequence, "error", d.Err)
	if h.opts.OnDamage != nil {
		h.opts.OnDamage(ctx, d)
	}
}
