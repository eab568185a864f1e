package projection_test

import (
	"context"
	"fmt"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
	"github.com/leftfold/leftfold/projection"
)

// listing is a store that calls each time that the log was listed to its end.
type listing struct {
	*memstore.Store
	listed func()
}

func (l listing) ReadAll(ctx context.Context, from eventstore.Cursor) iter.Seq2[eventstore.ScannedCommit, error] {
	return func(yield func(eventstore.ScannedCommit, error) bool) {
		l.Store.ReadAll(ctx, from)(yield)
		l.listed()
	}
}

// missed is a world in which workers of version 2 alone keep commits from version 1, and
// keep one more from it whenever the log was listed, so many times.
func missed(t *testing.T, times int) (*versions, *projection.Rebuilder) {
	t.Helper()
	v, _ := switched(t)
	alone := v.alone(t, v.views)
	n := 0
	keep := func() {
		if n <= times {
			require.Empty(t, handle(t.Context(), alone, v.append(t, fmt.Sprintf("user-%d", n), Counted{fmt.Sprint("late", n), 7})))
		}
		n++
	}
	keep()
	r, err := projection.NewRebuilder(listing{v.store, keep}, v.views, v.p2, projection.RebuildOptions{Sequential: true, Readers: 1})
	require.NoError(t, err)
	return v, r
}

func TestARollbackBringsWhatAWorkerKeepsFromTheGenerationWhileItIsSwept(t *testing.T) {
	t.Parallel()
	v, r := missed(t, 1)
	rollBack(t, r)
	assert.Contains(t, v.rows(t), "late0=7")
	assert.Contains(t, v.rows(t), "late1=7", "it was acknowledged before the rollback")
	s, err := v.views.State(t.Context(), "counters")
	require.NoError(t, err)
	assert.True(t, s.Find(1).Missed.IsZero(), "the next rollback need not sweep")
	assert.False(t, s.Find(1).Sweeping)
}

func TestARollbackIsRefusedWhereWorkersKeepMoreFromTheGenerationThanASweepBrings(t *testing.T) {
	t.Parallel()
	v, r := missed(t, 100)
	_, err := r.Rollback(t.Context(), projection.RollbackOptions{})
	require.ErrorIs(t, err, projection.ErrNotReady)
	require.ErrorContains(t, err, "workers that do not carry version 1 keep commits from it, also while it is swept")
	require.Equal(t, []string{"1 previous", "2 active"}, v.roles(t))
}

func TestASwitchWhoseSweepParksAStreamIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVersions()
		v.fillTo(t, v.engine(t), 3)
		v.p2 = projection.MustNew("counters", 2, registry, projection.Follow("user"), projection.Replaces(v.p), newCounters(func(e projection.Event[Counted]) error {
			if e.Data.Counter == "bad" {
				return errBroken
			}
			return nil
		}))
		r := v.rebuilt(t, projection.RebuildOptions{})
		_, err := r.Compare(t.Context(), projection.CompareOptions{Full: true})
		require.NoError(t, err)
		time.Sleep(2 * time.Hour)                // in the bubble
		v.append(t, "user-1", Counted{"bad", 1}) // and nobody is told
		_, err = r.Switch(t.Context(), projection.SwitchOptions{})
		require.ErrorIs(t, err, projection.ErrNotReady)
		require.ErrorContains(t, err, "1 stream is parked in it: it was swept just now")
		require.Equal(t, []string{"1 active", "2 building"}, v.roles(t))
		switchOver(t, r)
	})
}

func TestAPlanSaysWhatASweepBeforeASwitchWouldBeRefusedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := full(t)
		r := v.rebuilt(t, projection.RebuildOptions{})
		time.Sleep(2 * time.Hour) // in the bubble
		refusal := func(r *projection.Rebuilder) *projection.NotReadyError {
			plan, err := r.PlanSwitch(t.Context())
			require.NoError(t, err)
			require.True(t, plan.Refused.Firm)
			_, err = r.Switch(t.Context(), projection.SwitchOptions{Force: true})
			require.EqualError(t, err, plan.Refused.Error())
			return plan.Refused
		}
		alone, err := projection.NewRebuilder(v.store, v.views, projection.MustNew("counters", 2, registry, projection.Follow("user"), newTens()), projection.RebuildOptions{})
		require.NoError(t, err)
		require.ErrorContains(t, refusal(alone), "readers use generation 1 of version 1, which this program does not carry")
		older, err := projection.NewRebuilder(v.store, v.views, v.p, projection.RebuildOptions{})
		require.NoError(t, err)
		require.ErrorContains(t, refusal(older), "no worker carries version 2, and neither does this program")
		require.NoError(t, projection.Pause(t.Context(), v.views, "counters", projection.Paused{}))
		s, err := v.views.State(t.Context(), "counters")
		require.NoError(t, err)
		s.Rebuilding().Rebuild.Swept = time.Now().Add(-2 * time.Hour) // which the pause has taken back
		_, err = v.views.PutState(t.Context(), s)
		require.NoError(t, err)
		require.ErrorIs(t, refusal(r), projection.ErrPaused)
		require.Contains(t, refusal(r).Hint(), "resume the projection")
	})
}

func TestARebuildIsNotStartedByAProgramWithoutTheActiveVersion(t *testing.T) {
	t.Parallel()
	v := full(t)
	r, err := projection.NewRebuilder(v.store, v.views, projection.MustNew("counters", 2, registry, projection.Follow("user"), newTens()), projection.RebuildOptions{})
	require.NoError(t, err)
	_, err = r.Start(t.Context(), projection.StartOptions{})
	refused := new(projection.NotReadyError)
	require.ErrorAs(t, err, &refused)
	require.True(t, refused.Firm)
	require.ErrorContains(t, err, "readers use generation 1 of version 1, which this program does not carry")
	require.Equal(t, []string{"1 active"}, v.roles(t))
}

// pausing are views that are paused once a slice is applied.
type pausing struct{ projection.ViewStore }

func (p pausing) Apply(ctx context.Context, s projection.Slice) error {
	err := p.ViewStore.Apply(ctx, s)
	if err == nil {
		err = projection.Pause(ctx, p.ViewStore, s.Generation.Projection, projection.Paused{})
	}
	return err
}

func TestAWorkerNotesWhatItKeepsAGenerationFromAlsoWhereAPauseBeginsMeanwhile(t *testing.T) {
	t.Parallel()
	v, _ := switched(t)
	require.Empty(t, handle(t.Context(), v.alone(t, pausing{v.views}), v.append(t, "user-1", Counted{"late", 7})))
	s, err := v.views.State(t.Context(), "counters")
	require.NoError(t, err)
	require.NotNil(t, s.Paused)
	require.False(t, s.Find(1).Missed.IsZero())
}
