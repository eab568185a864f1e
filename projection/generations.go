package projection

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

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
		if err := f.checkKnown(ctx, s); err != nil || !f.projection.isReaction() {
			return err
		}
		if err := f.startCategories(ctx, s); !errors.Is(err, ErrChanged) {
			return err
		}
	}
}

// begin writes the state with the first generation.
func (f *feeder) begin(ctx context.Context, s State) error {
	role := Active
	for _, category := range f.projection.categories {
		if some, err := f.hasStreams(ctx, category); err != nil {
			return err
		} else if some {
			role = Building
		}
	}
	if f.projection.isReaction() {
		return f.beginReaction(ctx, s, role)
	}
	s.Projection, s.Counter = f.projection.name, 1
	s.Generations = []Generation{{
		Number: 1, Version: f.projection.version, Fingerprint: f.projection.Fingerprint(), Role: role, Since: time.Now().UTC(),
		Views: f.projection.Views(),
	}}
	_, err := f.views.PutState(ctx, s)
	return err
}

func (f *feeder) hasStreams(ctx context.Context, category string) (bool, error) {
	for _, err := range f.source.Streams(ctx, category, eventstore.StreamID{}) {
		return err == nil, err
	}
	return false, nil
}

// learn remembers what a state says, and asks for a sweep where a pause has ended.
func (f *feeder) learn(s State) {
	known := knowledge{skips: make(skips, len(s.Skips)), paused: s.Paused, learned: time.Now()}
	var frozen []uint64
	for _, g := range s.live() {
		switch {
		case f.projection.code(g.Version) == nil:
			frozen = append(frozen, g.Number)
		case !g.Folding():
			known.generations = append(known.generations, g)
		default:
			known.coming = true
		}
	}
	for _, id := range s.Skips {
		known.skips[id] = true
	}
	f.meet(s)
	dropping := f.known.paused.stops()
	f.known = known
	f.status.frozen(frozen)
	ended := s.Paused.resumed()
	switch {
	case !ended.IsZero() && !ended.Equal(f.asked):
		f.asked = ended
		f.wantSweep()
	case dropping && s.Paused == nil:
		f.wantSweep() // the sweep that ended the pause may be of a program that does not carry our generations
	}
}

// refresh learns the state again where it was learned too long ago.
func (f *feeder) refresh(ctx context.Context) error {
	if time.Since(f.known.learned) < mostStale {
		return nil
	}
	return f.relearn(ctx)
}

func (f *feeder) relearn(ctx context.Context) error {
	s, err := f.views.State(ctx, f.projection.name)
	if err == nil {
		f.learn(s)
	}
	return err
}

// refreshIdle learns the state again for a feeder that may have nothing to feed.
func (f *feeder) refreshIdle(ctx context.Context) error {
	select {
	case f.busy <- struct{}{}:
		defer func() { <-f.busy }()
		return f.relearn(ctx)
	default:
		return nil // it is feeding, and learns by that
	}
}

// live reads the state and returns what it says.
func (f *feeder) live(ctx context.Context) (knowledge, error) {
	release, err := f.hold(ctx)
	if err != nil {
		return knowledge{}, err
	}
	defer release()
	if err := f.relearn(ctx); err != nil {
		return knowledge{}, err
	}
	return f.known, nil
}

func (f *feeder) checkKnown(ctx context.Context, s State) error {
	p := f.projection
	for _, g := range f.known.generations {
		if err := checkFingerprint(p.code(g.Version), g); err != nil {
			return err
		}
		if err := checkStarted(ctx, f.views, p, g); err != nil {
			return err
		}
	}
	if len(f.known.generations) == 0 && !f.known.coming {
		return notBuilt(p, s)
	}
	return nil
}

// checkFingerprint refuses a generation that another declaration of the same
// version has built.
func checkFingerprint(p *Projection, g Generation) error {
	if g.Fingerprint == p.fingerprint {
		return nil
	}
	return fmt.Errorf("projection %q version %d: %w: generation %d was built with other categories, event types or views; give the changed code another version and rebuild it",
		p.name, p.version, ErrFingerprint, g.Number)
}

// built makes a generation active that is the only one that is live, after a sweep that
// began when it was already there, and in no pause since. A generation of a rebuild is not
// switched here.
func (f *feeder) built(ctx context.Context, began []Generation, resumed time.Time) error {
	s, err := f.views.State(ctx, f.projection.name)
	if err != nil {
		return err
	}
	if s.Paused.stops() || !s.Paused.resumed().Equal(resumed) {
		return nil // it was paused meanwhile, and so passed over
	}
	live := s.live()
	if len(live) != 1 || live[0].Role != Building || live[0].Rebuild != nil || len(began) != 1 || began[0].Number != live[0].Number {
		return nil
	}
	i := slices.IndexFunc(s.Generations, func(g Generation) bool { return g.Number == live[0].Number })
	s.Generations[i].Role, s.Generations[i].Since = Active, time.Now().UTC()
	_, err = f.views.PutState(ctx, s)
	if errors.Is(err, ErrChanged) {
		return f.built(ctx, began, resumed) // for another reason, perhaps: look again
	}
	return err
}

// notBuilt says why no generation of a projection's version can be read or fed.
func notBuilt(p *Projection, s State) error {
	e := &NotBuiltError{Projection: p.name, Version: p.version}
	switch {
	case s.Revision == 0:
		e.Reason, e.Fed = "it has never been built", true
		e.hint = "run a worker, or a sweep (in Lambda: invoke the sweeper), of a program that carries the projection"
	default:
		e.Reason = "it has no active generation of this version"
		if len(s.live()) == 0 {
			e.hint = "start a rebuild, and switch to what it builds"
		}
		for _, g := range s.Generations {
			switch {
			case g.Version == p.version && g.Role == Building && g.Rebuild.Finished():
				e.Reason = fmt.Sprintf("its generation %d is built, and waits for the switch", g.Number)
				e.hint = "compare it, and switch readers to it"
				return e
			case g.Version == p.version && g.Role == Building && g.Rebuild != nil:
				e.Reason = fmt.Sprintf("its generation %d is being built by a rebuild", g.Number)
				e.hint = "let the rebuild run to its end, and switch to it"
				return e
			case g.Version == p.version && g.Role == Building:
				e.Reason, e.Fed = fmt.Sprintf("its generation %d is still being built", g.Number), true
				e.hint = "let a worker run until its first sweep has ended; in Lambda, invoke the sweeper until it is done"
				return e
			case g.Version == p.version && g.Role == Previous && !g.Missed.IsZero():
				e.Reason = fmt.Sprintf("workers have kept commits from its generation %d since %s", g.Number, g.Missed.Format(time.RFC3339))
				e.hint = "deploy the program whose version readers use, or roll back, which sweeps that generation"
				return e
			case g.Role == Active:
				e.Reason = fmt.Sprintf("its active generation %d is of version %d", g.Number, g.Version)
				e.hint = fmt.Sprintf("rebuild it: until the switch a program that carries version %d, by projection.Replaces, feeds and shows the old one", g.Version)
				if g.Version > p.version {
					e.hint = tooOld(g.Version)
				}
			}
		}
	}
	return e
}
