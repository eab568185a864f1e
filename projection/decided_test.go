package projection_test

import (
	"context"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

func TestWhatWasDecidedOnIsDoneOrNothing(t *testing.T) {
	t.Parallel()
	v := full(t)
	r := v.rebuilt(t, projection.RebuildOptions{})
	for _, o := range []projection.SwitchOptions{{From: 1, To: 3, Force: true}, {From: 2, To: 2, Force: true}, {To: 2, Force: true}} {
		_, err := r.Switch(t.Context(), o)
		require.ErrorIs(t, err, projection.ErrChanged, "%+v", o)
	}
	_, err := projection.CancelRebuild(t.Context(), v.views, "counters", 3)
	require.ErrorIs(t, err, projection.ErrChanged)
	_, err = r.Rollback(t.Context(), projection.RollbackOptions{From: 2, To: 1})
	require.ErrorIs(t, err, projection.ErrChanged, "nobody has switched yet")
	require.Equal(t, []string{"1 active", "2 building"}, v.roles(t))
	_, err = r.Switch(t.Context(), projection.SwitchOptions{From: 1, To: 2, Force: true})
	require.NoError(t, err)
	_, err = r.Switch(t.Context(), projection.SwitchOptions{From: 1, To: 2, Force: true})
	require.ErrorIs(t, err, projection.ErrChanged, "it is done")
	_, err = projection.CancelRebuild(t.Context(), v.views, "counters", 2)
	require.ErrorIs(t, err, projection.ErrChanged)
	_, err = r.Rollback(t.Context(), projection.RollbackOptions{From: 2, To: 1})
	require.NoError(t, err)
	_, err = r.Rollback(t.Context(), projection.RollbackOptions{From: 2, To: 1})
	require.ErrorIs(t, err, projection.ErrChanged)
	require.Equal(t, []string{"1 active", "2 previous"}, v.roles(t))
}

// switchOver switches to the newest generation.
func switchOver(t *testing.T, r *projection.Rebuilder) {
	t.Helper()
	_, err := r.Switch(t.Context(), projection.SwitchOptions{Force: true})
	require.NoError(t, err)
}

func rollBack(t *testing.T, r *projection.Rebuilder) {
	t.Helper()
	_, err := r.Rollback(t.Context(), projection.RollbackOptions{})
	require.NoError(t, err)
}

func TestARollbackGoesToTheGenerationThatTheActiveOneHasReplaced(t *testing.T) {
	t.Parallel()
	v := full(t)
	r := v.rebuilt(t, projection.RebuildOptions{})
	switchOver(t, r)
	rollBack(t, r)
	r = v.rebuilt(t, projection.RebuildOptions{})
	switchOver(t, r)
	require.Equal(t, []string{"1 previous", "2 previous", "3 active"}, v.roles(t))
	rollBack(t, r)
	require.Equal(t, []string{"1 active", "2 previous", "3 previous"}, v.roles(t), "readers never used 2 after 1")
}

func TestARollbackPassesByAGenerationThatIsRetired(t *testing.T) {
	t.Parallel()
	v := full(t)
	r := v.rebuilt(t, projection.RebuildOptions{})
	switchOver(t, r)
	r = v.rebuilt(t, projection.RebuildOptions{})
	switchOver(t, r)
	_, err := projection.Retire(t.Context(), v.views, "counters", projection.RetireOptions{Number: 2})
	require.NoError(t, err)
	rollBack(t, r)
	require.Equal(t, []string{"1 active", "2 retired", "3 previous"}, v.roles(t))
	_, err = r.Rollback(t.Context(), projection.RollbackOptions{})
	require.ErrorIs(t, err, projection.ErrNoGeneration)
	require.ErrorContains(t, err, "there is no generation to go back to; readers use generation 1")
}

func TestAProgramTellsTheCodeOfTheVersionsThatItCarries(t *testing.T) {
	t.Parallel()
	v := newVersions()
	for version, code := range map[int]*projection.Projection{1: v.p, 2: v.p2, 3: nil} {
		carried, ok := v.p2.Carried(version)
		assert.Same(t, code, carried)
		assert.Equal(t, code != nil, ok)
	}
}

// damaged has one more event of a counter, after which its row in generation 2 is one that no
// fold leads to.
func (v *versions) damaged(t *testing.T, stream, key string) {
	t.Helper()
	c := v.append(t, stream, Counted{key, 1})
	require.NoError(t, v.views.Apply(t.Context(), projection.Slice{
		Generation: projection.GenerationID{Projection: "counters", Number: 2},
		Moves:      []projection.Move{{Stream: c.Stream, From: c.First - 1, To: c.First}},
		Writes:     []projection.RowWrite{{Row: projection.Row{ID: projection.RowID{View: "counters", Key: projection.KeyOf(key)}, Rev: c.EventID(0), Content: []byte(`{"Name":"wrong"}`)}}},
	}))
}

func TestAComparisonOfSomeRowsDoesNotHideWhatAFullOneHasFoundWrong(t *testing.T) {
	t.Parallel()
	v := full(t)
	r := v.rebuilt(t, projection.RebuildOptions{})
	v.damaged(t, "user-7", "c7")
	compare := func(o projection.CompareOptions) (recorded projection.Compared) {
		_, err := r.Compare(t.Context(), o)
		require.NoError(t, err)
		s, err := v.views.State(t.Context(), "counters")
		require.NoError(t, err)
		return *s.Rebuilding().Rebuild.Compared
	}
	assert.Equal(t, 1, compare(projection.CompareOptions{Full: true}).Wrong)
	for range 20 {
		assert.Equal(t, 1, compare(projection.CompareOptions{Keys: 1}).Wrong, "most samples do not have the row")
	}
	assert.True(t, compare(projection.CompareOptions{Full: true}).Full)
}

func TestAGenerationThatIsStillBuiltIsNotCompared(t *testing.T) {
	t.Parallel()
	v := full(t)
	r := v.rebuilder(t, projection.RebuildOptions{})
	_, err := r.Start(t.Context(), projection.StartOptions{})
	require.NoError(t, err)
	_, err = r.Compare(t.Context(), projection.CompareOptions{})
	require.ErrorIs(t, err, projection.ErrNotReady)
	require.ErrorContains(t, err, "generation 2 of counters is not ready: it is still being built")

	first := newVersions()
	first.append(t, "user-1", Counted{"x", 1})
	first.both(t) // and workers build it
	_, err = first.rebuilder(t, projection.RebuildOptions{}).Compare(t.Context(), projection.CompareOptions{})
	require.ErrorIs(t, err, projection.ErrNotReady)
	require.ErrorContains(t, err, "workers are still building it")
}

// comparing are views that call once rows are scanned.
type comparing struct {
	projection.ViewStore
	at func()
}

func (c comparing) AllCheckpoints(ctx context.Context, g projection.GenerationID, parked bool) iter.Seq2[projection.Checkpoint, error] {
	return func(yield func(projection.Checkpoint, error) bool) {
		c.at()
		c.ViewStore.AllCheckpoints(ctx, g, parked)(yield)
	}
}

func TestACoordinatorIsHeardOfUntilItHasCompared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := full(t)
		looked := 0
		views := comparing{v.views, func() {
			time.Sleep(time.Minute) // in the bubble
			s, err := v.views.State(t.Context(), "counters")
			require.NoError(t, err)
			require.Equal(t, "first", s.Rebuilding().Rebuild.Coordinator)
			beats, err := v.views.Heartbeats(t.Context(), "counters")
			require.NoError(t, err)
			require.Len(t, beats, 1)
			require.Equal(t, "first", beats[0].Coordinator)
			require.WithinDuration(t, time.Now(), beats[0].At, 5*time.Second)
			if beats[0].Rebuild.Phase == projection.PhaseCompare {
				looked++
			}
		}}
		r := v.rebuilderOver(t, views, projection.RebuildOptions{Name: "first"})
		_, err := r.Start(t.Context(), projection.StartOptions{})
		require.NoError(t, err)
		g, found, err := r.RunAndCompare(t.Context(), projection.CompareOptions{})
		require.NoError(t, err)
		require.True(t, g.Rebuild.Finished())
		require.Equal(t, 20, found.Changed)
		require.Positive(t, looked)
		s, err := v.views.State(t.Context(), "counters")
		require.NoError(t, err)
		require.Empty(t, s.Rebuilding().Rebuild.Coordinator)
	})
}

