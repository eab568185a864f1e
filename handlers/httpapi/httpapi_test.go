package httpapi_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
	"github.com/leftfold/leftfold/eventstore/storetest"
	"github.com/leftfold/leftfold/handlers/dispatch"
	"github.com/leftfold/leftfold/handlers/httpapi"
)

const (
	key  = "Idempotency-Key: 17"
	adas = `{"concert":"opera","guest":"Ada","seats":4}`
)

func TestACommandIsAnsweredWithWhereItWroteAndAQueryWithTheView(t *testing.T) {
	t.Parallel()
	o := open(t)
	booked := o.ask("POST", "/commands/book", adas, key)
	require.Equal(t, 200, booked.status, booked.body)
	token := booked.header.Get("Leftfold-Token")
	assert.JSONEq(t, `{"id":"17","events":["concert-opera@1"],"token":"`+token+`"}`, booked.body)
	assert.Equal(t, "application/json", booked.header.Get("Content-Type"))
	assert.Equal(t, "no-store", booked.header.Get("Cache-Control"))

	behind := o.ask("GET", "/queries/guest?guest=Ada", "", "Leftfold-Token: "+token)
	o.requireProblem(503, "behind", behind)
	assert.Equal(t, "1", behind.header.Get("Retry-After"))
	o.sweep()
	for _, a := range []answer{
		o.ask("GET", "/queries/guest?guest=Ada", "", "Leftfold-Token: "+token),
		o.ask("GET", "/queries/guest?guest=Ada", "", "Leftfold-Token: "+token, "Leftfold-Token: "+token),
		o.ask("GET", "/queries/guest?guest=Ada", "", "Leftfold-Token: "),
		o.ask("POST", "/queries/guest", `{"guest":"Ada"}`),
		o.ask("GET", "/guests/Ada", ""),
	} {
		assert.Equal(t, 200, a.status)
		assert.JSONEq(t, `{"name":"Ada","seats":4}`, a.body)
	}
	o.requireProblem(400, "invalid", o.ask("GET", "/guests/Ada", "", "Leftfold-Token: x"))
	o.requireProblem(404, "not-found", o.ask("GET", "/guests/Bob", ""))
}

func TestTheSameRequestTakesEffectOnceAndAnotherOneIsRefused(t *testing.T) {
	t.Parallel()
	o := open(t)
	const bookings = "/concerts/opera/bookings"
	first := o.ask("POST", bookings, `{"guest":"Ada","seats":4}`, key)
	require.Equal(t, 200, first.status, first.body)
	assert.Contains(t, first.body, `["concert-opera@1"]`)
	for _, again := range []answer{
		o.ask("POST", bookings, `{"seats": 4, "guest": "Ada"}`, key),
		o.ask("POST", bookings, `{"guest":"Ada","seats":4}`, `Idempotency-Key: "17"`),
		o.ask("POST", bookings+"?guest=Ada", `{"seats":4}`, key),
		o.ask("POST", "/commands/book", adas, key),
	} {
		assert.Equal(t, first.body, again.body)
	}
	for _, other := range []string{`{"guest":"Bob","seats":4}`, `{"guest":"Ada","seats":5}`} {
		members := o.requireProblem(422, "id-reused", o.ask("POST", bookings, other, key))
		assert.Equal(t, "concert-opera", members["stream"])
		assert.Equal(t, "17", members["id"])
	}
	members := o.requireProblem(400, "invalid", o.ask("POST", bookings, `{"guest":"Ada","seats":4}`))
	assert.Contains(t, members["hint"], "Idempotency-Key")
	o.requireProblem(400, "invalid", o.ask("POST", bookings, `{"guest":"Ada","seats":4}`, key, "Idempotency-Key: 18"))
	o.requireProblem(400, "invalid", o.ask("POST", bookings, `{"guest":"Ada","seats":4}`, "Idempotency-Key: "+strings.Repeat("x", 129)))
}

// Whoever answers for a path must not be led past it by the body.
func TestAFieldIsInThePathOrInTheBodyAndNotInBoth(t *testing.T) {
	t.Parallel()
	o := open(t)
	const bookings = "/concerts/opera/bookings"
	for _, body := range []string{
		`{"concert":"jazz","guest":"Ada","seats":4}`, `{"concert":"opera","guest":"Ada","seats":4}`, `{"CONCERT":"jazz","guest":"Ada","seats":4}`,
	} {
		members := o.requireProblem(400, "invalid", o.ask("POST", bookings, body, key))
		assert.Contains(t, members["detail"], `field "concert" is in the address and in the body`)
	}
	o.requireProblem(400, "invalid", o.ask("POST", bookings+"?concert=jazz", `{"guest":"Ada","seats":4}`, key))
	o.requireProblem(400, "invalid", o.ask("POST", bookings+"?seats=4", `{"guest":"Ada","seats":4}`, key))
	o.requireProblem(400, "invalid", o.ask("POST", bookings+"?seat=4", `{"guest":"Ada"}`, key))
	o.requireProblem(400, "invalid", o.ask("POST", bookings+"?seats=%zz", `{"guest":"Ada"}`, key))
}

