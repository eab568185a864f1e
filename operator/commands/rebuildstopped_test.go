package commands_test

import (
	"context"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

func TestARebuildThatIsInterruptedIsPausedAndGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		views := p.views
		ctx, cancel := context.WithCancelCause(t.Context())
		p.views, p.ctx = &slow{ViewStore: views, then: func(n int) {
			if n == 5 {
				cancel(context.Canceled)
			}
		}}, ctx
		require.Equal(t, terminal.Interrupted, p.types("rebuild start totals --ranges 16"+yes))
		p.views, p.ctx = views, nil
		p.all("rebuild status totals", "rebuild", "rebuild start totals"+yes, "rebuild pause totals"+yes, "rebuild resume totals --dry-run", "rebuild resume totals --ranges 16"+yes, "activity")
		p.compare("rebuild-interrupted")
	})
}

func TestARebuildThatSomebodyPausesOrCancelsEnds(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		views := p.views
		p.views = &slow{ViewStore: views, takes: time.Second, then: func(n int) {
			if n == 5 {
				require.NoError(t, projection.PauseRebuild(t.Context(), views, "totals"))
			}
		}}
		require.Equal(t, terminal.Interrupted, p.types("rebuild start totals --ranges 16"+yes))
		p.views = &slow{ViewStore: views, takes: time.Second, then: func(n int) {
			if n == 1 {
				_, err := projection.CancelRebuild(t.Context(), views, "totals", 0)
				require.NoError(t, err)
			}
		}}
		require.Equal(t, terminal.NotThere, p.types("rebuild resume totals --json --ranges 16"+yes))
		p.views = views
		p.all("rebuild status totals", "rebuild start totals --dry-run", "rebuild start totals"+yes, "rebuild cancel totals --dry-run", "rebuild cancel totals", "rebuild cancel totals --yes", "rebuild cancel totals"+named, "rebuild cancel totals"+named, "rebuild status totals", "ask total {\"item\":\"tea\"}", "activity")
		p.compare("rebuild-paused")
	})
}

func TestAStartFollowsAnotherCoordinatorAndTakesOverWhereItFallsSilent(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		p.other(func(s projection.State) error {
			_, err := p.views.PutState(t.Context(), s)
			return err
		})
		require.NoError(t, p.views.Beat(t.Context(), projection.Heartbeat{Projection: "totals", Worker: "rebuild host/9", Coordinator: "host/9", At: time.Now().UTC(),
			Rebuild: &projection.RebuildProgress{Generation: 2, Phase: projection.PhaseHeads, Streams: 3, Events: 4, Took: time.Second}}))
		p.all("rebuild status totals", "projections totals", "status")
		<-time.After(10 * time.Second)
		began := time.Now()
		p.types("rebuild start totals" + yes)
		require.Equal(t, 16*time.Second, time.Since(began))
		p.types("activity")
		p.compare("rebuild-second")
	})
}

func TestWhoFollowsAndIsInterruptedLeavesTheOtherAlone(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		p.other(func(s projection.State) error {
			_, err := p.views.PutState(t.Context(), s)
			return err
		})
		ctx, cancel := context.WithTimeoutCause(t.Context(), 3*time.Second, context.Canceled)
		defer cancel()
		p.ctx = ctx
		require.Equal(t, terminal.Interrupted, p.types("rebuild start totals"+yes))
		p.ctx = nil
		<-time.After(20 * time.Second)
		p.all("rebuild status totals", "rebuild resume totals --take-over"+yes)
		p.compare("rebuild-follower")
	})
}

// ended is a view store that ends a context where rows are read to be compared.
type ended struct {
	projection.ViewStore
	end func()
}

func (e ended) ScanRows(ctx context.Context, g projection.GenerationID, view string) iter.Seq2[projection.Row, error] {
	e.end()
	return e.ViewStore.ScanRows(ctx, g, view)
}

func TestWhatIsInterruptedSaysHowFarItHasCome(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		views := p.views
		interrupted := func(line string, views func(cancel func()) projection.ViewStore) {
			t.Helper()
			before := p.views
			ctx, cancel := context.WithCancelCause(t.Context())
			p.ctx, p.views = ctx, views(func() { cancel(context.Canceled) })
			require.Equal(t, terminal.Interrupted, p.types(line))
			p.ctx, p.views = nil, before
		}
		p.note("nothing is filled yet")
		interrupted("rebuild start totals"+yes, func(cancel func()) projection.ViewStore {
			return &slow{ViewStore: views, then: func(int) { cancel() }}
		})
		p.types("rebuild pause totals" + yes)
		p.note("it is compared")
		interrupted("rebuild resume totals"+yes, func(cancel func()) projection.ViewStore { return ended{views, cancel} })
		p.all("rebuild status totals", "activity")
		p.note("nothing is done yet")
		interrupted("rebuild start totals --dry-run", func(cancel func()) projection.ViewStore {
			cancel()
			return views
		})
		p.width, p.env["NO_COLOR"] = 200, "1"
		interrupted("rebuild cancel totals --reason 'not wanted any more'", func(cancel func()) projection.ViewStore {
			p.asked = cancel
			return views
		})
		p.compare("rebuild-stopped")
	})
}

// stopped is a view store that ends a context while a state is put.
type stopped struct {
	projection.ViewStore
	stop context.CancelCauseFunc
}

func (s stopped) PutState(ctx context.Context, _ projection.State) (projection.State, error) {
	s.stop(context.Canceled)
	return projection.State{}, context.Cause(ctx)
}

func TestARebuildEndsWithWhatToTypeNext(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		views := p.views
		p.note("interrupted before it was stored")
		ctx, cancel := context.WithCancelCause(t.Context())
		p.views, p.ctx = stopped{views, cancel}, ctx
		require.Equal(t, terminal.Interrupted, p.types("rebuild start totals"+yes))
		p.note("the projection is paused meanwhile")
		p.ctx, p.views = nil, &slow{ViewStore: views, then: func(n int) {
			if n == 1 {
				require.NoError(t, projection.Pause(t.Context(), views, "totals", projection.Paused{By: "bo@ops"}))
			}
		}}
		require.Equal(t, terminal.Refused, p.types("rebuild start totals"+yes))
		p.all("rebuild status totals", "rebuild resume totals"+yes, "resume totals"+yes, "rebuild resume totals --quiet"+yes)
		p.compare("rebuild-next")
	})
}

func TestARebuildThatIsResumedIsHeardOfAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		p.other(func(projection.State) error { return nil })
		<-time.After(time.Hour)
		views, status := p.views, ""
		p.views = &slow{ViewStore: views, then: func(n int) {
			if n == 1 {
				other := *p
				other.views = views
				other.text.Reset()
				other.types("rebuild status totals")
				status = other.text.String()
			}
		}}
		require.Equal(t, terminal.Done, p.types("rebuild resume totals"+yes))
		assert.Contains(t, status, "rebuild       ◐ running")
		assert.Contains(t, status, "heard 0.0 s ago")
	})
}
