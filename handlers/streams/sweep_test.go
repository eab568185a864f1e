package streams

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

func at(stream string) projection.SweepCursor {
	id, err := eventstore.ParseStreamID(stream)
	if err != nil {
		panic(err)
	}
	return projection.SweepCursor{After: id, Generations: map[string][]uint64{"stats": {1}}}
}

func TestASweepSaysWhetherItIsDoneAndGoesOnWithItsOwnResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &made{}
		e.sweep = func(ctx context.Context, from projection.SweepCursor) (projection.SweepReport, error) {
			if from.IsZero() {
				<-ctx.Done()
				return projection.SweepReport{Streams: 300, Events: 5, Next: at("user-b")}, context.Cause(ctx)
			}
			require.Equal(t, at("user-b"), from)
			return projection.SweepReport{Streams: 20, Parked: 1}, nil
		}
		h, _ := handlerOf(e, Options{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		var request SweepRequest // what a schedule sends means: from the beginning
		require.NoError(t, json.Unmarshal([]byte(`{"version":"0","detail-type":"Scheduled Event","detail":{}}`), &request))
		result, err := h.Sweep(ctx, request)
		require.NoError(t, err)
		assert.Equal(t, 59*time.Second, time.Since(began))
		assert.Equal(t, SweepResult{Next: at("user-b"), Streams: 300, Events: 5}, result)

		text, err := json.Marshal(result) // as a state machine passes it on
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &request))
		ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		result, err = h.Sweep(ctx, request)
		require.NoError(t, err)
		assert.Equal(t, SweepResult{Done: true, Streams: 20, Parked: 1}, result)
		assert.Equal(t, 1, e.prepared)
		text, err = json.Marshal(result)
		require.NoError(t, err)
		assert.JSONEq(t, `{"done":true,"streams":20,"behind":0,"parked":1,"events":0,"left":0,"damaged":0,"ahead":0}`, string(text))
	})
}

func TestASweepThatDoesNothingIsAnErrorAndNotRepeatedForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &made{sweep: func(ctx context.Context, from projection.SweepCursor) (projection.SweepReport, error) {
			<-ctx.Done()
			return projection.SweepReport{Next: from}, context.Cause(ctx)
		}}
		h, _ := handlerOf(e, Options{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		result, err := h.Sweep(ctx, SweepRequest{Next: at("user-b")})
		require.ErrorIs(t, err, errShort)
		require.ErrorIs(t, err, errTime)
		assert.False(t, result.Done)
	})
}

// Its events are not applied again, so each invocation comes further.
func TestAStreamThatIsTooLongForOneInvocationIsSweptInSeveral(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for left, want := range map[int]error{0: nil, 1: errShort} {
			e := &made{sweep: func(ctx context.Context, from projection.SweepCursor) (projection.SweepReport, error) {
				<-ctx.Done()
				return projection.SweepReport{Events: 4096, Left: left, Next: from}, context.Cause(ctx)
			}}
			h, _ := handlerOf(e, Options{})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			result, err := h.Sweep(ctx, SweepRequest{Next: at("user-b")})
			cancel()
			require.ErrorIs(t, err, want, "%d were left", left)
			assert.Equal(t, SweepResult{Next: at("user-b"), Events: 4096, Left: left}, result)
		}
	})
}

func TestWhatASweepFindsWrongIsAnErrorAtItsEndAndInTheLogBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &made{}
		e.sweep = func(ctx context.Context, from projection.SweepCursor) (projection.SweepReport, error) {
			if from.IsZero() {
				<-ctx.Done()
				return projection.SweepReport{Left: 1, Damaged: 1, Next: at("user-b")}, context.Cause(ctx)
			}
			return projection.SweepReport{}, errBroken
		}
		h, told := handlerOf(e, Options{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		result, err := h.Sweep(ctx, SweepRequest{})
		require.NoError(t, err, "else the rest would not be swept")
		assert.Equal(t, 1, result.Damaged)
		assert.Contains(t, told.log.String(), "level=ERROR")
		result, err = h.Sweep(t.Context(), SweepRequest{Next: result.Next})
		require.ErrorIs(t, err, errBroken)
		assert.True(t, result.Done)
		e.prepare = func() error { return errBroken }
		e.prepared = 0
		h, _ = handlerOf(e, Options{})
		result, err = h.Sweep(t.Context(), SweepRequest{Next: at("user-b")})
		require.ErrorIs(t, err, errBroken)
		assert.Equal(t, SweepResult{Next: at("user-b")}, result)
	})
}

// hinted is an error that knows what to do.
type hinted struct{ error }

func (hinted) Hint() string { return "do it" }

func TestAnInvocationThatFailsIsLoggedWithItsHint(t *testing.T) {
	for line, err := range map[string]error{
		"level=ERROR msg=\"the invocation failed\" error=cut hint=\"do it\"\n": hinted{errors.New("cut")},
		"level=ERROR msg=\"the invocation failed\" error=cut\n":                errors.New("cut"),
	} {
		h, told := handlerOf(&made{prepare: func() error { return err }}, Options{})
		_, failed := h.Handle(t.Context(), events.DynamoDBEvent{})
		require.ErrorIs(t, failed, err)
		_, failed = h.Sweep(t.Context(), SweepRequest{})
		require.ErrorIs(t, failed, err)
		assert.Equal(t, 2, strings.Count(told.log.String(), line), told.log.String())
		assert.Equal(t, 2, strings.Count(told.log.String(), "\n"), told.log.String())
	}
}
