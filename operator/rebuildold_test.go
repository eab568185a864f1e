package operator_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/projection"
)

func TestAProgramThatIsTooOldResumesNoRebuildAndLeavesItAsItIs(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.order("1", "tea", 1)
	s.sweep()
	r, err := projection.NewRebuilder(s.store, s.views, next(projection.Replaces(s.totals)), projection.RebuildOptions{})
	require.NoError(t, err)
	_, err = r.Start(t.Context(), projection.StartOptions{By: "bo@ops"})
	require.NoError(t, err)
	require.NoError(t, projection.PauseRebuild(t.Context(), s.views, "totals"))
	before, err := s.views.State(t.Context(), "totals")
	require.NoError(t, err)

	_, err = s.operator().ResumeRebuild(t.Context(), operator.By{Actor: "anna@ops", Reason: "go on"}, "totals", operator.RebuildOptions{})
	require.ErrorIs(t, err, projection.ErrNotReady)
	after, err := s.views.State(t.Context(), "totals")
	require.NoError(t, err)
	require.Equal(t, before, after, "it is still paused")
	head, err := s.store.Head(t.Context(), operator.ActivityStream)
	require.NoError(t, err)
	require.Zero(t, head.Version(), "what is refused is not recorded")
}
