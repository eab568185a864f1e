package commands_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

func TestAStartOfARebuildThatIsPausedIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		p.other(func(projection.State) error { return nil })
		p.types("rebuild pause totals --quiet" + yes)
		require.Equal(t, terminal.Refused, p.types("rebuild start totals"+yes))
		require.Equal(t, terminal.Refused, p.types("rebuild start totals --json"+yes))
		require.Equal(t, terminal.Refused, p.types("rebuild start totals --dry-run"))
		require.Equal(t, terminal.Refused, p.types("rebuild start totals --dry-run --json"))
		p.types("activity")
		p.note("what is ready is done already")
		p.types("rebuild resume totals --quiet" + yes)
		require.Equal(t, terminal.Done, p.types("rebuild start totals"+yes))
		p.compare("rebuild-start-paused")
	})
}

func TestAPauseSaysWhatItKeepsOfTheRangesThatAResumeGoesOnWith(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		for _, ranges := range []string{"", " --ranges 2"} {
			views := p.views
			ctx, cancel := context.WithCancelCause(t.Context())
			p.views, p.ctx = &slow{ViewStore: views, then: func(int) { cancel(context.Canceled) }}, ctx
			require.Equal(t, terminal.Interrupted, p.types("rebuild start totals"+ranges+yes))
			p.views, p.ctx = views, nil
			p.types("rebuild resume totals --dry-run")
			counted := &slow{ViewStore: views, then: func(int) {}}
			p.views = counted
			p.types("rebuild resume totals --quiet" + yes)
			require.Equal(t, map[string]int32{"": 1, " --ranges 2": 2}[ranges], counted.fills.Load())
			p.views = views
			p.types("rebuild cancel totals --quiet" + named)
		}
		p.compare("rebuild-ranges")
	})
}

func TestWhoResumesWhatIsComparedIsNotSaidToWait(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		p.built(nil, "host/9")
		require.NoError(t, p.views.Beat(t.Context(), projection.Heartbeat{Projection: "totals", Worker: "rebuild host/9", Coordinator: "host/9", At: time.Now().UTC(),
			Rebuild: &projection.RebuildProgress{Generation: 2, Phase: projection.PhaseCompare, Events: 3, EventsOf: 4}}))
		for _, verb := range []string{"start", "resume"} {
			p.types("rebuild " + verb + " totals --dry-run")
		}
		began := time.Now()
		require.Equal(t, terminal.Done, p.types("rebuild resume totals"+yes))
		require.Zero(t, time.Since(began))
		p.compare("rebuild-both-compare")
	})
}
