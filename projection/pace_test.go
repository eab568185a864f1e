package projection_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/projection"
)

func TestHowLongAFoldTakesYetIsToldOnceThereAreSecondsToGoBy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := newVersions()
		e := v.engine(t)
		for i := range 100 {
			handle(t.Context(), e, v.append(t, fmt.Sprintf("user-%d", i), Counted{fmt.Sprint("c", i), i}))
		}
		slow := beforeFill{v.views, func(context.Context) error { <-time.After(2 * time.Second); return nil }}
		var told []projection.RebuildProgress
		progress := func(p projection.RebuildProgress) {
			if p.Phase == projection.PhaseFold {
				told = append(told, p)
			}
		}
		began := time.Now()
		r, err := projection.NewRebuilder(v.store, slow, v.p2, projection.RebuildOptions{Ranges: 40, Sequential: true, Progress: progress})
		require.NoError(t, err)
		_, err = r.Start(t.Context(), projection.StartOptions{})
		require.NoError(t, err)
		_, err = r.Run(t.Context())
		require.NoError(t, err)
		took, done, guessed := time.Since(began), 0.0, 0
		for _, p := range told {
			assert.LessOrEqual(t, done, p.Done(), "%+v", p)
			done = p.Done()
			if p.Took < 5*time.Second {
				assert.Zero(t, p.Left, "%+v", p)
			} else if done > 0.2 {
				guessed++
				left := took - p.Took
				assert.LessOrEqual(t, p.Left.Least, left+4*time.Second, "%+v of %s", p, left)
				assert.GreaterOrEqual(t, p.Left.Most, left-4*time.Second, "%+v of %s", p, left)
			}
		}
		require.Greater(t, guessed, 20)
		require.InDelta(t, 1, done, 1.0/40)
	})
}

func TestAPlanOfASwitchSaysWhatSpeaksAgainstIt(t *testing.T) {
	v := newVersions()
	handle(t.Context(), v.engine(t), v.append(t, "user-a", Counted{"x", 1}))
	r := v.rebuilder(t, projection.RebuildOptions{})
	_, err := r.PlanSwitch(t.Context())
	require.ErrorIs(t, err, projection.ErrNoGeneration)
	_, err = r.PlanRollback(t.Context())
	require.ErrorIs(t, err, projection.ErrNoGeneration)
	_, err = r.Start(t.Context(), projection.StartOptions{})
	require.NoError(t, err)
	plan, err := r.PlanSwitch(t.Context())
	require.NoError(t, err)
	require.True(t, plan.Refused.Firm)
	_, err = r.Run(t.Context())
	require.NoError(t, err)
	plan, err = r.PlanSwitch(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"it was not compared"}, plan.Refused.Obstacles)
	_, err = r.Compare(t.Context(), projection.CompareOptions{})
	require.NoError(t, err)
	plan, err = r.PlanSwitch(t.Context())
	require.NoError(t, err)
	require.Nil(t, plan.Refused)
	assert.Equal(t, [4]int{1, 1, 2, 2}, [4]int{int(plan.From.Number), plan.FromVersion, int(plan.To.Number), plan.ToVersion})
	assert.Equal(t, 1, plan.Compared.Changed)
	assert.False(t, plan.Sweep)
	require.Equal(t, []string{"1 active", "2 building"}, v.roles(t), "nothing was done")
	_, err = r.Switch(t.Context(), projection.SwitchOptions{})
	require.NoError(t, err)
	plan, err = r.PlanRollback(t.Context())
	require.NoError(t, err)
	assert.Equal(t, [2]uint64{2, 1}, [2]uint64{plan.From.Number, plan.To.Number})
	assert.False(t, plan.Sweep, "no worker has kept commits from it")
	require.Equal(t, []string{"1 previous", "2 active"}, v.roles(t))
	assertNoChange(t, v, func(ctx context.Context) { _, _ = r.PlanRollback(ctx) })
}

// assertNoChange holds the state of a projection to what it was.
func assertNoChange(t *testing.T, v *versions, do func(context.Context)) {
	t.Helper()
	before, err := v.views.State(t.Context(), "counters")
	require.NoError(t, err)
	do(t.Context())
	after, err := v.views.State(t.Context(), "counters")
	require.NoError(t, err)
	assert.Equal(t, before.Revision, after.Revision)
}
