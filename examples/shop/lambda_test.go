package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/handlers/lambdatest"
	"github.com/leftfold/leftfold/handlers/streams"
	"github.com/leftfold/leftfold/handlers/streams/eventsource"
)

// function runs the shop as Lambda does, with its network behind an endpoint.
func (s *shop) function(handler, endpoint string, timeout time.Duration) *lambdatest.Function {
	s.Helper()
	program, err := binary()
	require.NoError(s, err)
	env := append([]string{"SHOP_STORE=" + s.store, "AWS_ENDPOINT_URL_DYNAMODB=" + endpoint}, s.env[1:]...)
	f := lambdatest.New(program, lambdatest.Options{Handler: handler, Env: env, Timeout: timeout, Output: testLog{s}})
	s.Cleanup(func() { assert.NoError(s, f.Close()) })
	return f
}

// testLog shows what processes print, where a test fails.
type testLog struct{ *shop }

func (l testLog) Write(b []byte) (int, error) {
	l.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

// stream is the stream of the shop's table.
func (s *shop) stream(endpoint string) *eventsource.Stream {
	s.Helper()
	tables := dynamotest.NewClient(s, endpoint)
	client := dynamotest.NewStreamsClient(s, endpoint)
	stream, err := eventsource.OpenStream(s.Context(), tables, client, strings.TrimPrefix(s.store, "dynamodb:")+"-events")
	require.NoError(s, err)
	return stream
}

// mapping is an event source mapping that runs, and what it has seen.
type mapping struct {
	*shop
	cancel context.CancelFunc
	ended  chan error

	mu      sync.Mutex
	done    map[string]bool
	most    int
	all     chan struct{} // closed when so many commits were taken care of
	count   int
	partial int
	failed  int
}

// trigger runs a mapping until all of so many commits were taken care of. Whenever some
// more were it calls then with their number.
func (s *shop) trigger(f eventsource.Function, settings eventsource.Settings, commits int, then func(done int)) *mapping {
	s.Helper()
	m := &mapping{shop: s, ended: make(chan error, 1), done: map[string]bool{}, most: commits, all: make(chan struct{})}
	settings.PollEvery, settings.RetryAfter, settings.ReportBatchItemFailures = 50*time.Millisecond, time.Millisecond, true
	settings.OnInvoked = func(i eventsource.Invocation) {
		if done, more := m.see(i); more {
			then(done)
		}
	}
	ctx, cancel := context.WithCancel(s.Context())
	m.cancel = cancel
	stream := s.stream(strings.TrimPrefix(s.env[0], "AWS_ENDPOINT_URL_DYNAMODB="))
	go func() { m.ended <- eventsource.New(stream, f, settings).Run(ctx) }()
	s.Cleanup(cancel)
	return m
}

func (m *mapping) see(i eventsource.Invocation) (done int, more bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := len(m.done)
	m.count++
	switch {
	case i.Err != nil:
		m.failed++
		return before, false
	case len(i.Left) > 0:
		m.partial++
	}
	for _, r := range i.Records[:len(i.Records)-len(i.Left)] {
		if key := r.Change.Keys; !strings.HasPrefix(key["PK"].String(), "!") {
			m.done[key["PK"].String()+"@"+key["SK"].Number()] = true
		}
	}
	if len(m.done) == m.most {
		m.most = -1
		close(m.all)
	}
	return len(m.done), len(m.done) > before
}

// wait returns when every commit was taken care of and the mapping has ended.
func (m *mapping) wait() {
	m.Helper()
	<-m.all
	m.cancel()
	require.NoError(m, <-m.ended)
	m.Logf("%d invocations, %d failed, %d reported records", m.count, m.failed, m.partial)
}

// sweep invokes the sweeper until it is done, each time with its own answer, and returns
// the sum.
func (s *shop) sweep(f *lambdatest.Function, payload string) (sum streams.SweepResult) {
	s.Helper()
	for n := 1; !sum.Done; n++ {
		answer, err := f.Invoke(s.Context(), []byte(payload))
		require.NoError(s, err)
		result := decode[streams.SweepResult](s, string(answer))
		sum.Done, sum.Streams, sum.Behind = result.Done, sum.Streams+result.Streams, sum.Behind+result.Behind
		payload = string(answer)
		s.Logf("sweep, invocation %d: %d streams", n, result.Streams)
	}
	return sum
}

func TestAsALambdaFunctionTheShopMakesTheSameViews(t *testing.T) {
	t.Parallel()
	endpoint := server.Endpoint(t)
	data := dynamoData(t)
	want := expect(t, data)
	embedded := newShop(t)
	embedded.must("load", data.Path)
	embedded.must("project")
	s := onDynamoDB(t, endpoint)
	m := s.trigger(s.function("projector", endpoint, time.Minute), eventsource.Settings{}, want.Commits, func(int) {})
	s.must("load", data.Path) // while the function is invoked
	m.wait()
	assert.Zero(t, m.failed)
	result := s.sweep(s.function("sweeper", endpoint, time.Minute), `{"detail-type":"Scheduled Event"}`)
	assert.Equal(t, len(want.PurchaseHistory), result.Streams)
	assert.Zero(t, result.Behind, "no record was lost")
	s.requireViews(want)
	requireSame(t, "purchases", embedded.must("dump", "purchases"), s.must("dump", "purchases"))
	s.requireConnectionsAreKept(endpoint)
}

// requireConnectionsAreKept invokes a function again and again with all that the stream
// holds.
func (s *shop) requireConnectionsAreKept(endpoint string) {
	s.Helper()
	relay := newRelay(s, endpoint)
	f := s.function("projector", relay.url, time.Minute)
	payload := s.payload(endpoint, 50)
	made := 0
	for n := range 20 {
		answer, err := f.Invoke(s.Context(), payload)
		require.NoError(s, err)
		require.JSONEq(s, `{"batchItemFailures":[]}`, string(answer))
		if n == 4 {
			made = relay.count()
		}
	}
	s.Logf("%d connections after 5 invocations, %d after 20", made, relay.count())
	assert.Equal(s, 1, f.Started())
	assert.LessOrEqual(s, relay.count(), made+1, "one that was closed by the server may have been replaced")
}

// payload is an event with the first records of the shop's stream.
func (s *shop) payload(endpoint string, records int) []byte {
	s.Helper()
	stream := s.stream(endpoint)
	shards, err := stream.Shards(s.Context())
	require.NoError(s, err)
	var event events.DynamoDBEvent
	for _, shard := range shards {
		for page, err := range stream.Read(s.Context(), shard.ID, "") {
			require.NoError(s, err)
			if event.Records = append(event.Records, page...); len(page) == 0 || len(event.Records) >= records {
				break
			}
		}
	}
	require.GreaterOrEqual(s, len(event.Records), records)
	event.Records = event.Records[:records]
	text, err := json.Marshal(event)
	require.NoError(s, err)
	return text
}

// either invokes one of several functions, by chance: versions of a program that are
// deployed at once.
type either struct {
	mu        sync.Mutex
	random    *rand.Rand
	functions []*lambdatest.Function
}

func (e *either) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	e.mu.Lock()
	f := e.functions[e.random.IntN(len(e.functions))]
	e.mu.Unlock()
	return f.Invoke(ctx, payload)
}

