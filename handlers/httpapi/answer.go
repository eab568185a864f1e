package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/leftfold/leftfold/handlers/dispatch"
)

// problem is an error as RFC 9457 wants it. What its type says is in code.
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	*dispatch.Failure
}

// fail answers with the error of a bus, which has logged it.
func (a *api) fail(w http.ResponseWriter, err error) {
	f := dispatch.Explain(err)
	if f.Class == dispatch.Unauthenticated {
		w.Header().Set("WWW-Authenticate", a.opts.Challenge)
	}
	writeProblem(w, f.Class.Status(), f)
}

func writeProblem(w http.ResponseWriter, status int, f *dispatch.Failure) {
	if after := f.Class.RetryAfter(); after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(after.Seconds())))
	}
	title := http.StatusText(status)
	if title == "" {
		title = string(f.Class)
	}
	text, err := encoded(problem{title, status, f})
	if err != nil { // of nothing in it
		http.Error(w, title, status)
		return
	}
	w.Header().Set("Content-Type", "application/problem+json")
	write(w, status, text)
}

// answer writes what a command or a query returned.
func (a *api) answer(w http.ResponseWriter, r *http.Request, result any) {
	text, err := encoded(result)
	if err != nil {
		a.refuse(w, r, fmt.Errorf("the answer can not be written as JSON: %w", err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	write(w, http.StatusOK, text)
}

func write(w http.ResponseWriter, status int, text []byte) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(text) // fails only where the client is gone
}

func encoded(v any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return text.Bytes(), err
}
