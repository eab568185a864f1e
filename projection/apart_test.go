package projection_test

import (
	"context"
	"iter"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
)

// What is wrong with one stream must stay with it.

// damaged is a source in which one stream can not be read.
type damaged struct {
	projection.Source
	stream string
}

func (d damaged) Read(ctx context.Context, stream eventstore.StreamID, from eventstore.Version) iter.Seq2[eventstore.Commit, error] {
	if stream.String() != d.stream {
		return d.Source.Read(ctx, stream, from)
	}
	return func(yield func(eventstore.Commit, error) bool) {
		yield(eventstore.Commit{}, &eventstore.CorruptError{Stream: stream, Version: 1, Reason: "a test says so"})
	}
}

func TestADamagedStreamWaitsAloneAndKeepsNoFirstGenerationFromBeingRead(t *testing.T) {
	w := newWorld(memviews.Options{})
	bad := w.append(t, "user-a", Counted{"x", 1})
	good := w.append(t, "user-b", Counted{"x", 10})
	e, err := projection.NewEngine(damaged{w.store, "user-a"}, w.views, projection.Options{}, w.p)
	require.NoError(t, err)
	require.NoError(t, e.Prepare(t.Context()))

	batch := eventstore.Batch{Announcements: []eventstore.Announcement{eventstore.Announce(&bad), eventstore.Announce(&good)}}
	for i := range batch.Announcements {
		batch.Announcements[i].Commit = nil
	}
	require.Equal(t, batch.Announcements[:1], e.Handle(t.Context(), batch))

	w.append(t, "user-c", Counted{"x", 100})
	report, err := e.Sweep(t.Context(), nil)
	require.ErrorIs(t, err, eventstore.ErrCorrupt)
	require.ErrorContains(t, err, `"user-a" was left behind`)
	require.Equal(t, 1, report.Left)
	require.Equal(t, 1, report.Damaged)
	require.Equal(t, []string{"x=110"}, w.rows(t))
}

func TestADamagedStreamWithALeftOverRecordIsReportedOnce(t *testing.T) {
	w := newWorld(memviews.Options{})
	e, err := projection.NewEngine(damaged{w.store, "user-a"}, w.views, projection.Options{}, w.p)
	require.NoError(t, err)
	require.NoError(t, e.Prepare(t.Context()))
	bad := w.append(t, "user-a", Counted{"x", 1})
	require.NoError(t, w.views.Park(t.Context(), w.generation(), bad.Stream, 0, &projection.Parked{Version: 1}))
	require.NoError(t, w.views.Apply(t.Context(), projection.Slice{Generation: w.generation(),
		Moves: []projection.Move{{Stream: bad.Stream, From: 0, To: 1, Parked: true}}}))
	report, err := e.Sweep(t.Context(), nil)
	require.ErrorIs(t, err, eventstore.ErrCorrupt)
	require.Equal(t, 1, report.Left)
	require.Equal(t, 1, report.Damaged)
	require.NotNil(t, w.checkpoint(t, "user-a").Parked, "it is not known whether anything follows")
}

func TestAStreamThatFailsForNowDoesNotEndASweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(memviews.Options{})
		w.broken = failOn(1, projection.Transient(errBroken))
		e := w.engine(t)
		w.append(t, "user-bad", make5000()...) // a part of the sweep to itself
		w.append(t, "user-good", Counted{"x", 1})
		report, err := e.Sweep(t.Context(), nil)
		require.ErrorIs(t, err, errBroken)
		require.Equal(t, 2, report.Streams)
		require.Equal(t, 1, report.Left)
		require.Equal(t, []string{"x=1"}, w.rows(t))
	})
}

func make5000() []any {
	events := make([]any, 5000)
	for i := range events {
		events[i] = Counted{"x", 1}
	}
	return events
}

// explosive panics in the code that a codec calls.
type explosive struct{ Counter string }

func (e *explosive) UnmarshalJSON([]byte) error { panic("no such date") }

type fuse struct{ N int }

func (f fuse) MarshalJSON() ([]byte, error) { panic("no such number") }

func TestAPanicInTheCodeOfAnEventOrARowParksLikeAnError(t *testing.T) {
	types := eventstore.MustRegistry(eventstore.Type[explosive]("EXPLOSIVE", 1), eventstore.Type[Counted]("COUNTED", 1))
	key := func(projection.Event[Counted]) projection.Key { return projection.KeyOf("x") }
	cases := map[string]struct {
		view  projection.Part
		event any
		says  string
	}{
		"event": {projection.Fold("v", projection.OnDelete[counter](func(projection.Event[explosive]) projection.Key { return projection.KeyOf("x") })),
			explosive{"x"}, "panic: no such date"},
		"row": {projection.Fold("v", projection.On(key, func(*fuse, projection.Event[Counted]) error { return nil })),
			Counted{"x", 1}, "panic: no such number"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(memviews.Options{})
			w.p = projection.MustNew("counters", 1, types, projection.Follow("user"), c.view)
			e := w.engine(t)
			event, err := types.Encode(c.event)
			require.NoError(t, err)
			commit, err := w.store.Append(t.Context(), eventstore.Write{Stream: streamID(t, "user-a"), Events: []eventstore.Event{event}})
			require.NoError(t, err)
			require.Empty(t, handle(t.Context(), e, commit))
			require.Contains(t, w.checkpoint(t, "user-a").Parked.Error, c.says)
		})
	}
}

