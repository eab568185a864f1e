package operator_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/projection"
)

// frugal are views of which a status may ask three things; anything else panics. It keeps
// what was asked.
type frugal struct {
	projection.ViewStore // nil
	views                projection.ViewStore
	asked                []string
}

func (f *frugal) State(ctx context.Context, name string) (projection.State, error) {
	f.asked = append(f.asked, "state "+name)
	return f.views.State(ctx, name)
}

func (f *frugal) Heartbeats(ctx context.Context, name string) ([]projection.Heartbeat, error) {
	f.asked = append(f.asked, "heartbeats "+name)
	return f.views.Heartbeats(ctx, name)
}

func (f *frugal) AllCheckpoints(ctx context.Context, g projection.GenerationID, parked bool) iter.Seq2[projection.Checkpoint, error] {
	f.asked = append(f.asked, fmt.Sprintf("checkpoints %s parked=%t", g, parked))
	return f.views.AllCheckpoints(ctx, g, parked)
}

// untouched is a store that panics when it is asked anything.
type untouched struct{ memory }

func TestAStatusAsksTheSameOfAFullStoreAsOfAnEmptyOne(t *testing.T) {
	t.Parallel()
	asked := func(streams int) []string {
		s := newService(t)
		for i := range streams {
			s.order(fmt.Sprint(i), "tea", 1)
		}
		s.sweep()
		views := &frugal{views: s.views}
		told := s.told()
		told.Store, told.Views = untouched{}, views
		o, err := operator.New(told)
		require.NoError(t, err)
		status, err := o.Status(t.Context())
		require.NoError(t, err)
		assert.Equal(t, len(views.asked), status.Reads)
		return views.asked
	}
	want := []string{"state totals", "heartbeats totals", "checkpoints totals#1 parked=true", "state mails", "heartbeats mails"}
	assert.Equal(t, want, asked(0))
	assert.Equal(t, want, asked(500))
}

// projectionStatus is that of the only projection.
func (s *service) projectionStatus() operator.ProjectionStatus {
	s.Helper()
	p, err := s.operator().Projection(s.Context(), "totals")
	require.NoError(s, err)
	return p
}

func TestAProjectionIsAsItsWorstTrouble(t *testing.T) {
	t.Parallel()
	s := newService(t)
	requireCondition := func(want operator.Condition) {
		t.Helper()
		require.Equal(t, want, s.projectionStatus().Condition)
	}
	requireCondition(operator.NotBuilt)
	s.order("1", "tea", 1)
	require.NoError(t, s.engine.Prepare(t.Context()))
	requireCondition(operator.IsBuilding)
	s.sweep()
	requireCondition(operator.IsSilent)
	s.beat(projection.Heartbeat{Worker: "a"}, 10*time.Second)
	requireCondition(operator.IsLive)
	s.beat(projection.Heartbeat{Worker: "b", Frozen: []uint64{1}}, 10*time.Second)
	requireCondition(operator.IsLive) // since worker a carries it
	s.beat(projection.Heartbeat{Worker: "a", Frozen: []uint64{1}}, 5*time.Second)
	requireCondition(operator.IsFrozen)
	s.order("2", "tea", 0)
	s.sweep()
	requireCondition(operator.IsParked)
	mails, err := s.operator().Projection(t.Context(), "mails")
	require.NoError(t, err)
	assert.Equal(t, operator.NotStarted, mails.Condition)
	_, err = s.operator().Projection(t.Context(), "stats")
	require.ErrorIs(t, err, operator.ErrNotFound)
	assert.Equal(t, `there is no projection or reaction "stats"; there are: totals, mails`, err.Error())
}

func TestLagIsWhatTheWorkersOfLateSay(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.sweep()
	p := s.projectionStatus()
	assert.Nil(t, p.Waiting, "nobody knows, which is not 0")
	assert.Nil(t, p.OldestSeconds)

	// One that died said that something waited: others have gone on since.
	s.beat(projection.Heartbeat{Worker: "dead", Waiting: 7, Oldest: time.Now().Add(-time.Hour)}, time.Hour)
	p = s.projectionStatus()
	assert.Equal(t, 7, *p.Waiting, "the last thing that is known")
	assert.InDelta(t, 3600, *p.OldestSeconds, 5)
	assert.Zero(t, *p.Behind, "the sweep above")
	checked := time.Now().Add(2 * time.Second).UTC().Truncate(time.Second) // it is newer
	s.beat(projection.Heartbeat{Worker: "a", Waiting: 2, Oldest: time.Now().Add(-9 * time.Second), Rate: 10}, 5*time.Second)
	s.beat(projection.Heartbeat{Worker: "b", Waiting: 1, Oldest: time.Now().Add(-4 * time.Second), Rate: 2.5, LastSweep: checked, SweepBehind: 3}, 4*time.Second)
	p = s.projectionStatus()
	assert.Equal(t, 3, *p.Waiting)
	assert.InDelta(t, 9, *p.OldestSeconds, 2)
	assert.InDelta(t, 12.5, *p.Rate, 0.01)
	assert.Equal(t, checked, p.LastCheck)
	assert.Equal(t, 3, *p.Behind)
	assert.Len(t, p.Workers, 4, "and the sweep")
}

