package projection_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
)

// manyStreams is more than a sweep looks at together, four times over.
const manyStreams = 1100

// sweepInParts sweeps, and interrupts each part when it has come further, until it is
// done. Every place on the way goes through JSON.
func sweepInParts(t *testing.T, engine func() *projection.Engine) (parts []projection.SweepReport, err error) {
	t.Helper()
	interrupted := errors.New("no more time")
	var next projection.SweepCursor
	for {
		ctx, cancel := context.WithCancelCause(t.Context())
		from := next
		report, err := engine().SweepFrom(ctx, from, func(r projection.SweepReport) {
			if r.Next.After != from.After && len(parts) < 50 {
				cancel(interrupted)
			}
		})
		cancel(nil)
		parts = append(parts, report)
		if !errors.Is(err, interrupted) {
			return parts, err
		}
		text, err := json.Marshal(report.Next)
		require.NoError(t, err)
		next = projection.SweepCursor{}
		require.NoError(t, json.Unmarshal(text, &next))
	}
}

func TestASweepThatIsInterruptedGoesOnWhereItWas(t *testing.T) {
	w := newWorld(memviews.Options{})
	for i := range manyStreams {
		w.append(t, fmt.Sprintf("user-%04d", i), Counted{"x", 1})
	}
	parts, err := sweepInParts(t, func() *projection.Engine { return w.engine(t) })
	require.NoError(t, err)
	require.Greater(t, len(parts), 1)
	last := parts[len(parts)-1]
	require.True(t, last.Next.IsZero(), "it is done")
	require.Equal(t, []string{fmt.Sprintf("x=%d", manyStreams)}, w.rows(t), "and the first generation can be read")

	streams := 0 // of a sweep that finds nothing to do
	parts, err = sweepInParts(t, func() *projection.Engine { return w.engine(t) })
	require.NoError(t, err)
	for _, p := range parts {
		streams += p.Streams
		require.Zero(t, p.Behind)
	}
	require.Greater(t, len(parts), 2, "it is interrupted also where there is nothing to write")
	require.LessOrEqual(t, streams, manyStreams+len(parts)*512, "it did not begin anew")
}

func TestAnInterruptedSweepRemembersWhatItLeftBehind(t *testing.T) {
	w := newWorld(memviews.Options{})
	for i := range manyStreams {
		w.append(t, fmt.Sprintf("user-%04d", i), Counted{"x", 1})
	}
	e, err := projection.NewEngine(damaged{w.store, "user-0000"}, w.views, projection.Options{}, w.p)
	require.NoError(t, err)
	require.NoError(t, e.Prepare(t.Context()))
	parts, err := sweepInParts(t, func() *projection.Engine { return e })
	require.ErrorContains(t, err, "before it was interrupted it left 1 streams behind, 1 of them damaged")
	require.Equal(t, 1, parts[0].Damaged)
	require.Zero(t, parts[len(parts)-1].Damaged)
	require.Equal(t, []string{fmt.Sprintf("x=%d", manyStreams-1)}, w.rows(t), "no other sweep could do more")
}

// A generation that appears while a sweep is interrupted has missed its beginning.
func TestAGenerationThatAnInterruptedSweepDidNotBeginWithIsNotBuiltByIt(t *testing.T) {
	w := newWorld(memviews.Options{})
	w.append(t, "user-a", Counted{"x", 1})
	e := w.engine(t)
	b := w.append(t, "user-b", Counted{"x", 10})
	from := projection.SweepCursor{After: b.Stream, Generations: map[string][]uint64{"other": {1}}}
	_, err := e.SweepFrom(t.Context(), from, nil)
	require.NoError(t, err)
	_, err = w.counters.Get(t.Context(), w.views, projection.KeyOf("x"))
	require.ErrorIs(t, err, projection.ErrNotBuilt)
	from.Generations = map[string][]uint64{"counters": {1}}
	from.Left = 1
	_, err = e.SweepFrom(t.Context(), from, nil)
	require.ErrorContains(t, err, "left 1 streams behind, 0 of them damaged")
	_, err = w.counters.Get(t.Context(), w.views, projection.KeyOf("x"))
	require.ErrorIs(t, err, projection.ErrNotBuilt)
	_, err = e.Sweep(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, []string{"x=11"}, w.rows(t))
}

func TestASweepGoesOnInTheOrderOfAllStreams(t *testing.T) {
	w := newWorld(memviews.Options{})
	w.counters = newCounters(func(projection.Event[Counted]) error { return nil })
	p := projection.MustNew("counters", 1, registry, projection.Follow("user", "guest", "agent"), w.counters)
	for _, stream := range []string{"user-a", "guest-a", "guest-b", "agent-z"} {
		w.append(t, stream, Counted{stream, 1})
	}
	e, err := projection.NewEngine(w.store, w.views, projection.Options{}, p)
	require.NoError(t, err)
	require.NoError(t, e.Prepare(t.Context()))
	from := projection.SweepCursor{After: streamID(t, "guest-a"), Generations: map[string][]uint64{"counters": {1}}}
	report, err := e.SweepFrom(t.Context(), from, nil)
	require.NoError(t, err)
	require.Equal(t, 2, report.Streams)
	require.Equal(t, []string{"guest-b=1", "user-a=1"}, w.rows(t))
}

// A chunk may end within a stream, which then has to come again.
func TestASweepThatIsInterruptedInTheMiddleOfAStreamComesBackToIt(t *testing.T) {
	w := newWorld(memviews.Options{})
	w.append(t, "user-a", Counted{"x", 1})
	for range 50 {
		var many []any
		for range 100 {
			many = append(many, Counted{"x", 1})
		}
		w.append(t, "user-b", many...)
	}
	w.append(t, "user-c", Counted{"x", 1})
	parts, err := sweepInParts(t, func() *projection.Engine { return w.engine(t) })
	require.NoError(t, err)
	require.Greater(t, len(parts), 1)
	require.Equal(t, "user-a", parts[0].Next.After.String())
	require.Equal(t, []string{"x=5002"}, w.rows(t))
}
