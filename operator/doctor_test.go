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
	changed.Consumers = []projection.Consumer{projection.MustNew("totals", 2, registry, projection.Follow("order"),
		projection.Fold("others", projection.On(func(e projection.Event[ordered]) projection.Key { return projection.KeyOf("all") },
			func(t *total, e projection.Event[ordered]) error { t.Count++; return nil })))}
	assert.Equal(t, "generation 1 is of version 1, this program has version 2", s.bad(changed)["totals is built by this program's code"])
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
