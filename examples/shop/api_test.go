package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/examples/shop/money"
	"github.com/leftfold/leftfold/handlers/command"
	"github.com/leftfold/leftfold/handlers/dispatch"
	"github.com/leftfold/leftfold/handlers/httpapi"
	"github.com/leftfold/leftfold/projection"
)

// desk is the shop's API, and a worker that keeps the views up to date.
type desk struct {
	*testing.T
	service *Service
	api     http.Handler
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	s, err := openService(t.Context(), "sqlite:"+t.TempDir()+"/shop.db", false, firstEdition)
	require.NoError(t, err)
	s.Views = projection.Notifying(s.Views)
	feed, err := s.Feed(t.Context(), "api", nil)
	require.NoError(t, err)
	worker, err := projection.NewWorker(s.Store, s.Views, feed, workerOptions(nil), firstEdition.consumers()...)
	require.NoError(t, err)
	require.NoError(t, worker.Prepare(t.Context()))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- worker.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		assert.NoError(t, <-ended)
		assert.NoError(t, s.Close())
	})
	return &desk{t, s, s.api(slog.New(slog.DiscardHandler))}
}

// receipt is the answer of a command.
type receipt struct {
	ID     string   `json:"id"`
	Events []string `json:"events"`
	Token  string   `json:"token"`
}

