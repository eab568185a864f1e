package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/eventstore/memstore"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/dynamoviews"
	"github.com/leftfold/leftfold/projection/memviews"
)

// Prices of on-demand capacity, for a million units. They differ between Regions, and
// change.
const (
	pricesOf   = "us-east-1, since 2024-11-01"
	writePrice = 0.625
	readPrice  = 0.125
)

func (a *app) explainCommand() *cobra.Command {
	commits := 0
	c := &cobra.Command{
		Use:   "explain",
		Short: "Say what each projection and reaction costs on DynamoDB, and why",
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.explain(cmd.Context(), commits) },
	}
	c.Flags().IntVar(&commits, "commits", 1000, "how many commits of the store to look at")
	return c
}

// explainAnswer is what a sample of the store would have cost.
type explainAnswer struct {
	Commits    int           `json:"commits"`
	Events     int           `json:"events"`
	Bytes      int           `json:"bytes"`
	WriteUnits int           `json:"writeUnits"`
	Consumers  []explained   `json:"consumers"`
	Prices     explainPrices `json:"prices"`
}

type explainPrices struct {
	Of    string  `json:"of"`
	Write float64 `json:"perMillionWriteUnits"`
	Read  float64 `json:"perMillionReadUnits"`
}

// explained is one way to bring one projection or reaction up to date.
type explained struct {
	Consumer   string  `json:"consumer"`
	Way        string  `json:"way"`
	WriteUnits float64 `json:"writeUnitsPerEvent"`
	ReadUnits  float64 `json:"readUnitsPerEvent"`
	Dollars    float64 `json:"dollarsPerMillionEvents"`
	why        dynamoviews.Estimate
}

// explainedConsumers are the projections, and stand-ins for the reactions, which move
// checkpoints and do nothing else: what a mail costs, or an event on a bus, is another bill.
func explainedConsumers() []projection.Consumer {
	nothing := projection.ReactAny(func(context.Context, projection.Event[eventstore.Event]) error { return nil })
	consumers := viewConsumers()
	for _, name := range []string{mailsReaction, busReaction} {
		consumers = append(consumers, projection.MustNewReaction(name, Events, projection.Follow(customerCategory), nothing))
	}
	return consumers
}

// ways are how a consumer is fed: at the worst and at the best.
var ways = []struct {
	name string
	feed func(context.Context, *projection.Engine, *memstore.Store) error
}{{"as it happens", oneByOne}, {"swept", sweepAll}}

func (a *app) explain(ctx context.Context, most int) error {
	if most < 1 {
		return usageErrorf("--commits %d: it takes at least 1", most)
	}
	return a.with(ctx, func(s *Service) error {
		answer, sample, err := takeSample(ctx, s.Store, most)
		if err != nil {
			return err
		}
		if answer.Events == 0 {
			return notFoundf(a.command("load", "FILE")+" brings some", "the store has no events to explain anything by")
		}
		for _, c := range explainedConsumers() {
			for _, way := range ways {
				e, err := estimate(ctx, c, sample, way.feed)
				if err != nil {
					return err
				}
				n := float64(answer.Events)
				answer.Consumers = append(answer.Consumers, explained{Consumer: c.Name(), Way: way.name, WriteUnits: e.WriteUnits / n, ReadUnits: e.ReadUnits / n,
					Dollars: e.WriteUnits/n*writePrice + e.ReadUnits/n*readPrice, why: e})
			}
		}
		return a.printExplain(answer)
	})
}

// takeSample copies whole streams, until there are enough commits.
func takeSample(ctx context.Context, from Store, most int) (answer explainAnswer, sample *memstore.Store, err error) {
	answer.Prices = explainPrices{pricesOf, writePrice, readPrice}
	sample = memstore.New()
	for stream, err := range from.Streams(ctx, customerCategory, eventstore.StreamID{}) {
		if err != nil {
			return answer, nil, err
		}
		if answer.Commits >= most {
			break
		}
		at := eventstore.NoStream
		for c, err := range from.Read(ctx, stream, 0) {
			if err != nil {
				return answer, nil, err
			}
			cost, err := dynamostore.CostOf(c)
			if err != nil {
				return answer, nil, err
			}
			copied, err := sample.Append(ctx, eventstore.Write{Stream: stream, Revision: at, ID: c.ID, Time: c.Time, Events: c.Events})
			if err != nil {
				return answer, nil, err
			}
			at = copied.Revision
			answer.Commits++
			answer.Events += len(c.Events)
			answer.Bytes += cost.Bytes
			answer.WriteUnits += cost.WriteUnits
		}
	}
	return answer, sample, nil
}

