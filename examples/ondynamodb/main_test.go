package main

import (
	"bytes"
	"context"
	"log/slog"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamofeed"
	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/handlers/lambdatest"
	"github.com/leftfold/leftfold/handlers/streams/eventsource"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/dynamoviews"
)

var server dynamotest.Server

func TestMain(m *testing.M) { server.Main(m) }

// program is the program with tables of its own. Its settings are the environment's.
type program struct {
	*testing.T
	prefix string
	env    []string
}

func newProgram(t *testing.T) program {
	t.Helper()
	endpoint := server.Endpoint(t)
	p := program{T: t, prefix: dynamotest.NewPrefix()}
	for name, value := range map[string]string{"AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "test",
		"AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"} {
		t.Setenv(name, value)
		p.env = append(p.env, name+"="+value)
	}
	return p
}

// says carries out a command line and returns what it prints.
func (p program) says(line string) (string, error) {
	var out bytes.Buffer
	err := run(p.Context(), p.prefix, strings.Fields(line), &out)
	return out.String(), err
}

func (p program) require(says, line string) {
	p.Helper()
	said, err := p.says(line)
	require.NoError(p, err, line)
	require.Equal(p, says, said, line)
}

// eventually waits until the view says something.
func (p program) eventually(says, line string) {
	p.Helper()
	require.Eventually(p, func() bool {
		said, err := p.says(line)
		return err == nil && said == says
	}, time.Minute, 20*time.Millisecond)
}

func TestSeatsAreBookedAndTheWorkerShowsThem(t *testing.T) {
	p := newProgram(t)
	_, err := p.says("book Ada 4")
	require.ErrorIs(t, err, dynamostore.ErrMissing)
	require.Contains(t, eventstore.Hint(err), "Provision")
	for range 2 { // it may be repeated
		p.require("", "provision")
	}
	p.require("concert-opera@1\n", "book Ada 4")
	_, err = p.says("seats Ada")
	require.ErrorIs(t, err, projection.ErrNotBuilt)

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, p.prefix, []string{"worker"}, nil) }()
	p.eventually("Ada has 4 seats\n", "seats Ada") // found by the first sweep
	p.require("concert-opera@2\n", "book Ada 4")
	p.eventually("Ada has 8 seats\n", "seats Ada") // announced by the stream
	_, err = p.says("book Ada 4")
	assert.EqualError(t, err, "8 of 10 seats are taken")
	stop()
	assert.NoError(t, <-ended, "an interrupt is no error")
}

func TestWhatCanNotBeBookedIsSaid(t *testing.T) {
	p := newProgram(t)
	p.require("", "provision")
	for _, seats := range []string{"x", "0", "-4"} {
		_, err := p.says("book Ada " + seats)
		assert.EqualError(t, err, `"`+seats+`" is no number of seats: book GUEST SEATS, with 1 seat or more`)
	}
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_CONFIG_FILE", "none")
	_, err := p.says("seats Ada")
	assert.ErrorContains(t, err, "there is no AWS Region: export AWS_REGION")
}

func TestOnALaptopItMakesTheSameView(t *testing.T) {
	p := newProgram(t)
	p.require("", "provision")
	p.require("concert-opera@1\n", "book Ada 4")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, p.prefix, []string{"laptop"}, nil) }()
	p.eventually("Ada has 4 seats\n", "seats Ada") // found by the sweep
	p.require("concert-opera@2\n", "book Ada 3")
	p.eventually("Ada has 7 seats\n", "seats Ada") // told by the stream
	stop()
	assert.NoError(t, <-ended)
}

func TestWhatAlarmsAreMadeOfIsLogged(t *testing.T) {
	p := newProgram(t)
	p.require("", "provision")
	settings, err := config.LoadDefaultConfig(t.Context())
	require.NoError(t, err)
	client := dynamostore.NewClient(settings)
	views, err := dynamoviews.Open(t.Context(), client, p.prefix, dynamoviews.Options{})
	require.NoError(t, err)
	feed, err := dynamofeed.Open(t.Context(), client, dynamofeed.NewClient(settings), p.prefix, "worker", dynamofeed.Options{})
	require.NoError(t, err)
	swept := time.Now().Add(-2 * time.Hour).UTC().Truncate(time.Second)
	require.NoError(t, views.Beat(t.Context(), projection.Heartbeat{Projection: guestsV1.Name(), Worker: "gone", At: swept.Add(time.Hour), LastSweep: swept, LastError: "old"}))
	require.NoError(t, views.Beat(t.Context(), projection.Heartbeat{Projection: guestsV1.Name(), Worker: "w", At: time.Now(), Waiting: 3, LastError: "no answer"}))
	var log bytes.Buffer
	require.NoError(t, watch(t.Context(), views, feed, slog.New(slog.NewTextHandler(&log, nil))))
	assert.Regexp(t, `msg=heartbeat projection=guests worker=w ago=\S+ waiting=3 late=0s lastError="no answer" frozen=\[\] `, log.String())
	assert.NotContains(t, log.String(), "worker=gone", "it has died an hour ago")
	assert.Contains(t, log.String(), "msg=heartbeats projection=guests workers=1 lastSweep="+swept.Format("2006-01-02T15:04:05.000Z\n"), "also of one that has died")
	assert.Contains(t, log.String(), "msg=feed shards=0 free=0 behind=0s failing=0 trimmed=0 corrupt=0\n")
}

func TestAsLambdaFunctionsItMakesTheSameView(t *testing.T) {
	p := newProgram(t)
	path := filepath.Join(t.TempDir(), "bootstrap")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-tags", "lambda.norpc", "-o", path, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	function := func(handler string) *lambdatest.Function {
		f := lambdatest.New(path, lambdatest.Options{Handler: handler, Env: append(p.env, "TABLES="+p.prefix), Timeout: time.Minute})
		t.Cleanup(func() { assert.NoError(t, f.Close()) })
		return f
	}
	require.ErrorContains(t, serve("nobody"), "the handler is projector or sweeper")

	p.require("", "provision")
	p.require("concert-opera@1\n", "book Ada 4")
	answer, err := function("sweeper").Invoke(t.Context(), []byte(`{"what":"a schedule sends"}`))
	require.NoError(t, err)
	require.Contains(t, string(answer), `"done":true`)
	p.require("Ada has 4 seats\n", "seats Ada")

	endpoint := server.Endpoint(t)
	stream, err := eventsource.OpenStream(t.Context(), dynamotest.NewClient(t, endpoint), dynamotest.NewStreamsClient(t, endpoint), p.prefix+"-events")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- eventsource.New(stream, function("projector"), eventsource.Settings{ReportBatchItemFailures: true, Timeout: time.Minute}).Run(ctx)
	}()
	p.require("concert-opera@2\n", "book Ada 3")
	p.eventually("Ada has 7 seats\n", "seats Ada")
	stop()
	assert.NoError(t, <-ended)
}
