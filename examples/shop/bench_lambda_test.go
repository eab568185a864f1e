package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/handlers/lambdatest"
	"github.com/leftfold/leftfold/internal/benchtest"
	"github.com/leftfold/leftfold/internal/retailtest"
)

// bootstrap builds a program as one does for Lambda.
func bootstrap(b *testing.B, source string) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "bootstrap")
	build := exec.Command("go", "build", "-trimpath", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o", path, source)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(b, err, string(out))
	return path
}

// lambdaBench is the shop's projector beside a function that does nothing.
type lambdaBench struct {
	*shop
	endpoint    string
	ours, empty string
	records     []events.DynamoDBEventRecord
}

// batches are sizes, with how many of each are applied for the first time: for that a
// record is good only once.
var batches = []struct{ size, first int }{{1, 5}, {100, 3}, {1000, 1}}

func newLambdaBench(b *testing.B, commits int) *lambdaBench {
	b.Helper()
	l := &lambdaBench{endpoint: server.Endpoint(b), ours: bootstrap(b, "."), empty: bootstrap(b, "./testdata/emptyfunction")}
	l.shop = onDynamoDB(b, l.endpoint)
	l.must("load", retailtest.Open(b).First(b, commits+commits/5).Path) // not every invoice is a trade
	var event events.DynamoDBEvent
	require.NoError(b, json.Unmarshal(l.payload(l.endpoint, commits), &event))
	l.records = event.Records
	return l
}

func (l *lambdaBench) function(b *testing.B, path, endpoint string) *lambdatest.Function {
	env := append([]string{"SHOP_STORE=" + l.store, "AWS_ENDPOINT_URL_DYNAMODB=" + endpoint}, l.env[1:]...)
	f := lambdatest.New(path, lambdatest.Options{Handler: "projector", Env: env, Timeout: 5 * time.Minute})
	b.Cleanup(func() { require.NoError(b, f.Close()) })
	return f
}

// invoke sends records to a function, and returns how long that took.
func invoke(b *testing.B, f *lambdatest.Function, records []events.DynamoDBEventRecord) benchtest.Usage {
	b.Helper()
	payload, err := json.Marshal(events.DynamoDBEvent{Records: records})
	require.NoError(b, err)
	return benchtest.Measure(func() {
		answer, err := f.Invoke(b.Context(), payload)
		require.NoError(b, err)
		require.NotContains(b, string(answer), "itemIdentifier")
	})
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// BenchmarkLambdaStart takes the time from the start of a process to its first answer,
// with one record that is applied already. The limit answers and does nothing.
func BenchmarkLambdaStart(b *testing.B) {
	l := newLambdaBench(b, 1)
	invoke(b, l.function(b, l.ours, l.endpoint), l.records)
	start := func(path string) benchtest.Work {
		return func() benchtest.Usage { return invoke(b, l.function(b, path, l.endpoint), l.records) }
	}
	empty, ours := benchtest.Alternate(b, 9, start(l.empty), start(l.ours))
	b.ReportMetric(milliseconds(ours.Time), "ms")
	b.ReportMetric(milliseconds(empty.Time), "empty-ms")
	for name, path := range map[string]string{"MB": l.ours, "empty-MB": l.empty} {
		info, err := os.Stat(path)
		require.NoError(b, err)
		b.ReportMetric(float64(info.Size())/1e6, name)
	}
}

// BenchmarkLambdaBatch takes the time of an invocation of a process that is warm: the
// first time, when the records are applied, and when they come again. The limit decodes
// them and does nothing.
func BenchmarkLambdaBatch(b *testing.B) {
	most := 0
	for _, n := range batches {
		most += n.size * n.first
	}
	l := newLambdaBench(b, most)
	relay := newRelay(b, l.endpoint)
	ours, empty := l.function(b, l.ours, relay.url), l.function(b, l.empty, l.endpoint)
	invoke(b, ours, nil)
	invoke(b, empty, nil)
	rest := l.records
	for _, n := range batches {
		b.Run(fmt.Sprint(n.size), func(b *testing.B) {
			var first []time.Duration
			for range n.first {
				first = append(first, invoke(b, ours, rest[:n.size]).Time)
				rest = rest[n.size:]
			}
			slices.Sort(first)
			batch := l.records[:n.size]
			bare, again := benchtest.Alternate(b, 9, func() benchtest.Usage { return invoke(b, empty, batch) }, func() benchtest.Usage { return invoke(b, ours, batch) })
			b.ReportMetric(milliseconds(first[len(first)/2]), "first-ms")
			b.ReportMetric(milliseconds(again.Time), "again-ms")
			b.ReportMetric(milliseconds(bare.Time), "empty-ms")
			b.ReportMetric(float64(relay.count()), "connections")
			require.Equal(b, 1, ours.Started())
		})
	}
}
