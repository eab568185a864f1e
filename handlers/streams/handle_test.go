package streams

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/projection"
)

var errBroken = errors.New("it is broken")

// table is a store that only knows what its items announce.
type table struct{ dynamostore.Store }

func (*table) Table() string { return "shop-events" }

// made is an engine that a test makes up.
type made struct {
	prepare func() error
	deliver func(context.Context, []eventstore.Announcement) []projection.Undone
	sweep   func(context.Context, projection.SweepCursor) (projection.SweepReport, error)

	prepared int
	got      [][]string // the events that were announced, of each call
}

func (m *made) Prepare(context.Context) error {
	m.prepared++
	if m.prepare != nil {
		return m.prepare()
	}
	return nil
}

func (m *made) Beat(context.Context) {}

func (m *made) Deliver(ctx context.Context, b eventstore.Batch) []projection.Undone {
	var got []string
	for _, a := range b.Announcements {
		got = append(got, fmt.Sprintf("%s@%d-%d", a.Stream, a.First, a.Last))
	}
	m.got = append(m.got, got)
	if m.deliver == nil {
		return nil
	}
	return m.deliver(ctx, b.Announcements)
}

func (m *made) SweepFrom(ctx context.Context, from projection.SweepCursor, _ func(projection.SweepReport)) (projection.SweepReport, error) {
	return m.sweep(ctx, from)
}

// told is what a handler told of.
type told struct {
	damages []Damage
	log     bytes.Buffer
}

func handlerOf(e *made, opts Options) (*Handler, *told) {
	t := &told{}
	opts.Logger = slog.New(slog.NewTextHandler(&t.log, nil))
	opts.OnDamage = func(_ context.Context, d Damage) { t.damages = append(t.damages, d) }
	return newHandler(func(context.Context) (commitStore, feedEngine, error) { return &table{}, e, nil }, opts), t
}

const arn = "arn:aws:dynamodb:eu-central-1:000000000000:table/shop-events/stream/2026-11-22T10:00:00.000"

// inserted is the record of a commit of so many events.
func inserted(sequence string, stream string, first, n int) events.DynamoDBEventRecord {
	r := changed("INSERT", sequence, stream, first)
	r.Change.NewImage = map[string]events.DynamoDBAttributeValue{"n": events.NewNumberAttribute(fmt.Sprint(n)), "at": events.NewNumberAttribute("1000000")}
	maps.Copy(r.Change.NewImage, r.Change.Keys)
	return r
}

func changed(event, sequence, name string, number int) events.DynamoDBEventRecord {
	return events.DynamoDBEventRecord{EventName: event, EventSourceArn: arn, Change: events.DynamoDBStreamRecord{SequenceNumber: sequence,
		Keys: map[string]events.DynamoDBAttributeValue{"PK": events.NewStringAttribute(name), "SK": events.NewNumberAttribute(fmt.Sprint(number))}}}
}

func eventOf(records ...events.DynamoDBEventRecord) events.DynamoDBEvent {
	return events.DynamoDBEvent{Records: records}
}

// failing gives back what concerns some streams.
func failing(streams ...string) func(context.Context, []eventstore.Announcement) []projection.Undone {
	return func(_ context.Context, all []eventstore.Announcement) (undone []projection.Undone) {
		for _, a := range all {
			for _, s := range streams {
				if a.Stream.String() == s {
					undone = append(undone, projection.Undone{Announcement: a, Err: errBroken})
				}
			}
		}
		return undone
	}
}

// answers is what a handler says to an event, as JSON.
func answers(t *testing.T, h *Handler, event events.DynamoDBEvent) string {
	t.Helper()
	answer, err := h.Handle(t.Context(), event)
	require.NoError(t, err)
	text, err := json.Marshal(answer)
	require.NoError(t, err)
	return string(text)
}

func reporting(sequence string) string {
	return `{"batchItemFailures":[{"itemIdentifier":"` + sequence + `"}]}`
}

const nothing = `{"batchItemFailures":[]}`

