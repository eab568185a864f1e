package dispatch_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/handlers/dispatch"
)

// asked is a request of which each step can be made to fail.
type asked struct {
	Text  string `json:"text"`
	trail *[]string
}

func (a asked) Validate() error {
	if a.trail != nil {
		*a.trail = append(*a.trail, "validate")
	}
	if strings.Contains(a.Text, "wrong") {
		return errors.New("the text is wrong")
	}
	return nil
}

func step(trail *[]string, name string) dispatch.Middleware {
	return func(next dispatch.Handler) dispatch.Handler {
		return func(ctx context.Context, r *dispatch.Request) (any, error) {
			*trail = append(*trail, name)
			return next(ctx, r)
		}
	}
}

func as(t *testing.T, actor string) context.Context {
	return eventstore.WithMetadata(t.Context(), eventstore.Metadata{Actor: actor})
}

func echo(_ context.Context, r *dispatch.Request) (any, error) { return r.Content.(asked).Text, nil }

// ask dispatches one request to a table that has it alone.
func ask(ctx context.Context, opts dispatch.Options, h dispatch.Handler, raw string) (any, error) {
	table := dispatch.NewTable(dispatch.Command, opts)
	table.Add(dispatch.Entry{Name: "say"}, reflect.TypeFor[asked](), step(new([]string), ""), h)
	return table.Dispatch(ctx, &dispatch.Request{Name: "say", Raw: []byte(raw)})
}

func requireClass(t *testing.T, class dispatch.Class, err error) *dispatch.Failure {
	t.Helper()
	f, ok := errors.AsType[*dispatch.Failure](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, class, f.Class, "%v", err)
	return f
}

// Each request is wrong at one step more than the next one: the first step that is wrong
// is the one that answers.
func TestTheStepsComeInTheOrderThatIsDocumented(t *testing.T) {
	t.Parallel()
	var trail []string
	logged := new(bytes.Buffer)
	opts := dispatch.Options{
		Logger: slog.New(slog.NewTextHandler(logged, nil)),
		Authorize: func(ctx context.Context, actor string, r *dispatch.Request) error {
			_, bounded := ctx.Deadline()
			assert.True(t, bounded, "the timeout is around")
			trail = append(trail, "authorize "+r.Content.(asked).Text)
			if actor == "mallory" {
				return errors.New("not mallory")
			}
			return nil
		},
		Middleware: []dispatch.Middleware{step(&trail, "first"), step(&trail, "second")},
	}
	table := dispatch.NewTable(dispatch.Command, opts)
	table.Add(dispatch.Entry{Name: "say"}, reflect.TypeFor[asked](), step(&trail, "identify"),
		func(ctx context.Context, r *dispatch.Request) (any, error) {
			trail = append(trail, "handle")
			panic("on purpose")
		})
	say := func(actor, raw string, class dispatch.Class, steps ...string) {
		t.Helper()
		trail = nil
		logged.Reset()
		_, err := table.Dispatch(as(t, actor), &dispatch.Request{Name: "say", Raw: []byte(raw)})
		requireClass(t, class, err)
		assert.Equal(t, steps, trail)
		assert.Contains(t, logged.String(), "class="+string(class), "what recovers is inside of what logs")
	}
	say("", `{"text":"wrong","other":1}`, dispatch.Invalid)
	say("", `{"text":"wrong"}`, dispatch.Unauthenticated)
	say("mallory", `{"text":"wrong"}`, dispatch.Forbidden, "authorize wrong")
	say("ada", `{"text":"wrong"}`, dispatch.Invalid, "authorize wrong")
	say("ada", `{"text":"right"}`, dispatch.Internal, "authorize right", "identify", "first", "second", "handle")
}

