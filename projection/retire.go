package projection

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// RetireOptions says which generation is retired, and what is passed by. The zero value works.
type RetireOptions struct {
	// Number is that of a previous generation. Defaults to the newest of them.
	Number uint64
	// Code is the program's own, which may need the generation as workers may. Defaults to
	// none.
	Code *Projection
	// Force retires it although somebody has no other one.
	Force bool
}

// RetirePlan is what retiring would do.
type RetirePlan struct {
	Generation GenerationID
	Version    int
	// Refused says who has no other generation, or is nil.
	Refused *InUseError
}

// PlanRetire says what [Retire] would do, and does nothing. Where there is no such generation
// it is an [ErrNoGeneration]. Cost: a read of the state, and one of the heartbeats.
func PlanRetire(ctx context.Context, views StateStore, projection string, o RetireOptions) (RetirePlan, error) {
	s, err := views.State(ctx, projection)
	if err != nil {
		return RetirePlan{}, err
	}
	g, err := s.previous(projection, o.Number)
	if err != nil {
		return RetirePlan{}, err
	}
	workers, err := workersOf(ctx, views, projection)
	plan := RetirePlan{Generation: GenerationID{projection, g.Number}, Version: g.Version}
	if users := s.users(*g, o.Code, workers); len(users) > 0 {
		plan.Refused = &InUseError{Generation: plan.Generation, Obstacles: users}
	}
	return plan, err
}

// Retire gives a previous generation up: nobody can go back to it, and workers feed it no
// more. Where a worker that is there carries no other live generation, or the program itself
// does not, it is an [InUseError]. Its items are removed later, by [Engine.Sweep].
func Retire(ctx context.Context, views StateStore, projection string, o RetireOptions) (GenerationID, error) {
	plan, err := PlanRetire(ctx, views, projection, o)
	switch {
	case err != nil:
		return GenerationID{}, err
	case plan.Refused != nil && !o.Force:
		return GenerationID{}, plan.Refused
	}
	_, err = changeState(ctx, views, projection, func(s *State) error {
		g, err := s.previous(projection, plan.Generation.Number)
		if err == nil {
			s.retire(g)
		}
		return err
	})
	return plan.Generation, err
}

// previous returns the previous generation of a number, 0 for the newest.
func (s *State) previous(projection string, number uint64) (*Generation, error) {
	g := s.With(Previous)
	if number > 0 {
		g = s.Find(number)
	}
	if g == nil || g.Role != Previous {
		return nil, fmt.Errorf("projection %q: %w that is a previous one", projection, ErrNoGeneration)
	}
	return g, nil
}

// users says who carries a generation, and no other live one.
func (s *State) users(g Generation, program *Projection, workers []Heartbeat) (found []string) {
	only := func(carries func(Generation) bool) bool {
		return carries(g) && !slices.ContainsFunc(s.live(), func(o Generation) bool { return o.Number != g.Number && carries(o) })
	}
	if program != nil && only(func(g Generation) bool { return program.code(g.Version) != nil }) {
		found = append(found, "this program carries no other generation")
	}
	for _, w := range workers {
		if only(func(g Generation) bool { return !slices.Contains(w.Frozen, g.Number) }) {
			found = append(found, fmt.Sprintf("worker %s carries no other generation", w.Worker))
		}
	}
	return found
}

// workersOf returns the heartbeats of the workers that are there.
func workersOf(ctx context.Context, views StateStore, projection string) ([]Heartbeat, error) {
	beats, err := views.Heartbeats(ctx, projection)
	return slices.DeleteFunc(beats, func(b Heartbeat) bool {
		return b.Rebuild != nil || b.Ended || time.Since(b.At) >= silentFor
	}), err
}

// RetiredFor is how long the items of a generation stay once it is retired: longer than any
// batch or reader may hold an old state. They are removed then, and once more as long
// afterwards, since a slow worker may still have written some.
const RetiredFor = 30 * time.Minute

// clearRetired removes the items of generations that are retired long enough.
func (f *feeder) clearRetired(ctx context.Context) error {
	s, err := f.views.State(ctx, f.projection.name)
	if err != nil {
		return err
	}
	var errs []error
	for _, g := range s.Generations {
		if g.Role != Retired || time.Since(g.Since) < RetiredFor {
			continue
		}
		if err := f.clear(ctx, g); err != nil {
			errs = append(errs, fmt.Errorf("removing %s: %w", GenerationID{f.projection.name, g.Number}, err))
		}
	}
	return errors.Join(errs...)
}

func (f *feeder) clear(ctx context.Context, g Generation) error {
	if err := f.views.Clear(ctx, GenerationID{f.projection.name, g.Number}, g.Views); err != nil {
		return err
	}
	_, err := changeState(ctx, f.views, f.projection.name, func(s *State) error {
		i := slices.IndexFunc(s.Generations, func(o Generation) bool { return o.Number == g.Number && o.Cleared == g.Cleared })
		if i < 0 {
			return errAsIs // another sweep was here
		}
		if g.Cleared > 0 {
			s.Generations = slices.Delete(s.Generations, i, i+1)
			return nil
		}
		s.Generations[i].Cleared, s.Generations[i].Since = 1, time.Now().UTC()
		return nil
	})
	return err
}

// ErrInUse: a generation can not be retired; see [InUseError].
var ErrInUse = errors.New("generation is in use")

// InUseError says who carries no other generation than one that is to be retired. It is an
// [ErrInUse].
type InUseError struct {
	Generation GenerationID
	// Obstacles are for people.
	Obstacles []string
}

func (e *InUseError) Error() string {
	return fmt.Sprintf("generation %d of projection %q is in use: %s", e.Generation.Number, e.Generation.Projection, strings.Join(e.Obstacles, "; "))
}

// Is makes the error an [ErrInUse].
func (e *InUseError) Is(target error) bool { return target == ErrInUse }

// Hint says what to do.
func (e *InUseError) Hint() string {
	return "deploy a program that carries the version that readers use, and give the command in it; or force it"
}
