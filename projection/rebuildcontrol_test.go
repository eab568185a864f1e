package projection_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/projection"
)

// halted are views whose Fill waits until its context ends, from some call on.
func halted(v *versions, calls int) beforeFill {
	return beforeFill{v.views, func(ctx context.Context) error {
		if calls--; calls >= 0 {
			return nil
		}
		<-ctx.Done()
		return context.Cause(ctx)
	}}
}

func (v *versions) rebuilderOver(t testing.TB, views projection.ViewStore, opts projection.RebuildOptions) *projection.Rebuilder {
	t.Helper()
	r, err := projection.NewRebuilder(v.store, views, v.p2, opts)
	require.NoError(t, err)
	return r
}

// full is a world with some events, fed by version 1.
func full(t testing.TB) *versions {
	t.Helper()
	v := newVersions()
	e := v.engine(t)
	for i := range 20 {
		handle(t.Context(), e, v.append(t, fmt.Sprintf("user-%d", i), Counted{fmt.Sprint("c", i), i}))
	}
	return v
}

func TestAnotherCoordinatorWaitsAndTakesOverFromOneThatFallsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := full(t)
		ctx, kill := context.WithCancel(t.Context())
		first := v.rebuilderOver(t, deaf{halted(v, 1), ctx}, projection.RebuildOptions{Name: "first", Ranges: 4})
		_, err := first.Start(t.Context(), projection.StartOptions{})
		require.NoError(t, err)
		firstEnded := make(chan error, 1)
		go func() {
			_, err := first.Run(ctx)
			firstEnded <- err
		}()
		synctest.Wait()
		secondEnded := make(chan error, 1)
		go func() {
			_, err := v.rebuilder(t, projection.RebuildOptions{Name: "second"}).Run(t.Context())
			secondEnded <- err
		}()
		time.Sleep(time.Minute) // in the bubble
		synctest.Wait()
		require.Empty(t, secondEnded, "the first one is still there")
		kill()
		require.Error(t, <-firstEnded)
		began := time.Now()
		require.NoError(t, <-secondEnded)
		assert.InDelta(t, 15, time.Since(began).Seconds(), 5)
	})
}

// deaf are views of a process that is gone once its context has ended: not even a goodbye
// comes through.
type deaf struct {
	projection.ViewStore
	gone context.Context
}

var errGone = errors.New("gone")

func (d deaf) PutState(ctx context.Context, s projection.State) (projection.State, error) {
	if d.gone.Err() != nil {
		return s, errGone
	}
	return d.ViewStore.PutState(ctx, s)
}

func TestARebuildThatIsPausedStopsAndGoesOnWhereItWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := full(t)
		r := v.rebuilderOver(t, halted(v, 2), projection.RebuildOptions{Ranges: 4})
		_, err := r.Start(t.Context(), projection.StartOptions{})
		require.NoError(t, err)
		ended := make(chan error, 1)
		go func() {
			_, err := r.Run(t.Context())
			ended <- err
		}()
		synctest.Wait()
		require.NoError(t, projection.PauseRebuild(t.Context(), v.views, "counters"))
		require.ErrorIs(t, <-ended, projection.ErrRebuildPaused)
		r = v.rebuilder(t, projection.RebuildOptions{Ranges: 4})
		_, err = r.Run(t.Context())
		require.ErrorIs(t, err, projection.ErrRebuildPaused)
		require.NoError(t, projection.ResumeRebuild(t.Context(), v.views, "counters"))
		fills := 0
		r = v.rebuilderOver(t, beforeFill{v.views, func(context.Context) error { fills++; return nil }}, projection.RebuildOptions{Ranges: 4})
		g, err := r.Run(t.Context())
		require.NoError(t, err)
		require.Equal(t, 2, fills, "two of four ranges were recorded")
		require.EqualValues(t, 20, g.Rebuild.Applied)
	})
}

func TestARebuildThatIsCancelledStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := full(t)
		r := v.rebuilderOver(t, halted(v, 0), projection.RebuildOptions{})
		_, err := r.Start(t.Context(), projection.StartOptions{})
		require.NoError(t, err)
		ended := make(chan error, 1)
		go func() {
			_, err := r.Run(t.Context())
			ended <- err
		}()
		synctest.Wait()
		_, err = projection.CancelRebuild(t.Context(), v.views, "counters", 0)
		require.NoError(t, err)
		require.ErrorIs(t, <-ended, projection.ErrNoRebuild)
		require.Equal(t, []string{"1 active", "2 retired"}, v.roles(t))
	})
}

func TestARollbackToAGenerationThatNobodyHasFedSweepsItFirstOrIsRefused(t *testing.T) {
	v := full(t)
	r := v.rebuilt(t, projection.RebuildOptions{})
	_, err := r.Switch(t.Context(), projection.SwitchOptions{Force: true})
	require.NoError(t, err)

	alone := projection.MustNew("counters", 2, registry, projection.Follow("user"), newTens())
	e, err := projection.NewEngine(v.store, v.views, v.opts, alone)
	require.NoError(t, err)
	require.NoError(t, e.Prepare(t.Context()))
	handle(t.Context(), e, v.append(t, "user-1", Counted{"late", 7}))
	e.Beat(t.Context())

	r2, err := projection.NewRebuilder(v.store, v.views, alone, projection.RebuildOptions{})
	require.NoError(t, err)
	_, err = r2.Rollback(t.Context(), projection.RollbackOptions{})
	require.ErrorIs(t, err, projection.ErrNotReady)
	require.ErrorContains(t, err, "it is frozen: no worker carries version 1, and neither does this program")
	_, err = r.Rollback(t.Context(), projection.RollbackOptions{})
	require.NoError(t, err)
	require.Contains(t, v.rows(t), "late=7")
}

