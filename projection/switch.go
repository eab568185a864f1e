package projection

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	// sweptFor is how long a sweep is good for a switch.
	sweptFor = time.Hour
	// comparedFor is how long a comparison is.
	comparedFor = 24 * time.Hour
	// silentFor is how long a worker may be silent that is taken to be there; heard says it.
	silentFor = time.Minute
)

// SwitchOptions says which switch is meant, and what it passes by. The zero value works.
type SwitchOptions struct {
	// To is the generation that was decided on, and From the one that readers used then, 0
	// for none: where it would be another switch by now it is an [ErrChanged], and nothing is
	// done. To 0 is whichever switch it is.
	From, To uint64
	// Force switches although streams are parked, nothing was compared, a comparison found
	// the rows wrong, or a worker or this program does not carry the version.
	Force bool
}

// RollbackOptions says which rollback is meant. The zero value works.
type RollbackOptions struct {
	// To is the generation that was decided on, and From the one that readers used then:
	// where it would be another rollback by now it is an [ErrChanged], and nothing is done.
	// To 0 is whichever rollback it is.
	From, To uint64
}

// Switch makes readers use the newest generation behind the active one: that of the rebuild,
// or the one that was rolled back from. They follow at their next read. The active one becomes
// the previous one, which workers feed on. For a moment a reader may step back by commits in
// flight; [AtLeast] hides that.
//
// What keeps it from that is a [NotReadyError]; if the state has changed since it was read,
// an [ErrChanged], and nothing was done. Cost: a read and a write of the state, one of what is
// parked and of the heartbeats; a sweep where the last one is over an hour old.
func (r *Rebuilder) Switch(ctx context.Context, o SwitchOptions) (GenerationID, error) {
	return r.move(ctx, movement{direction: forward, from: o.From, to: o.To, force: o.Force, check: r.ready})
}

// Rollback makes readers use the generation again that the active one has replaced: the write
// of a switch back. One from which workers have kept commits, since their programs do not
// carry its version, is swept first; where this program does not either it is a
// [NotReadyError].
func (r *Rebuilder) Rollback(ctx context.Context, o RollbackOptions) (GenerationID, error) {
	return r.move(ctx, movement{direction: back, from: o.From, to: o.To, force: true, check: r.thawed})
}

// movement is a switch or a rollback.
type movement struct {
	direction
	from, to uint64 // that are meant; to 0: whichever
	force    bool
	compare  bool // nothing is moved, it is only compared
	// check returns what speaks against it, and whether a sweep is needed first.
	check func(context.Context, State, Generation) (sweep bool, err error)
}

// mostMoves is how often a movement is tried while others change the state.
const mostMoves = 3

// move tries again what was decided on, where the state has changed meanwhile.
func (r *Rebuilder) move(ctx context.Context, m movement) (id GenerationID, err error) {
	var target Generation
	for range mostMoves {
		var s State
		if s, target, err = r.target(ctx, m); err != nil {
			return id, err
		}
		if m.from, m.to = 0, target.Number; s.With(Active) != nil {
			m.from = s.With(Active).Number
		}
		id = GenerationID{r.p.name, target.Number}
		if err = r.moveTo(ctx, m, s, target); !errors.Is(err, ErrChanged) {
			return id, err
		}
	}
	if !target.Missed.IsZero() {
		return id, &NotReadyError{Generation: id, Firm: true, hint: hintReplaces,
			Obstacles: []string{fmt.Sprintf("workers that do not carry version %d keep commits from it, also while it is swept", target.Version)}}
	}
	return id, r.changed(err)
}

func (r *Rebuilder) moveTo(ctx context.Context, m movement, s State, target Generation) error {
	sweep, err := m.check(ctx, s, target)
	if refused, ok := errors.AsType[*NotReadyError](err); err != nil && (!ok || refused.Firm || !m.force) {
		return err
	}
	if sweep {
		if s, err = r.sweepFenced(ctx, s, target, m.force); err != nil {
			return err
		}
	}
	return r.makeActive(ctx, s, target.Number, m.direction)
}

