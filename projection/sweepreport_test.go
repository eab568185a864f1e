package projection_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/projection"
)

func TestASweepSaysWhomItFedAndWhomItLeftToARebuild(t *testing.T) {
	t.Parallel()
	v := newVersions()
	r := v.rebuilder(t, projection.RebuildOptions{})
	_, err := r.Start(t.Context(), projection.StartOptions{By: "anna"})
	require.NoError(t, err)
	others := projection.MustNew("others", 1, registry, projection.Follow("user"), newTens())
	e, err := projection.NewEngine(v.store, v.views, v.opts, others, v.p2)
	require.NoError(t, err)
	require.NoError(t, e.Prepare(t.Context()))
	requireReport := func(fed, rebuilding []string) {
		t.Helper()
		report, err := e.Sweep(t.Context(), nil)
		require.NoError(t, err)
		require.Equal(t, fed, report.Fed)
		require.Equal(t, rebuilding, report.Rebuilding)
	}

	v.append(t, "user-a", Counted{"x", 1})
	requireReport([]string{"others"}, []string{"counters"})
	requireReport(nil, []string{"counters"})
	_, err = r.Run(t.Context())
	require.NoError(t, err)
	requireReport(nil, nil)
	v.append(t, "user-a", Counted{"x", 1})
	requireReport([]string{"others", "counters"}, nil)

	require.NoError(t, projection.Pause(t.Context(), v.views, "others", projection.Paused{}))
	v.append(t, "user-a", Counted{"x", 1})
	requireReport([]string{"counters"}, nil)
}
