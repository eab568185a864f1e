package httpapi_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
	"github.com/leftfold/leftfold/handlers/dispatch"
	"github.com/leftfold/leftfold/handlers/httpapi"
)

// gatewayEvent is what API Gateway sends for a booking, with what a JWT authorizer has
// verified.
const gatewayEvent = `{
	"version": "2.0", "routeKey": "$default", "rawPath": "/concerts/d%C3%A9j%C3%A0%20vu/bookings", "rawQueryString": "seats=4",
	"cookies": ["a=1", "b=2"],
	"headers": {"content-type": "application/json", "idempotency-key": "17", "x-forwarded-for": "203.0.113.1"},
	"queryStringParameters": {"seats": "4"},
	"requestContext": {
		"accountId": "000000000000", "apiId": "api", "domainName": "api.example", "stage": "$default", "requestId": "r", "timeEpoch": 1,
		"authorizer": {"jwt": {"claims": {"sub": "ada"}, "scopes": null}},
		"http": {"method": "POST", "path": "/concerts/déjà vu/bookings", "protocol": "HTTP/1.1", "sourceIp": "203.0.113.1", "userAgent": "curl"}
	},
	"body": "eyJndWVzdCI6IkFkYSJ9", "isBase64Encoded": true
}`

// subject authenticates by what API Gateway has verified.
func subject(r *http.Request) (string, error) {
	event, ok := httpapi.Gateway(r)
	if !ok || event.RequestContext.Authorizer == nil || event.RequestContext.Authorizer.JWT == nil {
		return "", errors.New("not behind the authorizer")
	}
	return event.RequestContext.Authorizer.JWT.Claims["sub"], nil
}

func TestAPIGatewayReachesTheSameHandler(t *testing.T) {
	t.Parallel()
	o := newOffice(t, memstore.New(), httpapi.Options{Authenticate: subject}, dispatch.Options{})
	invoke := httpapi.Lambda(o.api)
	for range 2 {
		response, err := invoke(t.Context(), json.RawMessage(gatewayEvent))
		require.NoError(t, err)
		require.Equal(t, 200, response.StatusCode, response.Body)
		assert.Contains(t, response.Body, `"events":["concert-déjà vu@1"]`)
		assert.NotEmpty(t, response.Headers["Leftfold-Token"])
		assert.False(t, response.IsBase64Encoded)
	}
	stream, err := eventstore.NewStreamID("concert", "déjà vu")
	require.NoError(t, err)
	for c, err := range o.store.Read(t.Context(), stream, 1) {
		require.NoError(t, err)
		assert.Equal(t, "ada", c.Metadata.Actor)
	}
	o.requireProblem(401, "unauthenticated", o.ask("GET", "/guests/Ada", "")) // not from the gateway
}

func TestAnEventOfAnythingElseIsRefused(t *testing.T) {
	t.Parallel()
	invoke := httpapi.Lambda(http.NotFoundHandler())
	for _, wrong := range []string{
		``, `null`, `[]`, `{}`, `{"Records":[]}`,
		strings.Replace(gatewayEvent, `"2.0"`, `"1.0"`, 1),
		strings.Replace(gatewayEvent, `"POST"`, `""`, 1),
		strings.Replace(gatewayEvent, `"POST"`, `"PO ST"`, 1),
		strings.Replace(gatewayEvent, `"rawPath": "/`, `"rawPath": "`, 1),
		strings.Replace(gatewayEvent, `"eyJ`, `"!!`, 1),
	} {
		_, err := invoke(t.Context(), json.RawMessage(wrong))
		assert.ErrorIs(t, err, eventstore.ErrInvalid, wrong)
	}
}

func TestARequestOfTheGatewayIsARequestLikeOthers(t *testing.T) {
	t.Parallel()
	var seen *http.Request
	var body []byte
	invoke := httpapi.Lambda(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r
		body, _ = io.ReadAll(r.Body)
		w.Header().Add("Set-Cookie", "a=1")
		w.Header().Add("Set-Cookie", "b=2")
		w.Header().Add("Vary", "A")
		w.Header().Add("Vary", "B")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusTeapot)
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write([]byte{0xff, 0xfe})
	}))
	response, err := invoke(t.Context(), json.RawMessage(gatewayEvent))
	require.NoError(t, err)
	assert.Equal(t, events.APIGatewayV2HTTPResponse{StatusCode: 418, Headers: map[string]string{"Vary": "A,B"}, Cookies: []string{"a=1", "b=2"},
		Body: base64.StdEncoding.EncodeToString([]byte{0xff, 0xfe}), IsBase64Encoded: true}, response)
	assert.Equal(t, "/concerts/déjà vu/bookings", seen.URL.Path)
	assert.Equal(t, "/concerts/d%C3%A9j%C3%A0%20vu/bookings?seats=4", seen.RequestURI)
	assert.Equal(t, "api.example", seen.Host)
	assert.Equal(t, "203.0.113.1:0", seen.RemoteAddr)
	assert.Equal(t, `{"guest":"Ada"}`, string(body))
	cookie, err := seen.Cookie("b")
	require.NoError(t, err)
	assert.Equal(t, "2", cookie.Value)

	for stage, path := range map[string]string{"concerts": "/déjà vu/bookings", "dev": "/concerts/déjà vu/bookings", "conc": "/concerts/déjà vu/bookings"} {
		_, err := invoke(t.Context(), json.RawMessage(strings.Replace(gatewayEvent, `"stage": "$default"`, `"stage": "`+stage+`"`, 1)))
		require.NoError(t, err)
		assert.Equal(t, path, seen.URL.Path, stage)
	}
	plain := strings.NewReplacer(`d%C3%A9j%C3%A0%20vu`, "déjà vu 100%", `"isBase64Encoded": true`, `"isBase64Encoded": false`).Replace(gatewayEvent)
	_, err = invoke(t.Context(), json.RawMessage(plain))
	require.NoError(t, err)
	assert.Equal(t, "/concerts/déjà vu 100%/bookings", seen.URL.Path, "a path that is not escaped is taken as it is")
	assert.Equal(t, "eyJndWVzdCI6IkFkYSJ9", string(body))
}

// Whatever comes as an event is refused, or becomes a request that the handler of the
// service can read.
func FuzzGatewayEvent(f *testing.F) {
	f.Add([]byte(gatewayEvent))
	f.Add([]byte(`{"version":"2.0","rawPath":"/","requestContext":{"http":{"method":"GET"}}}`))
	f.Add([]byte(`{"version":"2.0","rawPath":"/%","rawQueryString":"%","requestContext":{"stage":"%","http":{"method":"GET"}}}`))
	commands, queries := buses(memstore.New(), nil, dispatch.Options{})
	api := httpapi.New(commands, queries, httpapi.Options{Authenticate: subject, Routes: routes})
	f.Fuzz(func(t *testing.T, event []byte) {
		invoke := httpapi.Lambda(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			assert.True(t, strings.HasPrefix(r.URL.Path, "/"), r.URL.Path)
			assert.NotEmpty(t, r.Method)
			api.ServeHTTP(w, r)
		}))
		response, err := invoke(t.Context(), event)
		if err != nil {
			require.ErrorIs(t, err, eventstore.ErrInvalid)
			return
		}
		require.GreaterOrEqual(t, response.StatusCode, 200)
		_, err = json.Marshal(response)
		require.NoError(t, err)
	})
}
