package eventsource_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/handlers/streams/eventsource"
)

var errBroken = errors.New("it is broken")

func TestABatchHasAsManyRecordsAsItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := run(t, shardOf(page(1, 7), page(8, 9)), function(succeed), eventsource.Settings{BatchSize: 4}, time.Minute)
		require.Equal(t, 1, h.sent[0][0])
		require.Equal(t, []int{1, 2, 3, 4, 5, 6, 7, 8, 9}, slices.Concat(h.sent...))
		require.Len(t, h.sent[0], 4)
		for _, batch := range h.sent {
			assert.LessOrEqual(t, len(batch), 4)
		}
		h = run(t, shardOf(page(1, 150)), function(succeed), eventsource.Settings{}, time.Minute)
		require.Equal(t, []int{100, 50}, []int{len(h.sent[0]), len(h.sent[1])}, "Lambda's default")
	})
}

func TestABatchThatIsNotFullIsWaitedForAsLongAsItsWindowIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stream := shardOf(page(1, 1))
		stream.shards[0].closed = false
		began := time.Now()
		var at []time.Duration
		f := function(func(context.Context, []int) ([]int, error) {
			at = append(at, time.Since(began))
			return nil, nil
		})
		later := time.AfterFunc(3*time.Second, func() {
			stream.change(func() { stream.shards[0].pages = append(stream.shards[0].pages, page(2, 3)) })
		})
		defer later.Stop()
		h := run(t, stream, f, eventsource.Settings{MaximumBatchingWindow: 5 * time.Second, BatchSize: 10}, time.Minute)
		assert.Equal(t, [][]int{{1, 2, 3}}, h.sent)
		assert.Equal(t, 5*time.Second, at[0])
	})
}

func TestABatchHasNoMoreBytesThanAnInvocationMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		large := page(1, 20)
		for i := range large {
			large[i].Change.NewImage = map[string]events.DynamoDBAttributeValue{"events": events.NewStringAttribute(strings.Repeat("x", 400_000))}
		}
		h := run(t, shardOf(large), answering(""), eventsource.Settings{}, time.Minute)
		require.Len(t, h.sent, 2)
		assert.Len(t, h.sent[0], 15)
	})
}

func TestFromTheLowestRecordThatIsReportedAllAreRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		f := function(func(context.Context, []int) ([]int, error) {
			calls++
			return map[int][]int{1: {5, 3, 4}, 2: {4}}[calls], nil
		})
		h := run(t, shardOf(page(1, 5), page(6, 7)), f, eventsource.Settings{BatchSize: 5, ReportBatchItemFailures: true}, time.Minute)
		assert.Equal(t, [][]int{{1, 2, 3, 4, 5}, {3, 4, 5}, {4, 5}, {6, 7}}, h.sent)
		calls = 0
		h = run(t, shardOf(page(1, 5)), f, eventsource.Settings{}, time.Minute)
		assert.Equal(t, [][]int{{1, 2, 3, 4, 5}}, h.sent, "nobody reads the answer")
	})
}

// answering is a function that always says the same.
type answering string

func (a answering) Invoke(context.Context, []byte) ([]byte, error) { return []byte(a), nil }

func TestWhatAnAnswerMeans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		settings := eventsource.Settings{ReportBatchItemFailures: true, MaximumRetryAttempts: new(1)}
		for _, success := range []string{"", "null", "{}", `{"batchItemFailures":[]}`, `{"batchItemFailures":null}`, `{"other":1}`} {
			h := run(t, shardOf(page(1, 3)), answering(success), settings, time.Minute)
			assert.Equal(t, [][]int{{1, 2, 3}}, h.sent, success)
			assert.Empty(t, h.discarded, success)
		}
		for _, failure := range []string{"nonsense", `{"batchItemFailures":[{"itemIdentifier":""}]}`, `{"batchItemFailures":[{"itemIdentifier":null}]}`,
			`{"batchItemFailures":[{"id":"2"}]}`, `{"batchItemFailures":[{"itemIdentifier":"77"}]}`} {
			h := run(t, shardOf(page(1, 3)), answering(failure), settings, time.Minute)
			assert.Equal(t, [][]int{{1, 2, 3}, {1, 2, 3}}, h.sent, failure)
			assert.Len(t, h.discarded, 1, failure)
		}
	})
}

