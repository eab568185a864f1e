package projection_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/projection"
)

// meanwhile are views of which something changes once all checkpoints of a generation have
// been read, some times.
type meanwhile struct {
	projection.ViewStore
	times  int
	change func()
}

func (m *meanwhile) AllCheckpoints(ctx context.Context, g projection.GenerationID, parked bool) iter.Seq2[projection.Checkpoint, error] {
	return func(yield func(projection.Checkpoint, error) bool) {
		m.ViewStore.AllCheckpoints(ctx, g, parked)(yield)
		if parked {
			return
		}
		if m.times--; m.times >= 0 {
			m.change()
		}
	}
}

// listed is a view that only inserts.
func listed() projection.Part {
	return projection.Inserts("list", projection.Emit(func(e projection.Event[Counted], c *projection.Changes[counter]) error {
		c.Put(projection.Key{Partition: e.Data.Counter, Sort: e.ID().String()}, counter{N: e.Data.N})
		return nil
	}))
}

// fillTo has one event for each of so many counters.
func (v *versions) fillTo(t testing.TB, e *projection.Engine, n int) {
	t.Helper()
	for i := range n {
		handle(t.Context(), e, v.append(t, fmt.Sprintf("user-%d", i), Counted{fmt.Sprint("c", i), 1}))
	}
}

func TestAComparisonFindsNothingWrongHoweverMuchIsWrittenMeanwhileAndHoweverLittleMemoryThereIs(t *testing.T) {
	t.Parallel()
	v := newVersions(listed())
	e := v.both(t)
	v.fillTo(t, e, 30)
	v.rebuilt(t, projection.RebuildOptions{})
	views := &meanwhile{v.views, 8, func() { v.fillTo(t, e, 30) }}
	r := v.rebuilderOver(t, views, projection.RebuildOptions{Memory: 2000, Sequential: true})
	found, err := r.Compare(t.Context(), projection.CompareOptions{Full: true})
	require.NoError(t, err)
	assert.Negative(t, views.times, "rows were written while some parts of them were looked at")
	assert.Equal(t, [2]int{0, 0}, [2]int{found.Wrong, found.Moving})
}

func TestAComparisonOfAGenerationThatOtherCodeHasBuiltIsRefused(t *testing.T) {
	t.Parallel()
	v := newVersions()
	v.fillTo(t, v.engine(t), 1)
	v.rebuilt(t, projection.RebuildOptions{})
	older, err := projection.NewRebuilder(v.store, v.views, v.p, projection.RebuildOptions{})
	require.NoError(t, err)
	_, err = older.Compare(t.Context(), projection.CompareOptions{})
	require.ErrorIs(t, err, projection.ErrNotReady)
	require.ErrorContains(t, err, "generation 2 of counters is not ready: it is built by version 2, and this program has version 1")
	s, err := v.views.State(t.Context(), "counters")
	require.NoError(t, err)
	require.Nil(t, s.Rebuilding().Rebuild.Compared)
}

func TestAProgramOfAnotherVersionIsToldWhichOneIsBuilt(t *testing.T) {
	t.Parallel()
	v := newVersions()
	v.fillTo(t, v.engine(t), 1)
	v.rebuilt(t, projection.RebuildOptions{})
	for version, hint := range map[int]string{1: "this program is too old: deploy the one that has version 2", 3: "give the command in a program that has version 2, or cancel the rebuild"} {
		code := v.p
		if version == 3 {
			code = projection.MustNew("counters", 3, registry, projection.Follow("user"), projection.Replaces(v.p2), newTens())
		}
		r, err := projection.NewRebuilder(v.store, v.views, code, projection.RebuildOptions{})
		require.NoError(t, err)
		_, started := r.Start(t.Context(), projection.StartOptions{})
		_, ran := r.Run(t.Context())
		_, compared := r.Compare(t.Context(), projection.CompareOptions{})
		for _, err := range []error{started, ran, compared} {
			e, ok := errors.AsType[*projection.NotReadyError](err)
			require.True(t, ok, err)
			require.Equal(t, [2]int{2, version}, [2]int{e.Needs, e.Program})
			require.Equal(t, hint, e.Hint())
		}
	}
}

// halfway are views whose slices lose everything but the rows that are only inserted.
type halfway struct{ projection.ViewStore }

func (h halfway) Apply(ctx context.Context, s projection.Slice) error {
	for _, w := range s.Writes {
		if w.Insert {
			f := projection.Filling{Rows: []projection.Row{w.Row}}
			if err := h.Fill(ctx, s.Generation, f); err != nil {
				return err
			}
		}
	}
	return errGone
}

func TestAComparisonKnowsThatInsertedRowsMayComeBeforeTheirEventsAreApplied(t *testing.T) {
	t.Parallel()
	v := newVersions(listed())
	v.fillTo(t, v.both(t), 1)
	r := v.rebuilt(t, projection.RebuildOptions{})
	e, err := projection.NewEngine(v.store, halfway{v.views}, v.opts, v.p2)
	require.NoError(t, err)
	require.NoError(t, e.Prepare(t.Context()))
	require.NotEmpty(t, handle(t.Context(), e, v.append(t, "user-0", Counted{"late", 1})))
	found, err := r.Compare(t.Context(), projection.CompareOptions{Full: true})
	require.NoError(t, err)
	assert.Equal(t, [3]int{3, 0, 0}, [3]int{found.Checked, found.Wrong, found.Moving})
}