// estimate lets the engine work on views in memory, and counts.
func estimate(ctx context.Context, c projection.Consumer, sample *memstore.Store,
	feed func(context.Context, *projection.Engine, *memstore.Store) error,
) (dynamoviews.Estimate, error) {
	views := dynamoviews.NewEstimator(memviews.New(memviews.Options{}))
	engine, err := prepared(ctx, c, sample, views)
	if err == nil {
		err = feed(ctx, engine, sample)
	}
	return views.Estimate(), err
}

// prepared returns an engine that has everything before it: a reaction starts at the
// beginning.
func prepared(ctx context.Context, c projection.Consumer, sample *memstore.Store, views projection.ViewStore) (*projection.Engine, error) {
	if r, ok := c.(*projection.Reaction); ok {
		if err := r.Start(ctx, views, time.Time{}); err != nil {
			return nil, err
		}
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

func (a *app) printExplain(e explainAnswer) error {
	if a.json {
		return printJSON(a.stdout, e)
	}
	commits := float64(e.Commits)
	fmt.Fprintf(a.stdout, "%s with %s of %s were looked at\n\n", counted(e.Commits, "commit"), counted(e.Events, "event"), a.store)
	fmt.Fprintf(a.stdout, "An append takes %.2f write units: %.1f events in an item of %.1f KB, one unit for each KB;\nthe first commit of a stream one more for the directory. A million appends: $%.2f\n\n",
		float64(e.WriteUnits)/commits, float64(e.Events)/commits, float64(e.Bytes)/commits/1024, float64(e.WriteUnits)/commits*writePrice)
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CONSUMER\tFED\tWRITE UNITS/EVENT\tREAD UNITS/EVENT\tA MILLION EVENTS")
	for _, c := range e.Consumers {
		fmt.Fprintf(w, "%s\t%s\t%.3f\t%.3f\t$%.2f\n", c.Consumer, c.Way, c.WriteUnits, c.ReadUnits, c.Dollars)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(a.stdout)
	for _, c := range e.Consumers {
		fmt.Fprintf(a.stdout, "%s, %s: %s\n", c.Consumer, c.Way, unitsText(c.why))
	}
	_, err := fmt.Fprintf(a.stdout, `
A slice is a transaction, in which each checkpoint and each row takes two units for each KB; a checkpoint
alone is none, and takes one. A stream's own row lies in the item of its checkpoint. %s and %s are
reactions: they have checkpoints and no rows. What a mail costs, or an event on a bus, is not in here.

Prices are those of %s: $%.3f for a million write units, $%.3f for a million read units.
`, mailsReaction, busReaction, e.Prices.Of, e.Prices.Write, e.Prices.Read)
	return err
}

// unitsText says what the write units of an estimate are for: they add up.
func unitsText(e dynamoviews.Estimate) string {
	parts := []string{fmt.Sprintf("%s for %s", thousands(int(e.CheckpointUnits)), counted(e.Checkpoints, "checkpoint"))}
	if e.Alone > 0 {
		parts[0] += fmt.Sprintf(", %s of them alone", thousands(e.Alone))
	}
	if e.OwnRows > 0 {
		parts[0] += fmt.Sprintf(", %s with an own row", thousands(e.OwnRows))
	}
	for _, of := range []struct {
		units float64
		n     int
		what  string
	}{{e.RowUnits, e.Rows, "row"}, {e.InsertUnits, e.Inserts, "insert"}, {e.ParkUnits, e.Parks, "park record"}} {
		if of.n > 0 {
			parts = append(parts, fmt.Sprintf("%s for %s", thousands(int(of.units)), counted(of.n, of.what)))
		}
	}
	return fmt.Sprintf("%s write units in %s: %s", thousands(int(e.WriteUnits)), counted(e.Slices, "slice"), strings.Join(parts, "; "))
}
