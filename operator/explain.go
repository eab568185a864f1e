package operator

import (
	"context"
	"fmt"
	"time"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
)

// CostModel says what a store charges, without asking it: operator/dynamocost is that of
// DynamoDB.
type CostModel interface {
	// Append returns what it costs to append a commit.
	Append(c eventstore.Commit) (AppendCost, error)
	// Views returns a view store that has the work done by another one, and counts what it
	// would cost.
	Views(views projection.ViewStore) CountingViews
	// Prices are those by which units become money.
	Prices() Prices
}

// CountingViews is a view store that counts.
type CountingViews interface {
	projection.ViewStore
	// Cost returns what was counted so far.
	Cost() ViewCost
}

// AppendCost is what a commit costs.
type AppendCost struct {
	Bytes      int
	WriteUnits float64
}

// ViewCost is what keeping views costs.
type ViewCost struct {
	WriteUnits float64 `json:"write_units"`
	ReadUnits  float64 `json:"read_units"`
	// Slices is how many atomic writes there were.
	Slices int `json:"slices"`
	// Parts are what the write units are the sum of.
	Parts []CostPart `json:"parts"`
}

// CostPart is a part of the write units, and what it is for, such as "3,958 rows".
type CostPart struct {
	WriteUnits float64 `json:"write_units"`
	For        string  `json:"for"`
}

// Prices are in dollars, for a million units.
type Prices struct {
	Of    string  `json:"of"`
	Write float64 `json:"per_million_write_units"`
	Read  float64 `json:"per_million_read_units"`
	// Notes say how the units come about, for people.
	Notes string `json:"-"`
}

// Explained is what a sample of the events costs.
type Explained struct {
	Commits int `json:"commits"`
	Events  int `json:"events"`
	Bytes   int `json:"bytes"`
	// WriteUnits are those of the appends.
	WriteUnits float64             `json:"write_units"`
	Consumers  []ExplainedConsumer `json:"consumers"`
	Prices     Prices              `json:"prices"`
}

// ExplainedConsumer is one way to bring one projection or reaction up to date.
type ExplainedConsumer struct {
	Consumer string `json:"consumer"`
	Reaction bool   `json:"reaction,omitempty"`
	// Way is how it is fed: "as it happens", each commit by itself, or "swept".
	Way        string   `json:"way"`
	WriteUnits float64  `json:"write_units_per_event"`
	ReadUnits  float64  `json:"read_units_per_event"`
	Dollars    float64  `json:"dollars_per_million_events"`
	Cost       ViewCost `json:"cost"`
}

// ways are how a consumer is fed: at the worst and at the best.
var ways = []struct {
	name string
	feed func(context.Context, *projection.Engine, *memstore.Store) error
}{{"as it happens", oneByOne}, {"swept", sweepAll}}

// Explain says what appends, projections and reactions cost by a sample of the events, streams
// from their beginnings until there are so many commits: an engine works on them in memory,
// and what it does is counted. One projection or reaction, if it is named. A reaction has checkpoints
// and no rows: what its effects cost is not in it. It is an [ErrUnsupported] where the
// service has no [Service.Costs]. Cost: a read of the sample.
func (o *Operator) Explain(ctx context.Context, name string, commits int) (Explained, error) {
	model := o.service.Costs
	if model == nil {
		return Explained{}, unsupported("explain", "the program has no model of what things cost")
	}
	if commits < 1 {
		return Explained{}, fmt.Errorf("%w: a sample of %d commits: at least 1", eventstore.ErrInvalid, commits)
	}
	consumers := o.service.Consumers
	if name != "" {
		c, err := o.consumer(name)
		if err != nil {
			return Explained{}, err
		}
		consumers = []projection.Consumer{c}
	}
	answer, sample, err := o.takeSample(ctx, model, commits)
	if err != nil {
		return answer, err
	}
	if answer.Events == 0 {
		return answer, &NotFoundError{What: "event", Reason: "the store has no events to explain anything by"}
	}
	for _, c := range consumers {
		for _, way := range ways {
			cost, err := o.estimate(ctx, c, sample, way.feed)
			if err != nil {
				return answer, err
			}
			_, reaction := c.(*projection.Reaction)
			n := float64(answer.Events)
			answer.Consumers = append(answer.Consumers, ExplainedConsumer{Consumer: c.Name(), Reaction: reaction, Way: way.name,
				WriteUnits: cost.WriteUnits / n, ReadUnits: cost.ReadUnits / n,
				Dollars: cost.WriteUnits/n*answer.Prices.Write + cost.ReadUnits/n*answer.Prices.Read, Cost: cost})
		}
	}
	return answer, nil
}

