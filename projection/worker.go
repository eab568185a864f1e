package projection

import (
	"context"
	"sync"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

// Worker feeds projections and reactions from a feed, sweeps, and leaves heartbeats. Any
// number of workers, in any number of processes, may feed the same ones.
type Worker struct {
	*Engine
	feed eventstore.Feed
}

// NewWorker returns a worker; see [NewEngine].
func NewWorker(source Source, views ViewStore, feed eventstore.Feed, opts Options, consumers ...Consumer) (*Worker, error) {
	engine, err := NewEngine(source, views, opts, consumers...)
	if err != nil {
		return nil, err
	}
	return &Worker{Engine: engine, feed: feed}, nil
}

// A sweep that may do more is repeated after a pause that doubles, since each costs a read of
// every stream.
const firstSweepAgain, lastSweepAgain = time.Minute, time.Hour

// Run works until ctx ends, then returns nil; a batch that has begun is given up
// and comes again. It sweeps at its start, when the feed reports that it lost
// announcements, when a pause has ended, and every Options.SweepEvery. It returns an error if
// [Engine.Prepare] fails or the feed stays broken.
func (w *Worker) Run(ctx context.Context) error {
	if err := w.Prepare(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w.working.Store(true)
	defer w.sayGoodbye(ctx)
	w.wantSweep()

	var group sync.WaitGroup
	if w.opts.SweepEvery > 0 {
		group.Go(func() { w.keepSweeping(ctx) })
	}
	group.Go(func() { w.keepBeating(ctx) })
	err := w.feed.Run(ctx, func(ctx context.Context, b eventstore.Batch) []eventstore.Announcement {
		if b.Trimmed {
			w.opts.Logger.WarnContext(ctx, "the feed has lost announcements; only a sweep finds what they told of")
			w.wantSweep()
		}
		return w.Handle(ctx, b)
	})
	cancel()
	group.Wait()
	return err
}

func (w *Worker) keepSweeping(ctx context.Context) {
	timer := time.NewTimer(w.opts.SweepEvery)
	defer timer.Stop()
	soon := firstSweepAgain
	for {
		select {
		case <-w.wanted:
			soon = firstSweepAgain
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		again := w.opts.SweepEvery
		report, err := w.Sweep(ctx, nil)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			if !report.final() {
				again = min(again, soon)
				soon = min(2*soon, lastSweepAgain)
			}
			attributes := []any{"error", err}
			if hint := eventstore.Hint(err); hint != "" {
				attributes = append(attributes, "hint", hint)
			}
			w.opts.Logger.ErrorContext(ctx, "sweep failed", attributes...)
		default:
			soon = firstSweepAgain
			if report.Parked > 0 {
				w.opts.Logger.WarnContext(ctx, "streams are parked and wait for a retry", "streams", report.Parked)
			}
			w.opts.Logger.InfoContext(ctx, "sweep ended", "streams", report.Streams, "behind", report.Behind,
				"events", report.Events, "took", report.Took)
		}
		timer.Reset(again)
	}
}

// final reports whether a sweep that failed has come to its end, and another one would find
// the same until an operator has done something.
func (r SweepReport) final() bool {
	return r.Next.IsZero() && r.Left == r.Damaged && r.Left+len(r.Ahead) > 0
}

func (w *Worker) keepBeating(ctx context.Context) {
	ticker := time.NewTicker(w.opts.HeartbeatEvery)
	defer ticker.Stop()
	for {
		w.each(func(f *feeder) { f.beat(ctx, w.opts.Name, false) })
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		w.each(func(f *feeder) {
			if err := f.refreshIdle(ctx); err != nil && ctx.Err() == nil {
				w.opts.Logger.WarnContext(ctx, "state could not be read", "projection", f.projection.name, "error", err)
			}
		})
	}
}

// mostGoodbye bounds how long a worker that is told to end tries to say so.
const mostGoodbye = 2 * time.Second

// sayGoodbye leaves the last heartbeats, also where ctx has ended.
func (w *Worker) sayGoodbye(ctx context.Context) {
	w.working.Store(false)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), mostGoodbye)
	defer cancel()
	w.each(func(f *feeder) { f.beat(ctx, w.opts.Name, true) })
}
