package projection

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

const (
	// mostStalls is how many rounds without progress are made before a batch is
	// given back to its feed.
	mostStalls = 8
	firstPause = 2 * time.Millisecond
	lastPause  = 500 * time.Millisecond
)

// feeder brings announcements into the generations of one projection.
type feeder struct {
	projection *Projection
	source     Source
	views      ViewStore
	decoders   decoders
	opts       *Options
	status     *status

	// busy has capacity 1 and is held while feeding: a feed and a sweep of one
	// process would only stand in each other's way. It guards known and asked.
	busy  chan struct{}
	known knowledge
	// alone is when the state was read last, if it has no generation that programs of other
	// versions feed; else nil.
	alone atomic.Pointer[time.Time]
	// wantSweep asks for a sweep; asked is the end of the pause for which it last was.
	wantSweep func()
	asked     time.Time
}

// knowledge is what a feeder has learned from the state of its projection. It is never
// changed, but replaced.
type knowledge struct {
	// generations are those to feed: live, built so far that they are fed, and of a version
	// that the program carries.
	generations []Generation
	// coming: there is one of such a version that is not to be fed yet.
	coming  bool
	skips   skips
	paused  *Paused // nil where nobody has paused it
	learned time.Time
}

// mostStale is how old knowledge may be where something is fed.
const mostStale = 10 * time.Second

// outcome is what became of deliveries in one projection.
type outcome struct {
	// undone are those that must come again, by their index, each with what keeps
	// its stream back.
	undone map[int]reasons
	// err is what keeps everything back, such as a view store that does not answer.
	err error
	// parked counts the streams that were parked, in each generation.
	parked int
}

// allUndone: nothing was done about what concerns a projection.
func allUndone(concerned map[int]error, err error) outcome {
	o := outcome{undone: map[int]reasons{}, err: err}
	for i := range concerned {
		o.undone[i] = reasons{{err: err}}
	}
	return o
}

// nothing gives everything back, whatever was done of it.
func (o outcome) nothing(concerned map[int]error, err error) outcome {
	all := allUndone(concerned, err)
	all.parked = o.parked
	return all
}

// feed applies deliveries to every live generation.
func (f *feeder) feed(ctx context.Context, deliveries []*delivery) outcome {
	concerned := map[int]error{}
	for i, d := range deliveries {
		if f.projection.concerns(d.stream.Category()) {
			concerned[i] = nil
		}
	}
	if len(concerned) == 0 {
		return f.passBy(ctx, deliveries)
	}
	release, err := f.hold(ctx)
	if err != nil {
		return allUndone(concerned, err)
	}
	defer release()
	f.status.waiting(deliveries, concerned)
	o := f.feedLive(ctx, deliveries, concerned)
	f.status.settled(deliveries, concerned, o)
	if err := o.first(); err != nil && ctx.Err() == nil {
		f.opts.Logger.WarnContext(ctx, "projection could not apply all of a batch", "projection", f.projection.name,
			"streams", len(o.undone), "error", err)
	}
	return o
}

// passBy takes care of deliveries that concern nothing that the program carries. A generation of
// another version may follow their categories: that it does not get them is noted. It waits for
// nothing that is being fed.
func (f *feeder) passBy(ctx context.Context, deliveries []*delivery) outcome {
	if at := f.alone.Load(); at != nil && time.Since(*at) < mostStale {
		return outcome{}
	}
	for {
		s, err := f.views.State(ctx, f.projection.name)
		if err == nil {
			f.meet(s)
			err = f.noteMissed(ctx, s)
		}
		switch {
		case err == nil:
			return outcome{}
		case errors.Is(err, ErrChanged): // look again
		default:
			all := map[int]error{}
			for i := range deliveries {
				all[i] = nil
			}
			return allUndone(all, err)
		}
	}
}

// meet remembers when no generation was fed by programs that carry other versions.
func (f *feeder) meet(s State) {
	var at *time.Time
	if !slices.ContainsFunc(s.live(), func(g Generation) bool { return !g.Folding() && f.projection.code(g.Version) == nil }) {
		at = new(time.Now())
	}
	f.alone.Store(at)
}

// first returns an error that tells what is wrong, if anything is.
func (o outcome) first() error {
	if o.err != nil {
		return o.err
	}
	for _, why := range o.undone {
		return why
	}
	return nil
}