func TestACheckFailsForEachThingThatIsWrong(t *testing.T) {
	t.Parallel()
	s := newService(t)
	check := func(l operator.Limits) operator.Check {
		t.Helper()
		status, err := s.operator().Status(t.Context())
		require.NoError(t, err)
		c := status.Check(l)
		require.Equal(t, len(c.Failures) == 0, c.OK)
		return c
	}
	assert.Equal(t, []string{"totals: it was never built"}, check(operator.Limits{}).Failures)
	s.sweep()
	assert.Empty(t, check(operator.Limits{}).Failures)
	assert.Equal(t, []string{"totals: no worker has reported, so nobody knows what waits"}, check(operator.Limits{MaxOldest: time.Second}).Failures)
	assert.Nil(t, check(operator.Limits{}).OldestSeconds)
	assert.Equal(t, []string{"totals: no worker has reported"}, check(operator.Limits{MaxSilence: time.Second}).Failures)
	s.beat(projection.Heartbeat{Worker: "a", Waiting: 1, Oldest: time.Now().Add(-20 * time.Second)}, 10*time.Second)
	assert.Empty(t, check(operator.Limits{MaxOldest: 30 * time.Second, MaxSilence: 30 * time.Second}).Failures)
	found := check(operator.Limits{MaxOldest: 10 * time.Second, MaxSilence: 5 * time.Second}).Failures
	require.Len(t, found, 2)
	assert.Regexp(t, `^totals: the oldest commit waits since 2\d\.\d s, the limit is 10s$`, found[0])
	assert.Regexp(t, `^totals: no worker has reported for 1\ds, the limit is 5s$`, found[1])
	s.order("1", "tea", 0)
	s.sweep()
	c := check(operator.Limits{})
	assert.Equal(t, []string{"totals: parked streams: 1"}, c.Failures)
	assert.Equal(t, 1, c.Parked)
}

func TestParkedStreamsAreGroupedByWhatWentWrong(t *testing.T) {
	t.Parallel()
	s := newService(t)
	for id, count := range map[string]int{"1": 0, "2": -5, "3": 0, "4": 2} {
		s.order(id, "tea", count)
	}
	unknown := eventOfType(t, s, "5", "LOST")
	s.sweep()
	groups, err := s.operator().Parked(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, groups, 2)
	g := groups[0]
	assert.Equal(t, `count: … of … is no number of items`, g.Error)
	assert.Equal(t, []any{"totals", "ORDERED", 1, "orders@1"}, []any{g.Projection, g.Type, g.SchemaVersion, g.Build})
	var ids []string
	for _, p := range g.Streams {
		ids = append(ids, p.ID().String())
		assert.False(t, p.Since.Before(g.Since))
	}
	assert.Equal(t, []string{"order-1@1", "order-2@1", "order-3@1"}, ids)
	assert.Equal(t, "event type not registered", groups[1].Error, "without the event that it names")
	assert.True(t, groups[1].Streams[0].Unknown)
	assert.Equal(t, unknown, groups[1].Streams[0].ID())

	same, err := s.operator().Parked(t.Context(), "totals")
	require.NoError(t, err)
	assert.Equal(t, groups, same)
	_, err = s.operator().Parked(t.Context(), "total")
	require.ErrorIs(t, err, operator.ErrNotFound)
	one, err := s.operator().ParkedIn(t.Context(), "totals", s.stream("2"))
	require.NoError(t, err)
	assert.Equal(t, []operator.Parked{g.Streams[1]}, one)
	_, err = s.operator().ParkedIn(t.Context(), "totals", s.stream("4"))
	require.ErrorIs(t, err, operator.ErrNotFound)
	assert.False(t, slices.ContainsFunc(g.Streams, func(p operator.Parked) bool { return p.Stream == s.stream("4") }))
}
