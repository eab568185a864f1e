package main

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
)

// requireSoon waits until the views are what they should be, and then looks closely.
func (s *shop) requireSoon(want expected) {
	s.Helper()
	within := 2 * time.Minute
	upToDate := func() bool {
		return s.run("dump", "product-stats").stdout == want.stats && s.run("dump", "purchase-history").stdout == want.history
	}
	assert.Eventually(s, upToDate, within, 200*time.Millisecond)
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