func TestTheLowestRecordThatWasNotTakenCareOfIsReported(t *testing.T) {
	t.Parallel()
	e := &made{deliver: failing("user-b", "user-c")}
	h, told := handlerOf(e, Options{})
	event := eventOf(inserted("8", "user-a", 1, 1), inserted("9", "user-a", 2, 3), inserted("10", "user-c", 1, 1), inserted("11", "user-b", 7, 2), inserted("12", "user-a", 5, 1))
	assert.Equal(t, reporting("10"), answers(t, h, event))
	assert.Equal(t, [][]string{{"user-a@1-1", "user-a@2-4", "user-c@1-1", "user-b@7-8", "user-a@5-5"}}, e.got)
	assert.Contains(t, told.log.String(), "records=2")
	assert.Contains(t, told.log.String(), errBroken.Error())
	e.deliver = failing("user-a")
	assert.Equal(t, reporting("8"), answers(t, h, event))
	e.deliver = failing("user-b")
	assert.Equal(t, reporting("11"), answers(t, h, event))
	e.deliver = nil
	assert.Equal(t, nothing, answers(t, h, event))
	e.deliver = failing("user-a") // whatever order the records come in
	unordered := eventOf(inserted("200", "user-a", 1, 1), inserted("0099", "user-a", 1, 1), inserted("1000", "user-a", 1, 1))
	assert.Equal(t, reporting("0099"), answers(t, h, unordered))
}

func TestWhatIsNoCommitIsPassedOverAndADamagedOneIsToldAndDone(t *testing.T) {
	t.Parallel()
	e := &made{deliver: failing("user-a")}
	h, told := handlerOf(e, Options{})
	removed := changed("REMOVE", "4", "user-b", 3)
	removed.UserIdentity = &events.DynamoDBUserIdentity{Type: "Service", PrincipalID: "dynamodb.amazonaws.com"}
	foreign := changed("INSERT", "5", "nobody's", 1)
	wrong := changed("MODIFY", "6", "user-b", 1)
	wrong.Change.Keys["SK"] = events.NewStringAttribute("first")
	event := eventOf(
		inserted("1", "!payload|1|user-a", 0, 1), changed("MODIFY", "2", "!claim|mail|a@b", 0), changed("REMOVE", "2", "user-b", -1),
		changed("MODIFY", "3", "user-b", 2), removed, foreign, wrong,
	)
	assert.Equal(t, nothing, answers(t, h, event))
	assert.Empty(t, e.got, "there is nothing to apply")
	want := []string{"its commit was changed", "its commit was removed by dynamodb.amazonaws.com", `"nobody's" has no hyphen`, `"SK" is not a number`}
	require.Len(t, told.damages, len(want))
	for i, d := range told.damages {
		assert.Equal(t, fmt.Sprint(i+3), d.Sequence)
		require.ErrorIs(t, d.Err, eventstore.ErrCorrupt)
		assert.Contains(t, d.Err.Error(), want[i])
	}
	first, ok := errors.AsType[*eventstore.CorruptError](told.damages[0].Err)
	require.True(t, ok)
	assert.Equal(t, "user-b", first.Stream.String())
	assert.EqualValues(t, 2, first.Version)
	assert.Equal(t, len(want), bytes.Count(told.log.Bytes(), []byte("level=ERROR")))

	assert.Equal(t, reporting("7"), answers(t, h, eventOf(event.Records[3], inserted("7", "user-a", 1, 1))), "what stands beside it is not done")
}

func TestADamagedStreamIsToldAndDoesNotHoldUpTheShard(t *testing.T) {
	t.Parallel()
	e := &made{}
	e.deliver = func(_ context.Context, all []eventstore.Announcement) []projection.Undone {
		return []projection.Undone{{Announcement: all[0], Err: &eventstore.CorruptError{Stream: all[0].Stream, Version: 1, Reason: "a test says so"}, Damaged: true}}
	}
	h, told := handlerOf(e, Options{})
	assert.Equal(t, nothing, answers(t, h, eventOf(inserted("1", "user-a", 1, 1), inserted("2", "user-b", 1, 1))))
	require.Len(t, told.damages, 1)
	assert.Equal(t, "1", told.damages[0].Sequence)
	require.ErrorIs(t, told.damages[0].Err, eventstore.ErrCorrupt)
	e.deliver = func(_ context.Context, all []eventstore.Announcement) []projection.Undone {
		return []projection.Undone{{Announcement: all[0], Err: eventstore.ErrCorrupt}}
	}
	assert.Equal(t, reporting("1"), answers(t, h, eventOf(inserted("1", "user-a", 1, 1), inserted("2", "user-b", 1, 1))),
		"something else keeps it back too")
}