func (c *desk) ask(method, path, body string, headers map[string]string) (int, string) {
	r := httptest.NewRequestWithContext(c.Context(), method, path, strings.NewReader(body))
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	c.api.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// send sends a command that takes effect.
func (c *desk) send(method, path, body string) receipt {
	c.Helper()
	code, text := c.ask(method, path, body, nil)
	require.Equal(c, http.StatusOK, code, text)
	return parse[receipt](c.T, text)
}

// show asks for what a command has written.
func show[R any](c *desk, path, token string) R {
	c.Helper()
	code, text := c.ask("GET", path, "", map[string]string{httpapi.HeaderToken: token})
	require.Equal(c, http.StatusOK, code, text)
	return parse[R](c.T, text)
}

func (c *desk) requireRefused(status int, code, method, path, body string) {
	c.Helper()
	got, text := c.ask(method, path, body, nil)
	require.Equal(c, status, got, text)
	require.Equal(c, code, parse[dispatch.Failure](c.T, text).Code, text)
}

const twoLines = `{"user":"17850","country":"United Kingdom","lines":[
	{"product":"85123A","description":"HEART","quantity":6,"price":"2.55"},{"product":"71053","quantity":2,"price":"3.39"}]}`

func TestOverHTTPAnInvoiceIsOneCommitAndIsSeenAtOnce(t *testing.T) {
	t.Parallel()
	c := newDesk(t)
	made := c.send("POST", "/purchases", twoLines)
	assert.Equal(t, []string{"user-17850@1", "user-17850@2"}, made.Events)
	stats := show[ProductStats](c, "/products/85123A", made.Token)
	assert.Equal(t, money.MustParse("15.30"), stats.TotalSales)
	assert.EqualValues(t, 6, stats.UnitsSold)
	history := show[historyAnswer](c, "/customers/17850/history?limit=1", made.Token)
	assert.Equal(t, 2, history.PurchaseCount)
	require.Len(t, history.Purchases, 1)
	assert.Equal(t, "user-17850@2", history.Purchases[0].PurchaseID)
	older := show[historyAnswer](c, "/customers/17850/history?limit=1&after="+history.Next, made.Token)
	assert.Equal(t, "user-17850@1", older.Purchases[0].PurchaseID)

	user, err := eventstore.ParseStreamID("user-17850")
	require.NoError(t, err)
	for c, err := range c.service.Store.Read(t.Context(), user, 1) {
		require.NoError(t, err)
		assert.Len(t, c.Events, 2)
		assert.Equal(t, made.ID, c.ID)
		line := parse[Line](t, string(c.Events[0].Payload))
		assert.Equal(t, made.ID, line.InvoiceID)
		assert.WithinDuration(t, time.Now(), line.Date, time.Minute)
		assert.Equal(t, "United Kingdom", line.Country)
	}

	back := c.send("POST", "/returns", `{"user":"17850","purchase":"user-17850@1","quantity":2}`)
	stats = show[ProductStats](c, "/products/85123A", back.Token)
	assert.Equal(t, money.MustParse("5.10"), stats.TotalReturned)
	assert.Len(t, show[[]ProductStats](c, "/products", ""), 2)
	assert.Len(t, show[[]ProductStats](c, "/products?limit=1", ""), 1)
}

func TestOverHTTPAnOrderSentAgainIsOneOrder(t *testing.T) {
	t.Parallel()
	c := newDesk(t)
	key := map[string]string{httpapi.HeaderKey: "order-1"}
	_, first := c.ask("POST", "/purchases", twoLines, key)
	_, again := c.ask("POST", "/purchases", twoLines, key)
	assert.Equal(t, first, again)
	code, _ := c.ask("POST", "/purchases", strings.Replace(twoLines, `"quantity":6`, `"quantity":7`, 1), key)
	assert.Equal(t, http.StatusUnprocessableEntity, code)
	state, err := c.service.Customers.Load(t.Context(), "17850")
	require.NoError(t, err)
	assert.Equal(t, 2, state.State.PurchaseCount)
}

func TestOverHTTPAGuestIsMergedAndAnAddressIsOneCustomers(t *testing.T) {
	t.Parallel()
	c := newDesk(t)
	c.send("POST", "/purchases", strings.Replace(twoLines, "17850", "guest-1", 1))
	c.send("PUT", "/customers/guest-1/email", `{"email":"ada@example.org"}`)
	c.requireRefused(409, "email-taken", "PUT", "/customers/17850/email", `{"email":"Ada@example.org"}`)
	merged := c.send("POST", "/customers/17850/merge", `{"guest":"guest-1"}`)
	history := show[historyAnswer](c, "/customers/17850/history", merged.Token)
	assert.Equal(t, 2, history.PurchaseCount)
	c.send("PUT", "/customers/17850/email", `{"email":"Ada@example.org"}`)
	assert.Empty(t, c.send("PUT", "/customers/17850/email", `{"email":"Ada@example.org"}`).Events)
	assert.Empty(t, c.send("POST", "/customers/17850/merge", `{"guest":"guest-1"}`).Events)
}

func TestOverHTTPEveryReasonToRefuseHasItsCode(t *testing.T) {
	t.Parallel()
	c := newDesk(t)
	made := c.send("POST", "/purchases", twoLines)
	show[historyAnswer](c, "/customers/17850/history", made.Token)
	c.send("POST", "/purchases", strings.Replace(twoLines, "17850", "guest-1", 1))
	c.send("POST", "/customers/17850/merge", `{"guest":"guest-1"}`)
	c.requireRefused(400, "invalid", "POST", "/purchases", `{"user":"17850","lines":[]}`)
	c.requireRefused(400, "invalid", "POST", "/purchases", `{"user":"17850","lines":[{"product":"85123A","quantity":0,"price":"2.55"}]}`)
	c.requireRefused(400, "invalid", "POST", "/purchases", `{"user":"17850","lines":[{"product":"85123A","quantity":1,"price":2.55}]}`)
	c.requireRefused(400, "invalid", "POST", "/purchases", `{"user":"17850","lines":[{"product":"85123A","quantity":1,"price":"2,55"}]}`)
	c.requireRefused(400, "invalid", "PUT", "/customers/17850/email", `{"email":"ada"}`)
	c.requireRefused(409, "merged", "POST", "/purchases", strings.Replace(twoLines, "17850", "guest-1", 1))
	c.requireRefused(409, "unknown-purchase", "POST", "/returns", `{"user":"17850","purchase":"user-17850@99","quantity":1}`)
	c.requireRefused(409, "too-many-returned", "POST", "/returns", `{"user":"17850","purchase":"user-17850@1","quantity":7}`)
	c.requireRefused(404, "not-found", "POST", "/customers/17850/merge", `{"guest":"nobody"}`)
	c.requireRefused(404, "not-found", "GET", "/products/none", "")
	c.requireRefused(404, "not-found", "GET", "/customers/none/history", "")
	c.requireRefused(400, "invalid", "GET", "/customers/17850/history?after=x", "")
	c.requireRefused(400, "invalid", "GET", "/products?limit=101", "")
}

func TestTheExampleOfEachCommandIsOne(t *testing.T) {
	t.Parallel()
	c := newDesk(t)
	bus := c.service.commands(dispatch.Options{Refusals: refusals})
	var names []string
	for _, name := range []string{"purchase", "return", "set-email"} {
		_, err := bus.Dispatch(t.Context(), command.Request{Name: name, Content: bus.Entry(name).Example})
		require.NoError(t, err, name)
	}
	for _, e := range bus.Entries() {
		names = append(names, e.Name)
	}
	assert.Equal(t, []string{"merge", "purchase", "return", "set-email"}, names)
}

// overGateway is an event of API Gateway.
func overGateway(t *testing.T, method, path, body string, headers map[string]string) []byte {
	event := events.APIGatewayV2HTTPRequest{Version: "2.0", RawPath: path, Body: body, Headers: headers}
	event.RequestContext.Stage = "$default"
	event.RequestContext.HTTP.Method = method
	text, err := json.Marshal(event)
	require.NoError(t, err)
	return text
}

func TestAsALambdaFunctionTheAPITakesAnOrderOnce(t *testing.T) {
	t.Parallel()
	endpoint := server.Endpoint(t)
	s := onDynamoDB(t, endpoint)
	f := s.function("api", endpoint, time.Minute)
	order := overGateway(t, "POST", "/purchases", twoLines, map[string]string{"idempotency-key": "order-1"})
	for range 3 {
		text, err := f.Invoke(t.Context(), order)
		require.NoError(t, err)
		answer := parse[events.APIGatewayV2HTTPResponse](t, string(text))
		require.Equal(t, 200, answer.StatusCode, answer.Body)
		assert.Equal(t, []string{"user-17850@1", "user-17850@2"}, parse[receipt](t, answer.Body).Events)
	}
	_, err := f.Invoke(t.Context(), []byte(`{"Records":[]}`))
	assert.ErrorContains(t, err, "none of an HTTP API")
}
