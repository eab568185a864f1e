package httpapi

import (
	"bytes"
	"net/http"
)

// recorder keeps what a handler answers.
type recorder struct {
	header http.Header
	status int
	began  bool
	body   bytes.Buffer
}

func newRecorder() *recorder { return &recorder{header: http.Header{}, status: http.StatusOK} }

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if !r.began && status >= 200 { // what comes before is no answer yet
		r.status, r.began = status, true
	}
}

func (r *recorder) Write(p []byte) (int, error) {
	r.began = true
	return r.body.Write(p)
}