func TestAFunctionThatFailsGetsTheWholeBatchAgainUntilItsAttemptsAreUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var at []time.Duration
		f := function(func(_ context.Context, numbers []int) ([]int, error) {
			if numbers[0] > 3 {
				return nil, nil
			}
			at = append(at, time.Since(began))
			return nil, errBroken
		})
		h := run(t, shardOf(page(1, 3), page(4, 4)), f, eventsource.Settings{BatchSize: 3, MaximumRetryAttempts: new(2), RetryAfter: time.Second}, time.Hour)
		assert.Equal(t, [][]int{{1, 2, 3}, {1, 2, 3}, {1, 2, 3}, {4}}, h.sent)
		assert.Equal(t, []time.Duration{0, time.Second, 3 * time.Second}, at, "pauses grow")
		require.Len(t, h.discarded, 1)
		d := h.discarded[0]
		assert.Equal(t, eventsource.RetryAttemptsExhausted, d.Condition)
		assert.Equal(t, 3, d.Invocations)
		assert.Equal(t, []int{1, 2, 3}, numbersOf(d.Records))
		assert.ErrorIs(t, d.Err, errBroken)

		at = nil
		h = run(t, shardOf(page(1, 3)), f, eventsource.Settings{}, time.Hour)
		assert.Greater(t, len(at), 100, "for ever, unless a setting says otherwise")
		assert.Empty(t, h.discarded)
		h = run(t, shardOf(page(1, 3)), f, eventsource.Settings{MaximumRetryAttempts: new(0)}, time.Hour)
		assert.Len(t, h.sent, 1)
		assert.Len(t, h.discarded, 1)
	})
}

func TestEachInvocationThatFailsIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		calls := 0
		f := function(func(context.Context, []int) ([]int, error) {
			calls++
			if calls < 3 {
				return nil, errBroken
			}
			return map[int][]int{3: {2}}[calls], nil // one is reported: no failure
		})
		settings := eventsource.Settings{ReportBatchItemFailures: true, Logger: slog.New(slog.NewTextHandler(&log, nil))}
		run(t, shardOf(page(1, 3)), f, settings, time.Hour)
		require.Equal(t, 4, calls)
		const line = `level=WARN msg="an invocation failed" shard=one records=3 error="it is broken"`
		assert.Equal(t, 2, strings.Count(log.String(), line), log.String())
		assert.Equal(t, 2, strings.Count(log.String(), "\n"), log.String())
	})
}

func TestABisectedBatchLeavesTheRecordAloneThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := function(func(_ context.Context, numbers []int) ([]int, error) {
			if slices.Contains(numbers, 6) {
				return nil, errBroken
			}
			return nil, nil
		})
		settings := eventsource.Settings{BatchSize: 8, BisectBatchOnFunctionError: true, MaximumRetryAttempts: new(1), ReportBatchItemFailures: true}
		h := run(t, shardOf(page(1, 8), page(9, 9)), f, settings, time.Hour)
		assert.Equal(t, [][]int{{1, 2, 3, 4, 5, 6, 7, 8}, {1, 2, 3, 4}, {5, 6, 7, 8}, {5, 6}, {5}, {6}, {6}, {7, 8}, {9}}, h.sent)
		require.Len(t, h.discarded, 1)
		assert.Equal(t, []int{6}, numbersOf(h.discarded[0].Records))
		assert.Equal(t, 5, h.discarded[0].Invocations)
	})
}

func TestRecordsThatAreTooOldAreDiscarded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := page(1, 2)
		time.Sleep(time.Hour) // of the bubble
		calls := 0
		f := function(func(context.Context, []int) ([]int, error) {
			calls++
			return nil, errBroken
		})
		settings := eventsource.Settings{MaximumRecordAge: 30 * time.Minute, BatchSize: 4}
		h := run(t, shardOf(slices.Concat(old, page(3, 4))), f, settings, 2*time.Hour)
		require.Len(t, h.discarded, 2)
		assert.Equal(t, eventsource.RecordAgeExceeded, h.discarded[0].Condition)
		assert.Equal(t, []int{1, 2}, numbersOf(h.discarded[0].Records))
		assert.Zero(t, h.discarded[0].Invocations)
		assert.Equal(t, []int{3, 4}, numbersOf(h.discarded[1].Records), "when their time has come")
		assert.Equal(t, calls, h.discarded[1].Invocations)
	})
}

