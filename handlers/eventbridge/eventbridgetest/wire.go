package eventbridgetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// entry is one of a PutEvents, as it is sent.
type entry struct {
	Source       string
	DetailType   string
	Detail       string
	EventBusName string
	Resources    []string
	Time         *float64 // seconds since 1970
}

// results are the answer to a PutEvents.
type results struct {
	FailedEntryCount int
	Entries          []result
}

type result struct {
	EventId      string `json:",omitempty"`
	ErrorCode    string `json:",omitempty"`
	ErrorMessage string `json:",omitempty"`
}

const (
	maxEntries   = 10
	maxTypeRunes = 128
	timeBytes    = 14
)

// checkRequest returns why a whole request is refused, or "".
func checkRequest(entries []entry, maxBytes int) string {
	if len(entries) < 1 || len(entries) > maxEntries {
		return fmt.Sprintf("1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length between 1 and %d", maxEntries)
	}
	size, complete := 0, false
	for _, e := range entries {
		size += e.size()
		complete = complete || e.Source != "" && e.DetailType != "" && e.Detail != ""
	}
	if size > maxBytes {
		return "Total size of the entries in the request is over the limit."
	}
	if !complete {
		return "No entry has a Source, a DetailType and a Detail."
	}
	return ""
}

// size is what AWS counts: see its page "Calculating PutEvents event entry size".
func (e entry) size() int {
	n := len(e.Source) + len(e.DetailType) + len(e.Detail)
	if e.Time != nil {
		n += timeBytes
	}
	for _, r := range e.Resources {
		n += len(r)
	}
	return n
}

// check returns the code with which an entry fails, or "".
func (e entry) check() (code, message string) {
	missing := func(field string) (string, string) {
		return "InvalidArgument", fmt.Sprintf("Parameter %s is not valid. Reason: %[1]s is a required argument.", field)
	}
	switch {
	case e.Source == "":
		return missing("Source")
	case e.DetailType == "":
		return missing("DetailType")
	case e.Detail == "":
		return missing("Detail")
	case utf8.RuneCountInString(e.DetailType) > maxTypeRunes:
		return "InvalidArgument", fmt.Sprintf("Parameter DetailType is not valid. Reason: it has more than %d characters.", maxTypeRunes)
	case strings.HasPrefix(e.Source, "aws."):
		return "NotAuthorizedForSourceException", "Not authorized for the source."
	case !strings.HasPrefix(strings.TrimLeft(e.Detail, " \t\r\n"), "{") || !json.Valid([]byte(e.Detail)):
		return "MalformedDetail", "Detail is malformed."
	}
	return "", ""
}

// event is the entry as the bus keeps it: with a time, in whole seconds.
func (e entry) event() Event {
	at := time.Now()
	if e.Time != nil {
		at = time.Unix(int64(math.Floor(*e.Time)), 0)
	}
	bus := busName(e.EventBusName)
	if bus == "" {
		bus = "default"
	}
	return Event{Bus: bus, Source: e.Source, DetailType: e.DetailType, Time: at.UTC().Truncate(time.Second),
		Resources: e.Resources, Detail: json.RawMessage(e.Detail)}
}

const contentType = "application/x-amz-json-1.1"

func refuse(w http.ResponseWriter, status int, code, message string) {
	respond(w, status, map[string]string{"__type": code, "message": message})
}

func fail(w http.ResponseWriter) {
	refuse(w, http.StatusInternalServerError, "InternalException", "This exception occurs due to unexpected causes.")
}

func respond(w http.ResponseWriter, status int, content any) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(content) // the client may have gone
}

// tear sends half of an answer that was announced whole.
func tear(w http.ResponseWriter, content results) {
	var body bytes.Buffer
	_ = json.NewEncoder(&body).Encode(content) // strings and numbers
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body.Bytes()[:body.Len()/2])
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
	cut(w)
}

// cut ends the connection without an answer, or within it.
func cut(w http.ResponseWriter) {
	if connection, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = connection.Close() // that is the point
	}
}
