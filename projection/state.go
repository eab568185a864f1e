package projection

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

// StateLister lists the projections of a view store, for who does not have their code.
type StateLister interface {
	// States yields the state of every projection and reaction that has one, in the byte
	// order of their names. One that was put for the first time a moment ago may be
	// missing; each is as [StateStore] would return it. It costs nothing by the rows,
	// checkpoints and events that there are.
	States(ctx context.Context) iter.Seq2[State, error]
}

// StateStore keeps what is known of each projection.
type StateStore interface {
	StateLister

	// State returns a projection's state, strongly consistent; revision 0 if it
	// has none yet.
	State(ctx context.Context, projection string) (State, error)

	// PutState stores s with the next revision, and returns it, on condition that
	// the stored revision is s.Revision; else the error wraps [ErrChanged].
	PutState(ctx context.Context, s State) (State, error)

	// Beat replaces the heartbeat of a worker for a projection. It forgets those of
	// the projection's other workers that are more than [HeartbeatsKept] older, each
	// by its own clock: a worker that has died leaves nothing for ever.
	Beat(ctx context.Context, b Heartbeat) error

	// Heartbeats returns the last one of each worker that is not forgotten, sorted
	// by worker.
	Heartbeats(ctx context.Context, projection string) ([]Heartbeat, error)
}

// Role is what a generation is for.
type Role string

// The roles of a generation. Workers feed all but retired ones.
const (
	Building Role = "building"
	Active   Role = "active"
	Previous Role = "previous"
	Retired  Role = "retired"
)

// State is what is known of a projection. Every write is conditional on Revision.
type State struct {
	Projection string `json:"projection"`
	Revision   uint64 `json:"revision"`
	// Counter is the last generation number that was given out. It only grows.
	Counter     uint64       `json:"counter"`
	Generations []Generation `json:"generations"`
	// Skips are the events that every generation passes over, sorted; see [Engine.Skip].
	Skips []eventstore.EventID `json:"skips,omitempty"`
	// Paused says who has paused the projection, nil where nobody has.
	Paused *Paused `json:"paused,omitempty"`
}

// Find returns a generation by its number, or nil.
func (s State) Find(number uint64) *Generation {
	for i := range s.Generations {
		if s.Generations[i].Number == number {
			return &s.Generations[i]
		}
	}
	return nil
}

// With returns the newest generation in a role, or nil.
func (s State) With(role Role) *Generation {
	for i := len(s.Generations) - 1; i >= 0; i-- {
		if s.Generations[i].Role == role {
			return &s.Generations[i]
		}
	}
	return nil
}

// live returns the generations that are not retired.
func (s State) live() []Generation {
	return slices.DeleteFunc(slices.Clone(s.Generations), func(g Generation) bool { return g.Role == Retired })
}

// Reaction reports whether the state is a reaction's.
func (s State) Reaction() bool {
	return len(s.Generations) > 0 && s.Generations[len(s.Generations)-1].Fingerprint == reactionPrint
}

// Generation is one build of a projection's views.
type Generation struct {
	Number uint64 `json:"number"`
	// Version and Fingerprint are of the projection that builds it.
	Version     int       `json:"version"`
	Fingerprint string    `json:"fingerprint"`
	Role        Role      `json:"role"`
	Since       time.Time `json:"since"`
	// Before is the generation that readers used before they were switched to this one, to
	// which a rollback goes; 0 for none.
	Before uint64 `json:"before,omitempty"`
	// Start is a reaction's: it runs on no event of an earlier commit. Starts are those of
	// the categories: one that is followed only later has its own. Fed: it has had
	// checkpoints.
	Start  time.Time            `json:"start,omitzero"`
	Starts map[string]time.Time `json:"starts,omitempty"`
	Fed    bool                 `json:"fed,omitempty"`
	// Views are the names by which the view store knows its views.
	Views []string `json:"views,omitempty"`
	// Rebuild is how far the rebuild has come that makes it, or has made it; nil where
	// workers build it from its first event on.
	Rebuild *Rebuild `json:"rebuild,omitempty"`
	// Missed is since when workers have acknowledged commits whose programs do not carry its
	// version: a sweep has to bring them before readers get it. Zero where none have.
	Missed time.Time `json:"missed,omitzero"`
	// Sweeping: such a sweep has begun. Who keeps a commit from the generation from then on
	// takes that back.
	Sweeping bool `json:"sweeping,omitempty"`
	// Cleared is how often its items were removed since it is retired, Since when.
	Cleared int `json:"cleared,omitempty"`
}

// Folding reports whether a rebuild folds the generation: workers leave it alone.
func (g Generation) Folding() bool { return g.Rebuild != nil && g.Rebuild.Phase != PhaseCatchUp }

// HeartbeatsKept is how long the heartbeat of a worker is kept that leaves no more.
const HeartbeatsKept = 24 * time.Hour

// Heartbeat is what a worker tells of a projection it feeds.
type Heartbeat struct {
	Projection string    `json:"projection"`
	Worker     string    `json:"worker"`
	Build      string    `json:"build,omitempty"`
	At         time.Time `json:"at"`
	// Waiting is how many streams were announced and are not applied yet, Oldest
	// the time of the oldest commit among them.
	Waiting int       `json:"waiting"`
	Oldest  time.Time `json:"oldest,omitzero"`
	// Applied counts events since the worker started, Rate those of the last
	// period, a second.
	Applied   uint64  `json:"applied"`
	Rate      float64 `json:"rate"`
	LastError string  `json:"last_error,omitempty"`
	// Frozen are live generations that the worker's program does not carry.
	Frozen []uint64 `json:"frozen,omitempty"`
	// Ended: the worker has ended, in peace, and this is what it told last. A sweep that is
	// no worker's leaves such a one, of [SweepWorker].
	Ended bool `json:"ended,omitempty"`
	// LastSweep is when a sweep of the worker last ended, zero if none has. SweepBehind is
	// how many streams it found behind, in any of the projections that the worker feeds.
	LastSweep   time.Time `json:"last_sweep,omitzero"`
	SweepBehind int       `json:"sweep_behind"`
	// Coordinator is the name of the coordinator of a rebuild whose heartbeat it is, and
	// Rebuild how far that has come: it feeds nothing.
	Coordinator string           `json:"coordinator,omitempty"`
	Rebuild     *RebuildProgress `json:"rebuild,omitempty"`
}
