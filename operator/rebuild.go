package operator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/google/uuid"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// RebuildOptions say how a rebuild is made. The zero value works.
type RebuildOptions struct {
	// RebuildOptions are the engine's. Name and Build default to those of the process.
	projection.RebuildOptions
	// Compare says how the rows are compared in the end.
	Compare projection.CompareOptions
}

// rebuilds is what an engine reads for a rebuild.
type rebuilds interface {
	source
	eventstore.Scanner
}

// projection returns the one of a name, whose code this program has.
func (o *Operator) projection(name string) (*projection.Projection, error) {
	c, err := o.consumer(name)
	if err != nil {
		return nil, err
	}
	p, ok := c.(*projection.Projection)
	if !ok {
		return nil, &ReactionError{Reaction: name}
	}
	return p, nil
}

// rebuilder returns what rebuilds the projection of a name.
func (o *Operator) rebuilder(name string, opts projection.RebuildOptions) (*projection.Rebuilder, error) {
	p, err := o.projection(name)
	if err != nil {
		return nil, err
	}
	store, ok := o.service.Store.(rebuilds)
	if !ok || o.service.Views == nil {
		return nil, unsupported("rebuild "+name, "the service has no views, or its store can not be read as a whole")
	}
	if opts.Name == "" {
		opts.Name = processName()
	}
	if opts.Build == "" {
		opts.Build = o.service.Build
	}
	return projection.NewRebuilder(store, o.service.Views, p, opts)
}

// processName tells this process from others, to people too; no two have had the same one.
func processName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d-%s", host, os.Getpid(), uuid.NewString()[:8])
}

// RebuildPlan is what a rebuild would do.
type RebuildPlan struct {
	projection.Plan
	// Generation is the number that it would have.
	Generation uint64 `json:"generation"`
	// Added and Removed are event types that only one of the two versions handles, where the
	// program carries both.
	Added   []string `json:"types_added,omitempty"`
	Removed []string `json:"types_removed,omitempty"`
	// Units are those of the plan where the store charges for them, and Dollars what they
	// cost; absent where it charges nothing.
	Units   *projection.Units `json:"units,omitempty"`
	Dollars *float64          `json:"dollars,omitempty"`
	// CompareReadUnits are those of the comparison, about: it reads the log twice, and the rows
	// of both generations, which it takes to be as large as those that readers use, twice too.
	CompareReadUnits float64 `json:"compare_read_units,omitempty"`
	// Used is what the plan itself has used, absent where nothing is charged.
	Used *Usage `json:"used,omitempty"`
	// Failure says why the fold would fail, Failed at which event; empty where it would not.
	Failure string             `json:"failure,omitempty"`
	Failed  eventstore.EventID `json:"failed,omitzero"`
}

// PlanRebuild folds all events in memory and says what a rebuild would write. It writes
// nothing. What a start would be refused for it is, too; where one is under way it is a
// [projection.ErrRebuilding]. Cost: a read of the log for the heads, and one for each pass; where
// the store charges, also of some hundred rows of each view.
func (o *Operator) PlanRebuild(ctx context.Context, name string, opts RebuildOptions) (RebuildPlan, error) {
	start, err := o.CheckRebuild(ctx, name)
	if err == nil && start.UnderWay != nil {
		err = &projection.RebuildingError{Generation: projection.GenerationID{Projection: name, Number: start.Generation}, Version: start.Version}
	}
	if err != nil {
		return RebuildPlan{}, err
	}
	r, err := o.rebuilder(name, opts.RebuildOptions)
	if err != nil {
		return RebuildPlan{}, err
	}
	used := o.using()
	p, err := r.Plan(ctx)
	if err != nil {
		return RebuildPlan{}, err
	}
	plan := RebuildPlan{Plan: p, Generation: start.Generation}
	if f := p.Failure; f != nil {
		plan.Failure, plan.Failed = f.Error(), f.Event
	}
	if plan.Dollars = o.Dollars(Usage{ReadUnits: p.Units.Read, WriteUnits: p.Units.Write}); plan.Dollars != nil {
		plan.Units = &p.Units
		if plan.CompareReadUnits, err = o.compareUnits(ctx, p); err != nil {
			return plan, err
		}
		plan.Used = used()
	}
	return plan, plan.compareTypes(o, name)
}