func TestASwitchWhileAWorkerKeepsCommitsFromTheGenerationIsRefusedAndSweptWhenForced(t *testing.T) {
	v := full(t)
	r := v.rebuilt(t, projection.RebuildOptions{})
	_, err := r.Compare(t.Context(), projection.CompareOptions{})
	require.NoError(t, err)
	old := v.engine(t) // version 1 alone
	handle(t.Context(), old, v.append(t, "user-1", Counted{"late", 7}))
	old.Beat(t.Context())
	_, err = r.Switch(t.Context(), projection.SwitchOptions{})
	require.ErrorIs(t, err, projection.ErrNotReady)
	require.ErrorContains(t, err, "worker test does not carry version 2")
	_, err = r.Switch(t.Context(), projection.SwitchOptions{Force: true})
	require.NoError(t, err)
	require.Contains(t, v.shown(t), "late=70")
}

func TestAPageWalkStaysInItsGenerationAcrossASwitch(t *testing.T) {
	v := newVersions()
	listed := projection.Rows("list", projection.Emit(func(e projection.Event[Counted], c *projection.Changes[counter]) error {
		c.Put(projection.Key{Partition: "all", Sort: e.ID().String()}, counter{Name: "old"})
		return nil
	}))
	renamed := projection.Rows("list", projection.Emit(func(e projection.Event[Counted], c *projection.Changes[counter]) error {
		c.Put(projection.Key{Partition: "all", Sort: e.ID().String()}, counter{Name: "new"})
		return nil
	}))
	v.p = projection.MustNew("list", 1, registry, projection.Follow("user"), listed)
	v.p2 = projection.MustNew("list", 2, registry, projection.Follow("user"), renamed,
		projection.Replaces(v.p, projection.Shows(renamed, listed, func(c counter) counter { return c })))
	e := v.engine(t)
	for i := range 3 {
		handle(t.Context(), e, v.append(t, "user-a", Counted{"x", i}))
	}
	page := func(after string) projection.Page[counter] {
		p, err := renamed.Page(t.Context(), v.views, "all", projection.PageOptions{Limit: 1, After: after})
		require.NoError(t, err)
		return p
	}
	first := page("")
	r := v.rebuilt(t, projection.RebuildOptions{})
	_, err := r.Switch(t.Context(), projection.SwitchOptions{Force: true})
	require.NoError(t, err)
	require.Equal(t, "new", page("").Rows[0].Name)
	require.Equal(t, "old", page(first.Next).Rows[0].Name)
	_, err = projection.Retire(t.Context(), v.views, "list", projection.RetireOptions{})
	require.NoError(t, err)
	_, err = renamed.Page(t.Context(), v.views, "all", projection.PageOptions{Limit: 1, After: first.Next})
	require.ErrorIs(t, err, projection.ErrCursor)
}

func TestARetiredGenerationIsRemovedByTwoSweepsLongEnoughApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := full(t)
		r := v.rebuilt(t, projection.RebuildOptions{})
		_, err := r.Switch(t.Context(), projection.SwitchOptions{Force: true})
		require.NoError(t, err)
		_, err = projection.Retire(t.Context(), v.views, "counters", projection.RetireOptions{})
		require.NoError(t, err)
		_, err = r.Rollback(t.Context(), projection.RollbackOptions{})
		require.ErrorIs(t, err, projection.ErrNoGeneration)
		e := v.both(t)
		rows := func() (n int) {
			for _, err := range v.views.ScanRows(t.Context(), v.generation(), "counters") {
				require.NoError(t, err)
				n++
			}
			return n
		}
		for _, step := range []struct {
			wait time.Duration
			rows int
			left []string
		}{
			{projection.RetiredFor - time.Second, 20, []string{"1 retired", "2 active"}},
			{2 * time.Second, 0, []string{"1 retired", "2 active"}},
			{projection.RetiredFor, 0, []string{"2 active"}},
		} {
			time.Sleep(step.wait) // in the bubble
			_, err = e.Sweep(t.Context(), nil)
			require.NoError(t, err)
			require.Equal(t, step.rows, rows())
			require.Equal(t, step.left, v.roles(t))
		}
	})
}

func TestARetiredGenerationIsFedNoMore(t *testing.T) {
	t.Parallel()
	v, _ := switched(t)
	e := v.both(t)
	require.Empty(t, handle(t.Context(), e, v.append(t, "user-0", Counted{"before", 1})))
	_, err := projection.Retire(t.Context(), v.views, "counters", projection.RetireOptions{})
	require.NoError(t, err)
	require.Empty(t, handle(t.Context(), v.both(t), v.append(t, "user-0", Counted{"behind", 1})))
	assert.EqualValues(t, 2, v.checkpoint(t, "user-0").Version)
	require.Contains(t, v.shown(t), "behind=10")
}
