package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/handlers/command"
	"github.com/leftfold/leftfold/handlers/dispatch"
	"github.com/leftfold/leftfold/handlers/query"
)

func unauthenticated(err error) error {
	if errors.Is(err, dispatch.ErrForbidden) {
		return err
	}
	return fmt.Errorf("%w: %w", dispatch.ErrUnauthenticated, err)
}

// traceParent is a header of W3C Trace Context. What is no such is passed over, as it
// asks for.
var traceParent = regexp.MustCompile(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)

const (
	maxTraceState    = 512
	maxCorrelationID = 128
)

// withMetadata puts what a request says of where it comes from into its context.
func withMetadata(r *http.Request, actor string) (*http.Request, error) {
	m := eventstore.Metadata{Actor: actor}
	var errs [2]error
	m.CorrelationID, errs[0] = single(r, headerCorrelationID)
	m.CausationID, errs[1] = single(r, headerCausationID)
	if err := errors.Join(errs[:]...); err != nil {
		return r, err
	}
	for _, id := range []string{m.CorrelationID, m.CausationID} {
		if len(id) > maxCorrelationID {
			return r, fmt.Errorf("%w: a correlation or causation ID of %d bytes, the limit is %d", eventstore.ErrInvalid, len(id), maxCorrelationID)
		}
	}
	if parent := r.Header.Get("traceparent"); traceParent.MatchString(parent) && !strings.HasPrefix(parent, "ff") {
		m.TraceParent = parent
		if state := strings.Join(r.Header.Values("tracestate"), ","); len(state) <= maxTraceState {
			m.TraceState = state
		}
	}
	return r.WithContext(eventstore.WithMetadata(r.Context(), m)), nil
}

// single returns a header that may stand once.
func single(r *http.Request, name string) (string, error) {
	values := r.Header.Values(name)
	switch len(values) {
	case 0:
		return "", nil
	case 1:
		return strings.TrimSpace(values[0]), nil
	}
	return "", fmt.Errorf("%w: the header %s stands %d times", eventstore.ErrInvalid, name, len(values))
}

// content returns the JSON of a command or a query: its body, with what stands in the path
// and in the query of the URL.
func (a *api) content(w http.ResponseWriter, r *http.Request, e *dispatch.Entry, wildcards []string) (json.RawMessage, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, a.opts.MaxBody))
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, &dispatch.Failure{Class: dispatch.TooLarge, Code: string(dispatch.TooLarge),
			Text:  fmt.Sprintf("the body has more than %d bytes", large.Limit),
			Limit: &dispatch.Limit{What: "bytes of a body", Limit: int(large.Limit)}, Err: err}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: the body can not be read: %w", eventstore.ErrInvalid, err)
	}
	fields, err := addressed(r, wildcards)
	if err != nil {
		return nil, err
	}
	return e.Fill(body, fields)
}

// addressed returns the fields that are in the URL.
func addressed(r *http.Request, wildcards []string) (map[string][]string, error) {
	fields := map[string][]string{}
	if r.URL.RawQuery != "" {
		values, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			return nil, fmt.Errorf("%w: the query of the address: %w", eventstore.ErrInvalid, err)
		}
		fields = values
	}
	for _, name := range wildcards {
		for given := range fields {
			if strings.EqualFold(given, name) {
				return nil, fmt.Errorf("%w: field %q is in the path and in the query of the address", eventstore.ErrInvalid, name)
			}
		}
	}
	for _, name := range wildcards {
		fields[name] = []string{r.PathValue(name)}
	}
	return fields, nil
}

// command carries one out.
func (a *api) command(w http.ResponseWriter, r *http.Request, e *dispatch.Entry, content json.RawMessage) {
	key, err := single(r, HeaderKey)
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	if n := len(key); n > 1 && key[0] == '"' && key[n-1] == '"' { // a string of structured headers
		key = key[1 : n-1]
	}
	receipt, err := a.commands.Dispatch(r.Context(), command.Request{Name: e.Name, ID: key, Content: content})
	if err != nil {
		a.fail(w, err)
		return
	}
	token, err := receipt.Tokens.MarshalText()
	if err != nil {
		a.fail(w, err)
		return
	}
	if len(token) > 0 {
		w.Header().Set(HeaderToken, string(token))
	}
	a.answer(w, r, receipt)
}

// query answers one.
func (a *api) query(w http.ResponseWriter, r *http.Request, e *dispatch.Entry, content json.RawMessage) {
	var after dispatch.Tokens
	if values := r.Header.Values(HeaderToken); len(values) > 0 {
		if err := after.UnmarshalText([]byte(strings.Join(slices.DeleteFunc(slices.Clone(values), isBlank), ","))); err != nil {
			a.refuse(w, r, err)
			return
		}
	}
	result, err := a.queries.Dispatch(r.Context(), query.Request{Name: e.Name, Content: content, After: after})
	if err != nil {
		a.fail(w, err)
		return
	}
	a.answer(w, r, result)
}

func isBlank(s string) bool { return strings.TrimSpace(s) == "" }