// killsOfFunctions is how often all processes are killed, less one.
const killsOfFunctions = 7

// Two deployments at once: one behind a network that lies, and one that has hardly any
// time, so that it stops early and reports the rest. All processes are killed again and
// again, in the middle of up to ten invocations.
func TestAsALambdaFunctionThatIsKilledAndLiedToTheShopMakesTheSameViews(t *testing.T) {
	t.Parallel()
	endpoint := server.Endpoint(t)
	data := dynamoData(t)
	want := expect(t, data)
	s := onDynamoDB(t, endpoint)
	proxy := dynamotest.NewProxy(t, endpoint, lies())
	throttled := dynamotest.NewProxy(t, endpoint, dynamotest.Seeded(2, 0.3, dynamotest.Throttled))
	both := &either{random: rand.New(rand.NewPCG(3, 0)), functions: []*lambdatest.Function{
		s.function("projector", proxy.URL, time.Minute), s.function("projector", throttled.URL, 2*time.Second)}}
	var mu sync.Mutex
	killed, rounds := 0, 1
	kill := func(done int) {
		mu.Lock()
		defer mu.Unlock()
		if done < rounds*want.Commits/killsOfFunctions {
			return
		}
		rounds++
		for _, f := range both.functions {
			killed += f.Kill()
		}
	}
	settings := eventsource.Settings{BatchSize: 20, ParallelizationFactor: 10, BisectBatchOnFunctionError: true}
	m := s.trigger(both, settings, want.Commits, kill)
	s.must("load", data.Path)
	m.wait()
	t.Logf("killed %d of %d processes", killed, both.functions[0].Started()+both.functions[1].Started())
	assert.Positive(t, killed)
	assert.Positive(t, m.failed)
	for _, fault := range []dynamotest.Fault{dynamotest.CutAfter, dynamotest.CutBefore, dynamotest.Throttled} {
		assert.Positive(t, proxy.Count(fault), fault)
	}
	assert.Zero(t, s.sweep(s.function("sweeper", endpoint, time.Minute), "{}").Behind, "what was acknowledged was applied")
	s.requireViews(want)
}

