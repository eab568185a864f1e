package operator_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/storetest"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/projection"
)

var anna = operator.By{Actor: "anna@ops", Reason: "it is mended"}

// mend makes the program's code count orders of none, and nothing below that.
func (s *service) mend() {
	item := projection.On(func(e projection.Event[ordered]) projection.Key { return projection.KeyOf(e.Data.Item) },
		func(t *total, e projection.Event[ordered]) error {
			if e.Data.Count < 0 {
				return fmt.Errorf("count: %d is less than none", e.Data.Count)
			}
			t.Count += e.Data.Count + 1
			return nil
		})
	s.totals = projection.MustNew("totals", 1, registry, projection.Follow("order"), projection.Fold("totals", item))
}

// total is a row as it is stored.
func (s *service) total(item string) string {
	s.Helper()
	rows, err := s.views.Rows(s.Context(), projection.GenerationID{Projection: "totals", Number: 1}, []projection.RowID{{View: "totals", Key: projection.KeyOf(item)}})
	require.NoError(s, err)
	require.Len(s, rows, 1)
	return string(rows[0].Content)
}

func TestOperatorsWhoDoTheSameAtOnceDoItOnce(t *testing.T) {
	t.Parallel()
	s := newService(t)
	const streams, operators = 20, 4
	for i := range streams {
		s.order(fmt.Sprint(i), "tea", 0)
		s.order(fmt.Sprint(i), "tea", 2)
	}
	bad := eventstore.EventID{Stream: s.order("bad", "cup", -1).Stream, Version: 1}
	s.sweep()
	s.mend()
	var group sync.WaitGroup
	for i := range operators {
		group.Go(func() {
			o, by := s.operator(), operator.By{Actor: fmt.Sprint("operator ", i), Reason: "it is mended"}
			selected, err := o.Select(t.Context(), operator.Selection{Projection: "totals", Error: "of \"tea\""})
			if assert.NoError(t, err) {
				_, err = o.Retry(t.Context(), by, "totals", selected.Streams, nil)
				assert.NoError(t, err)
			}
			_, err = o.Skip(t.Context(), by, "totals", bad)
			assert.NoError(t, err, "a skip that is there already is the same skip")
		})
	}
	group.Wait()
	assert.Equal(t, fmt.Sprintf(`{"count":%d}`, streams*4), s.total("tea"))
	o := s.operator()
	skips, err := o.Skips(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, skips, 1)
	assert.Equal(t, bad, skips[0].Event)
	assert.True(t, strings.HasPrefix(skips[0].Actor, "operator "))
	parked, err := o.Parked(t.Context(), "totals")
	require.NoError(t, err)
	assert.Empty(t, parked)
	page, err := o.Activity(t.Context(), operator.ActivityQuery{})
	require.NoError(t, err)
	require.Len(t, page.Actions, 2*operators)
	for _, a := range page.Actions {
		assert.NotZero(t, a.Ended, "%s by %s", a.Action, a.Actor)
		assert.Empty(t, a.Error)
	}
}

func TestThoseThatWereTriedTheLeastAreRetriedFirst(t *testing.T) {
	t.Parallel()
	s := newService(t)
	for i := range operator.MaxSelected + 1 {
		s.order(fmt.Sprintf("%04d", i), "tea", -1)
	}
	s.order("0000", "tea", 1)
	s.sweep()
	o := s.operator()
	first, err := o.Select(t.Context(), operator.Selection{Projection: "totals"})
	require.NoError(t, err)
	require.Len(t, first.Streams, operator.MaxSelected)
	assert.Equal(t, 1, first.More)
	assert.True(t, first.AtLeast)
	assert.Equal(t, uint64(101), first.Waiting, "of a hundred streams")
	report, err := o.Retry(t.Context(), anna, "totals", first.Streams, nil)
	require.NoError(t, err)
	assert.Len(t, report.Failed, operator.MaxSelected)
	next, err := o.Select(t.Context(), operator.Selection{Projection: "totals"})
	require.NoError(t, err)
	assert.Equal(t, s.stream("1000"), next.Streams[0])

	_, err = o.Retry(t.Context(), anna, "totals", append(next.Streams, s.stream("more")), nil)
	assert.ErrorIs(t, err, eventstore.ErrInvalid)
}

