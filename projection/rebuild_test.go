package projection_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
)

// tenfold is version 2 of a counter: it counts by ten.
type tenfold struct {
	Name string
	Tens int
}

// versions is a world whose projection has a second version.
type versions struct {
	*world
	tens *projection.View[tenfold]
	p2   *projection.Projection
}

func newVersions(more ...projection.Part) *versions {
	v := &versions{world: newWorld(memviews.Options{})}
	v.tens = newTens()
	shows := projection.Shows(v.tens, v.counters, func(c counter) tenfold { return tenfold{c.Name, -c.N} })
	v.p2 = projection.MustNew("counters", 2, registry, append([]projection.Part{projection.Follow("user"), projection.Replaces(v.p, shows), v.tens}, more...)...)
	return v
}

func newTens() *projection.View[tenfold] {
	return projection.Fold("counters", projection.On(func(e projection.Event[Counted]) projection.Key { return projection.KeyOf(e.Data.Counter) },
		func(c *tenfold, e projection.Event[Counted]) error {
			c.Name = e.Data.Counter
			c.Tens += 10 * e.Data.N
			return nil
		}))
}

// both is an engine that carries both versions.
func (v *versions) both(t testing.TB) *projection.Engine {
	t.Helper()
	e, err := projection.NewEngine(v.store, v.views, v.opts, v.p2)
	require.NoError(t, err)
	require.NoError(t, e.Prepare(t.Context()))
	return e
}

func (v *versions) rebuilder(t testing.TB, opts projection.RebuildOptions) *projection.Rebuilder {
	t.Helper()
	r, err := projection.NewRebuilder(v.store, v.views, v.p2, opts)
	require.NoError(t, err)
	return r
}

// shown returns what readers of the new code see, sorted. Rows of the old version have
// negative numbers.
func (v *versions) shown(t testing.TB) []string {
	t.Helper()
	var rows []string
	for row, err := range v.tens.All(t.Context(), v.views) {
		require.NoError(t, err)
		rows = append(rows, fmt.Sprintf("%s=%d", row.Name, row.Tens))
	}
	return rows
}

func (v *versions) roles(t testing.TB) []string {
	t.Helper()
	s, err := v.views.State(t.Context(), "counters")
	require.NoError(t, err)
	var roles []string
	for _, g := range s.Generations {
		roles = append(roles, fmt.Sprintf("%d %s", g.Number, g.Role))
	}
	return roles
}

// rebuilt starts a rebuild and runs it to its end.
func (v *versions) rebuilt(t testing.TB, opts projection.RebuildOptions) *projection.Rebuilder {
	t.Helper()
	r := v.rebuilder(t, opts)
	_, err := r.Start(t.Context(), projection.StartOptions{By: "anna", Reason: "tens"})
	require.NoError(t, err)
	_, err = r.Run(t.Context())
	require.NoError(t, err)
	return r
}

func TestANewStoreBeginsWithTheNewestVersion(t *testing.T) {
	v := newVersions()
	e := v.both(t)
	for i := range 40 {
		handle(t.Context(), e, v.append(t, fmt.Sprintf("user-%d", i), Counted{"x", i}, Counted{"y", 1}))
	}
	require.Equal(t, []string{"1 active"}, v.roles(t))
	require.Equal(t, []string{"x=7800", "y=400"}, v.shown(t))
}

func TestTwoVersionsLiveSideBySide(t *testing.T) {
	v := newVersions()
	old := v.engine(t)
	for i := range 40 {
		handle(t.Context(), old, v.append(t, fmt.Sprintf("user-%d", i), Counted{"x", i}, Counted{"y", 1}))
	}
	e := v.both(t)
	require.Equal(t, []string{"x=-780", "y=-40"}, v.shown(t), "the old rows, as the new code shows them")
	r := v.rebuilt(t, projection.RebuildOptions{})
	require.Equal(t, []string{"x=-780", "y=-40"}, v.shown(t))
	handle(t.Context(), e, v.append(t, "user-0", Counted{"z", 2}))

	_, err := r.Switch(t.Context(), projection.SwitchOptions{})
	require.ErrorIs(t, err, projection.ErrNotReady)
	require.ErrorContains(t, err, "it was not compared")
	found, err := r.Compare(t.Context(), projection.CompareOptions{Full: true})
	require.NoError(t, err)
	assert.Equal(t, [4]int{0, 3, 0, 0}, [4]int{found.Equal, found.Changed, found.OnlyOld, found.OnlyNew})
	assert.Equal(t, [3]int{3, 0, 0}, [3]int{found.Checked, found.Wrong, found.Moving})

	_, err = r.Switch(t.Context(), projection.SwitchOptions{})
	require.NoError(t, err)
	require.Equal(t, []string{"1 previous", "2 active"}, v.roles(t))
	require.Equal(t, []string{"x=7800", "y=400", "z=20"}, v.shown(t))
	require.Equal(t, []string{"x=780", "y=40", "z=2"}, v.rows(t), "old code goes on with the previous generation")

	handle(t.Context(), e, v.append(t, "user-1", Counted{"z", 3}))
	_, err = r.Rollback(t.Context(), projection.RollbackOptions{})
	require.NoError(t, err)
	require.Equal(t, []string{"1 active", "2 previous"}, v.roles(t))
	require.Equal(t, []string{"x=-780", "y=-40", "z=-5"}, v.shown(t), "nothing is missing")
	handle(t.Context(), e, v.append(t, "user-2", Counted{"z", 4}))
	_, err = r.Switch(t.Context(), projection.SwitchOptions{})
	require.NoError(t, err)
	require.Equal(t, []string{"x=7800", "y=400", "z=90"}, v.shown(t), "and forward again")
}