// direction is where readers go.
type direction bool

const (
	forward direction = true
	back    direction = false
)

// target returns the generation to which a movement leads, and the state.
func (r *Rebuilder) target(ctx context.Context, m movement) (State, Generation, error) {
	s, err := r.views.State(ctx, r.p.name)
	if err != nil {
		return s, Generation{}, err
	}
	active, readers := uint64(0), "readers use none"
	if g := s.With(Active); g != nil {
		active, readers = g.Number, fmt.Sprintf("readers use generation %d", g.Number)
	}
	target, way := s.behind(), "switch to"
	if m.direction == back {
		target, way = s.before(), "go back to"
	}
	if m.compare {
		way = "compare"
	}
	switch {
	case m.to > 0 && (active != m.from || target == nil || target.Number != m.to):
		return s, Generation{}, r.changed(ErrChanged)
	case target == nil:
		return s, Generation{}, fmt.Errorf("projection %q: %w to %s; %s", r.p.name, ErrNoGeneration, way, readers)
	}
	return s, *target, nil
}

// behind returns the newest generation behind the active one, or nil.
func (s State) behind() *Generation {
	for i := len(s.Generations) - 1; i >= 0 && s.Generations[i].Role != Active; i-- {
		if g := &s.Generations[i]; g.Role != Retired {
			return g
		}
	}
	return nil
}

// before returns the generation that the active one has replaced, or nil.
func (s State) before() *Generation {
	active := s.With(Active)
	if active == nil {
		return nil
	}
	if g := s.Find(active.Before); g != nil && g.Role == Previous {
		return g
	}
	return nil
}

// ready returns a NotReadyError where something speaks against a switch, and whether a sweep
// is needed for it.
func (r *Rebuilder) ready(ctx context.Context, s State, target Generation) (sweep bool, err error) {
	if err := r.unfinished(target); err != nil {
		return false, err
	}
	refusal := &NotReadyError{Generation: GenerationID{r.p.name, target.Number}}
	if r.p.code(target.Version) == nil {
		refusal.Needs, refusal.Program = target.Version, r.p.version
	}
	if refusal.Obstacles, err = r.obstacles(ctx, s, target); err != nil {
		return false, err
	}
	if target.unswept() {
		if err := r.sweepable(s, target); err != nil {
			return true, err
		}
	}
	if len(refusal.Obstacles) > 0 {
		err = refusal
	}
	return target.unswept(), err
}

// unfinished returns a NotReadyError for a generation that is still being built.
func (r *Rebuilder) unfinished(g Generation) error {
	if g.Role != Building || g.Rebuild.Finished() {
		return nil
	}
	e := &NotReadyError{Generation: GenerationID{r.p.name, g.Number}, Firm: true, Obstacles: []string{"it is still being built"}}
	switch b := g.Rebuild; {
	case b == nil:
	case b.Paused:
		e.Obstacles = []string{"it is not built yet, and its rebuild is paused"}
	case b.Failure != "":
		e.Obstacles = []string{"it is not built yet, and its rebuild has failed"}
	}
	if e.hint = "let the rebuild run to its end"; g.Rebuild == nil {
		e.Obstacles, e.hint = []string{"workers are still building it"}, (&RebuildingError{Live: true}).Hint()
	}
	if r.p.code(g.Version) == nil {
		e.Obstacles = append(e.Obstacles, fmt.Sprintf("this program does not carry version %d", g.Version))
		e.Needs, e.Program, e.hint = g.Version, r.p.version, ""
	}
	return e
}

// thawed returns whether a sweep is needed before a rollback, or a NotReadyError where it
// can not be made.
func (r *Rebuilder) thawed(_ context.Context, s State, target Generation) (sweep bool, err error) {
	if target.Missed.IsZero() {
		return false, nil
	}
	return true, r.sweepable(s, target)
}

