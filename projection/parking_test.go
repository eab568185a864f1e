package projection_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
)

func failOn(version eventstore.Version, err error) func(projection.Event[Counted]) error {
	return func(e projection.Event[Counted]) error {
		if e.Stream.String() == "user-bad" && e.Version == version {
			return err
		}
		return nil
	}
}

func TestOneBadEventStopsItsStreamOnlyAndLeavesNoTraceInSharedRows(t *testing.T) {
	w := newWorld(memviews.Options{})
	w.broken = failOn(2, errBroken)
	e := w.engine(t)
	bad := w.append(t, "user-bad", Counted{"x", 1}, Counted{"x", 10}, Counted{"x", 100})
	good := w.append(t, "user-good", Counted{"x", 1000})

	require.Empty(t, handle(t.Context(), e, bad, good))
	require.Equal(t, []string{"x=1001"}, w.rows(t))
	c := w.checkpoint(t, "user-bad")
	require.EqualValues(t, 1, c.Version)
	require.EqualValues(t, 2, c.Parked.Version)
	require.Equal(t, "COUNTED", c.Parked.Type)
	require.Contains(t, c.Parked.Error, "the code is broken")
	require.Equal(t, "test@1", c.Parked.Build)
	require.Equal(t, 1, c.Parked.Attempts)
	require.Nil(t, w.checkpoint(t, "user-good").Parked)
}

func TestAPanicOfAViewParksLikeAnError(t *testing.T) {
	w := newWorld(memviews.Options{})
	w.broken = func(projection.Event[Counted]) error { panic("out of range") }
	e := w.engine(t)
	require.Empty(t, handle(t.Context(), e, w.append(t, "user-bad", Counted{"x", 1})))
	require.Contains(t, w.checkpoint(t, "user-bad").Parked.Error, "panic: out of range")
	require.Empty(t, w.rows(t))
}

func TestAnnouncementsOfAParkedStreamAreDroppedAndARetryCatchesUp(t *testing.T) {
	w := newWorld(memviews.Options{})
	w.broken = failOn(1, errBroken)
	e := w.engine(t)
	handle(t.Context(), e, w.append(t, "user-bad", Counted{"x", 1}))
	require.Empty(t, handle(t.Context(), e, w.append(t, "user-bad", Counted{"x", 10})))
	require.Empty(t, w.rows(t))

	require.ErrorIs(t, e.Retry(t.Context(), "counters", streamID(t, "user-bad")), errBroken)
	require.Equal(t, 2, w.checkpoint(t, "user-bad").Parked.Attempts)

	w.broken = failOn(0, nil)
	require.NoError(t, e.Retry(t.Context(), "counters", streamID(t, "user-bad")))
	c := w.checkpoint(t, "user-bad")
	require.EqualValues(t, 2, c.Version)
	require.Nil(t, c.Parked)
	require.Equal(t, []string{"x=11"}, w.rows(t))
}

func TestARetryThatMeetsTheNextBadEventParksThere(t *testing.T) {
	w := newWorld(memviews.Options{})
	w.broken = failOn(1, errBroken)
	e := w.engine(t)
	handle(t.Context(), e, w.append(t, "user-bad", Counted{"x", 1}, Counted{"x", 10}, Counted{"x", 100}))
	w.broken = failOn(3, errors.New("another fault"))
	require.ErrorContains(t, e.Retry(t.Context(), "counters", streamID(t, "user-bad")), "another fault")
	c := w.checkpoint(t, "user-bad")
	require.EqualValues(t, 2, c.Version)
	require.EqualValues(t, 3, c.Parked.Version)
	require.Equal(t, 1, c.Parked.Attempts)
	require.Equal(t, []string{"x=11"}, w.rows(t))
}

func TestASweepCountsTheStreamsThatItParksAndThoseThatWaitedBefore(t *testing.T) {
	w := newWorld(memviews.Options{})
	w.broken = func(projection.Event[Counted]) error { return errBroken }
	e := w.engine(t)
	handle(t.Context(), e, w.append(t, "user-old", Counted{"x", 1}))
	for i := range 3 {
		w.append(t, fmt.Sprint("user-", i), Counted{"x", 1}, Counted{"x", 10})
	}
	for _, behind := range []int{3, 0} {
		report, err := e.Sweep(t.Context(), nil)
		require.NoError(t, err)
		require.Equal(t, behind, report.Behind)
		require.Equal(t, 4, report.Parked)
	}
}

func TestALeftOverParkRecordIsFinishedByWhoeverMeetsIt(t *testing.T) {
	finish := map[string]func(*testing.T, *world, *projection.Engine, eventstore.Commit){
		"an announcement": func(t *testing.T, _ *world, e *projection.Engine, c eventstore.Commit) {
			require.Empty(t, handle(t.Context(), e, c))
		},
		"a sweep": func(t *testing.T, _ *world, e *projection.Engine, _ eventstore.Commit) {
			report, err := e.Sweep(t.Context(), nil)
			require.NoError(t, err)
			require.Equal(t, 1, report.Behind)
		},
		"a retry": func(t *testing.T, _ *world, e *projection.Engine, c eventstore.Commit) {
			require.NoError(t, e.Retry(t.Context(), "counters", c.Stream))
		},
	}
	for who, run := range finish {
		t.Run(who, func(t *testing.T) {
			w := newWorld(memviews.Options{})
			e := w.engine(t)
			handle(t.Context(), e, w.append(t, "user-a", Counted{"x", 1}))
			missed := w.append(t, "user-a", Counted{"x", 10})
			// As a retry leaves it that was killed before its last read.
			require.NoError(t, w.views.Park(t.Context(), w.generation(), missed.Stream, 1, &projection.Parked{Version: 1}))
			run(t, w, e, missed)
			require.Equal(t, []string{"x=11"}, w.rows(t))
			require.Nil(t, w.checkpoint(t, "user-a").Parked)
		})
	}
}

