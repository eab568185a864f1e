package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore/memstore"
	"github.com/leftfold/leftfold/handlers/command"
	"github.com/leftfold/leftfold/handlers/dispatch"
	"github.com/leftfold/leftfold/projection/memviews"
)

// counter is a service in memory.
type counter struct {
	*testing.T
	api http.Handler
}

func newService() *service {
	return &service{concerts: aggregate.NewRepository(memstore.New(), Concerts, aggregate.Options{}), views: memviews.New(memviews.Options{})}
}

func newCounter(t *testing.T) counter {
	return counter{t, newService().api(slog.New(slog.DiscardHandler))}
}

// requireAnswer sends a command under a key.
func (c counter) requireAnswer(code int, answer string, method, path, key, body string) {
	c.Helper()
	r := httptest.NewRequestWithContext(c.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Idempotency-Key", key)
	w := httptest.NewRecorder()
	c.api.ServeHTTP(w, r)
	require.Equal(c, code, w.Code, w.Body)
	require.Contains(c, w.Body.String(), answer)
}

const bookings = "/concerts/opera/bookings"

// The second of two people with one key must not be told that the first one's booking
// is theirs.
func TestAnotherRequestUnderAKeyIsRefused(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	for range 2 {
		c.requireAnswer(200, `["concert-opera@1"]`, "POST", bookings, "key", `{"guest":"Ada","seats":4}`)
	}
	c.requireAnswer(200, `["concert-opera@1"]`, "POST", bookings, "key", `{"seats": 4, "guest": "Ada"}`)
	c.requireAnswer(422, `"id-reused"`, "POST", bookings, "key", `{"guest":"Bob","seats":4}`)
	c.requireAnswer(422, `"id-reused"`, "POST", bookings, "key", `{"guest":"Ada","seats":5}`)
	c.requireAnswer(422, `"id-reused"`, "DELETE", bookings+"/Ada", "key", "")
}

// Nothing is stored of it that could be met again.
func TestACommandThatWroteNothingIsNotRememberedUnderItsKey(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	c.requireAnswer(200, "concert-opera@1", "POST", bookings, "key-1", `{"guest":"Ada","seats":8}`)
	c.requireAnswer(409, "8 of 10 are taken", "POST", bookings, "key-2", `{"guest":"Bob","seats":4}`)
	c.requireAnswer(200, "concert-opera@2", "DELETE", bookings+"/Ada", "key-3", "")
	c.requireAnswer(200, "concert-opera@3", "POST", bookings, "key-2", `{"guest":"Bob","seats":4}`)
}

func TestEveryReasonToRefuseHasItsCode(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	c.requireAnswer(400, `"invalid"`, "POST", bookings, "key", `{"guest":"Ada"}`)
	c.requireAnswer(409, `"sold-out"`, "POST", bookings, "key", `{"guest":"Ada","seats":11}`)
	c.requireAnswer(409, `"no-booking"`, "DELETE", bookings+"/Ada", "key", "")
}

func TestTheExamplesOfTheCommandsCanBeSent(t *testing.T) {
	t.Parallel()
	bus := newService().commands(dispatch.Options{})
	for _, e := range bus.Entries() {
		receipt, err := bus.Dispatch(t.Context(), command.Request{Name: e.Name, ID: e.Name, Content: e.Example})
		require.NoError(t, err, e.Name)
		assert.Len(t, receipt.Events, 1, e.Name)
	}
}