// sweepable refuses what can not be swept now.
func (r *Rebuilder) sweepable(s State, g Generation) error {
	if s.Paused.stops() {
		return &NotReadyError{Generation: GenerationID{r.p.name, g.Number}, Firm: true, cause: &PausedError{Projection: r.p.name, Paused: *s.Paused},
			Obstacles: []string{"it has to be swept, and the projection is paused"}}
	}
	return r.checkCarried(s, g)
}

// checkCarried refuses a generation that this program can not feed, or not together with the
// active one.
func (r *Rebuilder) checkCarried(s State, g Generation) error {
	refusal := &NotReadyError{Generation: GenerationID{r.p.name, g.Number}, Firm: true, Program: r.p.version}
	active := s.With(Active)
	switch {
	case r.p.code(g.Version) == nil:
		refusal.Needs = g.Version
		refusal.Obstacles = []string{fmt.Sprintf("it is frozen: no worker carries version %d, and neither does this program", g.Version)}
	case active != nil && r.p.code(active.Version) == nil:
		refusal.Needs = active.Version
		refusal.Obstacles = []string{fmt.Sprintf("readers use generation %d of version %d, which this program does not carry", active.Number, active.Version)}
	default:
		return nil
	}
	return refusal
}

const hintReplaces = "run a program that carries that version, by projection.Replaces"

// obstacles returns what speaks against a switch.
func (r *Rebuilder) obstacles(ctx context.Context, s State, g Generation) (found []string, err error) {
	if s.Paused != nil {
		found = append(found, "the projection is paused, or was and is not swept yet")
	}
	parked, err := r.parked(ctx, g)
	if err != nil {
		return nil, err
	}
	if parked > 0 {
		found = append(found, streamsAre(parked)+" parked in it, or were and wait for a sweep")
	}
	if b := g.Rebuild; g.Role == Building {
		switch {
		case b.Compared == nil:
			found = append(found, "it was not compared")
		case b.Compared.Wrong > 0:
			found = append(found, fmt.Sprintf("%d of %d rows are not what a fold of the events says", b.Compared.Wrong, b.Compared.Checked))
		case time.Since(b.Compared.At) > comparedFor:
			found = append(found, fmt.Sprintf("it was compared at %s, which is long ago", b.Compared.At.Format(time.RFC3339)))
		}
	}
	if r.p.code(g.Version) == nil {
		found = append(found, fmt.Sprintf("this program does not carry version %d", g.Version))
	}
	workers, err := workersOf(ctx, r.views, r.p.name)
	if i := slices.IndexFunc(workers, func(b Heartbeat) bool { return slices.Contains(b.Frozen, g.Number) }); i >= 0 {
		found = append(found, fmt.Sprintf("worker %s does not carry version %d (%s), and so keeps commits from it: deploy the program that does", workers[i].Worker, g.Version, heard(workers[i])))
	}
	return found, err
}

// parked counts the streams with a park record.
func (r *Rebuilder) parked(ctx context.Context, g Generation) (n int, err error) {
	for _, err := range r.views.AllCheckpoints(ctx, GenerationID{r.p.name, g.Number}, true) {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// unswept: commits may have been missed, or the last sweep of the rebuild was long ago.
func (g Generation) unswept() bool {
	return !g.Missed.IsZero() || g.Rebuild == nil || time.Since(g.Rebuild.Swept) > sweptFor
}

// makeActive is one write, on condition that the state is as it was read.
func (r *Rebuilder) makeActive(ctx context.Context, s State, number uint64, way direction) error {
	now := time.Now().UTC()
	target := s.Find(number)
	if g := s.With(Active); g != nil {
		g.Role, g.Since = Previous, now
		if way == forward {
			target.Before = g.Number
		}
	}
	target.Role, target.Since = Active, now
	_, err := r.views.PutState(ctx, s)
	return r.changed(err)
}

// changed says what an ErrChanged means for who has decided on something.
func (r *Rebuilder) changed(err error) error { return changedSince(r.p.name, err) }

func changedSince(projection string, err error) error {
	if !errors.Is(err, ErrChanged) {
		return err
	}
	return fmt.Errorf("projection %q: its state was %w by somebody else: look again", projection, ErrChanged)
}
