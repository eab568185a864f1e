package httpapi

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"

	"github.com/leftfold/leftfold/eventstore"
)

// Lambda returns a handler for lambda.Start that answers the events of an HTTP API of API
// Gateway (payload format 2.0) and of a function URL, which have the same shape. An event
// that is no such is an error. The answer is one piece, of 6 MB at the most.
//
// It is here because no library fits: lambdaurl of aws-lambda-go streams its answers, which
// function URLs alone can take, and aws-lambda-go-api-proxy takes an event of any version
// for one of its own, and requires six web frameworks in its module.
func Lambda(h http.Handler) func(context.Context, json.RawMessage) (events.APIGatewayV2HTTPResponse, error) {
	return func(ctx context.Context, event json.RawMessage) (events.APIGatewayV2HTTPResponse, error) {
		r, err := requestOf(ctx, event)
		if err != nil {
			return events.APIGatewayV2HTTPResponse{}, err
		}
		w := newRecorder()
		h.ServeHTTP(w, r)
		return responseOf(w), nil
	}
}

type gatewayKey struct{}

// Gateway returns the event of API Gateway that a request came as, for an Authenticate
// that reads what an authorizer has verified.
func Gateway(r *http.Request) (event events.APIGatewayV2HTTPRequest, ok bool) {
	event, ok = r.Context().Value(gatewayKey{}).(events.APIGatewayV2HTTPRequest)
	return event, ok
}

// requestOf decodes an event. The error wraps [eventstore.ErrInvalid].
func requestOf(ctx context.Context, text []byte) (*http.Request, error) {
	var event events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal(text, &event); err != nil {
		return nil, fmt.Errorf("httpapi: %w: event of API Gateway: %w", eventstore.ErrInvalid, err)
	}
	method := event.RequestContext.HTTP.Method
	if event.Version != "2.0" || method == "" || !strings.HasPrefix(event.RawPath, "/") {
		return nil, fmt.Errorf("httpapi: %w: the event is none of an HTTP API of API Gateway, payload format 2.0, or of a function URL", eventstore.ErrInvalid)
	}
	body := []byte(event.Body)
	if event.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(event.Body); err != nil {
			return nil, fmt.Errorf("httpapi: %w: body of an event of API Gateway: %w", eventstore.ErrInvalid, err)
		}
	}
	ctx = context.WithValue(ctx, gatewayKey{}, event)
	r, err := http.NewRequestWithContext(ctx, method, "/", strings.NewReader(string(body)))
	if err != nil {
		return nil, fmt.Errorf("httpapi: %w: event of API Gateway: %w", eventstore.ErrInvalid, err)
	}
	r.URL = urlOf(&event)
	r.RequestURI = r.URL.RequestURI()
	r.Host = event.RequestContext.DomainName
	r.RemoteAddr = net.JoinHostPort(event.RequestContext.HTTP.SourceIP, "0")
	for name, value := range event.Headers {
		r.Header.Set(name, value)
	}
	if len(event.Cookies) > 0 {
		r.Header.Set("Cookie", strings.Join(event.Cookies, "; "))
	}
	return r, nil
}

// urlOf returns the address, without the stage that API Gateway puts before the path.
func urlOf(event *events.APIGatewayV2HTTPRequest) *url.URL {
	path := event.RawPath
	if stage := event.RequestContext.Stage; stage != "" && stage != "$default" {
		if below, ok := strings.CutPrefix(path, "/"+stage+"/"); ok {
			path = "/" + below
		}
	}
	u := &url.URL{Path: path, RawQuery: event.RawQueryString}
	if plain, err := url.PathUnescape(path); err == nil {
		u.Path, u.RawPath = plain, path
	}
	return u
}

// responseOf returns what a handler has answered.
func responseOf(w *recorder) events.APIGatewayV2HTTPResponse {
	response := events.APIGatewayV2HTTPResponse{StatusCode: w.status, Headers: map[string]string{}}
	for name, values := range w.header {
		if name == "Set-Cookie" {
			response.Cookies = values
			continue
		}
		response.Headers[name] = strings.Join(values, ",")
	}
	response.Body = w.body.String()
	if !utf8.ValidString(response.Body) {
		response.Body, response.IsBase64Encoded = base64.StdEncoding.EncodeToString(w.body.Bytes()), true
	}
	return response
}