func TestARecordWithoutItsImageStillAnnouncesItsCommit(t *testing.T) {
	t.Parallel()
	e := &made{}
	h, told := handlerOf(e, Options{})
	assert.Equal(t, nothing, answers(t, h, eventOf(changed("INSERT", "1", "user-a", 5))))
	assert.Equal(t, [][]string{{"user-a@5-5"}}, e.got)
	assert.Empty(t, told.damages)
}

func TestARecordOfAnotherTableIsRefused(t *testing.T) {
	t.Parallel()
	e := &made{}
	h, _ := handlerOf(e, Options{})
	for _, other := range []string{"", "nonsense", "arn:aws:dynamodb:eu-central-1:000000000000:table/test-events/stream/1"} {
		r := inserted("2", "user-a", 1, 1)
		r.EventSourceArn = other
		_, err := h.Handle(t.Context(), eventOf(inserted("1", "user-a", 1, 1), r))
		require.ErrorIs(t, err, dynamostore.ErrForeign, other)
		assert.Contains(t, eventstore.Hint(err), "event source mapping")
	}
	assert.Empty(t, e.got)
}

func TestALargeBatchIsAppliedInPartsUntilAWholePartIsKeptBack(t *testing.T) {
	t.Parallel()
	e := &made{deliver: failing("user-b")}
	h, _ := handlerOf(e, Options{AtOnce: 2})
	event := eventOf(inserted("1", "user-a", 1, 1), inserted("2", "user-b", 1, 1), inserted("3", "user-c", 1, 1), inserted("4", "user-d", 1, 1), inserted("5", "user-e", 1, 1))
	assert.Equal(t, reporting("2"), answers(t, h, event))
	assert.Equal(t, [][]string{{"user-a@1-1", "user-b@1-1"}, {"user-c@1-1", "user-d@1-1"}, {"user-e@1-1"}}, e.got, "one stream holds up no other")
	e.got, e.deliver = nil, failing("user-c", "user-d")
	assert.Equal(t, reporting("3"), answers(t, h, event))
	assert.Len(t, e.got, 2, "the store does not answer: nothing more is tried")
	e.got, e.deliver = nil, failing("user-e")
	assert.Equal(t, reporting("5"), answers(t, h, event))
}

func TestWorkStopsBeforeTheTimeIsUpAndTheRestIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &made{}
		e.deliver = func(ctx context.Context, all []eventstore.Announcement) []projection.Undone {
			if all[0].Stream.String() == "user-a" {
				return nil
			}
			<-ctx.Done()
			return []projection.Undone{{Announcement: all[0], Err: context.Cause(ctx)}}
		}
		for _, c := range []struct{ time, margin, works time.Duration }{
			{time: time.Minute, works: 59 * time.Second},
			{time: time.Minute, margin: 20 * time.Second, works: 40 * time.Second},
			{time: time.Second, works: 500 * time.Millisecond},
		} {
			h, told := handlerOf(e, Options{AtOnce: 1, Margin: c.margin})
			ctx, cancel := context.WithTimeout(t.Context(), c.time)
			began := time.Now()
			answer, err := h.Handle(ctx, eventOf(inserted("1", "user-a", 1, 1), inserted("2", "user-b", 1, 1), inserted("3", "user-a", 2, 1)))
			cancel()
			require.NoError(t, err)
			require.Equal(t, []events.DynamoDBBatchItemFailure{{ItemIdentifier: "2"}}, answer.BatchItemFailures)
			require.Equal(t, c.works, time.Since(began))
			require.Contains(t, told.log.String(), errTime.Error())
			require.Contains(t, told.log.String(), "records=2")
		}
	})
}

func TestAPartThatEndsWithTheTimeIsDoneAndTheNextOneIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &made{deliver: func(ctx context.Context, _ []eventstore.Announcement) []projection.Undone {
			<-ctx.Done()
			return nil
		}}
		h, _ := handlerOf(e, Options{AtOnce: 1})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		answer, err := h.Handle(ctx, eventOf(inserted("1", "user-a", 1, 1), inserted("2", "user-a", 2, 1), inserted("3", "user-a", 3, 1)))
		require.NoError(t, err)
		require.Equal(t, []events.DynamoDBBatchItemFailure{{ItemIdentifier: "2"}}, answer.BatchItemFailures)
		require.Len(t, e.got, 1)
	})
}