func TestACoordinatorThatTakesARebuildOverIsHeardOfAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := full(t)
		r := v.rebuilderOver(t, halted(v, 0), projection.RebuildOptions{Name: "second", HeartbeatEvery: time.Hour})
		_, err := r.Start(t.Context(), projection.StartOptions{})
		require.NoError(t, err)
		s, err := v.views.State(t.Context(), "counters")
		require.NoError(t, err)
		s.Rebuilding().Rebuild.Coordinator = "first"
		_, err = v.views.PutState(t.Context(), s)
		require.NoError(t, err)
		silent := projection.Heartbeat{Projection: "counters", Worker: "odd", At: time.Now(), Coordinator: "first"} // tells no progress
		require.NoError(t, v.views.Beat(t.Context(), silent))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			_, err := r.Run(ctx)
			ended <- err
		}()
		time.Sleep(time.Minute) // in the bubble
		synctest.Wait()
		beats, err := v.views.Heartbeats(t.Context(), "counters")
		require.NoError(t, err)
		require.Len(t, beats, 2)
		require.Equal(t, "second", beats[1].Coordinator)
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
	})
}

func TestACoordinatorThatIsInterruptedPausesTheRebuildThatItWorksOnAndNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := full(t)
		run := func(name string) (interrupt func() (projection.Generation, error)) {
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			var g projection.Generation
			r := v.rebuilderOver(t, halted(v, 0), projection.RebuildOptions{Name: name, PauseAtEnd: true, HeartbeatEvery: time.Second})
			go func() {
				var err error
				g, err = r.Run(ctx)
				ended <- err
			}()
			synctest.Wait()
			return func() (projection.Generation, error) {
				cancel()
				err := <-ended
				return g, err
			}
		}
		_, err := v.rebuilder(t, projection.RebuildOptions{}).Start(t.Context(), projection.StartOptions{})
		require.NoError(t, err)
		works, waits := run("works"), run("waits")
		time.Sleep(time.Minute) // in the bubble
		g, err := waits()
		require.ErrorIs(t, err, context.Canceled)
		require.False(t, g.Rebuild.Paused, "another one works on it")
		g, err = works()
		require.ErrorIs(t, err, context.Canceled)
		require.True(t, g.Rebuild.Paused)
		s, err := v.views.State(t.Context(), "counters")
		require.NoError(t, err)
		require.True(t, s.Rebuilding().Rebuild.Paused)
		require.Empty(t, s.Rebuilding().Rebuild.Coordinator)
	})
}

