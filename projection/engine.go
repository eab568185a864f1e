package projection

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/leftfold/leftfold/eventstore"
)

// Source is what projections read of an event store; see [eventstore.Store] and
// [eventstore.Directory] for the contracts.
type Source interface {
	Read(ctx context.Context, stream eventstore.StreamID, from eventstore.Version) iter.Seq2[eventstore.Commit, error]
	Streams(ctx context.Context, category string, after eventstore.StreamID) iter.Seq2[eventstore.StreamID, error]
}

// Options says how an [Engine] and a [Worker] work. The zero value works.
type Options struct {
	// Name tells this worker from others. Defaults to a random one.
	Name string
	// Build names the program's version, for park records and heartbeats.
	Build string
	// Logger gets what an operator should know. Defaults to discarding it.
	Logger *slog.Logger
	// SweepEvery is how often a Worker sweeps. Defaults to 6 hours; a negative
	// value leaves the sweeps to somebody else.
	SweepEvery time.Duration
	// HeartbeatEvery is how often a Worker leaves a heartbeat, and looks whether it was
	// resumed while nothing is announced. Defaults to 10 seconds.
	HeartbeatEvery time.Duration
	// Changes, for development, is told what each event has changed, once that is stored:
	// the events of a stream in order, several streams and projections at once. Where the
	// answer to a write is lost nothing is told of it. It is called while its stream waits.
	// All rows are read for it. Defaults to nil: nobody is told, and it costs nothing.
	Changes func(context.Context, []Change)
	// Sequential feeds one projection after the other instead of all at once,
	// in one goroutine.
	Sequential bool
}

func (o Options) withDefaults() Options {
	if o.Name == "" {
		o.Name = uuid.NewString()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.SweepEvery == 0 {
		o.SweepEvery = 6 * time.Hour
	}
	if o.HeartbeatEvery <= 0 {
		o.HeartbeatEvery = 10 * time.Second
	}
	return o
}

// Engine feeds projections with what it is handed. It starts nothing by itself;
// [Worker] runs one over a feed. It is safe for concurrent use.
type Engine struct {
	source   Source
	views    ViewStore
	opts     Options
	decoders decoders
	feeders  []*feeder
	// wanted asks the worker for a sweep: sent to by whoever wants one, never closed. One
	// request waits; while it does another adds nothing.
	wanted chan struct{}
	// working: somebody feeds it on and on, and leaves heartbeats.
	working atomic.Bool
}

// NewEngine returns an engine for some projections and reactions, of which no two have
// the same name: one that [Replaces] another brings that along. It reads and writes nothing
// before [Engine.Prepare]. The error is an [eventstore.ErrInvalid], such as a [TwiceError].
func NewEngine(source Source, views ViewStore, opts Options, consumers ...Consumer) (*Engine, error) {
	if err := CheckNames(consumers...); err != nil {
		return nil, err
	}
	var projections []*Projection
	for _, c := range consumers {
		projections = append(projections, c.consumer())
	}
	e := &Engine{source: source, views: views, opts: opts.withDefaults(), decoders: newDecoders(projections), wanted: make(chan struct{}, 1)}
	for _, p := range projections {
		e.feeders = append(e.feeders, &feeder{
			projection: p, source: source, views: views, decoders: e.decoders, opts: &e.opts,
			busy: make(chan struct{}, 1), status: newStatus(), wantSweep: e.wantSweep,
		})
	}
	if len(e.feeders) == 0 {
		return nil, fmt.Errorf("%w: no projection to feed", eventstore.ErrInvalid)
	}
	return e, nil
}

func (e *Engine) wantSweep() {
	select {
	case e.wanted <- struct{}{}:
	default:
	}
}

// Prepare reads the state of each projection, and gives one that has none its
// first generation: active at once where none of its streams exists yet, else
// building until the first [Engine.Sweep] has ended. A projection whose
// declaration differs from what its version was built with is an
// [ErrFingerprint]; one whose version has no generation an [ErrNotBuilt]. A reaction
// that has no state gets its start; one whose checkpoints are gone is an [ErrNoStart].
func (e *Engine) Prepare(ctx context.Context) error {
	var errs []error
	for _, f := range e.feeders {
		if err := f.prepare(ctx); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// each calls do for every projection, at once unless Options says otherwise, and
// waits.
func (e *Engine) each(do func(*feeder)) {
	if e.opts.Sequential || len(e.feeders) == 1 {
		for _, f := range e.feeders {
			do(f)
		}
		return
	}
	var group sync.WaitGroup
	for _, f := range e.feeders {
		group.Go(func() { do(f) })
	}
	group.Wait()
}

// Retry tries the event again on which a stream of a projection is parked, and
// goes on with the stream if it succeeds. If it fails the stream is parked as
// before, with one more attempt, and the error says why. Where the projection is paused it
// is an [ErrPaused].
func (e *Engine) Retry(ctx context.Context, projection string, stream eventstore.StreamID) error {
	f, err := e.feeder(projection)
	if err != nil {
		return err
	}
	return f.retry(ctx, stream)
}

// feeder returns that of a projection.
func (e *Engine) feeder(projection string) (*feeder, error) {
	for _, f := range e.feeders {
		if f.projection.name == projection {
			return f, nil
		}
	}
	return nil, fmt.Errorf("%w: no projection %q in this program", eventstore.ErrInvalid, projection)
}

// Heartbeats returns what the engine would tell of each projection now.
func (e *Engine) Heartbeats(now time.Time) []Heartbeat {
	var beats []Heartbeat
	for _, f := range e.feeders {
		beats = append(beats, f.status.beat(f, now))
	}
	return beats
}

// Beat leaves a heartbeat for each projection, where it has left none within
// [Options.HeartbeatEvery]: it is for who feeds an engine from time to time, such as a
// function. A [Worker] leaves them by itself, and a sweep does at its end. What fails is
// logged, and keeps nobody from working.
func (e *Engine) Beat(ctx context.Context) {
	e.working.Store(true)
	e.each(func(f *feeder) {
		if f.status.due(time.Now(), e.opts.HeartbeatEvery) {
			f.beat(ctx, e.opts.Name, false)
		}
	})
}

// SweepWorker is whose heartbeat a sweep leaves that no worker makes.
const SweepWorker = "sweep"

// beat leaves a heartbeat.
func (f *feeder) beat(ctx context.Context, worker string, ended bool) {
	b := f.status.beat(f, time.Now())
	b.Worker, b.Ended = worker, ended
	if err := f.views.Beat(ctx, b); err != nil && ctx.Err() == nil {
		f.opts.Logger.WarnContext(ctx, "heartbeat failed", "projection", b.Projection, "error", err)
	}
}
