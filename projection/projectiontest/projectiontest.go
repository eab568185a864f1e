package projectiontest

import (
	"cmp"
	"fmt"
	"os"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
)

// Commit is a commit of the history: events of registered Go types.
type Commit struct {
	Stream string
	Events []any
}

// Options says what is tested, and how hard.
type Options struct {
	// Projection is what is tested. Its code must be pure.
	Projection *projection.Projection
	// Next is another version of it, which rebuilds bring while everything else goes on: they
	// are begun, killed, resumed, compared, switched to, rolled back and given up. It has to
	// replace Projection, by [projection.Replaces]: else nobody could start one. Defaults to
	// nil: nothing is rebuilt.
	Next *projection.Projection
	// Programs are what workers run, each one or the other, as during a deployment. Defaults
	// to Next alone.
	Programs []*projection.Projection
	// Readers are the views that somebody reads meanwhile, page by page: see [Reads].
	Readers []Reader
	// Events knows the types of the history.
	Events *eventstore.Registry
	// History is what happens. Commits of one stream stay in order, streams are
	// mixed. Ten to thirty events over a few streams find the most.
	History []Commit
	// Schedules is how many are run. Defaults to 500.
	Schedules int
	// Seed is that of the first schedule. Defaults to $LEFTFOLD_SEED, else to the time.
	Seed uint64
	// Workers is how many there are at once. Defaults to 3.
	Workers int
	// Coordinators is how many work on rebuilds, where there is a Next. Defaults to 2.
	Coordinators int
	// Lossy lets the feed lose announcements; a sweep must find them.
	Lossy bool
	// Views opens an empty view store for each schedule; the limits are a wish.
	// Defaults to memviews.
	Views func(t testing.TB, limits projection.Limits) projection.ViewStore
}

func (o Options) withDefaults() Options {
	if o.Schedules == 0 {
		o.Schedules = 500
	}
	if o.Workers == 0 {
		o.Workers = 3
	}
	if o.Coordinators == 0 {
		o.Coordinators = 2
	}
	if len(o.Programs) == 0 {
		o.Programs = []*projection.Projection{o.newest()}
	}
	if o.Views == nil {
		o.Views = func(_ testing.TB, limits projection.Limits) projection.ViewStore {
			return memviews.New(memviews.Options{Limits: limits})
		}
	}
	return o
}

// newest returns the program that carries everything.
func (o *Options) newest() *projection.Projection { return cmp.Or(o.Next, o.Projection) }

// carries reports whether a program has the code of a version.
func carries(program *projection.Projection, version int) bool {
	for p := program; p != nil; p = p.Replaced() {
		if p.Version() == version {
			return true
		}
	}
	return false
}

// settleSeed takes the seed from the environment or the time, where none is given.
func (o *Options) settleSeed() error {
	if text := os.Getenv("LEFTFOLD_SEED"); o.Seed == 0 && text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return fmt.Errorf("LEFTFOLD_SEED: %w", err)
		}
		o.Seed = seed
	}
	if o.Seed == 0 {
		o.Seed = uint64(time.Now().UnixNano())
	}
	return nil
}

// scene is what a schedule is made of.
type scene struct {
	*Options
	writes  []eventstore.Write  // the history, or a part of it
	commits []eventstore.Commit // the same as it will be stored, but for IDs and times
	workers int
	// coordinators is how many there are, 0 without a Next.
	coordinators int
	// width is how many rows one event changes at the most. Slices are made so
	// small that little more fits.
	width int
}

// newScene encodes the history.
func newScene(o *Options) (*scene, error) {
	s := &scene{Options: o, workers: o.Workers}
	if o.Next != nil {
		s.coordinators = o.Coordinators
	}
	for i, c := range o.History {
		stream, err := eventstore.ParseStreamID(c.Stream)
		if err != nil {
			return nil, fmt.Errorf("commit %d of the history: %w", i, err)
		}
		w := eventstore.Write{Stream: stream}
		for _, e := range c.Events {
			event, err := o.Events.Encode(e)
			if err != nil {
				return nil, fmt.Errorf("commit %d of the history: %w", i, err)
			}
			w.Events = append(w.Events, event)
		}
		s.writes = append(s.writes, w)
	}
	return s.with(s.writes), nil
}

// with returns the same scene with another history.
func (s *scene) with(writes []eventstore.Write) *scene {
	t := *s
	t.writes, t.commits = writes, nil
	heads := map[eventstore.StreamID]eventstore.Version{}
	for i, w := range writes {
		t.commits = append(t.commits, eventstore.Commit{Stream: w.Stream, First: heads[w.Stream] + 1, Events: w.Events, Time: time.Unix(int64(i), 0).UTC()})
		heads[w.Stream] += eventstore.Version(len(w.Events))
	}
	return &t
}

// Run folds the history in peace, which finds the common mistakes, and then plays
// schedules until one breaks a promise, or all are done. What breaks fails the test,
// with a likely cause and a short trace.
func Run(t *testing.T, opts Options) {
	t.Helper()
	if problem := run(t, opts); problem != "" {
		t.Fatal(problem)
	}
}

// run returns what is wrong.
func run(t *testing.T, opts Options) string {
	t.Helper()
	o := opts.withDefaults()
	if err := o.settleSeed(); err != nil {
		return err.Error()
	}
	if !carries(o.newest(), o.Projection.Version()) {
		return fmt.Sprintf("version %d of projection %q does not replace version %d, see projection.Replaces: nobody could start a rebuild", o.Next.Version(), o.Next.Name(), o.Projection.Version())
	}
	s, err := newScene(&o)
	if err != nil {
		return err.Error()
	}
	for _, p := range []*projection.Projection{o.Projection, o.Next} {
		var found string
		if p != nil {
			synctest.Test(t, func(t *testing.T) { found = examine(t.Context(), s, p) })
		}
		if found != "" {
			return fmt.Sprintf("projection %q%s: %s", p.Name(), ifSet(p == o.Next, fmt.Sprintf(", version %d", p.Version())), found)
		}
	}
	for i := range o.Schedules {
		seed := o.Seed + uint64(i)
		choices := record(seed)
		if w := play(t, s, choices); w.promise != "" {
			s := shrinker{t: t, scene: s, choices: choices.made(), promise: w.promise, left: mostShrinking, seed: seed}
			if o.Next != nil {
				s.left = mostShrinkingOfRebuilds
			}
			s.shrink()
			return report(t, play(t, s.scene, replay(s.choices)), seed, i+1)
		}
	}
	return ""
}

// play runs one schedule in a bubble of its own, where time passes only when
// everybody waits.
func play(t *testing.T, s *scene, c *choices) *world {
	t.Helper()
	var w *world
	synctest.Test(t, func(t *testing.T) {
		w = newWorld(t, s, c)
		defer w.end()
		w.run(t.Context())
	})
	return w
}
