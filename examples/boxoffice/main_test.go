package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/sqlitestore"
)

// office is a running service.
type office struct {
	*testing.T
	url  string
	log  *logText
	stop func() error
}

func open(t *testing.T, file string) *office {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	log := &logText{}
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, file, listener, slog.New(slog.NewTextHandler(log, nil))) }()
	stop := sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { _ = stop() })
	return &office{T: t, url: "http://" + listener.Addr().String(), log: log, stop: stop}
}

// logText is a log that is read while it is written.
type logText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// ask sends a request and returns the answer.
func (o *office) ask(method, path, key, body string) (int, string) {
	o.Helper()
	r, err := http.NewRequestWithContext(o.Context(), method, o.url+path, strings.NewReader(body))
	require.NoError(o, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", key)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(o, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(o, err)
	return answer.StatusCode, string(text)
}

// requireAnswer asks, and finds a text in the answer.
func (o *office) requireAnswer(code int, text, method, path, key, body string) {
	o.Helper()
	gotCode, got := o.ask(method, path, key, body)
	require.Equal(o, code, gotCode, got)
	require.Contains(o, got, text)
}

// requireGuest waits until the view shows a guest so.
func (o *office) requireGuest(name, row string) {
	o.Helper()
	require.Eventually(o, func() bool {
		_, body := o.ask("GET", "/guests/"+name, "", "")
		return strings.TrimSpace(body) == row
	}, time.Minute, 10*time.Millisecond)
}

func seats(guest string, n int) string { return fmt.Sprintf(`{"guest":%q,"seats":%d}`, guest, n) }

func TestTheOfficeSellsEachSeatOnceAndShowsWhoHasIt(t *testing.T) {
	t.Parallel()
	o := open(t, filepath.Join(t.TempDir(), "boxoffice.db"))
	for range 2 { // the second time the answer was lost
		o.requireAnswer(200, "concert-opera@1", "POST", bookings, "key-1", seats("Ada", 4))
	}
	o.requireAnswer(200, "concert-opera@2", "POST", bookings, "key-2", seats("Bob", 4))
	o.requireAnswer(409, "not enough seats are left: 8 of 10 are taken", "POST", bookings, "key-3", seats("Cid", 3))
	o.requireAnswer(400, "a booking needs a guest and at least one seat", "POST", bookings, "key-4", seats("Cid", 0))
	o.requireAnswer(409, "there is no booking: Cid has no seat", "DELETE", bookings+"/Cid", "key-5", "")
	for _, other := range []string{seats("Ada", 5), seats("Bob", 4)} {
		code, body := o.ask("POST", bookings, "key-1", other)
		assert.Equal(t, 422, code, body)
	}
	code, _ := o.ask("POST", "/concerts/"+strings.Repeat("x", 300)+"/bookings", "key-6", seats("Ada", 1))
	assert.Equal(t, 400, code)
	o.requireGuest("Ada", `{"name":"Ada","seats":4}`)
	o.requireAnswer(200, "concert-opera@3", "DELETE", bookings+"/Ada", "key-7", "")
	o.requireGuest("Ada", `{"name":"Ada","seats":0}`)
	code, _ = o.ask("GET", "/guests/Cid", "", "")
	assert.Equal(t, 404, code)
	require.NoError(t, o.stop())
	assert.NotContains(t, o.log.String(), "level=ERROR")
	assert.Contains(t, o.log.String(), "level=INFO msg=serving url="+o.url+"\n")
}

// A client that can not name its request again might book twice.
func TestACommandWithoutAKeyIsRefused(t *testing.T) {
	t.Parallel()
	o := open(t, filepath.Join(t.TempDir(), "boxoffice.db"))
	const refusal = "the header Idempotency-Key"
	o.requireAnswer(400, refusal, "POST", bookings, "", seats("Ada", 4))
	o.requireAnswer(200, "concert-opera@1", "POST", bookings, "key-1", seats("Ada", 4))
	o.requireAnswer(400, refusal, "DELETE", bookings+"/Ada", "", "")
	o.requireAnswer(200, "concert-opera@2", "DELETE", bookings+"/Ada", "key-2", "")
	require.NoError(t, o.stop())
}

// unbooked makes a file in which Ada gave back seats of concerts that she never had.
func unbooked(t *testing.T, concerts ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "boxoffice.db")
	store, err := sqlitestore.Open(t.Context(), file, sqlitestore.Options{})
	require.NoError(t, err)
	for _, concert := range concerts {
		stream, err := eventstore.NewStreamID("concert", concert)
		require.NoError(t, err)
		_, err = store.Append(t.Context(), eventstore.Write{Stream: stream, Revision: eventstore.Any,
			Events: []eventstore.Event{{Type: "CANCELLED", Schema: 1, Payload: []byte(`{"guest":"Ada","seats":2}`)}}})
		require.NoError(t, err)
	}
	require.NoError(t, store.Close())
	return file
}

