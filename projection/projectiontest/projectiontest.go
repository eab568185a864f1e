package projectiontest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
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
	// Lossy lets the feed lose announcements; a sweep must find them.
	Lossy bool
	// Width is how many rows one event changes at the most. Slices are made so
	// small that little more fits. Defaults to 2.
	Width int
	// Views opens an empty view store for each schedule; the limits are a wish.
	// Defaults to memviews.
	Views func(t testing.TB, limits projection.Limits) projection.ViewStore

	prepared []eventstore.Write
}

func (o Options) withDefaults() Options {
	if o.Schedules == 0 {
		o.Schedules = 500
	}
	if o.Workers == 0 {
		o.Workers = 3
	}
	if o.Width == 0 {
		o.Width = 2
	}
	if o.Views == nil {
		o.Views = func(_ testing.TB, limits projection.Limits) projection.ViewStore {
			return memviews.New(memviews.Options{Limits: limits})
		}
	}
	return o
}

// prepare settles the seed and encodes the history.
func (o *Options) prepare() error {
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
	for i, c := range o.History {
		stream, err := eventstore.ParseStreamID(c.Stream)
		if err != nil {
			return fmt.Errorf("commit %d of the history: %w", i, err)
		}
		w := eventstore.Write{Stream: stream}
		for _, e := range c.Events {
			event, err := o.Events.Encode(e)
			if err != nil {
				return fmt.Errorf("commit %d of the history: %w", i, err)
			}
			w.Events = append(w.Events, event)
		}
		o.prepared = append(o.prepared, w)
	}
	return nil
}

// Run plays schedules until one breaks a promise, which fails the test with a
// short trace, or all are done.
func Run(t *testing.T, opts Options) {
	t.Helper()
	o := opts.withDefaults()
	if err := o.prepare(); err != nil {
		t.Fatal(err)
	}
	for i := range uint64(o.Schedules) {
		choices := record(o.Seed + i)
		if play(t, &o, choices).failure == "" {
			continue
		}
		t.Fatal(report(t, &o, o.Seed+i, choices.recorded, int(i)+1))
	}
}

// play runs one schedule in a bubble of its own, where time passes only when
// everybody waits.
func play(t *testing.T, opts *Options, c *choices) *world {
	t.Helper()
	var w *world
	synctest.Test(t, func(t *testing.T) {
		w = newWorld(t, opts, c)
		w.run(t.Context())
	})
	return w
}

// mostShrinking is how many schedules are tried to find a shorter one.
const mostShrinking = 300

func report(t *testing.T, opts *Options, seed uint64, recorded []byte, schedules int) string {
	t.Helper()
	short := shrink(recorded, mostShrinking, func(candidate []byte) bool {
		return play(t, opts, replay(candidate)).failure != ""
	})
	w := play(t, opts, replay(short))
	var b strings.Builder
	fmt.Fprintf(&b, "projection %q breaks a promise, found after %d schedules\n", opts.Projection.Name(), schedules)
	fmt.Fprintf(&b, "%s\n\nshortest trace found:\n", w.failure)
	for _, line := range w.trace {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	fmt.Fprintf(&b, "\nrun it again with LEFTFOLD_SEED=%d", seed)
	return b.String()
}
