package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/internal/retailtest"
)

var server dynamotest.Server

// dynamoInvoices are enough for large invoices, returns and guests; a soak takes more.
const dynamoInvoices = 60

func dynamoData(tb testing.TB) retailtest.Data { return someData(tb, 1) }

// fewData are enough for what does not depend on their number.
func fewData(tb testing.TB) retailtest.Data { return someData(tb, 2) }

// someData are the first invoices: all that are enough, or one of so many of them.
func someData(tb testing.TB, share int) retailtest.Data {
	n := dynamoInvoices / share
	if soak() {
		n = dynamoInvoices * 50
	}
	return retailtest.Open(tb).First(tb, n)
}

// onDynamoDB returns a shop on tables of its own, behind an endpoint.
func onDynamoDB(tb testing.TB, endpoint string) *shop {
	s := withDynamoDB(tb, endpoint)
	require.Equal(tb, "the tables of "+s.store+" are ready\n", s.must("provision"))
	return s
}

// withDynamoDB returns a shop whose tables are not made yet.
func withDynamoDB(tb testing.TB, endpoint string) *shop {
	s := newShop(tb)
	s.store = "dynamodb:" + dynamotest.NewPrefix()
	s.env = []string{"AWS_ENDPOINT_URL_DYNAMODB=" + endpoint, "AWS_ENDPOINT_URL_DYNAMODB_STREAMS=" + endpoint, "AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"AWS_EC2_METADATA_DISABLED=true"}
	return s
}

func TestOnDynamoDBTheShopIsTheSame(t *testing.T) {
	t.Parallel()
	endpoint := server.Endpoint(t)
	data := dynamoData(t)
	want := expect(t, data)
	embedded := newShop(t)
	s := onDynamoDB(t, endpoint)
	for _, shop := range []*shop{embedded, s} {
		require.Equal(t, want.Events, shop.load(data.Path).Events)
		shop.must("project")
		shop.requireViews(want)
		shop.requireSound(want)
		require.Zero(t, shop.load(data.Path).Events, "loaded again")
	}
	user := busiest(want).UserID
	for _, line := range []string{"history " + user, "history " + user + " --limit 7", "stats 85123A", "top", "top --limit 3", "state " + user,
		"state user-" + user + " --version 3", "state user-" + user + " --at 2010-12-02T00:00:00Z", "dump purchases", "streams", "events user-" + user, "parked", "verify",
		"history nobody", "state nobody", "events user-nobody", "state " + user + " --version 100000"} {
		for _, flags := range [][]string{nil, {"--json"}} {
			if strings.HasPrefix(line, "dump") && flags != nil {
				continue
			}
			args := append(strings.Fields(line), flags...)
			one, other := embedded.run(args...), s.run(args...)
			other.stderr = strings.ReplaceAll(other.stderr, " --store "+s.store, "")
			other.stdout = strings.ReplaceAll(other.stdout, " --store "+s.store, "")
			assert.Equal(t, one, other, line)
		}
	}
}

func TestOnDynamoDBBehindANetworkThatLiesTheViewsAreTheSame(t *testing.T) {
	t.Parallel()
	proxy := dynamotest.NewProxy(t, server.Endpoint(t), lies())
	s := onDynamoDB(t, proxy.URL)
	data := dynamoData(t)
	want := expect(t, data)
	report := s.load(data.Path)
	require.Equal(t, want.Events, report.Events)
	require.Equal(t, want.Rejected, report.Rejected, "no false conflict, and nothing taken for a part with other content")
	s.must("project")
	s.requireViews(want)
	s.requireSound(want)
	require.Zero(t, s.load(data.Path).Events)
	for _, fault := range []dynamotest.Fault{dynamotest.CutAfter, dynamotest.CutBefore, dynamotest.Throttled} {
		t.Logf("%s: %d of %d calls", fault, proxy.Count(fault), proxy.Calls())
		require.Positive(t, proxy.Count(fault))
	}
}

// lies is a network in which every 7th write is cut after it was carried out, every
// 11th before, and one call in twenty is throttled.
func lies() dynamotest.Plan {
	return dynamotest.Plans(dynamotest.Every(7, dynamotest.CutAfter), dynamotest.Every(11, dynamotest.CutBefore), dynamotest.Seeded(1, 0.05, dynamotest.Throttled))
}

func TestOnDynamoDBThreeThatProjectAndAreKilledMakeTheSameViews(t *testing.T) {
	t.Parallel()
	endpoint := server.Endpoint(t)
	s := onDynamoDB(t, endpoint)
	data := dynamoData(t)
	want := expect(t, data)
	s.must("load", data.Path)
	proxy := dynamotest.NewProxy(t, endpoint, lies())
	s.env = append(s.env, "AWS_ENDPOINT_URL_DYNAMODB="+proxy.URL) // the last one holds
	killed := 0
	for round := range 6 {
		var processes []*process
		for range 3 {
			processes = append(processes, s.start("project"))
		}
		for i, p := range processes {
			kill := time.AfterFunc(time.Duration(200+150*round+70*i)*time.Millisecond, func() { _ = p.Process.Kill() })
			t.Cleanup(func() { kill.Stop() })
		}
		for _, p := range processes {
			a := p.wait()
			require.Contains(t, []int{-1, 0}, a.code, a.stderr)
			if a.code == -1 {
				killed++
			}
		}
	}
	t.Logf("killed %d of 18", killed)
	require.Greater(t, killed, 6)
	s.must("project")
	s.requireViews(want)
}
