package projection_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/projection"
)

func TestARetireIsRefusedWhileAWorkerCarriesNoOtherGeneration(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, _ := switched(t)
		v.engine(t).Beat(t.Context()) // of version 1 alone
		plan, err := projection.PlanRetire(t.Context(), v.views, "counters", projection.RetireOptions{})
		require.NoError(t, err)
		assert.Equal(t, projection.GenerationID{Projection: "counters", Number: 1}, plan.Generation)
		require.NotNil(t, plan.Refused)
		_, err = projection.Retire(t.Context(), v.views, "counters", projection.RetireOptions{})
		require.ErrorIs(t, err, projection.ErrInUse)
		require.EqualError(t, err, plan.Refused.Error())
		require.ErrorContains(t, err, "worker test carries no other generation (heard 0s ago; it counts no more after a minute of silence)")
		require.Equal(t, []string{"1 previous", "2 active"}, v.roles(t))

		time.Sleep(time.Minute) // in the bubble
		plan, err = projection.PlanRetire(t.Context(), v.views, "counters", projection.RetireOptions{})
		require.NoError(t, err)
		require.Nil(t, plan.Refused, "it is gone")

		v.engine(t).Beat(t.Context())
		_, err = projection.Retire(t.Context(), v.views, "counters", projection.RetireOptions{Number: 1, Force: true})
		require.NoError(t, err)
		require.Equal(t, []string{"1 retired", "2 active"}, v.roles(t))
	})
}

func TestARetireIsNotRefusedForWorkersThatCarryAnotherGeneration(t *testing.T) {
	t.Parallel()
	v, _ := switched(t)
	for name, e := range map[string]*projection.Engine{"both": v.both(t), "new": v.alone(t, v.views)} {
		e.Beat(t.Context())
		_, err := projection.Retire(t.Context(), v.views, "counters", projection.RetireOptions{Number: 7, Code: v.p2})
		require.ErrorIs(t, err, projection.ErrNoGeneration)
		plan, err := projection.PlanRetire(t.Context(), v.views, "counters", projection.RetireOptions{Code: v.p2})
		require.NoError(t, err)
		require.Nil(t, plan.Refused, name)
	}
	require.NoError(t, v.views.Beat(t.Context(), projection.Heartbeat{Projection: "counters", Worker: "test", At: time.Now(), Frozen: []uint64{1, 2}}))
	plan, err := projection.PlanRetire(t.Context(), v.views, "counters", projection.RetireOptions{})
	require.NoError(t, err)
	require.Nil(t, plan.Refused, "one that carries none needs none")
}

func TestARetireIsRefusedInAProgramThatCarriesNoOtherGeneration(t *testing.T) {
	t.Parallel()
	v, _ := switched(t)
	_, err := projection.Retire(t.Context(), v.views, "counters", projection.RetireOptions{Code: v.p})
	require.ErrorIs(t, err, projection.ErrInUse)
	require.ErrorContains(t, err, "this program carries no other generation")
	_, err = projection.Retire(t.Context(), v.views, "counters", projection.RetireOptions{Code: v.p, Force: true})
	require.NoError(t, err)
	require.Equal(t, []string{"1 retired", "2 active"}, v.roles(t))
}

func TestASwitchByAProgramThatDoesNotCarryTheVersionIsRefusedUnlessItIsForced(t *testing.T) {
	t.Parallel()
	v := full(t)
	_, err := v.rebuilt(t, projection.RebuildOptions{}).Compare(t.Context(), projection.CompareOptions{})
	require.NoError(t, err)
	old, err := projection.NewRebuilder(v.store, v.views, v.p, projection.RebuildOptions{})
	require.NoError(t, err)
	plan, err := old.PlanSwitch(t.Context())
	require.NoError(t, err)
	require.NotNil(t, plan.Refused)
	require.False(t, plan.Refused.Firm)
	_, err = old.Switch(t.Context(), projection.SwitchOptions{})
	require.ErrorIs(t, err, projection.ErrNotReady)
	require.ErrorContains(t, err, "this program does not carry version 2")
	_, err = old.Switch(t.Context(), projection.SwitchOptions{Force: true})
	require.NoError(t, err)
	require.Equal(t, []string{"1 previous", "2 active"}, v.roles(t))
}
