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
