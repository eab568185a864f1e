package operator_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/projection"
)

// bad are the checks of a doctor that are not ok.
func (s *service) bad(told operator.Service) map[string]string {
	s.Helper()
	o, err := operator.New(told)
	require.NoError(s, err)
	findings, err := o.Doctor(s.Context())
	require.NoError(s, err)
	found := map[string]string{}
	for _, f := range findings {
		if !f.OK {
			found[f.Check] = f.Says
			assert.NotEmpty(s, f.Fix, f.Check)
		}
	}
	return found
}

func TestADoctorFindsNothingWhereAllIsWell(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.order("1", "tea", 1)
	s.sweep()
	s.beat(projection.Heartbeat{Worker: "a", Build: "orders@1"}, time.Second)
	assert.Empty(t, s.bad(s.told()))
}

func TestADoctorFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	s := newService(t)
	assert.Equal(t, map[string]string{"totals is built by this program's code": "it was never built", "workers report": "none has in the last 1m0s for totals"}, s.bad(s.told()))
	s.order("1", "tea", 1)
	s.sweep()
	s.beat(projection.Heartbeat{Worker: "a", Build: "orders@1"}, time.Second)
	s.beat(projection.Heartbeat{Worker: "b", Build: "orders@2"}, time.Second)
	assert.Equal(t, map[string]string{"workers are of one build": "there are orders@1, orders@2"}, s.bad(s.told()))
	s.beat(projection.Heartbeat{Worker: "b", Build: "orders@1"}, -time.Minute)
	assert.Regexp(t, `^worker b is \S+ ahead of this machine$`, s.bad(s.told())["clocks agree"])

	eventOfType(t, s, "2", "LOST")
	assert.Equal(t, "it does not know LOST schema 1, as in order-2@1", s.bad(s.told())["the program knows the event types"])
	s.sweep()
	assert.Contains(t, s.bad(s.told())["totals has no parked stream"], "1 streams wait since")

	changed := s.told()
	changed.Consumers = []projection.Consumer{next()}
	assert.Equal(t, "generation 1 is of version 1, this program has version 2", s.bad(changed)["totals is built by this program's code"])
	o, err := operator.New(changed)
	require.NoError(t, err)
	_, err = o.CheckRebuild(t.Context(), "totals")
	require.ErrorIs(t, err, operator.ErrRefused, "a start would be refused for it")
	changed.Consumers = []projection.Consumer{projection.MustNew("totals", 1, registry, projection.Follow("order"), projection.Fold("others", projection.On(
		func(e projection.Event[ordered]) projection.Key { return projection.KeyOf("all") }, func(*total, projection.Event[ordered]) error { return nil })))}
	o, err = operator.New(changed)
	require.NoError(t, err)
	_, err = o.PlanRebuild(t.Context(), "totals", operator.RebuildOptions{})
	require.ErrorIs(t, err, projection.ErrFingerprint, "a start would be refused for it")
	assert.Equal(t, "generation 1 of version 1 was built with other categories, event types or views", s.bad(changed)["totals is built by this program's code"])
	s.beat(projection.Heartbeat{Worker: "a", Build: "orders@1", Frozen: []uint64{1}}, 0)
	s.beat(projection.Heartbeat{Worker: "b", Build: "orders@1", Frozen: []uint64{1}}, 0)
	assert.Equal(t, "no worker carries generation 1, version 1", s.bad(s.told())["totals has no frozen generation"])
}

// mute is a store that does not answer.
type mute struct{ memory }

func (mute) Head(context.Context, eventstore.StreamID) (eventstore.Revision, error) {
	return eventstore.Revision{}, &eventstore.OutcomeUnknownError{Err: errors.New("no route to host")}
}

func TestADoctorStopsWhereTheStoreDoesNotAnswer(t *testing.T) {
	t.Parallel()
	s := newService(t)
	told := s.told()
	told.Store = mute{}
	assert.Contains(t, s.bad(told)["the store answers"], "no route to host")
}

func TestADoctorWithoutTheServicesCodeLooksAtWhatIsThere(t *testing.T) {
	t.Parallel()
	s := newService(t)
	told := operator.Service{Store: s.store, Views: s.views}
	assert.Empty(t, s.bad(told), "there is no projection")
	s.order("1", "tea", 0)
	s.sweep()
	s.beat(projection.Heartbeat{Worker: "a", Build: "orders@1"}, time.Second)
	found := s.bad(told)
	assert.Len(t, found, 1)
	assert.Contains(t, found["totals has no parked stream"], "1 streams wait since")
}

func TestADoctorSaysWhatIsPausedAndTakesNoWorkerThatHasEndedForOne(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.order("1", "tea", 1)
	s.sweep()
	s.beat(projection.Heartbeat{Worker: "a", Build: "orders@1"}, time.Second)
	s.beat(projection.Heartbeat{Worker: "b", Build: "orders@0", Ended: true}, time.Second)
	assert.Empty(t, s.bad(s.told()), "one build was deployed after the other")
	s.beat(projection.Heartbeat{Worker: "a", Build: "orders@1", Ended: true}, time.Second)
	assert.Contains(t, s.bad(s.told()), "workers report")
	_, err := s.operator().Pause(t.Context(), anna, "totals")
	require.NoError(t, err)
	assert.Contains(t, s.bad(s.told())["totals is fed"], "it is paused since")
}

// next is version 2 of the totals: it counts orders too. Where it replaces version 1 a program
// carries both.
func next(replaces ...projection.Part) *projection.Projection {
	type counted struct{ Count, Orders int }
	item := projection.On(func(e projection.Event[ordered]) projection.Key { return projection.KeyOf(e.Data.Item) },
		func(t *counted, e projection.Event[ordered]) error {
			t.Count += e.Data.Count
			t.Orders++
			return nil
		})
	return projection.MustNew("totals", 2, registry, append(replaces, projection.Follow("order"), projection.Fold("totals", item))...)
}

func TestBetweenADeploymentAndItsSwitchAndBehindARollbackNothingIsWrong(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.order("1", "tea", 1)
	s.sweep()
	s.beat(projection.Heartbeat{Worker: "a", Build: "orders@1"}, time.Second)
	told := s.told()
	told.Consumers = []projection.Consumer{next(projection.Replaces(s.totals))}
	o, err := operator.New(told)
	require.NoError(t, err)
	fine := func(says string) {
		t.Helper()
		findings, err := o.Doctor(t.Context())
		require.NoError(t, err)
		for _, f := range findings {
			assert.True(t, f.OK, "%s: %s", f.Check, f.Says)
			if f.Check == "totals is built by this program's code" {
				assert.Equal(t, says, f.Says)
			}
		}
		report, err := o.Verify(t.Context(), operator.VerifyOptions{Views: true})
		require.NoError(t, err)
		assert.Empty(t, report.Faults)
		require.Len(t, report.Views, 1)
		assert.Equal(t, 1, report.Views[0].Rows)
	}
	fine("generation 1, version 1; rebuild start totals builds version 2")
	by := operator.By{Actor: "anna@ops", Reason: "orders are counted"}
	_, err = o.StartRebuild(t.Context(), by, "totals", operator.RebuildOptions{})
	require.NoError(t, err)
	fine("generation 1, version 1")
	_, err = o.SwitchRebuild(t.Context(), by, "totals", operator.SwitchOptions{})
	require.NoError(t, err)
	fine("generation 2, version 2")
	_, err = o.Rollback(t.Context(), by, "totals", operator.SwitchOptions{})
	require.NoError(t, err)
	fine("generation 1, version 1")
}