func TestAFunctionThatCanNotWorkSaysSoAtItsStart(t *testing.T) {
	t.Parallel()
	program, err := binary()
	require.NoError(t, err)
	for _, c := range []struct{ handler, store, says string }{
		{"projektor", "dynamodb:shop", "error: there is no function \"projektor\"\nhint: the handler is one of api, projector, publisher, publisher-sweeper, receiver, sweeper\n"},
		{"projector", "", "error: SHOP_STORE=: a function works on DynamoDB\nhint: set it to the prefix of the tables, for example dynamodb:shop\n"},
		{"projector", "sqlite:shop.db", "error: SHOP_STORE=sqlite:shop.db: a function works on DynamoDB\nhint: set it to the prefix of the tables, for example dynamodb:shop\n"},
	} {
		var said bytes.Buffer
		f := lambdatest.New(program, lambdatest.Options{Handler: c.handler, Env: []string{"SHOP_STORE=" + c.store}, Output: &said})
		_, err := f.Invoke(t.Context(), []byte("{}"))
		assert.ErrorContains(t, err, "exit status 2")
		require.NoError(t, f.Close())
		assert.Equal(t, c.says, said.String())
	}
}

// A store that is not there fails the invocation and not the process, which tries again.
func TestAFunctionWhoseTablesAreMissingWorksWhenTheyAreThere(t *testing.T) {
	t.Parallel()
	s := onDynamoDB(t, server.Endpoint(t))
	there := s.store
	s.store += "x"
	f := s.function("sweeper", server.Endpoint(t), time.Minute)
	s.store = there
	for range 2 {
		_, err := f.Invoke(t.Context(), []byte("{}"))
		failure, ok := errors.AsType[*lambdatest.Error](err)
		require.True(t, ok, err)
		assert.Contains(t, failure.Message, "the table does not exist")
	}
	s.store += "x"
	s.must("provision")
	assert.True(t, s.sweep(f, "{}").Done)
	assert.Equal(t, 1, f.Started())
}

// relay passes connections on to a server, and counts them.
type relay struct {
	url   string
	mu    sync.Mutex
	n     int
	conns []net.Conn
}

func newRelay(tb testing.TB, endpoint string) *relay {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	r := &relay{url: "http://" + listener.Addr().String()}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return // it is closed
			}
			to, err := net.Dial("tcp", strings.TrimPrefix(endpoint, "http://"))
			if err != nil {
				_ = from.Close()
				continue
			}
			r.add(from, to)
			for _, pair := range [][2]net.Conn{{from, to}, {to, from}} {
				group.Go(func() {
					_, _ = io.Copy(pair[0], pair[1]) // until one side closes
					_ = pair[0].Close()
				})
			}
		}
	})
	tb.Cleanup(func() {
		_ = listener.Close()
		r.close()
		group.Wait()
	})
	return r
}

func (r *relay) add(conns ...net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n++
	r.conns = append(r.conns, conns...)
}

func (r *relay) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.n
}

func (r *relay) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		_ = c.Close()
	}
}
