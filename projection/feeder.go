package projection

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
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
	// process would only stand in each other's way. It guards known.
	busy  chan struct{}
	known []Generation
}

// feed applies deliveries and returns the indexes of those that are not done.
func (f *feeder) feed(ctx context.Context, deliveries []*delivery) map[int]bool {
	undone := map[int]bool{}
	for i, d := range deliveries {
		if f.projection.follows(d.stream.Category()) {
			undone[i] = true
		}
	}
	if len(undone) == 0 {
		return undone
	}
	release, err := f.hold(ctx)
	if err != nil {
		return undone
	}
	defer release()
	f.status.waiting(deliveries, undone)
	failed, err := f.feedLive(ctx, deliveries, undone)
	f.status.settled(deliveries, undone, failed, err)
	if err != nil && ctx.Err() == nil {
		f.opts.Logger.WarnContext(ctx, "projection could not apply a batch", "projection", f.projection.name, "error", err)
	}
	return failed
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
// after the last write names no further one.
func (f *feeder) feedLive(ctx context.Context, deliveries []*delivery, wanted map[int]bool) (failed map[int]bool, err error) {
	failed = map[int]bool{}
	fed := map[uint64]bool{}
	var errs []error
	for {
		for _, g := range f.known {
			if fed[g.Number] {
				continue
			}
			fed[g.Number] = true
			undone, err := f.feedGeneration(ctx, GenerationID{f.projection.name, g.Number}, tasksOf(deliveries, wanted))
			for _, t := range undone {
				failed[t.index] = true
			}
			errs = append(errs, err)
		}
		state, err := f.views.State(ctx, f.projection.name)
		if err != nil {
			return wanted, errors.Join(append(errs, err)...)
		}
		f.learn(state)
		if !slices.ContainsFunc(f.known, func(g Generation) bool { return !fed[g.Number] }) {
			return failed, errors.Join(errs...)
		}
	}
}

// learn remembers the generations to feed: live, and of this code's version.
func (f *feeder) learn(s State) {
	f.known = f.known[:0]
	var frozen []uint64
	for _, g := range s.Generations {
		switch {
		case g.Role == Retired:
		case g.Version == f.projection.version:
			f.known = append(f.known, g)
		default:
			frozen = append(frozen, g.Number)
		}
	}
	f.status.frozen(frozen)
}

// task is a delivery on its way into one generation.
type task struct {
	*delivery
	index int
	// retry tries a parked event once more.
	retry bool
	// failure is what stopped the stream, if its event could not be applied.
	failure *failure
}

func tasksOf(deliveries []*delivery, wanted map[int]bool) []*task {
	var tasks []*task
	for i, d := range deliveries {
		if wanted[i] {
			tasks = append(tasks, &task{delivery: d, index: i})
		}
	}
	return tasks
}

// feedGeneration makes rounds until every task is done, and returns those that are
// not: after an error, after too many rounds without progress, or because of a
// transient failure.
func (f *feeder) feedGeneration(ctx context.Context, g GenerationID, tasks []*task) (undone []*task, err error) {
	r := round{feeder: f, generation: g}
	stalls := 0
	for len(tasks) > 0 {
		progress, err := r.run(ctx, &tasks, &undone)
		if err != nil {
			return append(undone, tasks...), err
		}
		if progress {
			stalls = 0
			continue
		}
		if stalls++; stalls > mostStalls {
			return append(undone, tasks...), fmt.Errorf("%s: %d streams do not come forward, %q among them", g, len(tasks), tasks[0].stream)
		}
		if err := pause(ctx, stalls); err != nil {
			return append(undone, tasks...), err
		}
	}
	if len(undone) > 0 {
		err = undone[0].failure.err
	}
	return undone, err
}

func pause(ctx context.Context, stalls int) error {
	timer := time.NewTimer(rand.N(min(firstPause<<stalls, lastPause)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (f *feeder) retry(ctx context.Context, stream eventstore.StreamID) error {
	release, err := f.hold(ctx)
	if err != nil {
		return err
	}
	defer release()
	var errs []error
	for _, g := range f.known {
		t := &task{delivery: &delivery{stream: stream}, retry: true}
		undone, err := f.feedGeneration(ctx, GenerationID{f.projection.name, g.Number}, []*task{t})
		if err == nil && len(undone) == 0 && t.failure != nil {
			err = t.failure.err
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// prepare makes sure that the projection has a generation that this code may feed.
func (f *feeder) prepare(ctx context.Context) error {
	release, err := f.hold(ctx)
	if err != nil {
		return err
	}
	defer release()
	p := f.projection
	for {
		s, err := f.views.State(ctx, p.name)
		if err != nil {
			return err
		}
		if s.Revision == 0 {
			if err := f.begin(ctx, s); err != nil && !errors.Is(err, ErrChanged) {
				return err
			}
			continue // also when another worker was faster
		}
		f.learn(s)
		return f.checkKnown(s)
	}
}

// begin writes the state with the first generation.
func (f *feeder) begin(ctx context.Context, s State) error {
	role := Active
	for _, category := range f.projection.categories {
		for _, err := range f.source.Streams(ctx, category, eventstore.StreamID{}) {
			if err != nil {
				return err
			}
			role = Building
			break
		}
	}
	s.Projection, s.Counter = f.projection.name, 1
	s.Generations = []Generation{{
		Number: 1, Version: f.projection.version, Fingerprint: f.projection.Fingerprint(), Role: role, Since: time.Now().UTC(),
	}}
	_, err := f.views.PutState(ctx, s)
	return err
}

func (f *feeder) checkKnown(s State) error {
	p := f.projection
	for _, g := range f.known {
		if g.Fingerprint != p.Fingerprint() {
			return fmt.Errorf("projection %q version %d: %w: generation %d was built with other categories, event types or views; give the projection a new version",
				p.name, p.version, ErrFingerprint, g.Number)
		}
	}
	if len(f.known) == 0 {
		return notBuilt(p, s)
	}
	return nil
}

// built makes the first generation active, after a sweep that began when it was
// already there. A generation of a rebuild is not switched here.
func (f *feeder) built(ctx context.Context, began []Generation) error {
	s, err := f.views.State(ctx, f.projection.name)
	if err != nil {
		return err
	}
	if len(s.Generations) != 1 || s.Generations[0].Role != Building || len(began) != 1 || began[0].Number != s.Generations[0].Number {
		return nil
	}
	s.Generations[0].Role, s.Generations[0].Since = Active, time.Now().UTC()
	if _, err := f.views.PutState(ctx, s); err != nil && !errors.Is(err, ErrChanged) {
		return err
	}
	return nil
}