func TestARetryThatIsInterruptedSaysWhatItDid(t *testing.T) {
	t.Parallel()
	s := newService(t)
	for i := range 4 {
		s.order(fmt.Sprint(i), "tea", 0)
	}
	s.sweep()
	s.mend()
	o := s.operator()
	selected, err := o.Select(t.Context(), operator.Selection{Projection: "totals"})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	report, err := o.Retry(ctx, anna, "totals", selected.Streams, func(done, _ int) {
		if done == 2 {
			cancel()
		}
	})
	require.ErrorIs(t, err, context.Canceled)
	assert.Len(t, report.Retried, 2)
	assert.Equal(t, `{"count":2}`, s.total("tea"))
	page, err := o.Activity(t.Context(), operator.ActivityQuery{})
	require.NoError(t, err)
	assert.Equal(t, []string{"2 retried, 0 failed", "interrupted"}, []string{page.Actions[0].Result, page.Actions[0].Error})
}

// faulty is a store whose appends fail by a plan.
type faulty struct {
	memory
	faults *storetest.Faulty
}

func (f faulty) Append(ctx context.Context, w eventstore.Write) (eventstore.Commit, error) {
	return f.faults.Append(ctx, w)
}

func TestARecordIsWrittenOnceWhateverIsLost(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		faults           []storetest.Fault
		records          int
		done, unrecorded bool
	}{
		{[]storetest.Fault{storetest.AnswerLost, storetest.None, storetest.AnswerLost}, 2, true, false},
		{[]storetest.Fault{storetest.RequestLost, storetest.AnswerLostAndRetried, storetest.RequestLost}, 2, true, false},
		{[]storetest.Fault{storetest.Refused}, 0, false, false},
		{[]storetest.Fault{storetest.RequestLost, storetest.RequestLost, storetest.RequestLost}, 0, false, false},
		{[]storetest.Fault{storetest.None, storetest.Refused}, 1, true, true},
		{[]storetest.Fault{storetest.None, storetest.RequestLost, storetest.RequestLost, storetest.RequestLost}, 1, true, true},
	} {
		t.Run(fmt.Sprint(test.faults), func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			s.store = faulty{s.store, storetest.NewFaulty(s.store, storetest.Sequence(test.faults...))}
			did := false
			recorded, err := s.operator().Act(t.Context(), operator.Action{Action: "test", Actor: anna.Actor, Reason: anna.Reason}, func(context.Context) (string, error) {
				did = true
				return "done", nil
			})
			assert.Equal(t, test.done, did)
			if !test.done {
				require.ErrorIs(t, err, operator.ErrRefused)
				require.ErrorAs(t, err, new(*operator.UnrecordedError))
			} else {
				require.NoError(t, err, "what was done is done")
				assert.Equal(t, "leftfold-operator@1", recorded.Record.String())
			}
			assert.Equal(t, test.unrecorded, recorded.Warning != "")
			head, err := s.store.Head(t.Context(), operator.ActivityStream)
			require.NoError(t, err)
			assert.Equal(t, test.records, int(head.Version()))
		})
	}
}

// A reaction that this program only tells of can not be operated by it, and that is said
// before anything is asked or recorded.
func TestWhatThisProgramDoesNotRunIsRefusedBeforeAnythingIsDone(t *testing.T) {
	t.Parallel()
	s := newService(t)
	o := s.operator()
	event := eventstore.EventID{Stream: s.order("1", "tea", 1).Stream, Version: 1}
	for name, act := range map[string]func() error{
		"select": func() error { _, err := o.Select(t.Context(), operator.Selection{Projection: "mails"}); return err },
		"try":    func() error { _, _, err := o.Try(t.Context(), operator.Selection{Projection: "mails"}); return err },
		"retry":  func() error { _, err := o.Retry(t.Context(), anna, "mails", nil, nil); return err },
		"skip":   func() error { _, err := o.Skip(t.Context(), anna, "mails", event); return err },
		"plan":   func() error { _, err := o.PlanSkip(t.Context(), "mails", event); return err },
		"unskip": func() error { _, err := o.Unskip(t.Context(), anna, "mails", event); return err },
		"sweep": func() error {
			_, err := o.Sweep(t.Context(), anna, operator.SweepOptions{Projection: "mails"})
			return err
		},
	} {
		assert.ErrorIs(t, act(), operator.ErrUnsupported, name)
	}
	head, err := s.store.Head(t.Context(), operator.ActivityStream)
	require.NoError(t, err)
	assert.Zero(t, head.Version())
}

// hiding are views that fail to answer, or no longer show a checkpoint, from some read on.
type hiding struct {
	projection.ViewStore
	from int
	err  error
}