func TestWhatIsNoCommandIsRefused(t *testing.T) {
	t.Parallel()
	o := newOffice(t, memstore.New(), httpapi.Options{MaxBody: 64}, dispatch.Options{})
	for _, body := range []string{`{`, `[]`, `null`, `{"guests":"Ada"}`, `{"guest":"Ada","guest":"Bob"}`, `{"guest":4}`, adas + adas[:1]} {
		o.requireProblem(400, "invalid", o.ask("POST", "/commands/book", body, key))
	}
	large := o.requireProblem(413, "too-large", o.ask("POST", "/commands/book", adas+strings.Repeat(" ", 64), key))
	assert.Equal(t, map[string]any{"what": "bytes of a body", "limit": 64.0}, large["limit"])
	o.requireProblem(404, "not-found", o.ask("POST", "/commands/bok", adas, key))
	o.requireProblem(404, "not-found", o.ask("GET", "/", ""))
	wrong := o.ask("GET", "/commands/book", "")
	require.Equal(t, 405, wrong.status)
	assert.Equal(t, "POST", wrong.header.Get("Allow"))
	assert.Equal(t, "application/problem+json", wrong.header.Get("Content-Type"))
	o.requireProblem(400, "invalid", o.ask("POST", "/commands/book", `{"guest":"Ada","seats":1,"concert":"\n"}`, key))
}

func TestWhatIsRefusedIsLoggedWithoutWhatItSays(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	o := newOffice(t, memstore.New(), httpapi.Options{Logger: slog.New(slog.NewTextHandler(&text, nil))}, dispatch.Options{})
	o.requireProblem(400, "invalid", o.ask("POST", "/commands/book?seats=secret4711", `{}`, key))
	o.requireProblem(400, "invalid", o.ask("POST", "/commands/book?seats=1", `{"guest":4711}`, key))
	o.requireProblem(400, "invalid", o.ask("GET", "/queries/guest?guest=Ada", "", "Leftfold-Token: 4711"))
	assert.Equal(t, 3, strings.Count(text.String(), "class=invalid"))
	assert.NotContains(t, text.String(), "4711")
}

func TestAnErrorIsToldAsFarAsItIsTheCallers(t *testing.T) {
	t.Parallel()
	o := open(t)
	require.Equal(t, 200, o.ask("POST", "/commands/book", `{"concert":"opera","guest":"Ada","seats":8}`, key).status)
	refused := o.requireProblem(409, "refused", o.ask("POST", "/commands/book", adas, "Idempotency-Key: 18"))
	assert.Equal(t, "sold-out", refused["code"])
	assert.Equal(t, "not enough seats are left: 8 of 10 are taken", refused["detail"])
	inside := o.ask("POST", "/commands/book", `{"concert":"opera","guest":"Ada","seats":99}`, "Idempotency-Key: 19")
	o.requireProblem(500, "internal", inside)
	assert.NotContains(t, inside.body, "4711")
}

func TestAnUnknownOutcomeIsToldSoThatTheSameIsSentAgain(t *testing.T) {
	t.Parallel()
	faulty := struct {
		*storetest.Faulty
		eventstore.Directory
	}{}
	memory := memstore.New()
	faulty.Faulty, faulty.Directory = storetest.NewFaulty(memory, storetest.Sequence(storetest.AnswerLost)), memory
	o := newOffice(t, faulty, httpapi.Options{}, dispatch.Options{})
	lost := o.ask("POST", "/commands/book", adas, key)
	members := o.requireProblem(503, "outcome-unknown", lost)
	assert.Equal(t, "1", lost.header.Get("Retry-After"))
	assert.Equal(t, "17", members["id"])
	assert.Equal(t, "concert-opera", members["stream"])
	again := o.ask("POST", "/commands/book", adas, key)
	assert.Equal(t, 200, again.status)
	assert.Contains(t, again.body, `["concert-opera@1"]`)
}

func TestWhoAsksIsFoundOutFirst(t *testing.T) {
	t.Parallel()
	bearer := func(r *http.Request) (string, error) {
		switch r.Header.Get("Authorization") {
		case "Bearer ada":
			return "ada", nil
		case "Bearer mallory":
			return "mallory", nil
		case "Bearer banned":
			return "", dispatch.ErrForbidden
		}
		return "", errors.New("no such token: 4711")
	}
	notMallory := dispatch.Options{Authorize: func(_ context.Context, actor string, r *dispatch.Request) error {
		if actor == "mallory" && r.Kind == dispatch.Command {
			return errors.New("the secret is 4711")
		}
		return nil
	}}
	o := newOffice(t, memstore.New(), httpapi.Options{Authenticate: bearer}, notMallory)
	nobody := o.ask("POST", "/commands/book", `{`, key)
	o.requireProblem(401, "unauthenticated", nobody)
	assert.Equal(t, "Bearer", nobody.header.Get("WWW-Authenticate"))
	assert.NotContains(t, nobody.body, "4711")
	o.requireProblem(401, "unauthenticated", o.ask("GET", "/guests/Ada", ""))
	o.requireProblem(403, "forbidden", o.ask("POST", "/commands/book", adas, key, "Authorization: Bearer banned"))
	forbidden := o.ask("POST", "/commands/book", adas, key, "Authorization: Bearer mallory")
	o.requireProblem(403, "forbidden", forbidden)
	assert.NotContains(t, forbidden.body, "4711")
	require.Equal(t, 200, o.ask("POST", "/commands/book", adas, key, "Authorization: Bearer ada").status)

	// Public lets everybody in, but as nobody: what is authorized by the bus stays closed.
	o = newOffice(t, memstore.New(), httpapi.Options{}, notMallory)
	closed := o.ask("POST", "/commands/book", adas, key)
	o.requireProblem(401, "unauthenticated", closed)
	assert.Equal(t, "Bearer", closed.header.Get("WWW-Authenticate"))
}

