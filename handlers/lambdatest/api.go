package lambdatest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// api is the runtime API: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
func (e *environment) api() http.Handler {
	const runtime = "/2018-06-01/runtime/"
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+runtime+"invocation/next", e.serveNext)
	mux.HandleFunc("POST "+runtime+"invocation/{id}/response", func(w http.ResponseWriter, r *http.Request) {
		e.serveAnswer(w, r, func(body []byte) outcome {
			if len(body) > MaxPayload {
				return outcome{err: &Error{"Function.ResponseSizeTooLarge", fmt.Sprintf("the answer has more than %d bytes", MaxPayload)}}
			}
			return outcome{answer: body}
		})
	})
	mux.HandleFunc("POST "+runtime+"invocation/{id}/error", func(w http.ResponseWriter, r *http.Request) {
		e.serveAnswer(w, r, func(body []byte) outcome { return outcome{err: failureOf(body)} })
	})
	mux.HandleFunc("POST "+runtime+"init/error", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the process has gone
		}
		select {
		case e.failed <- failureOf(body):
		default:
		}
		accept(w)
	})
	return mux
}

// serveNext waits for an invocation, for as long as the process does.
func (e *environment) serveNext(w http.ResponseWriter, r *http.Request) {
	select {
	case i := <-e.next:
		deadline := time.Now().Add(e.timeout)
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Lambda-Runtime-Aws-Request-Id", i.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-central-1:000000000000:function:lambdatest")
		i.handed <- deadline
		_, _ = w.Write(i.payload) // that the process has gone is seen elsewhere
	case <-r.Context().Done():
	}
}

// serveAnswer takes the answer to the invocation that is under way.
func (e *environment) serveAnswer(w http.ResponseWriter, r *http.Request, of func([]byte) outcome) {
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxPayload+1))
	if err != nil {
		return // the process has gone
	}
	e.mu.Lock()
	i := e.current
	if i != nil && i.id == r.PathValue("id") {
		e.current = nil
	} else {
		i = nil
	}
	e.mu.Unlock()
	if i == nil {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(Error{"InvalidRequestID", "no such invocation is under way"})
		return
	}
	accept(w)
	i.done <- of(body)
}

func accept(w http.ResponseWriter) { w.WriteHeader(http.StatusAccepted) }

// failureOf reads what a runtime tells of a failure.
func failureOf(body []byte) *Error {
	var e Error
	if err := json.Unmarshal(body, &e); err != nil || e.Type == "" {
		return &Error{"Unhandled", string(body)}
	}
	return &e
}
