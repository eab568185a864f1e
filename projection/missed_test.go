package projection_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// alone is an engine of a program that carries version 2 and nothing else.
func (v *versions) alone(t testing.TB, views projection.ViewStore) *projection.Engine {
	t.Helper()
	p := projection.MustNew("counters", 2, registry, projection.Follow("user"), newTens())
	e, err := projection.NewEngine(v.store, views, v.opts, p)
	require.NoError(t, err)
	require.NoError(t, e.Prepare(t.Context()))
	return e
}

// switched is a world in which version 2 is read and version 1 is kept.
func switched(t testing.TB) (*versions, *projection.Rebuilder) {
	t.Helper()
	v := full(t)
	r := v.rebuilt(t, projection.RebuildOptions{})
	_, err := r.Switch(t.Context(), projection.SwitchOptions{Force: true})
	require.NoError(t, err)
	return v, r
}

func TestARollbackSweepsWhatAWorkerHasMissedThatIsReplacedSince(t *testing.T) {
	t.Parallel()
	v, r := switched(t)
	require.Empty(t, handle(t.Context(), v.alone(t, v.views), v.append(t, "user-1", Counted{"late", 7})))
	v.both(t).Beat(t.Context()) // under the same name
	plan, err := r.PlanRollback(t.Context())
	require.NoError(t, err)
	require.True(t, plan.Sweep)
	_, err = r.Rollback(t.Context(), projection.RollbackOptions{})
	require.NoError(t, err)
	require.Contains(t, v.rows(t), "late=7")
}

func TestARollbackToAGenerationThatHasMissedNothingIsOneWrite(t *testing.T) {
	t.Parallel()
	v, r := switched(t)
	require.Empty(t, handle(t.Context(), v.both(t), v.append(t, "user-1", Counted{"late", 7})))
	plan, err := r.PlanRollback(t.Context())
	require.NoError(t, err)
	require.False(t, plan.Sweep)
}

// unwritable are views whose states can not be written.
type unwritable struct{ projection.ViewStore }

func (unwritable) PutState(context.Context, projection.State) (projection.State, error) {
	return projection.State{}, errGone
}

func TestAWorkerAcknowledgesNothingBeforeItHasNotedWhatItKeepsThatFrom(t *testing.T) {
	t.Parallel()
	v, _ := switched(t)
	c := v.append(t, "user-1", Counted{"late", 7})
	e := v.alone(t, unwritable{v.views})
	require.Equal(t, []eventstore.Announcement{eventstore.Announce(&c)}, handle(t.Context(), e, c))
	require.Empty(t, handle(t.Context(), v.alone(t, v.views), c))
	s, err := v.views.State(t.Context(), "counters")
	require.NoError(t, err)
	require.False(t, s.Find(1).Missed.IsZero())
	require.Empty(t, handle(t.Context(), v.alone(t, unwritable{v.views}), c), "it is noted once")
}

func TestASwitchToAGenerationThatHasToBeSweptByOtherCodeIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := full(t)
		v.rebuilt(t, projection.RebuildOptions{})
		time.Sleep(2 * time.Hour) // in the bubble
		older, err := projection.NewRebuilder(v.store, v.views, v.p, projection.RebuildOptions{})
		require.NoError(t, err)
		_, err = older.Switch(t.Context(), projection.SwitchOptions{Force: true})
		require.ErrorIs(t, err, projection.ErrNotReady)
		require.ErrorContains(t, err, "version 2")
	})
}

func TestARebuildGoesOnOnceAPauseHasEnded(t *testing.T) {
	t.Parallel()
	v := full(t)
	r := v.rebuilder(t, projection.RebuildOptions{})
	_, err := r.Start(t.Context(), projection.StartOptions{})
	require.NoError(t, err)
	require.NoError(t, projection.Pause(t.Context(), v.views, "counters", projection.Paused{}))
	require.Empty(t, handle(t.Context(), v.both(t), v.append(t, "user-1", Counted{"late", 7})))
	_, err = r.Run(t.Context())
	require.ErrorIs(t, err, projection.ErrPaused)
	require.NoError(t, projection.Resume(t.Context(), v.views, "counters"))
	_, err = r.Run(t.Context())
	require.NoError(t, err, "its sweep finds what was dropped")
	_, err = r.Switch(t.Context(), projection.SwitchOptions{Force: true})
	require.NoError(t, err)
	require.Contains(t, v.shown(t), "late=70")
}

func TestAWorkerNotesWhatItKeepsFromAVersionThatFollowsMoreThanItKnows(t *testing.T) {
	t.Parallel()
	v := newVersions(projection.Follow("guest"))
	v.fillTo(t, v.engine(t), 1)
	r := v.rebuilt(t, projection.RebuildOptions{})
	require.Empty(t, handle(t.Context(), v.engine(t), v.append(t, "guest-1", Counted{"late", 7})))
	plan, err := r.PlanSwitch(t.Context())
	require.NoError(t, err)
	require.True(t, plan.Sweep)
	_, err = r.Switch(t.Context(), projection.SwitchOptions{Force: true})
	require.NoError(t, err)
	require.Contains(t, v.shown(t), "late=70")
}

// stuck are views in which a slice waits until it is let go.
type stuck struct {
	projection.ViewStore
	reached, goOn chan struct{} // closed when a slice comes, and when it may go on
}

func (s stuck) Apply(ctx context.Context, slice projection.Slice) error {
	close(s.reached)
	<-s.goOn
	return s.ViewStore.Apply(ctx, slice)
}

func TestWhatDoesNotConcernAProjectionDoesNotWaitForIt(t *testing.T) {
	t.Parallel()
	v := newVersions()
	v.engine(t)
	views := stuck{v.views, make(chan struct{}), make(chan struct{})}
	e, err := projection.NewEngine(v.store, views, v.opts, v.p)
	require.NoError(t, err)
	slow := v.append(t, "user-1", Counted{"slow", 1})
	fed := make(chan int)
	go func() { fed <- len(handle(t.Context(), e, slow)) }() // before it has learned anything
	<-views.reached
	require.Empty(t, handle(t.Context(), e, v.append(t, "guest-1", Counted{"other", 1})))
	close(views.goOn)
	require.Zero(t, <-fed)
}