func TestABrowserOfAnotherOriginIsRefused(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.requireProblem(403, "forbidden", o.ask("POST", "/commands/book", adas, key, "Sec-Fetch-Site: cross-site"))
	o.requireProblem(403, "forbidden", o.ask("POST", "/commands/book", adas, key, "Origin: https://evil.example"))
	assert.Equal(t, 200, o.ask("POST", "/commands/book", adas, key, "Sec-Fetch-Site: same-origin").status)

	trusting := http.NewCrossOriginProtection()
	require.NoError(t, trusting.AddTrustedOrigin("https://shop.example"))
	o = newOffice(t, memstore.New(), httpapi.Options{CrossOrigin: trusting}, dispatch.Options{})
	assert.Equal(t, 200, o.ask("POST", "/commands/book", adas, key, "Origin: https://shop.example", "Sec-Fetch-Site: cross-site").status)
}

func TestCommitsCarryWhereTheRequestCameFrom(t *testing.T) {
	t.Parallel()
	o := newOffice(t, memstore.New(), httpapi.Options{Authenticate: func(*http.Request) (string, error) { return "ada", nil }}, dispatch.Options{})
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	opera, err := eventstore.NewStreamID("concert", "opera")
	require.NoError(t, err)
	n := eventstore.Version(0)
	metadata := func(headers ...string) (m eventstore.Metadata) {
		t.Helper()
		n++
		a := o.ask("POST", "/commands/book", `{"concert":"opera","guest":"Ada","seats":1}`, append(headers, "Idempotency-Key: "+strings.Repeat("k", int(n)))...)
		require.Equal(t, 200, a.status, a.body)
		for c, err := range o.store.Read(t.Context(), opera, n) {
			require.NoError(t, err)
			m = c.Metadata
		}
		return m
	}
	assert.Equal(t, eventstore.Metadata{Actor: "ada", CorrelationID: "c", CausationID: "d", TraceParent: parent, TraceState: "a=1,b=2"},
		metadata("X-Correlation-Id: c", "X-Causation-Id: d", "traceparent: "+parent, "tracestate: a=1", "tracestate: b=2"))
	bare := eventstore.Metadata{Actor: "ada", CorrelationID: "kk", CausationID: "kk"}
	assert.Equal(t, bare, metadata("traceparent: 00-xyz", "tracestate: a=1"))
	bare.CorrelationID, bare.CausationID, bare.TraceParent = "kkk", "kkk", parent
	assert.Equal(t, bare, metadata("traceparent: "+parent, "tracestate: a="+strings.Repeat("x", 600)))
	o.requireProblem(400, "invalid", o.ask("POST", "/commands/book", adas, key, "X-Correlation-Id: "+strings.Repeat("x", 129)))
	o.requireProblem(400, "invalid", o.ask("POST", "/commands/book", adas, key, "X-Causation-Id: a", "X-Causation-Id: b"))
}

func TestWhatIsWiredWronglyPanics(t *testing.T) {
	t.Parallel()
	commands, queries := buses(memstore.New(), nil, dispatch.Options{})
	assert.PanicsWithValue(t, "httpapi: Options.Authenticate is needed; httpapi.Public lets everybody in",
		func() { httpapi.New(commands, queries, httpapi.Options{}) })
	for _, wrong := range []httpapi.Route{
		{"POST /bookings", "bok"}, {"/bookings", "book"}, {"GET /bookings", "book"}, {"POST /{venue}/bookings", "book"},
		{"POST /commands/book", "book"}, {"POST bookings", "book"},
	} {
		assert.Panics(t, func() {
			httpapi.New(commands, queries, httpapi.Options{Authenticate: httpapi.Public, Routes: []httpapi.Route{wrong}})
		}, wrong.Pattern)
	}
	api := httpapi.New(commands, nil, httpapi.Options{Authenticate: httpapi.Public, OnlyRoutes: true,
		Routes: []httpapi.Route{{"POST /bookings/{concert...}", "book"}}})
	for target, status := range map[string]int{"/commands/book": 404, "/bookings/opera": 200} {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), "POST", target, strings.NewReader(`{"guest":"Ada","seats":1}`))
		r.Header.Set("Idempotency-Key", "17")
		api.ServeHTTP(w, r)
		assert.Equal(t, status, w.Code, target)
	}
}