func (h *hiding) Checkpoints(ctx context.Context, g projection.GenerationID, streams []eventstore.StreamID) ([]projection.Checkpoint, error) {
	if h.from--; h.from < 0 {
		return make([]projection.Checkpoint, len(streams)), h.err
	}
	return h.ViewStore.Checkpoints(ctx, g, streams)
}

func TestARetryCountsNoEventsBackwards(t *testing.T) {
	t.Parallel()
	for _, failed := range []error{nil, errors.New("it does not answer")} {
		s := newService(t)
		s.order("1", "tea", 1)
		s.order("1", "tea", 0)
		s.sweep()
		told := s.told()
		told.Views = &hiding{s.views, 1, failed} // what the operator reads; the engine has the views themselves
		told.Engine = func(context.Context) (*projection.Engine, error) { return s.engine, s.engine.Prepare(t.Context()) }
		o, err := operator.New(told)
		require.NoError(t, err)
		report, err := o.Retry(t.Context(), anna, "totals", []eventstore.StreamID{s.stream("1")}, nil)
		require.ErrorIs(t, err, failed)
		assert.Zero(t, report.Events)
	}
}

func TestARetryOfWhatIsPausedIsRefused(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.order("1", "tea", 0)
	s.order("2", "tea", 0)
	s.sweep()
	o := s.operator()
	_, err := o.Pause(t.Context(), anna, "totals")
	require.NoError(t, err)
	report, err := o.Retry(t.Context(), anna, "totals", []eventstore.StreamID{s.stream("1"), s.stream("2")}, nil)
	require.ErrorIs(t, err, projection.ErrPaused)
	assert.Empty(t, report.Failed)
	page, err := o.Activity(t.Context(), operator.ActivityQuery{Limit: 1})
	require.NoError(t, err)
	assert.Contains(t, page.Actions[0].Error, "paused")
}

func TestARetryDoesNotSayThatAStreamGoesOnWhichIsStillParked(t *testing.T) {
	t.Parallel()
	s := newService(t)
	c := s.order("1", "tea", 0)
	s.sweep()
	state, err := s.views.State(t.Context(), "totals")
	require.NoError(t, err)
	other := state.Generations[0]
	state.Counter++
	other.Number, other.Version, other.Role = state.Counter, 2, projection.Building // of a program that runs elsewhere
	state.Generations = append(state.Generations, other)
	_, err = s.views.PutState(t.Context(), state)
	require.NoError(t, err)
	g := projection.GenerationID{Projection: "totals", Number: other.Number}
	require.NoError(t, s.views.Park(t.Context(), g, c.Stream, 0, &projection.Parked{Version: 1}))
	s.mend()
	report, err := s.operator().Retry(t.Context(), anna, "totals", []eventstore.StreamID{c.Stream}, nil)
	require.NoError(t, err)
	tried, _, err := s.operator().Try(t.Context(), operator.Selection{Projection: "totals"})
	require.NoError(t, err)
	assert.Equal(t, []operator.Tried{{Projection: "totals", Generation: 2, Stream: c.Stream, Version: 1, Error: "this program does not feed the generation"}}, tried)
	assert.Empty(t, report.Retried)
	require.Len(t, report.Failed, 1)
	assert.Contains(t, report.Failed[0].Error, "does not feed")
}

func TestASweepOfOneProjectionFeedsNoOther(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.order("1", "tea", 1)
	told := s.told()
	other := projection.MustNew("others", 1, registry, projection.Follow("order"), projection.Fold("others",
		projection.On(func(e projection.Event[ordered]) projection.Key { return projection.KeyOf(e.Data.Item) }, func(t *total, _ projection.Event[ordered]) error {
			t.Count++
			return nil
		})))
	told.Consumers = []projection.Consumer{s.totals, other}
	o, err := operator.New(told)
	require.NoError(t, err)
	report, err := o.Sweep(t.Context(), anna, operator.SweepOptions{Projection: "totals"})
	require.NoError(t, err)
	assert.Equal(t, 1, report.Behind)
	state, err := s.views.State(t.Context(), "others")
	require.NoError(t, err)
	assert.Zero(t, state.Revision)
	_, err = o.Sweep(t.Context(), anna, operator.SweepOptions{Projection: "nobody"})
	require.ErrorIs(t, err, operator.ErrNotFound)
	report, err = o.Sweep(t.Context(), anna, operator.SweepOptions{})
	require.NoError(t, err)
	assert.Equal(t, 1, report.Behind, "the other one is behind")
	state, err = s.views.State(t.Context(), "others")
	require.NoError(t, err)
	assert.NotZero(t, state.Revision)
}