// compareUnits are about those of a comparison.
func (o *Operator) compareUnits(ctx context.Context, p projection.Plan) (float64, error) {
	log := 2 * float64(p.Bytes) / readUnit
	if p.Against == 0 {
		return log + p.Units.Write/4, nil // of 1 KB each
	}
	s, _, err := o.live(ctx, p.Projection)
	g := s.Find(p.Against)
	if err != nil || g == nil {
		return log, err
	}
	const overhead = 100 // of an item
	rows, bytes := 0, 0
	for _, view := range g.Views {
		inView := 0
		for row, err := range o.service.Views.ScanRows(ctx, projection.GenerationID{Projection: p.Projection, Number: g.Number}, view) {
			if err != nil {
				return log, err
			}
			rows, bytes = rows+1, bytes+overhead+len(view)+len(row.ID.Key.Partition)+len(row.ID.Key.Sort)+len(row.Content)
			if inView++; inView == sizeSample {
				break
			}
		}
	}
	return log + 4*float64(p.Rows)*float64(bytes)/float64(max(1, rows))/readUnit, nil
}

// readUnit is how many bytes a read unit reads.
const readUnit = 4096

// compareTypes says which event types the version that is read does not handle, and the other
// way round.
func (p *RebuildPlan) compareTypes(o *Operator, name string) error {
	code, err := o.projection(name)
	if err != nil {
		return err
	}
	if old, carried := code.Carried(p.From); carried {
		is, was := code.Handled(), old.Handled()
		p.Added = slices.DeleteFunc(slices.Clone(is), func(t string) bool { return slices.Contains(was, t) })
		p.Removed = slices.DeleteFunc(was, func(t string) bool { return slices.Contains(is, t) })
	}
	return nil
}

// Dollars returns what units cost, nil where the service's store charges nothing.
func (o *Operator) Dollars(u Usage) *float64 {
	if o.service.Usage == nil || o.service.Costs == nil {
		return nil
	}
	p := o.service.Costs.Prices()
	return new((u.WriteUnits*p.Write + u.ReadUnits*p.Read) / 1e6)
}

// using returns what tells what the program has used of its stores since, nil where that is
// not known.
func (o *Operator) using() func() *Usage {
	if o.service.Usage == nil {
		return func() *Usage { return nil }
	}
	before := o.service.Usage()
	return func() *Usage { return new(o.service.Usage().minus(before)) }
}

// StartRebuild builds a new generation of a projection, or joins whoever does, until it can be
// switched to, and compares it with what readers use. Where ctx ends while this process works on
// it the rebuild is paused, also for others that wait: [Operator.ResumeRebuild] carries on. Who
// waits and is interrupted leaves it alone.
func (o *Operator) StartRebuild(ctx context.Context, by By, name string, opts RebuildOptions) (Rebuilt, error) {
	return o.rebuild(ctx, by, "rebuild start", name, opts, func(ctx context.Context, r *projection.Rebuilder) error {
		_, err := r.Start(ctx, projection.StartOptions{By: by.Actor, Reason: by.Reason})
		if errors.Is(err, projection.ErrRebuilding) {
			return nil // and Run says whether it can be joined
		}
		return err
	})
}

// ResumeRebuild lets a rebuild go on that is paused, that has failed or on which nobody works,
// as [Operator.StartRebuild] does. What a start would be refused for it is, too, and then it
// stays as it is.
func (o *Operator) ResumeRebuild(ctx context.Context, by By, name string, opts RebuildOptions) (Rebuilt, error) {
	if _, err := o.CheckRebuild(ctx, name); err != nil { // what is refused is not recorded
		return Rebuilt{Projection: name}, err
	}
	return o.rebuild(ctx, by, "rebuild resume", name, opts, func(ctx context.Context, _ *projection.Rebuilder) error {
		return projection.ResumeRebuild(ctx, o.service.Views, name)
	})
}

func (o *Operator) rebuild(ctx context.Context, by By, action, name string, opts RebuildOptions, begin func(context.Context, *projection.Rebuilder) error) (Rebuilt, error) {
	b := &rebuilding{o: o, report: opts.Progress, done: Rebuilt{Projection: name, Phases: []RebuildPhase{}}, began: o.now()}
	opts.Progress, opts.PauseAtEnd = b.progress, true
	r, err := o.rebuilder(name, opts.RebuildOptions)
	if err != nil {
		return b.done, err
	}
	used := o.using()
	var paused error // who pauses it has wanted that: it is recorded as no failure
	recorded, err := o.Act(ctx, Action{Action: action, Target: name, Reason: by.Reason, Actor: by.Actor}, func(ctx context.Context) (string, error) {
		if err := begin(ctx, r); err != nil {
			return "", err
		}
		text, err := b.run(ctx, r, opts)
		if b.done.Paused {
			paused, err = err, nil
		}
		return text, err
	})
	err = cmp.Or(err, paused)
	b.done.Recorded = recorded
	b.done.Seconds = o.now().Sub(b.began).Seconds()
	if b.done.Used = used(); b.done.Used != nil {
		b.done.Dollars = o.Dollars(*b.done.Used)
	}
	return b.done, err
}