func TestACommitThatIsAppliedBetweenTheHeadsAndTheCatchUpIsFoundByTheSweep(t *testing.T) {
	v := newVersions()
	e := v.engine(t)
	handle(t.Context(), e, v.append(t, "user-a", Counted{"x", 1}))
	views := beforeFill{v.views, func(ctx context.Context) error {
		handle(ctx, v.both(t), v.append(t, "user-a", Counted{"x", 2}), v.append(t, "user-b", Counted{"x", 4}))
		return nil
	}}
	r, err := projection.NewRebuilder(v.store, views, v.p2, projection.RebuildOptions{})
	require.NoError(t, err)
	_, err = r.Start(t.Context(), projection.StartOptions{})
	require.NoError(t, err)
	_, err = r.Run(t.Context())
	require.NoError(t, err)
	_, err = r.Switch(t.Context(), projection.SwitchOptions{Force: true})
	require.NoError(t, err)
	require.Equal(t, []string{"x=70"}, v.shown(t))
}

func TestAFailingEventStopsTheFoldAndAMendedProgramGoesOn(t *testing.T) {
	v := newVersions()
	v.engine(t)
	v.append(t, "user-a", Counted{"x", 1})
	v.append(t, "user-b", Counted{"x", 1}, Counted{"bad", 1})
	broken := true
	view := projection.Fold("counters", projection.On(func(e projection.Event[Counted]) projection.Key { return projection.KeyOf(e.Data.Counter) },
		func(c *tenfold, e projection.Event[Counted]) error {
			if broken && e.Data.Counter == "bad" {
				return errBroken
			}
			c.Tens++
			return nil
		}))
	v.p2 = projection.MustNew("counters", 2, registry, projection.Follow("user"), projection.Replaces(v.p), view)
	r := v.rebuilder(t, projection.RebuildOptions{})
	_, err := r.Start(t.Context(), projection.StartOptions{})
	require.NoError(t, err)
	_, err = r.Run(t.Context())
	require.ErrorIs(t, err, projection.ErrFold)
	require.ErrorIs(t, err, errBroken)
	require.ErrorContains(t, err, "fold of generation 2 of counters at user-b@2 (COUNTED): the code is broken")
	s, err := v.views.State(t.Context(), "counters")
	require.NoError(t, err)
	require.Equal(t, "user-b@2", s.Rebuilding().Rebuild.Failed.String())
	broken = false
	_, err = r.Run(t.Context())
	require.NoError(t, err)
}

func TestASecondRebuildNeverSeesTheRowsOfOneThatWasCancelledOrRolledBack(t *testing.T) {
	v := newVersions()
	e := v.engine(t)
	handle(t.Context(), e, v.append(t, "user-a", Counted{"x", 1}))
	r := v.rebuilt(t, projection.RebuildOptions{})
	_, err := r.Start(t.Context(), projection.StartOptions{})
	require.ErrorIs(t, err, projection.ErrRebuilding)
	_, err = projection.CancelRebuild(t.Context(), v.views, "counters", 0)
	require.NoError(t, err)
	_, err = r.Run(t.Context())
	require.ErrorIs(t, err, projection.ErrNoRebuild)
	r = v.rebuilt(t, projection.RebuildOptions{})
	_, err = r.Switch(t.Context(), projection.SwitchOptions{Force: true})
	require.NoError(t, err)
	require.Equal(t, []string{"1 previous", "2 retired", "3 active"}, v.roles(t))
	require.Equal(t, []string{"x=10"}, v.shown(t))
}

// beforeFill calls at before each filling.
type beforeFill struct {
	projection.ViewStore
	at func(ctx context.Context) error
}

func (v beforeFill) Fill(ctx context.Context, g projection.GenerationID, f projection.Filling) error {
	if err := v.at(ctx); err != nil {
		return err
	}
	return v.ViewStore.Fill(ctx, g, f)
}

func TestTheRowsOfARebuildAreTheSameInAnyNumberOfRanges(t *testing.T) {
	v := newVersions()
	e := v.engine(t)
	for i := range 100 {
		handle(t.Context(), e, v.append(t, fmt.Sprintf("user-%d", i), Counted{fmt.Sprint("c", i%30), i}))
	}
	for _, opts := range []projection.RebuildOptions{{}, {Ranges: 7}, {Memory: 1024}, {Sequential: true, Ranges: 3}} {
		r := v.rebuilt(t, opts)
		found, err := r.Compare(t.Context(), projection.CompareOptions{Full: true})
		require.NoError(t, err)
		assert.Equal(t, [3]int{30, 30, 0}, [3]int{found.Changed, found.Checked, found.Wrong}, "%+v", opts)
		_, err = projection.CancelRebuild(t.Context(), v.views, "counters", 0)
		require.NoError(t, err)
	}
}

func TestAKeyRangeIsRecordedOnce(t *testing.T) {
	v := newVersions()
	e := v.engine(t)
	handle(t.Context(), e, v.append(t, "user-a", Counted{"x", 1}))
	v.rebuilt(t, projection.RebuildOptions{Ranges: 5})
	s, err := v.views.State(t.Context(), "counters")
	require.NoError(t, err)
	b := s.Rebuilding().Rebuild
	require.Equal(t, []projection.KeyRange{{From: 0, To: 1 << 32}}, b.Done)
	require.EqualValues(t, 1, b.Applied)
}