func TestTheChangesOfAnItemStayInOrderHoweverManyBatchesAreUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var pages [][]eventsource.Record
		for n := 1; n <= 300; n += 3 {
			pages = append(pages, []eventsource.Record{record(n, "a"), record(n+1, "b"), record(n+2, string(rune('c'+n%20)))})
		}
		var now, most atomic.Int32
		f := function(func(_ context.Context, numbers []int) ([]int, error) {
			most.Store(max(most.Load(), now.Add(1)))
			time.Sleep(time.Duration(numbers[0]%7) * time.Second) // of the bubble
			now.Add(-1)
			return nil, nil
		})
		h := run(t, shardOf(pages...), f, eventsource.Settings{ParallelizationFactor: 10, BatchSize: 5}, time.Hour)
		all := slices.Concat(h.sent...)
		assert.Len(t, all, 300)
		assert.False(t, slices.IsSorted(all), "lanes overtake each other")
		assert.Greater(t, most.Load(), int32(3))
		assert.Greater(t, len(h.lanes), 3)
		laneOf := map[string]int{}
		for i, numbers := range h.lanes {
			assert.True(t, slices.IsSorted(numbers), "lane %d", i)
			for _, n := range numbers {
				item := pages[(n-1)/3][(n-1)%3].Change.Keys["PK"].String()
				if other, ok := laneOf[item]; ok {
					assert.Equal(t, other, i, item)
				}
				laneOf[item] = i
			}
		}
	})
}

func TestAShardIsReadWhenThatBeforeItIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stream := &made{shards: []*madeShard{
			{Shard: eventsource.Shard{ID: "child", Parent: "parent"}, pages: [][]eventsource.Record{page(10, 11)}},
			{Shard: eventsource.Shard{ID: "parent", Parent: "gone"}, pages: [][]eventsource.Record{page(1, 2)}, closed: true},
			{Shard: eventsource.Shard{ID: "other"}, pages: [][]eventsource.Record{page(20, 21)}},
		}}
		failing := 5
		f := function(func(_ context.Context, numbers []int) ([]int, error) {
			if numbers[0] == 1 && failing > 0 {
				failing--
				return nil, errBroken
			}
			return nil, nil
		})
		h := run(t, stream, f, eventsource.Settings{}, time.Hour)
		all := slices.Concat(h.sent...)
		require.Contains(t, all, 10)
		assert.Less(t, slices.Index(all, 20), slices.Index(all, 10), "it waits for nobody")
		assert.Equal(t, []int{10, 11}, all[len(all)-2:])
	})
}

func TestAReadThatFailsGoesOnWhereItWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stream := shardOf(page(1, 2), page(3, 4), page(5, 6))
		stream.faults = 2
		h := run(t, stream, function(succeed), eventsource.Settings{}, time.Hour)
		assert.Equal(t, []int{1, 2, 3, 4, 5, 6}, slices.Concat(h.sent...))
	})
}

func TestAnAnswerThatComesTooLateIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		f := function(func(ctx context.Context, _ []int) ([]int, error) {
			if calls++; calls == 1 {
				<-ctx.Done()
			}
			return nil, nil
		})
		h := run(t, shardOf(page(1, 2)), f, eventsource.Settings{Timeout: 3 * time.Second}, time.Hour)
		assert.Equal(t, [][]int{{1, 2}, {1, 2}}, h.sent)
	})
}

// unlisted is a stream that can not be listed.
type unlisted struct{ made }

func (*unlisted) Shards(context.Context) ([]eventsource.Shard, error) { return nil, errBroken }

func TestAStreamThatCanNotBeListedIsAnErrorAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := eventsource.New(&unlisted{}, function(succeed), eventsource.Settings{})
		require.ErrorIs(t, m.Run(t.Context()), errBroken)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.NoError(t, m.Run(ctx))
	})
}
