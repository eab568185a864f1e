package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
	"github.com/leftfold/leftfold/eventstore/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func write(t *testing.T, id string) eventstore.Write {
	t.Helper()
	stream, err := eventstore.NewStreamID("user", "1")
	require.NoError(t, err)
	return eventstore.Write{Stream: stream, ID: id, Events: []eventstore.Event{{Type: "A", Schema: 1, Payload: []byte("{}")}}}
}

// stored returns the IDs of the commits in the stream.
func stored(t *testing.T, s eventstore.Store) []string {
	t.Helper()
	ids := []string{}
	for c, err := range s.Read(t.Context(), write(t, "").Stream, 0) {
		require.NoError(t, err)
		ids = append(ids, c.ID)
	}
	return ids
}

func ExampleNewFaulty() {
	stream, _ := eventstore.NewStreamID("user", "17850")
	store := storetest.NewFaulty(memstore.New(), storetest.Sequence(storetest.AnswerLost))
	w := eventstore.Write{Stream: stream, ID: "command-1", Events: []eventstore.Event{{Type: "OPENED", Schema: 1, Payload: []byte("{}")}}}

	_, err := store.Append(context.Background(), w)
	fmt.Println(errors.Is(err, eventstore.ErrOutcomeUnknown), "and yet it is stored")

	c, err := store.Append(context.Background(), w) // the same write with the same ID
	fmt.Println(c.ID, "at version", c.First, err)
	// Output:
	// true and yet it is stored
	// command-1 at version 1 <nil>
}

func TestEachFaultDoesWhatItSays(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		fault   storetest.Fault
		answer  error
		message string
		stored  bool
	}{
		{storetest.None, nil, "", true},
		{storetest.Refused, storetest.ErrInjected, "storetest: failed on purpose, before the write", false},
		{storetest.RequestLost, eventstore.ErrOutcomeUnknown,
			`append of commit "c1" to "user-1" at no stream: outcome unknown: storetest: connection cut on purpose`, false},
		{storetest.AnswerLost, eventstore.ErrOutcomeUnknown,
			`append of commit "c1" to "user-1" at no stream: outcome unknown: storetest: connection cut on purpose`, true},
		{storetest.AnswerLostAndRetried, nil, "", true},
		{storetest.Slow, nil, "", true},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := storetest.NewFaulty(memstore.New(), storetest.Sequence(test.fault))
			c, err := s.Append(t.Context(), write(t, "c1"))
			require.ErrorIs(t, err, test.answer)
			if test.message == "" {
				assert.Equal(t, "c1", c.ID)
			} else {
				assert.EqualError(t, err, test.message)
			}
			assert.Equal(t, map[bool][]string{true: {"c1"}, false: {}}[test.stored], stored(t, s))
			assert.Equal(t, 1, s.Count(test.fault))

			_, err = s.Append(t.Context(), write(t, "c1"))
			require.NoError(t, err, "whatever it was, the same write again is right")
			assert.Equal(t, []string{"c1"}, stored(t, s))
		})
	}
}

func TestAFaultNeverHidesWhatTheStoreSays(t *testing.T) {
	t.Parallel()
	for _, fault := range []storetest.Fault{storetest.AnswerLost, storetest.AnswerLostAndRetried} {
		s := storetest.NewFaulty(memstore.New(), storetest.Sequence(storetest.None, fault, fault))
		_, err := s.Append(t.Context(), write(t, "c1"))
		require.NoError(t, err)
		_, err = s.Append(t.Context(), write(t, "c2"))
		assert.ErrorIs(t, err, eventstore.ErrConflict)
		_, err = s.Append(t.Context(), eventstore.Write{})
		assert.ErrorIs(t, err, eventstore.ErrInvalid)
	}
}

func TestASlowAppendEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.NewFaulty(memstore.New(), storetest.Sequence(storetest.Slow, storetest.Slow))
		s.Delay = time.Hour
		left := errors.New("the caller has left")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, left)
		defer cancel()
		began := time.Now()
		_, err := s.Append(ctx, write(t, "c1"))
		assert.Equal(t, left, err)
		assert.Equal(t, time.Minute, time.Since(began))
		assert.Empty(t, stored(t, s))
		_, err = s.Append(t.Context(), write(t, "c1"))
		require.NoError(t, err)
		assert.Equal(t, time.Hour+time.Minute, time.Since(began))
	})
}

func TestAnUnknownOutcomeCarriesAllThatIsNeededToSendItAgain(t *testing.T) {
	t.Parallel()
	s := storetest.NewFaulty(memstore.New(), storetest.Sequence(storetest.RequestLost))
	ctx := eventstore.WithMetadata(t.Context(), eventstore.Metadata{Actor: "ada"})
	before := time.Now()
	_, err := s.Append(ctx, write(t, ""))
	unknown, ok := errors.AsType[*eventstore.OutcomeUnknownError](err)
	require.True(t, ok)
	after := time.Now()
	c, err := s.Append(t.Context(), unknown.Write)
	require.NoError(t, err)
	assert.NotEmpty(t, unknown.Write.ID)
	assert.Equal(t, unknown.Write.ID, c.ID)
	assert.Equal(t, "ada", c.Metadata.Actor)
	assert.WithinRange(t, c.Time, before.Truncate(time.Microsecond), after)
}

// At Any a client below the store may not send twice by itself, whatever is lost.
func TestAnyIsStoredOnceAlsoWhenTheClientRetries(t *testing.T) {
	t.Parallel()
	s := storetest.NewFaulty(memstore.New(), func(int, eventstore.Write) storetest.Fault { return storetest.AnswerLostAndRetried })
	answers := make(chan error)
	for i := range 8 {
		go func() {
			w := write(t, fmt.Sprint(i))
			w.Revision = eventstore.Any
			_, err := s.Append(t.Context(), w)
			answers <- err
		}()
	}
	for range 8 {
		assert.NoError(t, <-answers)
	}
	assert.ElementsMatch(t, []string{"0", "1", "2", "3", "4", "5", "6", "7"}, stored(t, s))
}

func TestASeedMakesTheSamePlanAgain(t *testing.T) {
	t.Parallel()
	draw := func(seed uint64) (faults []storetest.Fault) {
		plan := storetest.Seeded(seed, 0.5, storetest.Refused, storetest.AnswerLost)
		for n := range 1_000 {
			faults = append(faults, plan(n, eventstore.Write{}))
		}
		return faults
	}
	assert.Equal(t, draw(1), draw(1))
	assert.NotEqual(t, draw(1), draw(2))
	counts := map[storetest.Fault]int{}
	for _, f := range draw(1) {
		counts[f]++
	}
	assert.InDelta(t, 500, counts[storetest.None], 80)
	assert.InDelta(t, 250, counts[storetest.Refused], 60)
	assert.InDelta(t, 250, counts[storetest.AnswerLost], 60)
}

func TestAPlanSeesTheWriteAndItsNumber(t *testing.T) {
	t.Parallel()
	var seen []string
	s := storetest.NewFaulty(memstore.New(), func(n int, w eventstore.Write) storetest.Fault {
		seen = append(seen, fmt.Sprintf("%d %s", n, w.ID))
		return storetest.Refused
	})
	for _, id := range []string{"a", "b"} {
		_, err := s.Append(t.Context(), write(t, id))
		assert.Equal(t, storetest.ErrInjected, err)
	}
	assert.Equal(t, []string{"0 a", "1 b"}, seen)
}