func TestThereIsNothingToPauseInARebuildThatHasComeToItsEnd(t *testing.T) {
	t.Parallel()
	v := full(t)
	v.rebuilt(t, projection.RebuildOptions{})
	err := projection.PauseRebuild(t.Context(), v.views, "counters")
	require.ErrorIs(t, err, projection.ErrNoRebuild)
	require.ErrorContains(t, err, `the rebuild of projection "counters" has come to its end: generation 2 is built`)
}

func TestARebuildThatSomebodySwitchesToWhileAnotherCoordinatorEndsItIsDone(t *testing.T) {
	t.Parallel()
	v := full(t)
	var done bool
	views := comparing{v.views, func() { // the sweep of the first one reads its checkpoints
		if done {
			return
		}
		done = true
		second := v.rebuilder(t, projection.RebuildOptions{Name: "second", Lease: -1})
		_, err := second.Run(t.Context())
		require.NoError(t, err)
		switchOver(t, second)
	}}
	r := v.rebuilderOver(t, views, projection.RebuildOptions{Name: "first"})
	_, err := r.Start(t.Context(), projection.StartOptions{})
	require.NoError(t, err)
	g, err := r.Run(t.Context())
	require.NoError(t, err)
	require.True(t, done)
	require.Equal(t, projection.Active, g.Role)
	require.EqualValues(t, 2, g.Number)
}

