package projection

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

// Phase is how far a rebuild has come.
type Phase string

// The phases of a rebuild. Workers leave its generation alone until the last one.
const (
	// PhaseHeads: a coordinator lists the streams and their heads.
	PhaseHeads Phase = "heads"
	// PhaseFold: the manifest is sealed, and the log is folded up to its heads.
	PhaseFold Phase = "fold"
	// PhaseCatchUp: everything of the manifest is there, and workers feed the generation.
	PhaseCatchUp Phase = "catch-up"
	// PhaseCompare is no phase of a rebuild: a [RebuildProgress] has it while rows are
	// compared.
	PhaseCompare Phase = "compare"
)

// Rebuild is how far a generation has come that is made by folding the log. Every
// coordinator may do any part of it again.
type Rebuild struct {
	Phase Phase     `json:"phase"`
	Began time.Time `json:"began"`
	// Resumed is when somebody last let it go on, zero where nobody has.
	Resumed time.Time `json:"resumed,omitzero"`
	// By and Reason are for people.
	By     string `json:"by,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Coordinator is who works on it, empty for nobody. It spares double work; nothing else
	// relies on it.
	Coordinator string `json:"coordinator,omitempty"`
	// Ranges is in how many parts the rows are built, as whoever has worked on it last was
	// told, 0 for one.
	Ranges int `json:"ranges,omitempty"`
	// Paused: coordinators leave it alone.
	Paused bool `json:"paused,omitempty"`
	// Manifest is what is sealed, from PhaseFold on.
	Manifest Manifest `json:"manifest,omitzero"`
	// Done are the ranges of row keys that are filled, in order and apart.
	Done []KeyRange `json:"done,omitempty"`
	// Applied counts the events that were folded for them, each once for each range.
	Applied uint64 `json:"applied,omitempty"`
	// Failure is what stopped the fold, Failed the event, if it was one.
	Failure string             `json:"failure,omitempty"`
	Failed  eventstore.EventID `json:"failed,omitzero"`
	// Swept is when the last sweep of the generation began that brought every stream to its
	// head.
	Swept time.Time `json:"swept,omitzero"`
	// Compared is what the last comparison found.
	Compared *Compared `json:"compared,omitempty"`
	// Ready is when it was compared first, after its end: from then on it could be switched to.
	Ready time.Time `json:"ready,omitzero"`
}

// Manifest says which streams a fold is of, each up to which head, and which events it
// passes over. Nothing is ever added to it.
type Manifest struct {
	// Attempt is the name under which the view store keeps it.
	Attempt string `json:"attempt"`
	// Parts hold the heads, and behind them SkipParts the events.
	Parts     int `json:"parts"`
	SkipParts int `json:"skip_parts,omitempty"`
	// Streams and Events count what lies up to the heads.
	Streams int    `json:"streams"`
	Events  uint64 `json:"events"`
}

// KeyRange is a part of the rows and checkpoints of a generation: those whose hash is at
// least From and below To.
type KeyRange struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

// allKeys is the range of everything.
const allKeys = 1 << 32

// next returns the first range that is not done yet, zero where all are.
func (b *Rebuild) next() KeyRange {
	from := uint64(0)
	for _, d := range b.Done {
		if d.From > from {
			return KeyRange{from, d.From}
		}
		from = max(from, d.To)
	}
	if from < allKeys {
		return KeyRange{from, allKeys}
	}
	return KeyRange{}
}

// record notes that a range is filled.
func (b *Rebuild) record(done KeyRange) {
	all := append(slices.Clone(b.Done), done)
	slices.SortFunc(all, func(x, y KeyRange) int { return int(int64(x.From) - int64(y.From)) })
	b.Done = all[:1]
	for _, d := range all[1:] {
		if last := &b.Done[len(b.Done)-1]; d.From <= last.To {
			last.To = max(last.To, d.To)
		} else {
			b.Done = append(b.Done, d)
		}
	}
}

// Share returns how much of the key ranges is done, from 0 to 1.
func (b *Rebuild) Share() float64 {
	sum := 0.0
	for _, d := range b.Done {
		sum += d.share()
	}
	return sum
}

func (k KeyRange) share() float64 { return float64(k.To-k.From) / allKeys }

// Clone returns a copy that shares nothing with s. It is for implementations of
// [StateStore].
func (s State) Clone() State {
	s.Generations, s.Skips = slices.Clone(s.Generations), slices.Clone(s.Skips)
	if s.Paused != nil {
		s.Paused = new(*s.Paused)
	}
	for i := range s.Generations {
		g := &s.Generations[i]
		g.Views, g.Starts = slices.Clone(g.Views), maps.Clone(g.Starts)
		if g.Rebuild == nil {
			continue
		}
		g.Rebuild = new(*g.Rebuild)
		g.Rebuild.Done = slices.Clone(g.Rebuild.Done)
		if g.Rebuild.Compared != nil {
			g.Rebuild.Compared = new(*g.Rebuild.Compared)
			g.Rebuild.Compared.Fields = slices.Clone(g.Rebuild.Compared.Fields)
		}
	}
	return s
}

// errAsIs: a state needs no change.
var errAsIs = errors.New("as it is")

// changeState changes the state of a projection, however often it changes meanwhile. An
// errAsIs of change leaves it as it is and is no error.
func changeState(ctx context.Context, views StateStore, projection string, change func(*State) error) (State, error) {
	for {
		s, err := views.State(ctx, projection)
		if err != nil {
			return s, err
		}
		if s.Revision == 0 {
			return s, &NotBuiltError{Projection: projection, Reason: "it has never been built"}
		}
		if err := change(&s); errors.Is(err, errAsIs) {
			return s, nil
		} else if err != nil {
			return s, err
		}
		stored, err := views.PutState(ctx, s)
		if !errors.Is(err, ErrChanged) {
			return stored, err
		}
	}
}

// PauseRebuild makes coordinators stop, also those that wait; what they have recorded stays.
// One that is paused stays so; without a rebuild, and where it has come to its end, it is an
// [ErrNoRebuild].
func PauseRebuild(ctx context.Context, views StateStore, projection string) error {
	return changeRebuild(ctx, views, projection, func(_ *State, g *Generation) error {
		if g.Rebuild.Finished() {
			return &NoRebuildError{Projection: projection, Finished: g.Number}
		}
		g.Rebuild.Paused, g.Rebuild.Coordinator = true, ""
		return nil
	})
}

// ResumeRebuild lets coordinators go on: see [Rebuilder.Run].
func ResumeRebuild(ctx context.Context, views StateStore, projection string) error {
	return changeRebuild(ctx, views, projection, func(_ *State, g *Generation) error {
		g.Rebuild.Paused, g.Rebuild.Failure, g.Rebuild.Failed = false, "", eventstore.EventID{}
		g.Rebuild.Resumed = time.Now().UTC()
		return nil
	})
}

// CancelRebuild gives a rebuild up. Its generation is retired; the others are as they were.
// With a number it is given up only if its generation is that one: else it is an [ErrChanged],
// and nothing is done.
func CancelRebuild(ctx context.Context, views StateStore, projection string, number uint64) (GenerationID, error) {
	var id GenerationID
	_, err := changeState(ctx, views, projection, func(s *State) error {
		switch g := s.Rebuilding(); {
		case number > 0 && (g == nil || g.Number != number):
			return changedSince(projection, ErrChanged)
		case g == nil:
			return &NoRebuildError{Projection: projection}
		default:
			id = GenerationID{projection, g.Number}
			s.retire(g)
			return nil
		}
	})
	return id, err
}

func changeRebuild(ctx context.Context, views StateStore, projection string, change func(*State, *Generation) error) error {
	_, err := changeState(ctx, views, projection, func(s *State) error {
		g := s.Rebuilding()
		if g == nil {
			return &NoRebuildError{Projection: projection}
		}
		return change(s, g)
	})
	return err
}

// Rebuilding returns the generation that a rebuild makes, until it is switched to or
// cancelled, or nil.
func (s State) Rebuilding() *Generation {
	if g := s.With(Building); g != nil && g.Rebuild != nil {
		return g
	}
	return nil
}

// Finished reports whether everything is there and was swept: the generation can be compared
// and switched to.
func (b *Rebuild) Finished() bool {
	return b != nil && b.Phase == PhaseCatchUp && !b.Swept.IsZero()
}

// retire gives a generation up. What it has replaced is what those go back to that have
// replaced it.
func (s *State) retire(g *Generation) {
	for i := range s.Generations {
		if s.Generations[i].Before == g.Number {
			s.Generations[i].Before = g.Before
		}
	}
	g.Role, g.Since = Retired, time.Now().UTC()
	if g.Rebuild != nil {
		g.Rebuild.Coordinator = ""
	}
}
