package main

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
)

// requireSoon waits until the views are what they should be, and then looks closely.
func (s *shop) requireSoon(want expected) {
	s.Helper()
	within := 8 * time.Minute
	if soak() {
		within = 20 * time.Minute
	}
	upToDate := func() bool {
		return s.run("dump", "product-stats").stdout == want.stats && s.run("dump", "purchase-history").stdout == want.history
	}
	assert.Eventually(s, upToDate, within, time.Second) // a look costs what it waits for
	s.requireViews(want)
}

func TestOnDynamoDBAWorkerFollowsWhileInvoicesAreWritten(t *testing.T) {
	t.Parallel()
	data := dynamoData(t)
	want := expect(t, data)
	for name, endpoint := range map[string]string{
		"directly":                   server.Endpoint(t),
		"behind a network that lies": dynamotest.NewProxy(t, server.Endpoint(t), lies()).URL,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := onDynamoDB(t, endpoint)
			worker := s.start("worker", "--mails", "mails", "--mails-from", "beginning")
			require.Equal(t, want.Events, s.load(data.Path).Events)
			s.requireSoon(want)
			big := s.big()
			assert.Eventually(t, func() bool { return slices.Equal(big, s.mails("mails")) }, time.Minute, 100*time.Millisecond)
			require.NoError(t, worker.Process.Signal(os.Interrupt))
			a := worker.wait()
			assert.Equal(t, 0, a.code, a.stderr)
			assert.NotContains(t, a.stderr, "level=ERROR")
			assert.Equal(t, 0, s.run("project").code)
			s.requireViews(want)
			assert.Equal(t, big, s.mails("mails"))
		})
	}
}

// Of three workers one is killed every now and then, and another one takes its place.
func TestOnDynamoDBWorkersThatAreKilledLeaveTheViewsRight(t *testing.T) {
	t.Parallel()
	data := dynamoData(t)
	want := expect(t, data)
	s := onDynamoDB(t, dynamotest.NewProxy(t, server.Endpoint(t), lies()).URL)
	s.must("mails", "--dir", "mails")
	load := s.start("load", data.Path)
	loaded := make(chan answer, 1)
	go func() { loaded <- load.wait() }()
	workers := make([]*process, 3)
	for i := range workers {
		workers[i] = s.start("worker", "--mails", "mails")
	}
	killed := 0
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for killed < 5 || len(loaded) == 0 && killed < 60 {
		<-ticker.C
		i := killed % len(workers)
		require.NoError(t, workers[i].Process.Kill())
		require.Equal(t, -1, workers[i].wait().code)
		workers[i] = s.start("worker", "--mails", "mails")
		killed++
	}
	require.Equal(t, 0, (<-loaded).code)
	s.requireSoon(want)
	big := s.big()
	assert.Eventually(t, func() bool { return slices.Equal(big, s.mails("mails")) }, 2*time.Minute, 100*time.Millisecond)
	for _, w := range workers {
		require.NoError(t, w.Process.Signal(os.Interrupt))
		assert.Equal(t, 0, w.wait().code)
	}
	s.requireViews(want)
	t.Logf("killed %d workers; %d mails", killed, len(big))
}

// Whoever holds the lease of the shard is killed while there is always something to read.
func TestOnDynamoDBAnotherWorkerTakesOverFromOneThatWasKilled(t *testing.T) {
	t.Parallel()
	data := fewData(t)
	want := expect(t, data)
	s := onDynamoDB(t, server.Endpoint(t))
	workers := map[string]*process{}
	begin := func() {
		w := s.start("worker")
		workers[strconv.Itoa(w.Process.Pid)] = w
	}
	for range 3 {
		begin()
	}
	ended := make(chan answer, 1)
	load := s.start("load", data.Path)
	go func() { ended <- load.wait() }()
	kills := 1
	if soak() {
		kills = 5
	}
	var took []time.Duration
	holder := s.holder("", workers)
	for range kills {
		killed := holder
		require.NoError(t, workers[killed].Process.Kill())
		began := time.Now()
		require.Equal(t, -1, workers[killed].wait().code)
		delete(workers, killed)
		begin()
		holder = s.holder(killed, workers)
		took = append(took, time.Since(began).Round(100*time.Millisecond))
	}
	require.Equal(t, 0, (<-ended).code)
	s.requireSoon(want)
	for _, w := range workers {
		require.NoError(t, w.Process.Signal(os.Interrupt))
		assert.Equal(t, 0, w.wait().code)
	}
	s.requireViews(want)
	t.Logf("taken over after %v", took)
}

// holder waits until a worker that runs holds the lease of a shard, and another than one
// did. Workers go by the number of their process.
func (s *shop) holder(not string, workers map[string]*process) (id string) {
	s.Helper()
	client := dynamotest.NewClient(s, server.Endpoint(s))
	require.Eventually(s, func() bool {
		out, err := client.Query(s.Context(), &dynamodb.QueryInput{TableName: aws.String(s.prefix() + "-leases"), ConsistentRead: aws.Bool(true),
			KeyConditionExpression: aws.String("PK = :consumer"), ExpressionAttributeValues: map[string]types.AttributeValue{":consumer": &types.AttributeValueMemberS{Value: "worker"}}})
		require.NoError(s, err)
		for _, item := range out.Items {
			owner, held := item["owner"].(*types.AttributeValueMemberS)
			if !held {
				continue
			}
			id = strings.Split(owner.Value, "/")[1]
			if workers[id] != nil && id != not {
				return true
			}
		}
		return false
	}, time.Minute, 50*time.Millisecond, "a worker that runs holds a lease")
	return id
}
