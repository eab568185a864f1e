package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore/memstore"
)

// counter is a service in memory, of which single handlers are asked.
type counter struct {
	*testing.T
	service *service
}

func newCounter(t *testing.T) counter {
	return counter{t, &service{concerts: aggregate.NewRepository(memstore.New(), Concerts, aggregate.Options{})}}
}

// requireAnswer asks a handler about the opera.
func (c counter) requireAnswer(code int, answer string, handler http.HandlerFunc, key, body string) {
	c.Helper()
	r := httptest.NewRequestWithContext(c.Context(), "POST", "/concerts/opera/bookings", strings.NewReader(body))
	r.SetPathValue("concert", "opera")
	r.Header.Set("Idempotency-Key", key)
	w := httptest.NewRecorder()
	handler(w, r)
	assert.Equal(c, code, w.Code, w.Body)
	assert.Contains(c, w.Body.String(), answer)
}

// The second of two people with one key must not be told that the first one's booking
// is theirs, however a handler reads what they want.
func TestAnotherRequestUnderAKeyIsRefusedAlsoWhereNoFormIsParsed(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	readsJSON := func(w http.ResponseWriter, r *http.Request) {
		var asked booking
		if assert.NoError(t, json.NewDecoder(r.Body).Decode(&asked)) {
			c.service.execute(w, r, asked, Book(asked.Guest, asked.Seats))
		}
	}
	for range 2 {
		c.requireAnswer(200, "concert-opera@1\n", readsJSON, "key", `{"guest":"Ada","seats":4}`)
	}
	c.requireAnswer(200, "concert-opera@1\n", readsJSON, "key", `{"seats": 4, "guest": "Ada"}`)
	c.requireAnswer(409, `"key"`, readsJSON, "key", `{"guest":"Bob","seats":4}`)
	c.requireAnswer(409, `"key"`, readsJSON, "key", `{"guest":"Ada","seats":5}`)
}

func TestACommandThatIsNoJSONIsNotExecuted(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	c.requireAnswer(500, "unsupported type", func(w http.ResponseWriter, r *http.Request) {
		c.service.execute(w, r, func() {}, Book("Ada", 1))
	}, "key", "")
	c.requireAnswer(200, "concert-opera@1\n", func(w http.ResponseWriter, r *http.Request) {
		c.service.execute(w, r, nil, Book("Ada", 1))
	}, "key", "")
}

// A commit without events has no event that could be named.
func TestACommandWithNothingToDoNamesNoEvent(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	idle := func(w http.ResponseWriter, r *http.Request) {
		c.service.execute(w, r, nil, func(Concert) ([]Event, error) { return nil, nil })
	}
	for range 2 {
		c.requireAnswer(200, "nothing to do\n", idle, "key", "")
	}
}

// Nothing is stored of it that could be met again.
func TestACommandThatWroteNothingIsNotRememberedUnderItsKey(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	request := func(asked booking, decide aggregate.Decision[Concert, Event]) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { c.service.execute(w, r, asked, decide) }
	}
	c.requireAnswer(200, "concert-opera@1\n", request(booking{"Ada", 8}, Book("Ada", 8)), "key-1", "")
	c.requireAnswer(409, "8 of 10 are taken", request(booking{"Bob", 4}, Book("Bob", 4)), "key-2", "")
	c.requireAnswer(200, "concert-opera@2\n", request(booking{"Ada", 0}, Cancel("Ada")), "key-3", "")
	c.requireAnswer(200, "concert-opera@3\n", request(booking{"Bob", 4}, Book("Bob", 4)), "key-2", "")

	unbooked := func(guest string) aggregate.Decision[Concert, Event] { // as Cancel, where that is no refusal
		return func(state Concert) ([]Event, error) {
			if state.Seats[guest] == 0 {
				return nil, nil
			}
			return Cancel(guest)(state)
		}
	}
	c.requireAnswer(200, "nothing to do\n", request(booking{"Cid", 0}, unbooked("Cid")), "key-4", "")
	c.requireAnswer(200, "concert-opera@4\n", request(booking{"Cid", 1}, Book("Cid", 1)), "key-5", "")
	c.requireAnswer(200, "concert-opera@5\n", request(booking{"Cid", 0}, unbooked("Cid")), "key-4", "")
}
