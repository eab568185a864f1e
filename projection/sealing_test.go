package projection_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// sealing are views whose state changes right before a manifest is sealed, once.
type sealing struct {
	projection.ViewStore
	t       testing.TB
	change  func(*projection.State)
	written map[string]string
}

func (s *sealing) PutManifest(ctx context.Context, g projection.GenerationID, attempt string, part int, heads []projection.Head) error {
	place, text := fmt.Sprint(attempt, part), fmt.Sprint(heads)
	if before, twice := s.written[place]; twice {
		require.Equal(s.t, before, text, "a request that comes late would replace what is sealed")
	}
	s.written[place] = text
	return s.ViewStore.PutManifest(ctx, g, attempt, part, heads)
}

func (s *sealing) PutState(ctx context.Context, state projection.State) (projection.State, error) {
	if g := state.Rebuilding(); s.change != nil && g != nil && g.Rebuild.Phase == projection.PhaseFold {
		now, err := s.State(ctx, state.Projection)
		require.NoError(s.t, err)
		s.change(&now)
		s.change = nil
		_, err = s.ViewStore.PutState(ctx, now)
		require.NoError(s.t, err)
	}
	return s.ViewStore.PutState(ctx, state)
}

func TestWhatIsWrittenOfAManifestIsNeverReplaced(t *testing.T) {
	t.Parallel()
	v := full(t)
	skipped := eventstore.EventID{Stream: streamID(t, "user-7"), Version: 1}
	views := &sealing{v.views, t, func(s *projection.State) { s.Skips = append(s.Skips, skipped) }, map[string]string{}}
	s, err := v.views.State(t.Context(), "counters")
	require.NoError(t, err)
	s.Skips = []eventstore.EventID{{Stream: streamID(t, "user-3"), Version: 1}}
	_, err = v.views.PutState(t.Context(), s)
	require.NoError(t, err)
	r := v.rebuilderOver(t, views, projection.RebuildOptions{})
	_, err = r.Start(t.Context(), projection.StartOptions{})
	require.NoError(t, err)
	_, err = r.Run(t.Context())
	require.NoError(t, err)
	require.Nil(t, views.change, "it was sealed at the second try")
	_, err = r.Switch(t.Context(), projection.SwitchOptions{Force: true})
	require.NoError(t, err)
	require.NotContains(t, v.shown(t), "c7=70", "the second try honours the skip")
	require.NotContains(t, v.shown(t), "c3=30")
	require.Contains(t, v.shown(t), "c5=50")
}
