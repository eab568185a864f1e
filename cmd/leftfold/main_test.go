package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/eventstore/sqlitestore"
	"github.com/leftfold/leftfold/operator/commands"
	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/dynamoviews"
	"github.com/leftfold/leftfold/projection/sqliteviews"
)

var server dynamotest.Server

func TestMain(m *testing.M) { server.Main(m) }

// given runs a command line, and returns its answer, its talk and its exit code.
func given(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, talk bytes.Buffer
	code = run(t.Context(), args, terminal.New(terminal.Options{Stdout: &out, Stderr: &talk}))
	return out.String(), talk.String(), code
}

// must is given for a command that has to exit with a code.
func must(t *testing.T, code int, args ...string) string {
	t.Helper()
	stdout, stderr, got := given(t, args...)
	require.Equal(t, code, got, "%v: %s%s", args, stdout, stderr)
	return stdout
}

type sold struct{ Product string }

var registry = eventstore.MustRegistry(eventstore.Type[sold]("SOLD", 1))

// serve is a service whose projection fails on one of two streams.
func serve(ctx context.Context, store projection.Source, appends eventstore.Store, views projection.ViewStore) error {
	p := projection.MustNew("totals", 1, registry, projection.Follow("user"), projection.Fold("totals",
		projection.On(func(e projection.Event[sold]) projection.Key { return projection.KeyOf(e.Data.Product) }, func(row *int, e projection.Event[sold]) error {
			if *row++; e.Stream.ID() == "2" {
				return errors.New("this code does not like user-2")
			}
			return nil
		})))
	for _, name := range []string{"user-1", "user-2"} {
		stream, err := eventstore.ParseStreamID(name)
		if err != nil {
			return err
		}
		e, err := registry.Encode(sold{"P"})
		if err != nil {
			return err
		}
		if _, err := appends.Append(ctx, eventstore.Write{Stream: stream, ID: "c" + name, Events: []eventstore.Event{e}}); err != nil {
			return err
		}
	}
	engine, err := projection.NewEngine(store, views, projection.Options{Build: "test@1"}, p)
	if err == nil {
		err = engine.Prepare(ctx)
	}
	if err == nil {
		_, err = engine.Sweep(ctx, nil)
	}
	return err
}

// looks is what every command shows of that service, on any store.
func looks(t *testing.T, url string) {
	t.Helper()
	status := must(t, 0, "status", "--store", url)
	assert.Contains(t, status, "totals: 1 stream parked")
	parked := must(t, 0, "parked", "--store", url)
	assert.Contains(t, parked, "this code does not like user-2")
	assert.Contains(t, must(t, 0, "parked", "show", "totals", "user-2", "--store", url), `{"Product":"P"}`)
	assert.Equal(t, "user-1\nuser-2\n", must(t, 0, "streams", "user", "--store", url))
	assert.Contains(t, must(t, 0, "events", "user-1", "--store", url), "SOLD")
	assert.Contains(t, must(t, 0, "verify", "--store", url), "2 events in 2 commits of 2 streams, 0 faults, 1 parked stream")
	assert.Empty(t, must(t, 0, "activity", "--store", url))
	must(t, 5, "status", "--check", "--store", url)
}

// tails lets a tail show what is appended after it has begun.
func tails(t *testing.T, url string, store eventstore.Store) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	answer, out := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"tail", "--json", "--store", url}, terminal.New(terminal.Options{Stdout: out, Stderr: io.Discard}))
		_ = out.Close()
	}()
	line := make(chan string, 1)
	go func() {
		text, _ := bufio.NewReader(answer).ReadString('\n')
		line <- text
		_, _ = io.Copy(io.Discard, answer)
	}()
	stream, err := eventstore.ParseStreamID("user-3")
	require.NoError(t, err)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for shown := ""; shown == ""; { // nobody tells when it has begun
		_, err := store.Append(t.Context(), eventstore.Write{Stream: stream, Revision: eventstore.Any, Events: []eventstore.Event{{Type: "SOLD", Schema: 1, Payload: []byte(`{}`)}}})
		require.NoError(t, err)
		select {
		case shown = <-line:
			assert.Contains(t, shown, `"stream":"user-3"`)
		case code := <-ended:
			require.Fail(t, "the tail has ended", "%d", code)
		case <-again.C:
		}
	}
	cancel()
	assert.Contains(t, []int{0, 130}, <-ended)
}

func TestAStoreInAFileIsLookedAtWithoutTheServicesCode(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shop.db")
	store, err := sqlitestore.Open(t.Context(), path, sqlitestore.Options{})
	require.NoError(t, err)
	views, err := sqliteviews.Open(t.Context(), path, sqliteviews.Options{})
	require.NoError(t, err)
	require.NoError(t, serve(t.Context(), store, store, views))
	looks(t, "sqlite:"+path) // beside a process that writes
	require.NoError(t, errors.Join(views.Close(), store.Close()))
	looks(t, "sqlite:"+path)
	store, err = sqlitestore.Open(t.Context(), path, sqlitestore.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, store.Close()) }()
	tails(t, "sqlite:"+path, store)
	doctor := must(t, 5, "doctor", "--store", "sqlite:"+path)
	assert.Contains(t, doctor, "✔ store: "+path+" is whole: ok")
	assert.Equal(t, 1, strings.Count(doctor, " is whole"), "store and views are one file")
}

