package streams_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/handlers/streams"
	"github.com/leftfold/leftfold/handlers/streams/eventsource"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
)

var server dynamotest.Server

func TestMain(m *testing.M) { server.Main(m) }

type (
	// Counted adds to a counter, which streams share.
	Counted struct {
		Counter string
		N       int
		Padding string `json:",omitempty"`
	}
	// Novel is what an older program does not know.
	Novel struct{ Name string }
)

var (
	today     = eventstore.MustRegistry(eventstore.Type[Counted]("COUNTED", 1), eventstore.Type[Novel]("NOVEL", 1))
	yesterday = eventstore.MustRegistry(eventstore.Type[Counted]("COUNTED", 1))
)

// counter is a row that streams share, history the row of one: the events that it was
// made of, in their order.
type (
	counter struct {
		Name string
		N    int
	}
	history struct {
		Stream   string
		Versions []eventstore.Version
	}
)

// program is a version of a program, with the views that it shares with others.
type program struct {
	counters  *projection.View[counter]
	histories *projection.View[history]
	views     projection.ViewStore
	handler   *streams.Handler
}

func newProgram(t *testing.T, store *dynamostore.Store, views projection.ViewStore, registry *eventstore.Registry, opts streams.Options) *program {
	p := &program{views: views}
	p.counters = projection.Fold("counters", projection.On(
		func(e projection.Event[Counted]) projection.Key { return projection.KeyOf(e.Data.Counter) },
		func(c *counter, e projection.Event[Counted]) error {
			c.Name, c.N = e.Data.Counter, c.N+e.Data.N
			return nil
		}))
	p.histories = projection.Fold("histories", projection.On(
		func(e projection.Event[Counted]) projection.Key { return projection.KeyOf(e.Stream.String()) },
		func(h *history, e projection.Event[Counted]) error {
			h.Stream, h.Versions = e.Stream.String(), append(h.Versions, e.Version)
			return nil
		}))
	engine, err := projection.NewEngine(store, views, projection.Options{},
		projection.MustNew("counting", 1, registry, projection.Follow("user"), p.counters, p.histories))
	require.NoError(t, err)
	p.handler = streams.New(store, engine, opts)
	return p
}

// content is what the views hold, or have to.
type content struct {
	counters  map[string]int
	histories map[string][]eventstore.Version
}

func (p *program) content(t *testing.T) content {
	t.Helper()
	c := content{map[string]int{}, map[string][]eventstore.Version{}}
	for row, err := range p.counters.All(t.Context(), p.views) {
		require.NoError(t, err)
		c.counters[row.Name] = row.N
	}
	for row, err := range p.histories.All(t.Context(), p.views) {
		require.NoError(t, err)
		c.histories[row.Stream] = row.Versions
	}
	return c
}

// world is a store on a table of its own, and what was appended to it.
type world struct {
	endpoint, prefix string
	client           *dynamodb.Client
	store            *dynamostore.Store
	commits          int
	want             content
}

func newWorld(t *testing.T) *world {
	w := &world{endpoint: server.Endpoint(t), prefix: "t" + uuid.NewString(), want: content{map[string]int{}, map[string][]eventstore.Version{}}}
	w.client = dynamotest.NewClient(t, w.endpoint)
	require.NoError(t, dynamostore.Provision(t.Context(), w.client, w.prefix, dynamostore.ProvisionOptions{Unprotected: true, DirectorySlices: 1}))
	w.store = w.open(t, w.client)
	return w
}

func (w *world) open(t *testing.T, client *dynamodb.Client) *dynamostore.Store {
	store, err := dynamostore.Open(t.Context(), client, w.prefix, dynamostore.Options{})
	require.NoError(t, err)
	return store
}

func (w *world) append(t *testing.T, stream string, all ...any) eventstore.Commit {
	t.Helper()
	id, err := eventstore.ParseStreamID(stream)
	require.NoError(t, err)
	write := eventstore.Write{Stream: id, Revision: eventstore.Any}
	for _, e := range all {
		event, err := today.Encode(e)
		require.NoError(t, err)
		write.Events = append(write.Events, event)
	}
	commit, err := w.store.Append(t.Context(), write)
	require.NoError(t, err)
	w.commits++
	for i, e := range all {
		if c, ok := e.(Counted); ok {
			w.want.counters[c.Counter] += c.N
			w.want.histories[stream] = append(w.want.histories[stream], commit.EventID(i).Version)
		}
	}
	return commit
}

