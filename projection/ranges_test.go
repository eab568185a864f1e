package projection_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/projection"
)

func TestARebuildGoesOnInTheRangesItWasStartedWith(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ started, resumed, filled, then int }{{4, 0, 4, 4}, {4, 2, 2, 2}, {0, 0, 1, 0}, {0, 8, 8, 8}} {
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			t.Parallel()
			v := full(t)
			_, err := v.rebuilder(t, projection.RebuildOptions{Ranges: test.started}).Start(t.Context(), projection.StartOptions{})
			require.NoError(t, err)
			fills := 0
			r := v.rebuilderOver(t, beforeFill{v.views, func(context.Context) error { fills++; return nil }}, projection.RebuildOptions{Ranges: test.resumed})
			g, err := r.Run(t.Context())
			require.NoError(t, err)
			require.Equal(t, test.filled, fills)
			require.Equal(t, test.then, g.Rebuild.Ranges)
		})
	}
}

func TestACoordinatorThatIsBackUnderItsNameBuildsInTheRangesItIsToldNow(t *testing.T) {
	t.Parallel()
	v := full(t)
	g := v.killed(t, projection.RebuildOptions{Name: "coordinator-0", Ranges: 4})
	require.Equal(t, "coordinator-0", g.Rebuild.Coordinator)
	fills := 0
	r := v.rebuilderOver(t, beforeFill{v.views, func(context.Context) error { fills++; return nil }}, projection.RebuildOptions{Name: "coordinator-0", Ranges: 2})
	g, err := r.Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, fills)
	require.Equal(t, 2, g.Rebuild.Ranges)
}

// killed starts a rebuild whose coordinator is gone once it has begun to fill.
func (v *versions) killed(t testing.TB, opts projection.RebuildOptions) projection.Generation {
	t.Helper()
	ctx, kill := context.WithCancel(t.Context())
	r := v.rebuilderOver(t, deaf{beforeFill{v.views, func(context.Context) error { kill(); return errGone }}, ctx}, opts)
	_, err := r.Start(ctx, projection.StartOptions{})
	require.NoError(t, err)
	_, err = r.Run(ctx)
	require.ErrorIs(t, err, errGone)
	s, err := v.views.State(t.Context(), "counters")
	require.NoError(t, err)
	return *s.Rebuilding()
}
