package projection

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/google/uuid"

	"github.com/leftfold/leftfold/eventstore"
)

// RebuildSource is what a rebuild reads of an event store.
type RebuildSource interface {
	Source
	eventstore.Scanner
}

// RebuildOptions says how a [Rebuilder] works. The zero value works.
type RebuildOptions struct {
	// Name tells this coordinator from others. Defaults to a random one.
	Name string
	// Build names the program's version, for heartbeats.
	Build string
	// Logger gets what an operator should know. Defaults to discarding it.
	Logger *slog.Logger
	// Readers is how many segments of the log are read and decoded at once. Defaults to
	// the number of processors, and at least 2.
	Readers int
	// Ranges is in how many parts the rows are built, at least. The log is read once for
	// each; what a coordinator that is killed has done for its last one is done again. At the
	// most 65,536. Defaults to those of the coordinator before, by which the rebuild was
	// started or that has gone on with it, and to 1.
	Ranges int
	// Memory is how many bytes of rows, as they are stored, are folded at once, about; what
	// is more is left to another range. Rows take about three times as much in memory. It is
	// at least 1 KB. Defaults to 192 MB.
	Memory int
	// Rate is how many units a second are used at the most: a unit is 1 KB of one row or
	// checkpoint written, or 4 KB read. Defaults to 0: as fast as possible.
	Rate float64
	// Progress is told how far it has come, often, by one goroutine at a time; where another
	// coordinator works, how far that has come.
	Progress func(RebuildProgress)
	// HeartbeatEvery is how often a heartbeat is left, and how often it is looked whether
	// somebody has paused or cancelled the rebuild. Defaults to 2 seconds.
	HeartbeatEvery time.Duration
	// Lease is how long another coordinator may be silent before this one takes over.
	// Defaults to 15 seconds; a negative value takes over at once.
	Lease time.Duration
	// PauseAtEnd pauses the rebuild where ctx ends while this coordinator works on it: others
	// that wait end, too. Defaults to leaving it to them.
	PauseAtEnd bool
	// Sequential does everything in one goroutine, and leaves no heartbeats.
	Sequential bool
}

const (
	// mostRanges bounds how often the log is read on purpose, and leastMemory how often for
	// want of memory.
	mostRanges  = 1 << 16
	leastMemory = 1 << 10
)

func (o RebuildOptions) check() error {
	switch {
	case o.Ranges > mostRanges:
		return fmt.Errorf("%w: a rebuild in %d ranges; allowed are 1 to %d", eventstore.ErrInvalid, o.Ranges, mostRanges)
	case o.Memory != 0 && o.Memory < leastMemory:
		return fmt.Errorf("%w: a rebuild in %d bytes of memory; allowed are %d or more", eventstore.ErrInvalid, o.Memory, leastMemory)
	}
	return nil
}