// run lets a mapping work until every commit was taken care of once.
func (w *world) run(t *testing.T, f eventsource.Function, settings eventsource.Settings) {
	t.Helper()
	client := dynamotest.NewStreamsClient(t, w.endpoint)
	stream, err := eventsource.OpenStream(t.Context(), w.client, client, w.store.Table())
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var mu sync.Mutex
	done := map[string]bool{}
	settings.OnInvoked = func(i eventsource.Invocation) {
		mu.Lock()
		defer mu.Unlock()
		if i.Err != nil {
			return
		}
		for _, r := range i.Records[:len(i.Records)-len(i.Left)] {
			if r.EventName == "INSERT" && !strings.HasPrefix(r.Change.Keys["PK"].String(), "!") {
				done[r.Change.Keys["PK"].String()+r.Change.Keys["SK"].Number()] = true
			}
		}
		if len(done) == w.commits {
			cancel()
		}
	}
	settings.PollEvery, settings.RetryAfter, settings.ReportBatchItemFailures = 5*time.Millisecond, time.Millisecond, true
	require.NoError(t, eventsource.New(stream, f, settings).Run(ctx))
	require.Len(t, done, w.commits, "%v", context.Cause(ctx))
}

// function is one that a test makes up.
type function func(context.Context, []byte) ([]byte, error)

func (f function) Invoke(ctx context.Context, payload []byte) ([]byte, error) { return f(ctx, payload) }

// trade appends to streams that share counters.
func (w *world) trade(t *testing.T, random *rand.Rand, commits int) {
	for range commits {
		var all []any
		for range 1 + random.IntN(4) {
			all = append(all, Counted{Counter: fmt.Sprint("c", random.IntN(5)), N: 1 + random.IntN(9)})
		}
		w.append(t, fmt.Sprint("user-", random.IntN(12)), all...)
	}
}

// noise is text that does not pack well.
func noise(random *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('0' + random.IntN(64))
	}
	return string(b)
}

// What Lambda may do to a function, all at once: ten batches of a shard side by side,
// halves of batches, repetitions of what was done and of what was not, two versions of
// the program, of which one knows less, and a network that lies.
func TestWhateverLambdaDoesTheViewsReflectEachEventOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	random := rand.New(rand.NewPCG(1, 0))
	w.trade(t, random, 40)
	w.append(t, "user-large", Counted{Counter: "c0", N: 1}, Counted{Counter: "c1", N: 2, Padding: noise(random, 900_000)}) // its payloads lie apart
	w.append(t, "user-3", Novel{Name: "what is this"})
	w.append(t, "guest-1", Novel{Name: "nobody follows it"})
	w.trade(t, random, 40)

	proxy := dynamotest.NewProxy(t, w.endpoint, dynamotest.Seeded(1, 0.05, dynamotest.Throttled, dynamotest.CutBefore, dynamotest.CutAfter))
	store := w.open(t, dynamotest.NewClient(t, proxy.URL))
	views := memviews.New(memviews.Options{})
	versions := []*program{newProgram(t, store, views, today, streams.Options{AtOnce: 3}), newProgram(t, store, views, yesterday, streams.Options{})}
	var mu sync.Mutex
	faults := map[string]int{}
	f := function(func(ctx context.Context, payload []byte) ([]byte, error) {
		mu.Lock()
		version, fault := versions[random.IntN(2)], random.IntN(6)
		mu.Unlock()
		switch fault {
		case 0:
			return nil, errors.New("the process ended")
		case 1: // in the middle
			short, cancel := context.WithTimeout(ctx, 3*time.Millisecond)
			defer cancel()
			ctx = short
		}
		answer, err := lambda.NewHandler(version.handler.Handle).Invoke(ctx, payload)
		mu.Lock()
		defer mu.Unlock()
		faults[fmt.Sprint(fault == 1, err == nil, strings.Contains(string(answer), "itemIdentifier"))]++
		if fault == 2 {
			return nil, errors.New("the answer was lost")
		}
		return answer, err
	})
	settings := eventsource.Settings{BatchSize: 7, ParallelizationFactor: 10, BisectBatchOnFunctionError: true}
	w.run(t, f, settings)
	w.run(t, f, settings) // all of it comes again
	t.Logf("stopped early, no error, partial: %v; %d requests lied about", faults, proxy.Count(dynamotest.CutAfter)+proxy.Count(dynamotest.Throttled))
	require.Positive(t, faults["true true true"], "an invocation that stopped early and reported the rest")

	// The first generation becomes active by a sweep, which also tries again what the
	// older version has parked.
	result, err := versions[0].handler.Sweep(t.Context(), streams.SweepRequest{})
	require.NoError(t, err)
	assert.True(t, result.Done)
	assert.Zero(t, result.Parked)
	assert.Equal(t, w.want, versions[0].content(t))
}