// A fact that the view can not take stops that concert in that view. When the office
// opens again it tries once more, and says so if it fails.
func TestAParkedStreamIsLoggedAndTriedAgainAtTheNextStart(t *testing.T) {
	t.Parallel()
	file := unbooked(t, "opera")
	o := open(t, file)
	o.requireAnswer(200, "concert-jazz@1", "POST", "/concerts/jazz/bookings", "key-1", seats("Bob", 1))
	o.requireGuest("Bob", `{"name":"Bob","seats":1}`)
	require.NoError(t, o.stop())
	assert.Contains(t, o.log.String(), `level=WARN msg="projection parked a stream" generation=guests#1 event=concert-opera@1 type=CANCELLED error="Ada gives back 2 seats and has 0"`)

	o = open(t, file)
	o.requireGuest("Bob", `{"name":"Bob","seats":1}`)
	assert.Contains(t, o.log.String(), `level=WARN msg="a stream is still parked" stream=concert-opera error="Ada gives back 2 seats and has 0"`)
	o.requireAnswer(200, "concert-jazz@2", "POST", "/concerts/jazz/bookings", "key-2", seats("Ada", 2))
	o.requireGuest("Ada", `{"name":"Ada","seats":2}`)
	require.NoError(t, o.stop())

	o = open(t, file) // and now the view can take it
	o.requireGuest("Ada", `{"name":"Ada","seats":0}`)
	require.NoError(t, o.stop())
	assert.NotContains(t, o.log.String(), "parked")
}

func TestAWordThatIsNoCommandIsRefused(t *testing.T) {
	t.Parallel()
	for _, argument := range []string{"--port=80", "serve"} {
		var text strings.Builder
		assert.Equal(t, 2, commandLine(t.Context(), []string{argument}, io.Discard, &text), argument)
		assert.Contains(t, text.String(), "boxoffice --help", argument)
	}
	for _, argument := range []string{"-h", "--help", "help"} {
		var text strings.Builder
		assert.Zero(t, commandLine(t.Context(), []string{argument}, &text, io.Discard), argument)
		assert.Contains(t, text.String(), "Without a command it serves http://localhost:8080 until it is interrupted, and keeps everything in boxoffice.db.\n")
		assert.Contains(t, text.String(), "such as concert-ID")
		assert.NotContains(t, text.String(), "user", "that is another service's")
	}
}

func TestAFileThatIsNoStoreIsSaid(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	assert.ErrorContains(t, run(t.Context(), t.TempDir(), listener, slog.New(slog.DiscardHandler)), "it is a directory")
	assert.ErrorIs(t, listener.Close(), net.ErrClosed, "nobody is kept waiting")
}

func TestAHintIsPrintedOnlyWhereThereIsOne(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	report(&text, http.ErrServerClosed)
	assert.Equal(t, "error: http: Server closed\n", text.String())
	text.Reset()
	err := &eventstore.OutcomeUnknownError{}
	report(&text, err)
	assert.Equal(t, "error: "+err.Error()+"\nhint: "+err.Hint()+"\n", text.String())
}