func TestStoreAndEngineAreMadeReadyOnceAndAgainOnlyIfThatFailed(t *testing.T) {
	t.Parallel()
	var failure error
	e := &made{prepare: func() error { return failure }}
	connected := 0
	h := newHandler(func(context.Context) (commitStore, feedEngine, error) {
		connected++
		return &table{}, e, failure
	}, Options{})
	event := eventOf(inserted("1", "user-a", 1, 1))
	assert.Zero(t, connected)
	failure = errBroken
	_, err := h.Handle(t.Context(), event)
	require.ErrorIs(t, err, errBroken)
	assert.Equal(t, 1, connected)
	assert.Zero(t, e.prepared)
	failure = nil
	for range 3 {
		assert.Equal(t, nothing, answers(t, h, event))
	}
	assert.Equal(t, 2, connected)
	assert.Equal(t, 1, e.prepared)
	assert.Len(t, e.got, 3)

	e = &made{prepare: func() error { return failure }}
	failure = errBroken
	h, _ = handlerOf(e, Options{})
	_, err = h.Handle(t.Context(), event)
	require.ErrorIs(t, err, errBroken)
	assert.Empty(t, e.got, "nothing is applied before")
	failure = nil
	assert.Equal(t, nothing, answers(t, h, event))
	assert.Equal(t, 2, e.prepared)
}

func TestAnInvocationThatWaitsForAnotherOnesConnectionGivesUpInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandler(func(ctx context.Context) (commitStore, feedEngine, error) {
			<-ctx.Done()
			return nil, nil, context.Cause(ctx)
		}, Options{})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		failures := make(chan error, 2)
		for range 2 {
			go func() {
				_, err := h.Handle(ctx, eventOf())
				failures <- err
			}()
		}
		for range 2 {
			require.ErrorIs(t, <-failures, errTime)
		}
	})
}

func TestAValueOfAnyTypeIsRead(t *testing.T) {
	t.Parallel()
	var image map[string]events.DynamoDBAttributeValue
	require.NoError(t, json.Unmarshal([]byte(`{"s":{"S":"x"},"n":{"N":"1.5"},"b":{"B":"AQI="},"l":{"L":[{"S":"y"},{"BOOL":true}]},"null":{"NULL":true},
		"m":{"M":{}},"ss":{"SS":["a"]}}`), &image))
	image["zero"] = events.DynamoDBAttributeValue{}
	null := &types.AttributeValueMemberNULL{Value: true}
	assert.Equal(t, map[string]types.AttributeValue{
		"s": &types.AttributeValueMemberS{Value: "x"}, "n": &types.AttributeValueMemberN{Value: "1.5"}, "b": &types.AttributeValueMemberB{Value: []byte{1, 2}},
		"l":    &types.AttributeValueMemberL{Value: []types.AttributeValue{&types.AttributeValueMemberS{Value: "y"}, null}},
		"null": null, "m": null, "ss": null, "zero": null,
	}, itemOf(image))
}

func FuzzRecord(f *testing.F) {
	for _, r := range []events.DynamoDBEventRecord{inserted("1", "user-a", 1, 2), changed("REMOVE", "2", "!x", 0), {}} {
		text, err := json.Marshal(eventOf(r))
		require.NoError(f, err)
		f.Add(text)
	}
	f.Add([]byte(`{"Records":[{"eventName":"INSERT","dynamodb":{"Keys":{"PK":{"S":"user-a"},"SK":{"N":"1e99"}},"NewImage":{"PK":{"S":"user-a"},"SK":{"N":"1"},"n":{"N":"-4"},"parts":{"N":"1"}}}}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var event events.DynamoDBEvent
		if json.Unmarshal(text, &event) != nil {
			return // Lambda's own runtime refuses it
		}
		for _, r := range event.Records {
			a, ok, err := announcementOf(&table{}, r)
			if ok && (err != nil || a.Stream.IsZero() || a.First < 1 || a.Last < a.First) {
				t.Fatalf("%+v, %v", a, err)
			}
			if err != nil && !errors.Is(err, eventstore.ErrCorrupt) {
				t.Fatal(err)
			}
		}
	})
}