func TestWhatNoRebuildCanWorkWithIsRefused(t *testing.T) {
	t.Parallel()
	v := newVersions()
	for _, o := range []projection.RebuildOptions{{Ranges: 5_000_000_000}, {Memory: 1}, {Memory: -1}} {
		_, err := projection.NewRebuilder(v.store, v.views, v.p2, o)
		require.ErrorIs(t, err, eventstore.ErrInvalid, "%+v", o)
	}
	_, err := projection.NewRebuilder(v.store, v.views, v.p2, projection.RebuildOptions{Ranges: 1 << 16, Memory: 1 << 10})
	require.NoError(t, err)
}

func TestWhereTheFirstRebuildWasCancelledAReaderHearsWhatToDo(t *testing.T) {
	t.Parallel()
	v := newVersions()
	v.append(t, "user-1", Counted{"x", 1})
	_, err := v.rebuilder(t, projection.RebuildOptions{}).Start(t.Context(), projection.StartOptions{})
	require.NoError(t, err)
	_, err = projection.CancelRebuild(t.Context(), v.views, "counters", 1)
	require.NoError(t, err)
	_, err = v.tens.Get(t.Context(), v.views, projection.KeyOf("x"))
	notBuilt := new(projection.NotBuiltError)
	require.ErrorAs(t, err, &notBuilt)
	require.Equal(t, "start a rebuild, and switch to what it builds", notBuilt.Hint())
}

func TestWhereTheFirstRebuildIsBuiltAReaderHearsThatItWaitsForTheSwitch(t *testing.T) {
	t.Parallel()
	v := newVersions()
	v.append(t, "user-1", Counted{"x", 1})
	r := v.rebuilder(t, projection.RebuildOptions{})
	_, err := r.Start(t.Context(), projection.StartOptions{})
	require.NoError(t, err)
	_, err = v.tens.Get(t.Context(), v.views, projection.KeyOf("x"))
	require.ErrorContains(t, err, "its generation 1 is being built by a rebuild")
	_, err = r.Run(t.Context())
	require.NoError(t, err)
	_, err = v.tens.Get(t.Context(), v.views, projection.KeyOf("x"))
	notBuilt := new(projection.NotBuiltError)
	require.ErrorAs(t, err, &notBuilt)
	require.Equal(t, "its generation 1 is built, and waits for the switch", notBuilt.Reason)
	require.Equal(t, "compare it, and switch readers to it", notBuilt.Hint())
}

func TestAnOldProgramDoesNotShowAGenerationFromWhichCommitsWereKept(t *testing.T) {
	t.Parallel()
	v, r := switched(t)
	require.Contains(t, v.rows(t), "c7=7", "the old program goes on")
	require.Empty(t, handle(t.Context(), v.alone(t, v.views), v.append(t, "user-1", Counted{"late", 7})))
	_, err := v.counters.Get(t.Context(), v.views, projection.KeyOf("c7"))
	notBuilt := new(projection.NotBuiltError)
	require.ErrorAs(t, err, &notBuilt)
	require.ErrorContains(t, err, "workers have kept commits from its generation 1 since")
	require.Contains(t, notBuilt.Hint(), "deploy the program whose version readers use")
	rollBack(t, r)
	require.Contains(t, v.rows(t), "late=7")
}

func TestAnOldProgramShowsWhatReadersUsedLastOfItsVersions(t *testing.T) {
	t.Parallel()
	v := full(t)
	switchOver(t, v.rebuilt(t, projection.RebuildOptions{}))
	p3 := projection.MustNew("counters", 3, registry, projection.Follow("user"), projection.Replaces(v.p2), newTens())
	rollBack(t, v.rebuilder(t, projection.RebuildOptions{}))
	r, err := projection.NewRebuilder(v.store, v.views, p3, projection.RebuildOptions{})
	require.NoError(t, err)
	_, err = r.Start(t.Context(), projection.StartOptions{})
	require.NoError(t, err)
	_, err = r.Run(t.Context())
	require.NoError(t, err)
	switchOver(t, r)
	require.Equal(t, []string{"1 previous", "2 previous", "3 active"}, v.roles(t))
	require.Contains(t, v.shown(t), "c7=-7", "the rows of generation 1: 2 was rolled back from")
}