// An item that was changed, removed, damaged or put there by others is told, holds up
// nobody, and is never applied.
func TestADamagedTableHoldsUpNothingElseAndIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	random := rand.New(rand.NewPCG(2, 0))
	views := memviews.New(memviews.Options{})
	var mu sync.Mutex
	told := map[string]int{}
	opts := streams.Options{Logger: slog.New(slog.DiscardHandler), OnDamage: func(_ context.Context, d streams.Damage) {
		mu.Lock()
		defer mu.Unlock()
		assert.ErrorIs(t, d.Err, eventstore.ErrCorrupt)
		assert.NotEmpty(t, d.Sequence)
		told[d.Err.Error()]++
	}}
	p := newProgram(t, w.store, views, today, opts)
	_, err := p.handler.Sweep(t.Context(), streams.SweepRequest{}) // the views are empty, and active
	require.NoError(t, err)

	w.trade(t, random, 10)
	key := func(stream string, version string) map[string]types.AttributeValue {
		return map[string]types.AttributeValue{"PK": &types.AttributeValueMemberS{Value: stream}, "SK": &types.AttributeValueMemberN{Value: version}}
	}
	w.append(t, "user-changed", Counted{Counter: "c9", N: 1})
	w.append(t, "user-removed", Counted{Counter: "c9", N: 1})
	table := w.store.Table()
	_, err = w.client.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{TableName: &table, Key: key("user-changed", "1"), UpdateExpression: new("SET note = :x"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":x": &types.AttributeValueMemberS{Value: "who was that"}}})
	require.NoError(t, err)
	_, err = w.client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &table, Key: key("user-removed", "1")})
	require.NoError(t, err)
	damaged := key("user-damaged", "1")
	for name, value := range map[string]string{"n": "2", "at": "1"} {
		damaged[name] = &types.AttributeValueMemberN{Value: value}
	}
	damaged["dir"] = &types.AttributeValueMemberS{Value: "user#0"}
	for _, item := range []map[string]types.AttributeValue{damaged, key("nobody's", "1"), key("!claim|x", "0")} {
		_, err = w.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: item})
		require.NoError(t, err)
	}
	w.commits += 2 // the damaged one and nobody's
	w.trade(t, random, 10)

	w.run(t, lambda.NewHandler(p.handler.Handle), eventsource.Settings{BatchSize: 10})
	assert.Equal(t, w.want, p.content(t), "what was announced was applied as it was then")
	require.Len(t, told, 4, "%v", told)
	for said, times := range told {
		assert.Equal(t, 1, times, said)
	}

	result, err := p.handler.Sweep(t.Context(), streams.SweepRequest{})
	require.ErrorIs(t, err, eventstore.ErrCorrupt, "each sweep says it, until it is repaired")
	assert.Equal(t, 1, result.Damaged)
	_, err = w.client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &table, Key: key("user-damaged", "1")})
	require.NoError(t, err)
	w.append(t, "user-damaged", Counted{Counter: "c9", N: 5})
	result, err = p.handler.Sweep(t.Context(), streams.SweepRequest{})
	require.NoError(t, err)
	assert.Equal(t, 0, result.Damaged)
	assert.Equal(t, w.want, p.content(t))
}
