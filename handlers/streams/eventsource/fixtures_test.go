package eventsource_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/handlers/streams/eventsource"
)

// made is a stream that a test makes up.
type made struct {
	mu     sync.Mutex
	shards []*madeShard
	faults int // so many reads fail, each behind a page
}

type madeShard struct {
	eventsource.Shard
	pages  [][]eventsource.Record
	closed bool
}

func (m *made) Shards(context.Context) (all []eventsource.Shard, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.shards {
		all = append(all, s.Shard)
	}
	return all, nil
}

func (m *made) shard(id string) madeShard {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.shards {
		if s.ID == id {
			return *s
		}
	}
	return madeShard{closed: true}
}

// change changes the stream while it is read.
func (m *made) change(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

func (m *made) fault() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.faults--
	return m.faults >= 0
}

func (m *made) Read(_ context.Context, shard, after string) iter.Seq2[[]eventsource.Record, error] {
	return func(yield func([]eventsource.Record, error) bool) {
		for {
			s := m.shard(shard)
			fresh := false
			for _, page := range s.pages {
				if last := page[len(page)-1].Change.SequenceNumber; after == "" || number(last) > number(after) {
					fresh, after = true, last
					if !yield(page, nil) {
						return
					}
					if m.fault() {
						yield(nil, errors.New("a test says so"))
						return
					}
				}
			}
			if s.closed && !fresh {
				return
			}
			if !fresh && !yield(nil, nil) {
				return
			}
		}
	}
}

func number(sequence string) int {
	n, err := strconv.Atoi(sequence)
	if err != nil {
		panic(err)
	}
	return n
}

// record is the n-th, a change of an item.
func record(n int, item string) eventsource.Record {
	r := eventsource.Record{EventID: fmt.Sprint("e", n), EventName: "INSERT", EventSource: "aws:dynamodb"}
	r.Change.SequenceNumber = fmt.Sprint(n)
	r.Change.ApproximateCreationDateTime = events.SecondsEpochTime{Time: time.Now()}
	r.Change.Keys = map[string]events.DynamoDBAttributeValue{
		"PK": events.NewStringAttribute(item), "SK": events.NewNumberAttribute("1")}
	return r
}

// page is records of an item each.
func page(from, to int) (p []eventsource.Record) {
	for n := from; n <= to; n++ {
		p = append(p, record(n, fmt.Sprint("item-", n)))
	}
	return p
}

func shardOf(pages ...[]eventsource.Record) *made {
	return &made{shards: []*madeShard{{Shard: eventsource.Shard{ID: "one"}, pages: pages, closed: true}}}
}

// function is one that a test makes up: it gets the numbers of the records, and returns
// those that it reports.
type function func(ctx context.Context, numbers []int) (reported []int, err error)

func (f function) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var event events.DynamoDBEvent
	if err := json.Unmarshal(payload, &event); err != nil {
		return nil, err
	}
	reported, err := f(ctx, numbersOf(event.Records))
	answer := events.DynamoDBEventResponse{}
	for _, n := range reported {
		answer.BatchItemFailures = append(answer.BatchItemFailures, events.DynamoDBBatchItemFailure{ItemIdentifier: fmt.Sprint(n)})
	}
	text, _ := json.Marshal(answer) // strings
	return text, err
}

func numbersOf(records []eventsource.Record) (numbers []int) {
	for _, r := range records {
		numbers = append(numbers, number(r.Change.SequenceNumber))
	}
	return numbers
}

// history is what a mapping did.
type history struct {
	mu        sync.Mutex
	sent      [][]int
	lanes     map[int][]int // the records of each lane, in their order
	discarded []eventsource.Discarded
}

// run lets a mapping work for so long, of the bubble's time.
func run(t *testing.T, source eventsource.Source, f eventsource.Function, s eventsource.Settings, d time.Duration) *history {
	t.Helper()
	h := &history{lanes: map[int][]int{}}
	s.OnInvoked = func(i eventsource.Invocation) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.sent = append(h.sent, numbersOf(i.Records))
		h.lanes[i.Lane] = append(h.lanes[i.Lane], numbersOf(i.Records)...)
	}
	s.OnFailure = func(_ context.Context, d eventsource.Discarded) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.discarded = append(h.discarded, d)
	}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	require.NoError(t, eventsource.New(source, f, s).Run(ctx))
	return h
}

func succeed(context.Context, []int) ([]int, error) { return nil, nil }
