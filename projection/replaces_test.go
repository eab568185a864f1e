package projection_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
)

func TestAViewThatShowsNothingOfTheOldVersionSaysSoUntilTheSwitch(t *testing.T) {
	t.Parallel()
	v := &versions{world: newWorld(memviews.Options{}), tens: newTens()}
	v.p2 = projection.MustNew("counters", 2, registry, projection.Follow("user"), projection.Replaces(v.p), v.tens)
	v.fillTo(t, v.engine(t), 1)
	_, err := v.tens.Get(t.Context(), v.views, projection.KeyOf("x"))
	require.ErrorIs(t, err, projection.ErrNotBuilt)
	require.EqualError(t, err, `projection "counters" version 2: readers use generation 1, of version 1, whose rows view "counters" does not show`)
	require.Contains(t, eventstore.Hint(err), "projection.Shows")
	_, err = v.rebuilt(t, projection.RebuildOptions{}).Switch(t.Context(), projection.SwitchOptions{Force: true})
	require.NoError(t, err)
	require.NotEmpty(t, v.shown(t))
}

func TestAViewThatIsRenamedShowsTheOldOneAndIsComparedAsAnother(t *testing.T) {
	t.Parallel()
	v := &versions{world: newWorld(memviews.Options{})}
	v.tens = projection.Fold("tens", projection.On(func(e projection.Event[Counted]) projection.Key { return projection.KeyOf(e.Data.Counter) },
		func(c *tenfold, e projection.Event[Counted]) error { c.Name, c.Tens = e.Data.Counter, 1; return nil }))
	v.p2 = projection.MustNew("counters", 2, registry, projection.Follow("user"), v.tens,
		projection.Replaces(v.p, projection.Shows(v.tens, v.counters, func(c counter) tenfold { return tenfold{c.Name, -c.N} })))
	require.Empty(t, handle(t.Context(), v.engine(t), v.append(t, "user-1", Counted{"x", 3})))
	require.Equal(t, []string{"x=-3"}, v.shown(t))
	found, err := v.rebuilt(t, projection.RebuildOptions{}).Compare(t.Context(), projection.CompareOptions{})
	require.NoError(t, err)
	assert.Equal(t, [4]int{0, 0, 1, 1}, [4]int{found.Equal, found.Changed, found.OnlyOld, found.OnlyNew})
}

func TestTwoVersionsOfOneNameAreRefusedWithAHint(t *testing.T) {
	t.Parallel()
	v := newVersions()
	_, err := projection.NewEngine(v.store, v.views, v.opts, v.p2, v.p)
	require.ErrorIs(t, err, eventstore.ErrInvalid)
	require.EqualError(t, err, `"counters" is given twice, in versions 2 and 1`)
	require.Equal(t, "give version 2 alone: it brings version 1 along, by projection.Replaces", eventstore.Hint(err))
	_, err = projection.NewWorker(v.store, v.views, nil, v.opts, v.p, v.p)
	require.EqualError(t, err, `"counters" is given twice`)
	require.Equal(t, "give each name once", eventstore.Hint(err))
}