func (f *feeder) hold(ctx context.Context) (release func(), err error) {
	select {
	case f.busy <- struct{}{}:
		return func() { <-f.busy }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// feedLive feeds every live generation, until a strong read of the state made
// after the last write names no further one. Where that read says that the projection is
// paused everything is taken care of: it is left to a sweep after the end of the pause.
func (f *feeder) feedLive(ctx context.Context, deliveries []*delivery, concerned map[int]error) outcome {
	o := outcome{undone: map[int]reasons{}}
	fed := map[uint64]bool{}
	var errs []error
	if err := f.refresh(ctx); err != nil {
		return allUndone(concerned, err)
	}
	for {
		for _, g := range f.known.generations {
			if fed[g.Number] || f.known.paused.stops() {
				continue
			}
			fed[g.Number] = true
			undone, parked, err := f.feedGeneration(ctx, g, f.tasksOf(g, deliveries, concerned))
			o.parked += parked
			for _, t := range undone {
				o.undone[t.index] = append(o.undone[t.index], t.reason(err))
			}
			errs = append(errs, err)
		}
		state, err := f.views.State(ctx, f.projection.name)
		if err == nil && state.Revision == 0 {
			err = notBuilt(f.projection, state) // nobody has prepared it, or it is gone
		}
		if err != nil {
			return o.nothing(concerned, errors.Join(append(errs, err)...))
		}
		f.learn(state)
		paused := f.known.paused.stops()
		if !paused && slices.ContainsFunc(f.known.generations, func(g Generation) bool { return !fed[g.Number] }) {
			continue
		}
		if err = f.noteMissed(ctx, state); errors.Is(err, ErrChanged) {
			continue // look again
		}
		if paused && err == nil {
			return outcome{parked: o.parked}
		}
		if o.err = errors.Join(append(errs, err)...); err != nil {
			return o.nothing(concerned, o.err)
		}
		return o
	}
}

// noteMissed notes, before anything is acknowledged, which generations do not get it, since
// the program does not carry their version: once, and once more where somebody has begun to
// sweep one. What is folded still is swept later anyway.
func (f *feeder) noteMissed(ctx context.Context, s State) error {
	missed := false
	for i := range s.Generations {
		g := &s.Generations[i]
		if g.Role == Retired || g.Folding() || f.projection.code(g.Version) != nil {
			continue
		}
		if g.Missed.IsZero() {
			g.Missed, missed = time.Now().UTC(), true
		}
		if g.Sweeping {
			g.Sweeping, missed = false, true
		}
	}
	if !missed {
		return nil
	}
	_, err := f.views.PutState(ctx, s)
	return err
}

// task is a delivery on its way into one generation.
type task struct {
	*delivery
	index int
	// retry tries a parked event once more.
	retry bool
	// failure is what stopped the stream, if its event could not be applied.
	failure *failure
	// err is what keeps the task from being done, if it is given back; damaged: the
	// store can not read the stream.
	err     error
	damaged bool
}

// reason says why a task is given back, which err may have done to all.
func (t *task) reason(err error) reason {
	if t.err != nil {
		err = t.err
	}
	return reason{err, t.damaged}
}

// tasksOf returns those that concern the code of a generation.
func (f *feeder) tasksOf(g Generation, deliveries []*delivery, concerned map[int]error) []*task {
	var tasks []*task
	code := f.projection.code(g.Version)
	for i, d := range deliveries {
		if _, ok := concerned[i]; ok && code.follows(d.stream.Category()) {
			tasks = append(tasks, &task{delivery: d, index: i})
		}
	}
	return tasks
}

// feedGeneration makes rounds until every task is done, and returns those that are
// not, each with what keeps it back: an event that fails for now, a stream that can
// not be read, too many rounds without progress; and how many streams it parked. An
// error keeps all of them back.
func (f *feeder) feedGeneration(ctx context.Context, g Generation, tasks []*task) (undone []*task, parked int, err error) {
	r := f.round(g, f.known.skips)
	stalls := 0
	for len(tasks) > 0 {
		progress, err := r.run(ctx, &tasks, &undone)
		if err == nil && !progress {
			stalls++
			err = pause(ctx, stalls)
		} else {
			stalls = 0
		}
		if err != nil {
			return append(undone, tasks...), r.parked, err
		}
		if stalls == mostStalls {
			for _, t := range tasks {
				t.err = fmt.Errorf("%s: %q does not come forward: others are writing, or the store does not show what was announced", r.generation, t.stream)
			}
			return append(undone, tasks...), r.parked, nil
		}
	}
	return undone, r.parked, nil
}

// round returns the rounds of a generation whose code the program carries.
func (f *feeder) round(g Generation, skips skips) *round {
	return &round{feeder: f, generation: GenerationID{f.projection.name, g.Number}, projection: f.projection.code(g.Version), entry: g, skips: skips}
}

func pause(ctx context.Context, stalls int) error {
	return sleep(ctx, rand.N(min(firstPause<<stalls, lastPause)))
}

// sleep ends after a time, or with the cause where ctx ends before.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (f *feeder) retry(ctx context.Context, stream eventstore.StreamID) error {
	known, err := f.live(ctx)
	if err == nil {
		err = known.running(f.projection.name)
	}
	if err != nil {
		return err
	}
	release, err := f.hold(ctx)
	if err != nil {
		return err
	}
	defer release()
	var errs []error
	for _, g := range known.generations {
		t, err := f.tryAgain(ctx, g, stream)
		if t.failure != nil {
			t.err = t.failure.err
		}
		errs = append(errs, err, t.err)
	}
	return errors.Join(errs...)
}

// tryAgain tries the event that a stream is parked at, and goes on with the stream if it
// can be applied or is skipped.
func (f *feeder) tryAgain(ctx context.Context, g Generation, stream eventstore.StreamID) (*task, error) {
	t := &task{delivery: &delivery{stream: stream}, retry: true}
	_, _, err := f.feedGeneration(ctx, g, []*task{t})
	return t, err
}
