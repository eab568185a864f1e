package lambdatest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"sync"
	"time"

	"github.com/google/uuid"
)

// environment is a process with a runtime API of its own: what Lambda calls an execution
// environment. It has one invocation at a time.
type environment struct {
	timeout time.Duration
	server  *http.Server
	serving sync.WaitGroup // the server and its connections, which outlive its Close
	process *exec.Cmd
	ended   chan struct{}    // closed when the process has ended
	exit    error            // how, once it is closed
	next    chan *invocation // sent by invoke, received by the handler of "next"; none waits
	failed  chan *Error      // sent by the handler of "init/error", of capacity 1: it is the last word

	served bool // it has had an invocation

	mu      sync.Mutex // guards current
	current *invocation
}

// errNotAsked: a process that has served ended before it asked for another invocation, as
// one does after a panic.
var errNotAsked = errors.New("the process asked for no other event")

// invocation is an event on its way, and its answer.
type invocation struct {
	id      string
	payload []byte
	handed  chan time.Time // sent by the handler of "next", once, of capacity 1: the deadline
	done    chan outcome   // sent by the first answer, of capacity 1
}

type outcome struct {
	answer []byte
	err    *Error
}

// start starts the n-th process of a function.
func start(path string, opts Options, n int) (*environment, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	e := &environment{timeout: opts.Timeout, ended: make(chan struct{}), next: make(chan *invocation), failed: make(chan *Error, 1)}
	e.server = &http.Server{Handler: e.api(), ConnState: func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			e.serving.Add(1)
		case http.StateClosed, http.StateHijacked:
			e.serving.Done()
		}
	}}
	e.process = exec.Command(path)
	e.process.Stdout, e.process.Stderr = opts.Output, opts.Output
	e.process.Env = append([]string{
		"_HANDLER=" + opts.Handler,
		"AWS_LAMBDA_RUNTIME_API=" + listener.Addr().String(),
		"AWS_LAMBDA_FUNCTION_NAME=" + opts.Handler,
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_LOG_STREAM_NAME=" + fmt.Sprint(n),
		"AWS_EXECUTION_ENV=lambdatest",
	}, opts.Env...)
	if err := e.process.Start(); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	e.serving.Go(func() { _ = e.server.Serve(listener) }) // until it is closed
	go func() {
		defer close(e.ended)
		e.exit = e.process.Wait()
	}()
	return e, nil
}

func (e *environment) hasEnded() bool {
	select {
	case <-e.ended:
		return true
	default:
		return false
	}
}

// kill ends the process, and waits for its end.
func (e *environment) kill() {
	_ = e.process.Process.Kill() // it may have ended
	<-e.ended
}

func (e *environment) close() error {
	e.kill()
	defer e.serving.Wait()
	return e.server.Close()
}

func (e *environment) invoke(ctx context.Context, payload []byte) ([]byte, error) {
	i := &invocation{id: uuid.NewString(), payload: payload, handed: make(chan time.Time, 1), done: make(chan outcome, 1)}
	e.mu.Lock()
	e.current = i
	e.mu.Unlock()
	deadline, err := e.hand(ctx, i)
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case o := <-i.done:
		return o.result()
	case <-e.ended:
		return nil, e.exited()
	case <-timer.C:
		e.kill()
		return nil, &Error{"Sandbox.Timedout", fmt.Sprintf("Task timed out after %.2f seconds", e.timeout.Seconds())}
	case <-ctx.Done():
		e.kill()
		return nil, context.Cause(ctx)
	}
}

// hand waits until the process asks for an invocation, and returns the deadline that it
// was given.
func (e *environment) hand(ctx context.Context, i *invocation) (time.Time, error) {
	timer := time.NewTimer(initTime)
	defer timer.Stop()
	select {
	case e.next <- i:
		e.served = true
		return <-i.handed, nil
	case failure := <-e.failed:
		e.kill()
		return time.Time{}, failure
	case <-e.ended:
		if e.served {
			return time.Time{}, errNotAsked
		}
		return time.Time{}, e.exited()
	case <-timer.C:
		e.kill()
		return time.Time{}, &Error{"Sandbox.Timedout", fmt.Sprintf("the process asked for no event within %s", initTime)}
	case <-ctx.Done():
		e.kill()
		return time.Time{}, context.Cause(ctx)
	}
}

func (o outcome) result() ([]byte, error) {
	if o.err != nil {
		return nil, o.err
	}
	return o.answer, nil
}

// exited says how the process has ended.
func (e *environment) exited() error {
	reason := "exit status 0"
	if e.exit != nil {
		reason = e.exit.Error()
	}
	return &Error{"Runtime.ExitError", "the process ended without an answer: " + reason}
}