func TestAStoreWithoutViewsIsLookedAt(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shop.db")
	store, err := sqlitestore.Open(t.Context(), path, sqlitestore.Options{})
	require.NoError(t, err)
	require.NoError(t, store.Close())
	_, talk, code := given(t, "status", "--store", "sqlite:"+path)
	assert.Equal(t, "the service has no projection\n", talk)
	assert.Zero(t, code)
	must(t, 0, "verify", "--store", "sqlite:"+path)
}

func TestTablesAreMadeAndLookedAt(t *testing.T) {
	endpoint, prefix := server.Endpoint(t), dynamotest.NewPrefix()
	for name, value := range map[string]string{"AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"} {
		t.Setenv(name, value)
	}
	url := "dynamodb:" + prefix
	_, talk, code := given(t, "status", "--store", url)
	assert.Equal(t, 3, code)
	assert.Contains(t, talk, "hint: leftfold provision --store "+url+" makes the tables")
	for range 2 { // it may be repeated
		must(t, 0, "provision", "--store", url)
	}
	client := dynamotest.NewClient(t, endpoint)
	store, err := dynamostore.Open(t.Context(), client, prefix, dynamostore.Options{})
	require.NoError(t, err)
	views, err := dynamoviews.Open(t.Context(), client, prefix, dynamoviews.Options{})
	require.NoError(t, err)
	require.NoError(t, serve(t.Context(), store, store, views))
	t.Setenv("AWS_ENDPOINT_URL", dynamotest.NewProxy(t, endpoint, dynamotest.DenyWrites).URL)
	looks(t, url)
	doctor := must(t, 5, "doctor", "--store", url)
	for _, says := range []string{"-events is protected from deletion", "-events announces its changes", "-views is in one Region", "the stream of changes can be read",
		"-views may be written: not by these credentials, which may only read"} {
		assert.Contains(t, doctor, says)
	}
	tails(t, url, store)
}

func TestWhatIsWrongIsSaidWithWhatToDo(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "shop.db")
	for _, test := range []struct {
		args       []string
		code       int
		text, hint string
	}{
		{[]string{"status", "--store", "sqlite:" + missing}, 3, "file does not exist", "check the path"},
		{[]string{"status", "--store", "shop.db"}, 2, "a store is named SCHEME:PLACE", "--store sqlite:shop.db"},
		{[]string{"status", "--store", "postgres:shop"}, 2, `no store of the scheme "postgres"`, "--store dynamodb:shop"},
		{[]string{"provision", "--store", "sqlite:" + missing}, 2, "makes DynamoDB tables", "--store dynamodb:shop"},
		{[]string{"statsu"}, 2, `there is no command "statsu"; did you mean status?`, "leftfold --help"},
	} {
		_, talk, code := given(t, test.args...)
		assert.Equal(t, test.code, code, test.args)
		assert.Contains(t, talk, test.text)
		assert.Contains(t, talk, test.hint)
	}
}

func TestNothingButProvisionChangesAnything(t *testing.T) {
	t.Parallel()
	var walk func(*cobra.Command)
	walk = func(parent *cobra.Command) {
		for _, c := range parent.Commands() {
			if commands.ImpactOf(c) == commands.Acts {
				assert.Equal(t, "leftfold provision", c.CommandPath())
			}
			assert.NotContains(t, needCode, c.Name())
			walk(c)
		}
	}
	walk(newRoot(terminal.New(terminal.Options{})))
}

func TestAProfileOfTheFileNamesTheStoreAndOnlyCommandsThatAreThereAreProposed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shop.db")
	store, err := sqlitestore.Open(t.Context(), path, sqlitestore.Options{})
	require.NoError(t, err)
	views, err := sqliteviews.Open(t.Context(), path, sqliteviews.Options{})
	require.NoError(t, err)
	require.NoError(t, serve(t.Context(), store, store, views))
	state, err := views.State(t.Context(), "totals")
	require.NoError(t, err)
	state.Counter = 2
	state.Generations = append(state.Generations, projection.Generation{Number: 2, Version: 2, Role: projection.Building, Since: time.Now(),
		Rebuild: &projection.Rebuild{Phase: projection.PhaseCatchUp, Swept: time.Now(), Compared: &projection.Compared{At: time.Now()}}})
	_, err = views.PutState(t.Context(), state)
	require.NoError(t, err)
	require.NoError(t, errors.Join(views.Close(), store.Close()))

	var out, talk bytes.Buffer
	as := func(args ...string) int {
		out.Reset()
		talk.Reset()
		return run(t.Context(), args, terminal.New(terminal.Options{Stdout: &out, Stderr: &talk, Getenv: func(name string) string {
			return map[string]string{"LEFTFOLD_HINTS": "1"}[name]
		}, ReadFile: func(string) ([]byte, error) { return []byte("[profile.shop]\nstore = \"sqlite:" + path + "\"\n"), nil }}))
	}
	require.Zero(t, as("rebuild", "status", "totals", "--profile", "shop", "-v"), talk.String())
	assert.Contains(t, out.String(), "● ready")
	assert.Contains(t, talk.String(), "--store sqlite:"+path+" (leftfold.toml, profile shop)")
	assert.NotContains(t, talk.String(), "next:", "it has no command that switches")
	require.Zero(t, as("status", "--profile", "shop"))
	assert.Contains(t, talk.String(), "next: leftfold parked list --store sqlite:"+path)
	assert.Contains(t, talk.String(), "next: leftfold rebuild status totals --store sqlite:"+path, "one hides no other")
	assert.Equal(t, 2, as("provision", "--profile", "none"), "as for each command")
	assert.Contains(t, talk.String(), `leftfold.toml has no profile "none"; it has: shop`)
}
