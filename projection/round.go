package projection

import (
	"context"
	"errors"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

// mostEvents bounds what a round holds in memory, about; a stream that has more is
// applied over several rounds.
const mostEvents = 8192

// round classifies tasks against the checkpoints and applies what it can.
type round struct {
	*feeder
	generation GenerationID
	// projection is the code of the generation's version.
	projection *Projection
	// entry is that of the generation in the projection's state.
	entry Generation
	// skips are the events that it passes over.
	skips skips
	// conflicts counts failed conditions: slices get smaller with each, and larger again
	// where a round has none.
	conflicts int
	// parked counts the streams that were parked.
	parked int
}

// work is a stretch of a stream that follows its checkpoint without a gap.
type work struct {
	task    *task
	commits []*commit
	// parked is the record that the checkpoint had when it was read.
	parked *Parked
	// applied moves forward from the checkpoint.
	applied eventstore.Version
	failure *failure
}

// move is one from where the work has come to.
func (w *work) move(to eventstore.Version) Move {
	return Move{Stream: w.task.stream, From: w.applied, To: to, Parked: w.parked != nil,
		Skip: w.parked != nil && w.parked.Skip && w.parked.Version > w.applied}
}

// failure is an event that could not be applied.
type failure struct {
	event *envelope
	err   error
	// unknown: the program does not know the type.
	unknown bool
}

// run makes one round. It takes tasks that are done off the list, and moves those
// that must wait for later to undone. Progress means that something moved.
func (r *round) run(ctx context.Context, tasks *[]*task, undone *[]*task) (progress bool, err error) {
	works, rest, progress, err := r.classify(ctx, *tasks, undone)
	if err != nil {
		return false, err
	}
	*tasks = rest
	if len(works) == 0 {
		return progress, nil
	}
	before := make([]eventstore.Version, len(works))
	for i, w := range works {
		before[i] = w.applied
	}
	err = r.apply(ctx, works)
	switch {
	case errors.Is(err, ErrChanged):
		r.conflicts++
	case err != nil:
		*tasks = append(tasksIn(works), rest...)
		return false, err
	default:
		r.conflicts = max(0, r.conflicts-1)
	}
	for i, w := range works {
		progress = progress || w.applied > before[i]
		done, err := r.settle(ctx, w)
		switch {
		case err != nil:
			*tasks = append(tasksIn(works[i:]), *tasks...)
			return false, err
		case done && w.task.failure != nil && isTransient(w.task.failure.err):
			w.task.err = w.task.failure.err
			*undone = append(*undone, w.task)
		case !done:
			*tasks = append(*tasks, w.task)
		}
	}
	return progress, nil
}

func tasksIn(works []*work) []*task {
	tasks := make([]*task, len(works))
	for i, w := range works {
		tasks[i] = w.task
	}
	return tasks
}

// classify reads the checkpoints and returns what can be applied. Tasks that are
// done are dropped, those that must be looked at again are the rest, and those of
// streams that can not be read are undone.
func (r *round) classify(ctx context.Context, tasks []*task, undone *[]*task) (works []*work, rest []*task, progress bool, err error) {
	streams := make([]eventstore.StreamID, len(tasks))
	for i, t := range tasks {
		streams[i] = t.stream
	}
	checkpoints, err := r.views.Checkpoints(ctx, r.generation, streams)
	if err != nil {
		return nil, nil, false, err
	}
	events := 0
	for i, t := range tasks {
		if events >= mostEvents {
			rest = append(rest, t)
			continue
		}
		w, again, err := r.classifyOne(ctx, t, checkpoints[i])
		if errors.Is(err, eventstore.ErrCorrupt) {
			t.err, t.damaged = err, true // it waits alone
			*undone = append(*undone, t)
			continue
		}
		if err != nil {
			return nil, nil, false, err
		}
		switch {
		case w != nil:
			works = append(works, w)
			for _, c := range w.commits {
				events += weight(&c.Commit)
			}
		case again:
			rest = append(rest, t)
		default:
			progress = true
		}
	}
	return works, rest, progress, nil
}

// classifyOne says what a task means at a checkpoint: work to apply, to be looked
// at again, or done.
func (r *round) classifyOne(ctx context.Context, t *task, c Checkpoint) (w *work, again bool, err error) {
	if c.Waits() && !t.retry && !canRetry(c, r.projection, r.skips) {
		return nil, false, nil // parked: announcements are dropped while the record stands
	}
	if c.Waits() && c.Parked.Skip {
		kept, err := r.learnSkip(ctx, eventstore.EventID{Stream: t.stream, Version: c.Parked.Version})
		if err != nil || !kept {
			return nil, err == nil, err // somebody else has passed over it
		}
	}
	if c.Parked == nil && t.reach <= c.Version {
		return nil, false, nil // seen before
	}
	commits := t.after(c.Version)
	if c.Parked != nil || len(commits) == 0 {
		// A gap, or a record that may only be removed after a read to the head.
		if commits, err = r.read(ctx, t.stream, c.Version+1); err != nil {
			return nil, false, err
		}
	}
	if len(commits) > 0 {
		return &work{task: t, commits: commits, parked: c.Parked, applied: c.Version}, false, nil
	}
	if c.Parked != nil && !c.Waits() {
		// Left over, and this read, begun after the checkpoint had moved past it,
		// found nothing more.
		err := r.views.Park(ctx, r.generation, t.stream, c.Version, nil)
		if errors.Is(err, ErrChanged) {
			return nil, true, nil
		}
		if err != nil {
			return nil, false, err
		}
	}
	return nil, t.reach > c.Version, nil // the store does not show it yet: repeat
}

// canRetry: the event of a stream that waits is skipped, or its type was unknown to older
// code and is known to this one.
func canRetry(c Checkpoint, p *Projection, skips skips) bool {
	return c.Parked.Skip || skips[eventstore.EventID{Stream: c.Stream, Version: c.Parked.Version}] ||
		c.Parked.Unknown && p.events.Knows(c.Parked.Type, c.Parked.Schema)
}

// learnSkip makes sure that the state has a skip before it is carried out.
func (r *round) learnSkip(ctx context.Context, id eventstore.EventID) (kept bool, err error) {
	if kept, err = r.keepSkip(ctx, r.generation, id); kept {
		r.skips = r.skips.with(id)
	}
	return kept, err
}

// read returns commits of a stream from the one that holds a version.
func (r *round) read(ctx context.Context, stream eventstore.StreamID, from eventstore.Version) ([]*commit, error) {
	var commits []*commit
	events := 0
	for c, err := range r.source.Read(ctx, stream, from) {
		if err != nil {
			return nil, err
		}
		commits = append(commits, &commit{Commit: c})
		if events += weight(&c); events >= mostEvents {
			break
		}
	}
	return commits, nil
}

// settle parks a stream that failed, and says whether its task is done.
func (r *round) settle(ctx context.Context, w *work) (done bool, err error) {
	w.task.failure = nil
	if w.failure == nil && w.parked == nil && w.applied >= w.task.reach {
		return true, nil
	}
	if w.failure == nil || w.applied != w.failure.event.id.Version-1 {
		return false, nil // the next round reads the checkpoint again
	}
	w.task.retry = false
	w.task.failure = w.failure
	if isTransient(w.failure.err) {
		return true, nil
	}
	err = r.views.Park(ctx, r.generation, w.task.stream, w.applied, r.record(w))
	if errors.Is(err, ErrChanged) {
		return false, nil // another worker has moved it: what failed here is out of date
	}
	if err != nil {
		return false, err
	}
	r.parked++
	r.opts.Logger.WarnContext(ctx, "projection parked a stream", "generation", r.generation.String(),
		"event", w.failure.event.id.String(), "type", w.failure.event.typ, "error", w.failure.err)
	return true, nil
}

func (r *round) record(w *work) *Parked {
	e := w.failure.event
	p := &Parked{Version: e.id.Version, Type: e.typ, Schema: e.schema, Error: clip(w.failure.err.Error()),
		Unknown: w.failure.unknown, Build: r.opts.Build, Attempts: 1, Since: time.Now().UTC()}
	if old := w.parked; old != nil && old.Version == p.Version {
		p.Attempts, p.Since = old.Attempts+1, old.Since
	}
	return p
}

// clip keeps a park record small.
func clip(s string) string {
	const most = 1000
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
