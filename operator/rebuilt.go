package operator

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/leftfold/leftfold/projection"
)

// Rebuilt is what came of a rebuild.
type Rebuilt struct {
	Projection string `json:"projection"`
	Generation uint64 `json:"generation"`
	Version    int    `json:"version"`
	// Phases are those that this process has seen, with how long they took.
	Phases []RebuildPhase `json:"phases"`
	// Streams and Events are what lay up to the heads, Applied counts events that were
	// folded by whoever has worked on it.
	Streams int    `json:"streams"`
	Events  uint64 `json:"events"`
	Applied uint64 `json:"applied"`
	// Behind is how many streams the last sweep has found behind.
	Behind int `json:"behind"`
	// Diff is what the comparison found, nil where it did not come to that.
	Diff *RebuildDiff `json:"diff,omitempty"`
	// Paused: it is paused, since it was interrupted or since somebody has done that. Filled is
	// how much of the rows is filled for good, from 0 to 1, and Built: everything is there.
	Paused bool    `json:"paused,omitempty"`
	Filled float64 `json:"filled"`
	Built  bool    `json:"built,omitempty"`
	// Ranges is in how many parts the rows are built, 0 for one.
	Ranges  int     `json:"ranges,omitempty"`
	Seconds float64 `json:"seconds"`
	// Used is what the process has used of its stores, absent where that is not known, and
	// Dollars what it cost, absent where nothing is charged.
	Used    *Usage   `json:"used,omitempty"`
	Dollars *float64 `json:"dollars,omitempty"`
	Recorded
}

// RebuildPhase is a phase of a rebuild.
type RebuildPhase struct {
	Phase   projection.Phase `json:"phase"`
	Began   time.Time        `json:"began"`
	Seconds float64          `json:"seconds"`
	// Rows and Checkpoints were put in it by this process, those that were there included, and
	// Applied events were folded for them, each once for each range of rows.
	Rows        int    `json:"rows,omitempty"`
	Checkpoints int    `json:"checkpoints,omitempty"`
	Applied     uint64 `json:"applied,omitempty"`
	// Used is what the process has used of its stores in it, absent where that is not known.
	Used *Usage `json:"used,omitempty"`
}

// rebuilding is a rebuild on its way.
type rebuilding struct {
	o      *Operator
	report func(projection.RebuildProgress)
	began  time.Time

	mu      sync.Mutex // guards done.Phases, and what follows
	last    projection.RebuildProgress
	used    func() *Usage // in the last phase
	applied uint64        // before the fold of this process
	done    Rebuilt
}

// progress notes when phases begin and end.
func (b *rebuilding) progress(p projection.RebuildProgress) {
	b.note(p)
	if b.report != nil {
		b.report(p)
	}
}

func (b *rebuilding) note(p projection.RebuildProgress) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.o.now()
	b.end(now)
	if p.Phase != "" && (len(b.done.Phases) == 0 || b.done.Phases[len(b.done.Phases)-1].Phase != p.Phase) {
		b.done.Phases = append(b.done.Phases, RebuildPhase{Phase: p.Phase, Began: now.UTC()})
		b.used = b.o.using()
		if p.Phase == projection.PhaseFold {
			b.applied = p.Applied
		}
	}
	for i := range b.done.Phases { // what the fold came to is told with the next phase, at the latest
		if f := &b.done.Phases[i]; f.Phase == projection.PhaseFold && p.Phase != projection.PhaseCompare {
			f.Rows, f.Checkpoints, f.Applied = p.Rows, p.Checkpoints, p.Applied-min(p.Applied, b.applied)
		}
	}
	b.last = p
}

// end notes how long the last phase took, and what it used.
func (b *rebuilding) end(now time.Time) {
	n := len(b.done.Phases)
	if n == 0 {
		return
	}
	last := &b.done.Phases[n-1]
	last.Seconds, last.Used = now.Sub(last.Began).Seconds(), b.used()
}

// run carries the rebuild on, and compares.
func (b *rebuilding) run(ctx context.Context, r *projection.Rebuilder, opts RebuildOptions) (string, error) {
	g, found, err := r.RunAndCompare(ctx, opts.Compare)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.end(b.o.now())
	b.done.Generation, b.done.Version = g.Number, g.Version
	if g.Rebuild != nil {
		b.done.Streams, b.done.Events, b.done.Applied = g.Rebuild.Manifest.Streams, g.Rebuild.Manifest.Events, g.Rebuild.Applied
		b.done.Filled, b.done.Built, b.done.Ranges = g.Rebuild.Share(), g.Rebuild.Finished(), g.Rebuild.Ranges
	}
	switch {
	case err == nil && found.Generation.Number > 0:
		diff, err := diffOf(found)
		b.done.Diff, b.done.Behind = &diff, b.last.Behind
		return fmt.Sprintf("generation %d is built: %s", g.Number, diff.text()), err
	case err == nil:
		return fmt.Sprintf("generation %d is built, and somebody has switched to it", g.Number), nil
	case ctx.Err() != nil && g.Rebuild != nil && g.Rebuild.Paused, g.Rebuild != nil && ctx.Err() == nil && errors.Is(err, projection.ErrRebuildPaused):
		b.done.Paused = true
		return fmt.Sprintf("generation %d is paused", g.Number), err
	case b.done.Built:
		return fmt.Sprintf("generation %d is built, and not compared", g.Number), err
	}
	return "", err
}