func (o RebuildOptions) withDefaults() RebuildOptions {
	if o.Name == "" {
		o.Name = uuid.NewString()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Readers <= 0 {
		o.Readers = max(2, runtime.GOMAXPROCS(0))
	}
	o.Ranges = max(o.Ranges, 0)
	if o.Memory <= 0 {
		o.Memory = 192 << 20
	}
	if o.Progress == nil {
		o.Progress = func(RebuildProgress) {}
	}
	if o.HeartbeatEvery <= 0 {
		o.HeartbeatEvery = 2 * time.Second
	}
	if o.Lease == 0 {
		o.Lease = 15 * time.Second
	}
	return o
}

// Rebuilder builds a new generation of a projection while the others are live: it is a
// coordinator. Any number of them, in any number of processes, may work on one rebuild: one
// does, the others wait until it falls silent, and what is done twice all the same does no
// harm. It starts nothing by itself. Its methods are called one at a time.
//
// The program must carry the version of the active generation, too, by [Replaces], and so
// must its workers: from the last phase on they feed both.
type Rebuilder struct {
	source   RebuildSource
	views    ViewStore
	p        *Projection
	opts     RebuildOptions
	engine   *Engine
	decoders decoders
	meter    *meter
	sealed   *sealed // what this coordinator knows of a manifest, or nil
}

// NewRebuilder returns a rebuilder for one projection. The error wraps
// [eventstore.ErrInvalid].
func NewRebuilder(source RebuildSource, views ViewStore, p *Projection, opts RebuildOptions) (*Rebuilder, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	opts = opts.withDefaults()
	engine, err := NewEngine(source, views, Options{Name: opts.Name, Build: opts.Build, Logger: opts.Logger, Sequential: opts.Sequential}, p)
	if err != nil {
		return nil, err
	}
	r := &Rebuilder{source: source, views: views, p: p, opts: opts, engine: engine, decoders: decoders{}, meter: newMeter(opts)}
	r.decoders.add(p)
	return r, nil
}

// StartOptions says who starts a rebuild, and why. Both are for people.
type StartOptions struct{ By, Reason string }

// Start prepares a rebuild: it gives out the number of a new generation. Somebody has to
// [Rebuilder.Run] it. Where one is under way already the error is an [ErrRebuilding]; where
// this program does not carry the active version, or the one that is built, it is a
// [NotReadyError]. Cost: a read and a
// write of the state.
func (r *Rebuilder) Start(ctx context.Context, o StartOptions) (GenerationID, error) {
	for {
		s, err := r.views.State(ctx, r.p.name)
		if err != nil {
			return GenerationID{}, err
		}
		for _, g := range s.live() {
			if g.Role == Building {
				if err := r.p.CheckBuilds(g); err != nil && g.Rebuild != nil {
					return GenerationID{}, err
				}
				return GenerationID{}, &RebuildingError{Generation: GenerationID{r.p.name, g.Number}, Version: g.Version, Live: g.Rebuild == nil}
			}
			if g.Version == r.p.version {
				if err := checkFingerprint(r.p, g); err != nil {
					return GenerationID{}, err
				}
			}
		}
		if err := r.checkCarried(s, Generation{Number: s.Counter + 1, Version: r.p.version}); err != nil {
			return GenerationID{}, err
		}
		now := time.Now().UTC()
		s.Projection, s.Counter = r.p.name, s.Counter+1
		s.Generations = append(s.Generations, Generation{
			Number: s.Counter, Version: r.p.version, Fingerprint: r.p.fingerprint, Role: Building, Since: now, Views: r.p.Views(),
			Rebuild: &Rebuild{Phase: PhaseHeads, Began: now, By: o.By, Reason: o.Reason, Ranges: r.opts.Ranges},
		})
		if _, err = r.views.PutState(ctx, s); !errors.Is(err, ErrChanged) {
			return GenerationID{r.p.name, s.Counter}, err
		}
	}
}

// Run carries the rebuild on that is under way until its generation has everything and is
// swept, wherever it had come to, and returns it: it can be compared and switched to. Where
// another coordinator works on it Run waits, and takes over if that falls silent.
//
// It ends with an [ErrRebuildPaused] where somebody pauses it, an [ErrNoRebuild] where
// there is none or somebody cancels it, and an [ErrFold] where an event can not be applied.
// Where ctx ends it stops; what was recorded stays, and another Run goes on from there.
func (r *Rebuilder) Run(ctx context.Context) (Generation, error) {
	return r.work(ctx, r.run)
}

// RunAndCompare is Run, and [Rebuilder.Compare] of the generation, as one piece of work: this
// coordinator keeps the rebuild until the end. Where the comparison fails the generation is
// finished all the same; where somebody has switched to it already nothing is compared.
func (r *Rebuilder) RunAndCompare(ctx context.Context, o CompareOptions) (g Generation, found Comparison, err error) {
	g, err = r.work(ctx, func(ctx context.Context) (Generation, error) {
		g, err := r.run(ctx)
		if err != nil || g.Role != Building {
			return g, err
		}
		if err = r.keep(ctx, g); err == nil {
			found, err = r.Compare(ctx, o)
		}
		return g, err
	})
	return g, found, err
}

// work does a piece of work on the rebuild that is under way, and lets go of it.
func (r *Rebuilder) work(ctx context.Context, do func(context.Context) (Generation, error)) (Generation, error) {
	working, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	end := func() {}
	if !r.opts.Sequential {
		end = r.watch(working, stop)
	}
	defer end()
	g, err := do(working)
	end() // nobody is heard of that has let go
	if cause := context.Cause(working); err != nil && cause != nil && ctx.Err() == nil {
		err = cause
	}
	paused, failed := r.release(ctx, err)
	if paused != nil {
		g = *paused
	}
	return g, errors.Join(err, failed)
}

// run does what comes next until nothing does. Another rebuild than the first that it meets is
// none of its own.
func (r *Rebuilder) run(ctx context.Context) (g Generation, _ error) {
	other, number := rival{}, uint64(0)
	for {
		s, now, err := r.building(ctx)
		if done := s.Find(number); number > 0 && done != nil && done.read() {
			return *done, nil // somebody has switched to it
		}
		if err == nil && number > 0 && now.Number != number {
			err = &NoRebuildError{Projection: r.p.name}
		}
		if err != nil {
			return g, err
		}
		g, number = now, now.Number
		switch b := g.Rebuild; {
		case b.Paused:
			return g, fmt.Errorf("%w: projection %q", ErrRebuildPaused, r.p.name)
		case !r.works(b) && !b.Finished():
			err = r.takeOver(ctx, s, g, &other)
		case b.Phase == PhaseHeads:
			err = r.seal(ctx, g)
		case b.Phase == PhaseFold && b.next() != KeyRange{}:
			err = r.foldNext(ctx, g)
		case b.Phase == PhaseFold:
			err = r.catchUp(ctx, g)
		case !b.Finished():
			err = r.sweep(ctx, s, g)
		default:
			return g, nil
		}
		if err != nil && !errors.Is(err, ErrChanged) && !errors.Is(err, ErrNoRebuild) {
			return g, err
		}
	}
}

// read: readers use the generation, or have used it.
func (g Generation) read() bool { return g.Role == Active || g.Role == Previous }

// building returns the generation that is to be built.
func (r *Rebuilder) building(ctx context.Context) (State, Generation, error) {
	if ctx.Err() != nil {
		return State{}, Generation{}, context.Cause(ctx)
	}
	s, err := r.views.State(ctx, r.p.name)
	if err != nil {
		return s, Generation{}, err
	}
	g := s.Rebuilding()
	if g == nil {
		return s, Generation{}, &NoRebuildError{Projection: r.p.name}
	}
	return s, *g, r.p.CheckBuilds(*g)
}

// CheckBuilds refuses a generation that other code builds than that of the projection: one of
// another version is a [NotReadyError], one of another declaration an [ErrFingerprint].
func (p *Projection) CheckBuilds(g Generation) error {
	if g.Version == p.version {
		return checkFingerprint(p, g)
	}
	e := &NotReadyError{Generation: GenerationID{p.name, g.Number}, Firm: true, Needs: g.Version, Program: p.version,
		Obstacles: []string{fmt.Sprintf("it is built by version %d, and this program has version %d", g.Version, p.version)}}
	if g.Version < p.version {
		e.hint = fmt.Sprintf("give the command in a program that has version %d, or cancel the rebuild", g.Version)
	}
	return e
}

// change changes the rebuild of a generation, unless somebody has cancelled or switched it
// meanwhile.
func (r *Rebuilder) change(ctx context.Context, g Generation, change func(*State, *Generation) error) error {
	return changeRebuild(ctx, r.views, r.p.name, func(s *State, now *Generation) error {
		if now.Number != g.Number {
			return &NoRebuildError{Projection: r.p.name}
		}
		return change(s, now)
	})
}
