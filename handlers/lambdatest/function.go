package lambdatest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// MaxPayload is how many bytes an event or an answer has at the most: Lambda's limit.
	MaxPayload = 6 << 20
	// initTime is how long a process may take until it asks for its first invocation.
	initTime = 10 * time.Second
)

// Options says how a function runs. The zero value works.
type Options struct {
	// Handler is what the program finds in _HANDLER. Defaults to "bootstrap".
	Handler string
	// Env is the environment of the processes, as NAME=VALUE, beside what Lambda sets.
	// Nothing else is passed on, as in Lambda.
	Env []string
	// Timeout is for each invocation. Defaults to 3 seconds, as in Lambda.
	Timeout time.Duration
	// Output gets what the processes print. Defaults to discarding it.
	Output io.Writer
}

// Function is a program that answers invocations. It is safe for concurrent use.
type Function struct {
	path string
	opts Options

	mu      sync.Mutex // guards what follows
	all     map[*environment]bool
	idle    []*environment
	started int
	closed  bool
}

// New returns a function that runs the program at a path. It starts no process before the
// first invocation.
func New(path string, opts Options) *Function {
	if opts.Handler == "" {
		opts.Handler = "bootstrap"
	}
	if opts.Timeout <= 0 {
		opts.Timeout = 3 * time.Second
	}
	if opts.Output == nil {
		opts.Output = io.Discard
	}
	opts.Output = &lines{w: opts.Output}
	return &Function{path: path, opts: opts, all: map[*environment]bool{}}
}

// Error is what Lambda says of an invocation that failed.
type Error struct {
	Type    string `json:"errorType"`
	Message string `json:"errorMessage"`
}

func (e *Error) Error() string { return e.Type + ": " + e.Message }

// Invoke sends an event to a process that is idle, or to a new one, and returns its
// answer. What the function or its process does wrong is an [*Error]. Where ctx ends
// before the answer the process is killed.
func (f *Function) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	if len(payload) > MaxPayload {
		return nil, &Error{"RequestEntityTooLarge", fmt.Sprintf("the event has %d bytes, allowed are %d", len(payload), MaxPayload)}
	}
	for {
		e, err := f.environment()
		if err != nil {
			return nil, err
		}
		answer, err := e.invoke(ctx, payload)
		if f.keep(e) {
			return answer, err
		}
		if closed := e.close(); closed != nil {
			return nil, errors.Join(err, closed)
		}
		if !errors.Is(err, errNotAsked) {
			return answer, err
		}
	}
}

// environment takes one that is idle, or starts one.
func (f *Function) environment() (*environment, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, errors.New("lambdatest: the function is closed")
	}
	for len(f.idle) > 0 {
		e := f.idle[len(f.idle)-1]
		f.idle = f.idle[:len(f.idle)-1]
		if !e.hasEnded() {
			return e, nil
		}
		delete(f.all, e)
		if err := e.close(); err != nil {
			return nil, err
		}
	}
	f.started++
	e, err := start(f.path, f.opts, f.started)
	if err != nil {
		return nil, fmt.Errorf("lambdatest: start %s: %w", f.path, err)
	}
	f.all[e] = true
	return e, nil
}

// keep makes an environment idle, unless its process has ended.
func (f *Function) keep(e *environment) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e.hasEnded() || f.closed {
		delete(f.all, e)
		return false
	}
	f.idle = append(f.idle, e)
	return true
}

// Kill kills every process of the function, whatever it does, waits for their ends, and
// says how many there were. The invocations under way fail.
func (f *Function) Kill() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	killed := 0
	for e := range f.all {
		if !e.hasEnded() {
			killed++
			e.kill()
		}
	}
	return killed
}

// Started returns how many processes were started.
func (f *Function) Started() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.started
}

// Close ends every process, and waits for their ends. Invocations under way fail.
func (f *Function) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	var errs []error
	for e := range f.all {
		errs = append(errs, e.close())
	}
	clear(f.all)
	f.idle = nil
	return errors.Join(errs...)
}

// lines writes what several processes print, one at a time.
type lines struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}
