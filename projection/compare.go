package projection

import (
	"context"
	"encoding/json"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

// CompareOptions says how a generation is compared. The zero value works.
type CompareOptions struct {
	// Full folds every row anew; else Keys of them, about.
	Full bool
	// Keys defaults to 200.
	Keys int
	// Samples is how many rows that differ are shown. Defaults to 10.
	Samples int
}

// Compared says what a comparison found, in numbers.
type Compared struct {
	At time.Time `json:"at"`
	// Against is the generation that readers used, 0 where there was none: then only the
	// fold is compared with.
	Against uint64 `json:"against,omitempty"`
	// Rows of the two generations, view by view.
	Equal   int `json:"equal"`
	Changed int `json:"changed"`
	OnlyOld int `json:"only_old"`
	OnlyNew int `json:"only_new"`
	// Fields says in which fields the changed rows differ: the 20 that do most often, that
	// one first. OtherFields counts what differs beside them, each field of each row.
	Fields      []FieldCount `json:"fields,omitempty"`
	OtherFields int          `json:"other_fields,omitempty"`
	// Checked rows were folded anew from the events, up to the checkpoints of the new
	// generation; Wrong ones are not what that came to, twice in the same way. Moving ones
	// differed each time that they were looked at, and in another way. Full: all were.
	Checked int  `json:"checked"`
	Wrong   int  `json:"wrong"`
	Moving  int  `json:"moving,omitempty"`
	Full    bool `json:"full,omitempty"`
	// ParkedOld and ParkedNew are how many streams have a park record in the two generations:
	// rows lack their events, whatever the code says.
	ParkedOld int `json:"parked_old,omitempty"`
	ParkedNew int `json:"parked_new,omitempty"`
	// Skipped is how many events the generation passes over.
	Skipped int `json:"skipped,omitempty"`
}

// Comparison is a Compared with some of the rows.
type Comparison struct {
	Compared
	Generation GenerationID
	// Samples are rows that differ between the generations, rather in other ways than often
	// in the same, WrongRows such that are not what a fold says: there Old is the fold.
	Samples, WrongRows []RowDiff
}

// RowDiff is a row that differs.
type RowDiff struct {
	View string `json:"view"`
	Key  Key    `json:"key"`
	// Old and New are nil where there is no such row.
	Old json.RawMessage `json:"old,omitempty"`
	New json.RawMessage `json:"new,omitempty"`
	// Because are the events that one version folds into the row and the other does not;
	// where there are none, those that both fold, but in another way.
	Because []Concern `json:"because,omitempty"`
}

// Concern is a type of events that were folded into a row.
type Concern struct {
	Type string `json:"type"`
	// Old and New count the events that each version folds into the row.
	Old int `json:"old"`
	New int `json:"new"`
	// Events are the first of them by their names.
	Events []string `json:"events,omitempty"`

	examples []eventstore.EventID
}

// Compare compares the generation of the rebuild, or the newest one behind the active one,
// with the one that readers use, and with a fold of the events, and records what it found,
// unless that would hide rows that were found wrong: those are looked at again by a full one.
// It writes nothing else, and may be made while everything goes on. A generation that is still
// being built is a [NotReadyError]. Cost: a read of all rows of
// both, and of the log, each up to twice more where rows differ or move. Memory: some tens of
// bytes for each row that differs, beside what [RebuildOptions] says.
func (r *Rebuilder) Compare(ctx context.Context, o CompareOptions) (Comparison, error) {
	if o.Keys <= 0 {
		o.Keys = 200
	}
	if o.Samples <= 0 {
		o.Samples = 10
	}
	s, g, err := r.compared(ctx)
	if err != nil {
		return Comparison{}, err
	}
	r.meter.note(func(p *RebuildProgress) {
		p.Generation, p.Phase, p.Rows, p.Checkpoints = g.Number, PhaseCompare, 0, 0
	})
	c := &comparer{Rebuilder: r, opts: o, state: s, generation: g}
	c.result = Comparison{Generation: c.id(g), Compared: Compared{At: time.Now().UTC(), Full: o.Full}}
	if old := s.With(Active); old != nil {
		c.result.Against = old.Number
		if c.result.ParkedOld, err = r.parked(ctx, *old); err == nil {
			err = c.diff(ctx, *old)
		}
		c.result.Fields, c.result.OtherFields = c.fields.most()
	} else {
		err = c.count(ctx)
	}
	if err == nil {
		c.result.ParkedNew, err = r.parked(ctx, g)
	}
	if err == nil {
		err = c.check(ctx)
	}
	if err == nil {
		err = c.explain(ctx)
	}
	if err != nil || g.Rebuild == nil {
		return c.result, err
	}
	_, err = changeState(ctx, r.views, r.p.name, func(s *State) error {
		now := s.Find(g.Number)
		if now == nil || now.Role == Retired {
			return errAsIs
		}
		if before := now.Rebuild.Compared; before != nil && before.Wrong > 0 && !o.Full {
			return errAsIs
		}
		now.Rebuild.Compared = new(c.result.Compared)
		if now.Rebuild.Ready.IsZero() {
			now.Rebuild.Ready = time.Now().UTC()
		}
		return nil
	})
	return c.result, err
}

// PlanCompare returns what the last comparison of the generation found that [Rebuilder.Compare]
// would compare, nil for none. What that is refused for is refused here, too. Cost: a read of
// the projection's state.
func (r *Rebuilder) PlanCompare(ctx context.Context) (*Compared, error) {
	_, g, err := r.compared(ctx)
	if err != nil || g.Rebuild == nil {
		return nil, err
	}
	return g.Rebuild.Compared, nil
}

// compared returns the generation that is compared, and the state.
func (r *Rebuilder) compared(ctx context.Context) (State, Generation, error) {
	s, g, err := r.target(ctx, movement{direction: forward, compare: true})
	if err == nil {
		err = r.p.CheckBuilds(g)
	}
	if err == nil {
		err = r.unfinished(g)
	}
	return s, g, err
}

// comparer compares a generation with others.
type comparer struct {
	*Rebuilder
	opts       CompareOptions
	state      State
	generation Generation
	rows       int // of the generation
	fields     fieldCounts
	kinds      []string // how each of the samples differs
	result     Comparison
}

func (c *comparer) id(g Generation) GenerationID { return GenerationID{c.p.name, g.Number} }

// count counts the rows of the generation.
func (c *comparer) count(ctx context.Context) error {
	for _, view := range c.generation.Views {
		for _, err := range c.scanRows(ctx, c.id(c.generation), view) {
			if err != nil {
				return err
			}
			c.rows++
		}
	}
	c.result.OnlyNew = c.rows
	return nil
}