func TestARequestIsLoggedWithoutWhatItSays(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	opts := dispatch.Options{Logger: slog.New(slog.NewTextHandler(&text, nil)),
		Refusals: []dispatch.Refusal{{Err: errSecret, Code: "no-secrets"}}}
	for _, h := range []dispatch.Handler{echo, func(_ context.Context, r *dispatch.Request) (any, error) {
		return nil, fmt.Errorf("%w: %s", errSecret, r.Content.(asked).Text)
	}} {
		_, _ = ask(t.Context(), opts, h, `{"text":"4711"}`)
	}
	_, _ = ask(t.Context(), opts, echo, `{"text":"wrong 4711"}`)
	_, _ = ask(t.Context(), opts, echo, `{"text":"4711","4711":"4711"}`)
	assert.NotContains(t, text.String(), "4711")
	lines := strings.Split(strings.TrimSpace(text.String()), "\n")
	require.Len(t, lines, 4)
	assert.Contains(t, lines[0], `level=INFO msg=answered kind=command name=say took=`)
	assert.Contains(t, lines[0], ` class=ok`)
	assert.Contains(t, lines[1], ` class=refused code=no-secrets`)
}

var errSecret = errors.New("no secrets")

func TestWhatIsWrongInsideIsLoggedAndNotTold(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	opts := dispatch.Options{Logger: slog.New(slog.NewTextHandler(&text, nil))}
	_, err := ask(t.Context(), opts, func(context.Context, *dispatch.Request) (any, error) {
		return nil, errors.New("table shop-events has no key")
	}, `{}`)
	f := requireClass(t, dispatch.Internal, err)
	assert.NotContains(t, f.Text+f.Hint, "shop-events")
	assert.Contains(t, text.String(), `level=ERROR msg=answered`)
	assert.Contains(t, text.String(), `error="table shop-events has no key"`)
	assert.EqualError(t, err, `command "say": table shop-events has no key`)

	_, err = ask(t.Context(), opts, func(context.Context, *dispatch.Request) (any, error) { panic("a nil map") }, `{}`)
	requireClass(t, dispatch.Internal, err)
	assert.Contains(t, text.String(), `error="panic: a nil map"`)
	assert.Contains(t, text.String(), "dispatch_test.go", "the stack is there")
}

func TestAHandlerIsGivenSoMuchTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		wait := func(ctx context.Context, _ *dispatch.Request) (any, error) {
			<-ctx.Done()
			return nil, errors.New("interrupted") // in the words of a driver
		}
		began := time.Now()
		_, err := ask(t.Context(), dispatch.Options{}, wait, `{}`)
		requireClass(t, dispatch.Timeout, err)
		assert.Equal(t, 10*time.Second, time.Since(began))
		_, err = ask(t.Context(), dispatch.Options{Timeout: time.Minute}, wait, `{}`)
		requireClass(t, dispatch.Timeout, err)
		assert.Equal(t, 70*time.Second, time.Since(began))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = ask(ctx, dispatch.Options{}, wait, `{}`)
		requireClass(t, dispatch.Cancelled, err)
	})
}

func TestANameThatNobodyKnowsIsNotFound(t *testing.T) {
	t.Parallel()
	_, err := dispatch.NewTable(dispatch.Query, dispatch.Options{}).Dispatch(t.Context(), &dispatch.Request{Name: "who"})
	f := requireClass(t, dispatch.NotFound, err)
	assert.Equal(t, "who", f.Name)
	assert.ErrorIs(t, err, dispatch.ErrUnknown)
}

func TestWhatCanNotBeRegisteredPanics(t *testing.T) {
	t.Parallel()
	type exemplary struct {
		N int `json:"n" example:"many"`
	}
	table := dispatch.NewTable(dispatch.Command, dispatch.Options{})
	add := func(name string, content reflect.Type) func() {
		return func() { table.Add(dispatch.Entry{Name: name}, content, step(new([]string), ""), echo) }
	}
	for _, wrong := range []string{"", "Say", "say it", "say_it", "-say", "say-", strings.Repeat("x", 65)} {
		assert.Panics(t, add(wrong, reflect.TypeFor[asked]()), wrong)
	}
	assert.Panics(t, add("say", reflect.TypeFor[string]()))
	assert.Panics(t, add("say", reflect.TypeFor[exemplary]()))
	add("say-it-2", reflect.TypeFor[asked]())()
	assert.Panics(t, add("say-it-2", reflect.TypeFor[asked]()))
}
