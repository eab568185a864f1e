// Package eventsource is Lambda's event source mapping for a DynamoDB Stream, small enough
// for a test or a laptop: it reads the stream and invokes a function with its records, by
// the rules that Lambda documents for batches, repetitions and partial failures.
//
//	stream, err := eventsource.OpenStream(ctx, tables, streams, "shop-events")
//	mapping := eventsource.New(stream, function, eventsource.Settings{ReportBatchItemFailures: true})
//	err = mapping.Run(ctx)
//
// The function may be a real program, as lambdatest.Function runs one, or a handler in
// this process: lambda.NewHandler(handler.Handle).
//
// It begins with the oldest record each time it runs, and keeps no position: what was done
// before comes again. It polls as often as there are records, where Lambda polls four times
// a second. Filters and tumbling windows are left out.
package eventsource

import (
	"context"
	"iter"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// Record is a change of an item, as a function gets it.
type Record = events.DynamoDBEventRecord

// Shard is a part of a stream.
type Shard struct {
	// Parent is the shard that it follows, which may be gone. Empty if it follows none.
	ID, Parent string
}

// Source is a stream. Its methods may be called concurrently.
type Source interface {
	// Shards lists the shards that there are now.
	Shards(ctx context.Context) ([]Shard, error)
	// Read yields the records of a shard that follow a sequence number, in their order;
	// all that are left where it is empty. A page without records says that there are no
	// more at the moment. The sequence ends where the shard is closed and read to its end.
	Read(ctx context.Context, shard, after string) iter.Seq2[[]Record, error]
}

// Function is what a mapping invokes with a JSON event: an error is one of the function,
// also that it took too long. It may be called concurrently.
type Function interface {
	Invoke(ctx context.Context, payload []byte) ([]byte, error)
}

// Settings are those of an event source mapping, under Lambda's names. The zero value has
// Lambda's defaults.
type Settings struct {
	// BatchSize is how many records an invocation gets at the most; they never have more
	// than 6 MB together. Defaults to 100, at the most 10,000.
	BatchSize int
	// MaximumBatchingWindow is how long records are waited for before a batch is sent that
	// is not full. Defaults to not at all.
	MaximumBatchingWindow time.Duration
	// ParallelizationFactor is how many batches of a shard are under way at once. Records
	// of an item, by partition and sort key, stay in order; others do not. Defaults to 1.
	ParallelizationFactor int
	// ReportBatchItemFailures goes by the answer: everything from the lowest sequence number
	// on that it names is repeated. Else the answer says nothing.
	ReportBatchItemFailures bool
	// BisectBatchOnFunctionError halves a batch that failed as a whole, and repeats the
	// halves, the first one first. That is no attempt.
	BisectBatchOnFunctionError bool
	// MaximumRetryAttempts is how often a batch is repeated, or what is left of it, before
	// it is discarded. Whether what was done in between lets Lambda count anew is not
	// documented: here it does not. Defaults to no limit.
	MaximumRetryAttempts *int
	// MaximumRecordAge is how old a record may be to be sent; older ones are discarded.
	// Defaults to no limit.
	MaximumRecordAge time.Duration
	// Timeout ends the context of an invocation, for a function in this process: what it
	// answers later is a failure. Defaults to none.
	Timeout time.Duration
	// OnFailure is the destination of what is discarded. Defaults to nothing.
	OnFailure func(context.Context, Discarded)

	// RetryAfter is the pause before the first repetition; it doubles up to a hundred
	// times as much. Lambda's is not documented. Defaults to 100 ms.
	RetryAfter time.Duration
	// PollEvery is how often a shard without new records is read. Defaults to 250 ms.
	PollEvery time.Duration
	// OnInvoked, if not nil, is told of each invocation. It may be called concurrently.
	OnInvoked func(Invocation)
	// Logger gets, as a warning, each invocation that failed, with its error, and a stream
	// that can not be read; as an error what is discarded. Records that an answer reports
	// are no failure: the function logs them. Defaults to discarding it.
	Logger *slog.Logger
}

const (
	mostRecords = 10_000
	mostLanes   = 10
	// listEvery is how many polls lie between two looks for new shards.
	listEvery = 10
)

func (s Settings) withDefaults() Settings {
	if s.BatchSize < 1 {
		s.BatchSize = 100
	}
	s.BatchSize = min(s.BatchSize, mostRecords)
	s.ParallelizationFactor = min(max(s.ParallelizationFactor, 1), mostLanes)
	if s.OnFailure == nil {
		s.OnFailure = func(context.Context, Discarded) {}
	}
	if s.OnInvoked == nil {
		s.OnInvoked = func(Invocation) {}
	}
	if s.RetryAfter <= 0 {
		s.RetryAfter = 100 * time.Millisecond
	}
	if s.PollEvery <= 0 {
		s.PollEvery = 250 * time.Millisecond
	}
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	return s
}

// Invocation is what became of one.
type Invocation struct {
	Shard string
	// Lane tells which of the batches of the shard it is that are under way at once.
	Lane    int
	Records []Record
	// Err is that of the function. Left are the records that are to be repeated, if it
	// has none: they are the last ones.
	Err  error
	Left []Record
}

// Discarded is what Lambda tells the destination of records that it gives up.
type Discarded struct {
	// Condition is RetryAttemptsExhausted or RecordAgeExceeded.
	Condition string
	Shard     string
	// Records are shown to a destination on S3 only; others get the first and the last
	// sequence number, and the number of records.
	Records []Record
	// Invocations is how often they were sent.
	Invocations int
	// Err is the function's last error, if it had one.
	Err error
}

// The conditions under which records are discarded.
const (
	RetryAttemptsExhausted = "RetryAttemptsExhausted"
	RecordAgeExceeded      = "RecordAgeExceeded"
)

// Mapping invokes a function with the records of a stream. It is made by [New].
type Mapping struct {
	source   Source
	function Function
	settings Settings
}

// New returns a mapping, which does nothing before [Mapping.Run].
func New(source Source, function Function, settings Settings) *Mapping {
	return &Mapping{source: source, function: function, settings: settings.withDefaults()}
}

// Run works until ctx ends, then ends the invocations under way, waits for them, and
// returns nil. It returns an error if the stream can not be listed at the start. A shard
// is read when that before it was done.
func (m *Mapping) Run(ctx context.Context) error {
	shards, err := m.source.Shards(ctx)
	if err != nil && ctx.Err() == nil {
		return err
	}
	var group sync.WaitGroup
	defer group.Wait()
	begun, done := map[string]bool{}, map[string]bool{}
	ended := make(chan string) // sent by the readers of shards, as long as ctx lasts
	for ctx.Err() == nil {
		for _, s := range shards {
			if !begun[s.ID] && m.mayBegin(s, shards, done) {
				begun[s.ID] = true
				group.Go(func() {
					m.readShard(ctx, s.ID)
					select {
					case ended <- s.ID:
					case <-ctx.Done():
					}
				})
			}
		}
		select {
		case id := <-ended:
			done[id] = true
		case <-time.After(listEvery * m.settings.PollEvery):
		case <-ctx.Done():
			return nil
		}
		if next, err := m.source.Shards(ctx); err == nil {
			shards = next
		} else if ctx.Err() == nil {
			m.settings.Logger.WarnContext(ctx, "the shards of the stream can not be listed", "error", err)
		}
	}
	return nil
}

// mayBegin: what a shard follows must be done, or gone.
func (m *Mapping) mayBegin(s Shard, listed []Shard, done map[string]bool) bool {
	for _, parent := range listed {
		if parent.ID == s.Parent {
			return done[parent.ID]
		}
	}
	return true
}