// takeSample copies streams from their beginnings, until there are enough commits.
func (o *Operator) takeSample(ctx context.Context, model CostModel, most int) (answer Explained, sample *memstore.Store, err error) {
	answer.Prices = model.Prices()
	directory, ok := o.service.Store.(eventstore.Directory)
	if !ok {
		return answer, nil, unsupported("explain", "the store has no directory")
	}
	sample = memstore.New()
	for _, category := range o.categories {
		for stream, err := range directory.Streams(ctx, category, eventstore.StreamID{}) {
			if err != nil {
				return answer, nil, err
			}
			if answer.Commits >= most {
				return answer, sample, nil
			}
			if err := o.copyStream(ctx, model, stream, sample, &answer, most); err != nil {
				return answer, nil, err
			}
		}
	}
	return answer, sample, nil
}

func (o *Operator) copyStream(ctx context.Context, model CostModel, stream eventstore.StreamID, sample *memstore.Store, answer *Explained, most int) error {
	at := eventstore.NoStream
	for c, err := range o.service.Store.Read(ctx, stream, 0) {
		if err != nil {
			return err
		}
		if answer.Commits >= most {
			return nil
		}
		cost, err := model.Append(c)
		if err != nil {
			return err
		}
		copied, err := sample.Append(ctx, eventstore.Write{Stream: stream, Revision: at, ID: c.ID, Time: c.Time, Events: c.Events})
		if err != nil {
			return err
		}
		at = copied.Revision
		answer.Commits++
		answer.Events += len(c.Events)
		answer.Bytes += cost.Bytes
		answer.WriteUnits += cost.WriteUnits
	}
	return nil
}

// estimate lets an engine work on views in memory, and counts.
func (o *Operator) estimate(ctx context.Context, c projection.Consumer, sample *memstore.Store,
	feed func(context.Context, *projection.Engine, *memstore.Store) error,
) (ViewCost, error) {
	views := o.service.Costs.Views(memviews.New(memviews.Options{}))
	engine, err := o.prepared(ctx, c, sample, views)
	if err == nil {
		err = feed(ctx, engine, sample)
	}
	return views.Cost(), err
}

// prepared returns an engine that has everything before it. In place of a reaction there is
// one that does nothing, from the beginning on.
func (o *Operator) prepared(ctx context.Context, c projection.Consumer, sample *memstore.Store, views projection.ViewStore) (*projection.Engine, error) {
	if r, ok := c.(*projection.Reaction); ok {
		nothing := projection.ReactAny(func(context.Context, projection.Event[eventstore.Event]) error { return nil })
		idle, err := projection.NewReaction(c.Name(), o.service.Events, projection.Follow(r.Categories()...), nothing)
		if err != nil {
			return nil, err
		}
		if err := idle.Start(ctx, views, time.Time{}); err != nil {
			return nil, err
		}
		c = idle
	}
	engine, err := projection.NewEngine(sample, views, projection.Options{}, c)
	if err != nil {
		return nil, err
	}
	return engine, engine.Prepare(ctx)
}

func sweepAll(ctx context.Context, engine *projection.Engine, _ *memstore.Store) error {
	_, err := engine.Sweep(ctx, nil)
	return err
}

// oneByOne hands over each commit by itself, as a quiet day does.
func oneByOne(ctx context.Context, engine *projection.Engine, sample *memstore.Store) error {
	for s, err := range sample.ReadAll(ctx, eventstore.Cursor{}) {
		if err != nil {
			return err
		}
		failed := engine.Handle(ctx, eventstore.Batch{Announcements: []eventstore.Announcement{eventstore.Announce(&s.Commit)}})
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if len(failed) > 0 {
			return fmt.Errorf("explain: %s could not be applied: what it costs is not known", s.Commit.EventID(0))
		}
	}
	return nil
}
