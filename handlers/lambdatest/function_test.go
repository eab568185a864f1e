package lambdatest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/leftfold/leftfold/handlers/lambdatest"
)

var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "leftfold-lambdatest-")
	if err != nil {
		return "", err
	}
	built = dir
	path := filepath.Join(dir, "function")
	out, err := exec.Command("go", "build", "-o", path, "./testdata/function").CombinedOutput()
	if err != nil {
		return "", errors.New(string(out))
	}
	return path, nil
})

var built string // the program's directory, once there is one

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		_ = os.RemoveAll(built)
	}
	if err := goleak.Find(); err != nil && code == 0 {
		panic(err)
	}
	os.Exit(code)
}

func newFunction(t *testing.T, opts lambdatest.Options) *lambdatest.Function {
	path, err := program()
	require.NoError(t, err)
	f := lambdatest.New(path, opts)
	t.Cleanup(func() { assert.NoError(t, f.Close()) })
	return f
}

// reply is what the program tells of itself.
type reply struct {
	Did, Home, Name, Handler string
	PID                      int
	Milliseconds             int
}

func ask(t *testing.T, f *lambdatest.Function, do string) reply {
	t.Helper()
	answer, err := f.Invoke(t.Context(), []byte(`{"do":"`+do+`"}`))
	require.NoError(t, err)
	var encoded []byte // bytes are JSON too
	require.NoError(t, json.Unmarshal(answer, &encoded), string(answer))
	var r reply
	require.NoError(t, json.Unmarshal(encoded, &r))
	return r
}

func fails(t *testing.T, f *lambdatest.Function, do, kind, says string) {
	t.Helper()
	_, err := f.Invoke(t.Context(), []byte(`{"do":"`+do+`"}`))
	failure, ok := errors.AsType[*lambdatest.Error](err)
	require.True(t, ok, "%v", err)
	assert.Equal(t, kind, failure.Type)
	assert.Contains(t, failure.Message, says)
}

func TestAProcessAnswersOneInvocationAfterTheOther(t *testing.T) {
	t.Parallel()
	f := newFunction(t, lambdatest.Options{Handler: "projector", Env: []string{"NAME=a shop"}, Timeout: 20 * time.Second})
	first := ask(t, f, "this")
	assert.Equal(t, "this", first.Did)
	assert.Equal(t, "projector", first.Handler)
	assert.Equal(t, "a shop", first.Name)
	assert.Empty(t, first.Home, "the environment of the test is not that of the function")
	assert.InDelta(t, 20_000, first.Milliseconds, 5_000)
	assert.Equal(t, first.PID, ask(t, f, "that").PID)
	assert.Equal(t, 1, f.Started())
}

func TestAnErrorIsTheInvocationsAndAPanicTheProcesss(t *testing.T) {
	t.Parallel()
	f := newFunction(t, lambdatest.Options{Timeout: 20 * time.Second})
	pid := ask(t, f, "this").PID
	fails(t, f, "fail", "errorString", "it does not work")
	assert.Equal(t, pid, ask(t, f, "this").PID)
	fails(t, f, "much", "Function.ResponseSizeTooLarge", "6291456")
	fails(t, f, "panic", "string", "at the disco")
	assert.NotEqual(t, pid, ask(t, f, "this").PID)
	fails(t, f, "exit", "Runtime.ExitError", "exit status 7")
	ask(t, f, "this")
	assert.LessOrEqual(t, f.Started(), 3)
}

func TestWhatDoesNotAnswerInTimeIsKilled(t *testing.T) {
	t.Parallel()
	var output bytes.Buffer
	f := newFunction(t, lambdatest.Options{Timeout: 300 * time.Millisecond, Output: &output})
	fails(t, f, "hang", "Sandbox.Timedout", "Task timed out after 0.30 seconds")
	require.NoError(t, f.Close())
	assert.Equal(t, "it hangs\n", output.String())
	_, err := f.Invoke(t.Context(), nil)
	assert.ErrorContains(t, err, "closed")
}

func TestInvocationsAtOnceHaveAProcessEachAndAllCanBeKilled(t *testing.T) {
	t.Parallel()
	hanging := make(chan struct{}, 3)
	f := newFunction(t, lambdatest.Options{Timeout: time.Minute, Output: signal{hanging}})
	ask(t, f, "this")
	failures := make(chan error, 3)
	for range 3 {
		go func() {
			_, err := f.Invoke(context.WithoutCancel(t.Context()), []byte(`{"do":"hang"}`))
			failures <- err
		}()
	}
	for range 3 {
		<-hanging
	}
	assert.Equal(t, 3, f.Kill())
	for range 3 {
		assert.ErrorContains(t, <-failures, "Runtime.ExitError: the process ended without an answer: signal: killed")
	}
	assert.Equal(t, 3, f.Started())
	ask(t, f, "this")
	assert.Equal(t, 4, f.Started())
	assert.Equal(t, 1, f.Kill(), "one that is idle")
	ask(t, f, "this")
	assert.Equal(t, 5, f.Started())
}

// signal is told when something is printed.
type signal struct{ to chan struct{} }

func (s signal) Write(b []byte) (int, error) {
	for range strings.Count(string(b), "it hangs") {
		s.to <- struct{}{}
	}
	return len(b), nil
}

func TestAProcessThatCanNotStartFailsTheInvocation(t *testing.T) {
	t.Parallel()
	fails(t, newFunction(t, lambdatest.Options{Handler: "broken"}), "this", "Runtime.ExitError", "exit status 3")
	fails(t, newFunction(t, lambdatest.Options{Handler: "refusing"}), "this", "Config", "no table")
	_, err := lambdatest.New("testdata/nowhere", lambdatest.Options{}).Invoke(t.Context(), nil)
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestWhatIsTooLargeOrStaleIsRefused(t *testing.T) {
	t.Parallel()
	f := newFunction(t, lambdatest.Options{})
	_, err := f.Invoke(t.Context(), make([]byte, lambdatest.MaxPayload+1))
	assert.ErrorContains(t, err, "RequestEntityTooLarge: the event has 6291457 bytes, allowed are 6291456")
	assert.Zero(t, f.Started())
	answer, err := f.Invoke(t.Context(), []byte(`{"do":"stale"}`))
	require.NoError(t, err)
	assert.Equal(t, "400", string(answer))
}

func TestACallerThatGivesUpEndsTheProcess(t *testing.T) {
	t.Parallel()
	hanging := make(chan struct{}, 1)
	f := newFunction(t, lambdatest.Options{Timeout: time.Minute, Output: signal{hanging}})
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	go func() {
		<-hanging
		cancel(enough)
	}()
	_, err := f.Invoke(ctx, []byte(`{"do":"hang"}`))
	assert.ErrorIs(t, err, enough)
	assert.Zero(t, f.Kill())
}