func TestATransientErrorIsTriedAgainLaterAndDoesNotPark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(memviews.Options{})
		w.broken = failOn(2, projection.Transient(errBroken))
		e := w.engine(t)
		bad := w.append(t, "user-bad", Counted{"x", 1}, Counted{"x", 10})
		good := w.append(t, "user-good", Counted{"x", 100})
		failed := handle(t.Context(), e, bad, good)
		require.Len(t, failed, 1)
		require.Equal(t, bad.Stream, failed[0].Stream)
		require.Nil(t, w.checkpoint(t, "user-bad").Parked)
		require.Equal(t, []string{"x=101"}, w.rows(t))

		w.broken = failOn(0, nil)
		require.Empty(t, e.Handle(t.Context(), eventstore.Batch{Announcements: failed}))
		require.Equal(t, []string{"x=111"}, w.rows(t))
	})
}

func TestAnUnknownTypeIsParkedAndTriedAgainByCodeThatKnowsIt(t *testing.T) {
	w := newWorld(memviews.Options{})
	older := eventstore.MustRegistry(eventstore.Type[Ignored]("IGNORED", 1))
	old := projection.MustNew("counters", 1, older, projection.Follow("user"), projection.Fold[counter]("counters"))
	fingerprintOf(t, w, old)
	e, err := projection.NewEngine(w.store, w.views, projection.Options{Build: "old"}, old)
	require.NoError(t, err)
	require.NoError(t, e.Prepare(t.Context()))
	c := w.append(t, "user-a", Ignored{}, Counted{"x", 1}, Counted{"x", 10})
	require.Empty(t, handle(t.Context(), e, c))
	parked := w.checkpoint(t, "user-a")
	require.EqualValues(t, 1, parked.Version, "what nobody handles is passed over")
	require.True(t, parked.Parked.Unknown)
	require.Contains(t, parked.Parked.Error, "user-a@2 of type COUNTED (schema 1)")

	fingerprintOf(t, w, w.p)
	newer := w.engine(t)
	require.Empty(t, handle(t.Context(), newer, c))
	require.Equal(t, []string{"x=11"}, w.rows(t))
	require.Nil(t, w.checkpoint(t, "user-a").Parked)
}

// fingerprintOf lets the generation belong to another declaration of the same
// version, as during a deployment in which only the event registry differs.
func fingerprintOf(t *testing.T, w *world, p *projection.Projection) {
	t.Helper()
	s, err := w.views.State(t.Context(), p.Name())
	require.NoError(t, err)
	if s.Revision == 0 {
		s.Counter = 1
		s.Generations = []projection.Generation{{Number: 1, Version: 1, Role: projection.Active}}
	}
	s.Generations[0].Fingerprint = p.Fingerprint()
	_, err = w.views.PutState(t.Context(), s)
	require.NoError(t, err)
}

func TestAnEventOverALimitParksWithBothNumbers(t *testing.T) {
	cases := map[string]struct {
		event any
		says  string
	}{
		"rows":       {Spread{Counters: []string{"a", "b", "c", "d"}}, "5 items changed by one event, the limit is 4"},
		"row bytes":  {Padded{"x", projection.MaxRowBytes + 6}, "bytes of a row, the limit is 380000"},
		"key bytes":  {Counted{Counter: string(make([]byte, 2000))}, "2000 bytes of a partition key, the limit is 600"},
		"NUL key":    {Counted{Counter: "a\x00b"}, "holds U+0000"},
		"empty key":  {Counted{Counter: ""}, "a row's partition key is empty"},
		"slice size": {Padded{"x", 60_000}, "bytes changed by one event, the limit is 50000"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			limits := projection.Limits{Items: 4, Bytes: 1 << 20}
			if name == "slice size" {
				limits.Bytes = 50_000
			}
			w := newWorld(memviews.Options{Limits: limits})
			e := w.engine(t)
			require.Empty(t, handle(t.Context(), e, w.append(t, "user-a", Counted{"y", 1}, c.event, Counted{"y", 1})))
			require.Contains(t, w.checkpoint(t, "user-a").Parked.Error, c.says)
			require.Equal(t, []string{"y=1"}, w.rows(t))
		})
	}
}

func TestARowOverTheLimitParksTheStreamThatPutItThereAndNoOther(t *testing.T) {
	const half = projection.MaxRowBytes / 2
	cases := map[string][]any{ // events of streams a, b and c on one row, in one slice; that of b is too much
		"alone":                         {Counted{"x", 1}, Padded{"x", projection.MaxRowBytes + 6}, Counted{"x", 10}},
		"after another stream's growth": {Grown{"x", half}, Grown{"x", half}, Counted{"x", 11}},
	}
	for name, events := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(memviews.Options{})
			e := w.engine(t)
			streams := []string{"user-a", "user-b", "user-c"}
			var commits []eventstore.Commit
			for i, stream := range streams {
				commits = append(commits, w.append(t, stream, events[i]))
			}
			require.Empty(t, handle(t.Context(), e, commits...))
			require.Nil(t, w.checkpoint(t, "user-a").Parked)
			require.Nil(t, w.checkpoint(t, "user-c").Parked)
			require.Regexp(t, `row "x" of view "counters": 38\d{4} bytes of a row, the limit is 380000`, w.checkpoint(t, "user-b").Parked.Error)
			require.Equal(t, []string{"x=11"}, w.rows(t))
		})
	}
}