// Listed is an event whose slice a row takes over.
type Listed struct{ Numbers []int }

type list struct{ Numbers []int }

func TestARefoldSeesTheEventsAsTheyWere(t *testing.T) {
	types := eventstore.MustRegistry(eventstore.Type[Listed]("LISTED", 1), eventstore.Type[Counted]("COUNTED", 1))
	view := projection.Fold("lists",
		projection.On(func(projection.Event[Listed]) projection.Key { return projection.KeyOf("x") },
			func(l *list, e projection.Event[Listed]) error { l.Numbers = e.Data.Numbers; return nil }),
		projection.On(func(projection.Event[Counted]) projection.Key { return projection.KeyOf("x") },
			func(l *list, e projection.Event[Counted]) error {
				if e.Stream.String() == "user-bad" {
					return errBroken
				}
				l.Numbers[0] += e.Data.N
				return nil
			}))
	w := newWorld(memviews.Options{})
	w.p = projection.MustNew("counters", 1, types, projection.Follow("user"), view)
	e := w.engine(t)
	var commits []eventstore.Commit
	for _, c := range []struct {
		stream string
		events []any
	}{{"user-a", []any{Listed{[]int{1}}, Counted{"x", 3}}}, {"user-bad", []any{Counted{"x", 0}}}} {
		write := eventstore.Write{Stream: streamID(t, c.stream)}
		for _, v := range c.events {
			event, err := types.Encode(v)
			require.NoError(t, err)
			write.Events = append(write.Events, event)
		}
		commit, err := w.store.Append(t.Context(), write)
		require.NoError(t, err)
		commits = append(commits, commit)
	}
	require.Empty(t, handle(t.Context(), e, commits...))
	row, err := view.Get(t.Context(), w.views, projection.KeyOf("x"))
	require.NoError(t, err)
	require.Equal(t, []int{4}, row.Numbers)
}

func TestABatchIsGivenBackWhereNobodyHasPreparedTheProjection(t *testing.T) {
	w := newWorld(memviews.Options{})
	e, err := projection.NewEngine(w.store, w.views, projection.Options{}, w.p)
	require.NoError(t, err)
	require.Len(t, handle(t.Context(), e, w.append(t, "user-a", Counted{"x", 1})), 1)
}

func TestAStreamThatOlderCodeHasParkedMeanwhileIsNotMovedByAccident(t *testing.T) {
	w := newWorld(memviews.Options{})
	w.engine(t)
	first := w.append(t, "user-a", Counted{"x", 1})
	// While this worker reads rows, another one parks the stream, and drops what is
	// announced then.
	racing := &parking{Views: w.views, park: func() {
		require.NoError(t, w.views.Park(t.Context(), w.generation(), first.Stream, 0, &projection.Parked{Version: 1}))
		w.append(t, "user-a", Counted{"x", 10})
	}}
	e, err := projection.NewEngine(w.store, racing, projection.Options{}, w.p)
	require.NoError(t, err)
	require.NoError(t, e.Prepare(t.Context()))
	require.Empty(t, handle(t.Context(), e, first))
	require.Empty(t, w.rows(t))
	require.NoError(t, e.Retry(t.Context(), "counters", first.Stream))
	require.Equal(t, []string{"x=11"}, w.rows(t))
}

// parking is a view store in which something happens at the first read of rows.
type parking struct {
	*memviews.Views
	park func()
}

func (p *parking) Rows(ctx context.Context, g projection.GenerationID, ids []projection.RowID) ([]projection.Row, error) {
	if park := p.park; park != nil {
		p.park = nil
		park()
	}
	return p.Views.Rows(ctx, g, ids)
}

// The error of a view's or a reaction's code may be about another stream that it has read.
func TestAnEventThatFailsForNowIsNoDamageWhateverItsError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(memviews.Options{})
		w.append(t, "user-a", Counted{"x", 1})
		e := w.engine(t)
		w.broken = func(projection.Event[Counted]) error { return projection.Transient(eventstore.ErrCorrupt) }
		report, err := e.Sweep(t.Context(), nil)
		require.ErrorIs(t, err, eventstore.ErrCorrupt)
		require.Equal(t, 1, report.Left)
		require.Zero(t, report.Damaged)
		_, err = w.counters.Get(t.Context(), w.views, projection.KeyOf("x"))
		require.ErrorIs(t, err, projection.ErrNotBuilt, "another sweep can do more")
	})
}
