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
	return RetirePlan{GenerationID{projection, g.Number}, g.Version, s.inUse(projection, *g, o.Code, workers)}, err
}

// Retire gives a previous generation up: nobody can go back to it, and workers feed it no
// more. Where a worker that is there carries no other live generation, or the program itself
// does not, it is an [InUseError]. Its items are removed later, by [Engine.Sweep].
func Retire(ctx context.Context, views StateStore, projection string, o RetireOptions) (id GenerationID, err error) {
	var workers []Heartbeat
	if !o.Force {
		if workers, err = workersOf(ctx, views, projection); err != nil {
			return id, err
		}
	}
	_, err = changeState(ctx, views, projection, func(s *State) error {
		g, err := s.previous(projection, o.Number)
		if err != nil {
			return err
		}
		if used := s.inUse(projection, *g, o.Code, workers); used != nil && !o.Force {
			return used
		}
		id = GenerationID{projection, g.Number}
		s.retire(g)
		return nil
	})
	return id, err
}

// previous returns the previous generation of a number, 0 for the newest.
func (s *State) previous(projection string, number uint64) (*Generation, error) {
	g := s.With(Previous)
	if number > 0 {
		g = s.Find(number)
	}
	if g == nil || g.Role != Previous {
		return nil, fmt.Errorf("projection %q: %w to retire that is a previous one", projection, ErrNoGeneration)
	}
	return g, nil
}

// inUse says who carries a generation, and no other live one; nil where nobody does.
func (s *State) inUse(projection string, g Generation, program *Projection, workers []Heartbeat) *InUseError {
	only := func(carries func(Generation) bool) bool {
		return carries(g) && !slices.ContainsFunc(s.live(), func(o Generation) bool { return o.Number != g.Number && carries(o) })
	}
	e := &InUseError{Generation: GenerationID{projection, g.Number}}
	if program != nil && only(func(g Generation) bool { return program.code(g.Version) != nil }) {
		e.Obstacles = append(e.Obstacles, "this program carries no other generation")
	}
	for _, w := range workers {
		if only(func(g Generation) bool { return !slices.Contains(w.Frozen, g.Number) }) {
			e.Obstacles = append(e.Obstacles, fmt.Sprintf("worker %s carries no other generation (%s)", w.Worker, heard(w)))
		}
	}
	if len(e.Obstacles) == 0 {
		return nil
	}
	return e
}

// heard says how old the heartbeat of a worker is, and how long it counts.
func heard(w Heartbeat) string {
	return fmt.Sprintf("heard %s ago; it counts no more after a minute of silence", max(0, time.Since(w.At)).Round(time.Second))
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
			errs = append(errs, fmt.Errorf("removing %s: %w", GenerationID{f.projection.name, g.Number}.text(), err))
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
