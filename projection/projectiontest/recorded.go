package projectiontest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

// recordedEvent is a line of a recording.
type recordedEvent struct {
	ID            eventstore.EventID  `json:"id"`
	Type          string              `json:"type"`
	SchemaVersion int                 `json:"schema_version"`
	Time          time.Time           `json:"time"`
	Commit        string              `json:"commit"`
	Metadata      eventstore.Metadata `json:"metadata"`
	Payload       json.RawMessage     `json:"payload"`
	Binary        []byte              `json:"binary"`
}

// event returns it as it is stored. A line without a type or a version, such as one of
// another program, is no event.
func (e recordedEvent) event() (eventstore.Event, error) {
	if e.ID.Version == 0 || e.Type == "" || e.SchemaVersion == 0 {
		return eventstore.Event{}, fmt.Errorf("%w: no event with id, type and schema_version, as the command events prints it with --json", eventstore.ErrInvalid)
	}
	payload := []byte(e.Payload)
	if payload == nil {
		payload = e.Binary
	}
	return eventstore.Event{Type: e.Type, Schema: e.SchemaVersion, Payload: payload}, nil
}

// mostLineBytes bounds one event of a recording.
const mostLineBytes = 16 << 20

// Recorded yields the commits of a recording: a file with one event a line, as the command
// events prints a stream with --json. Lines of one stream and one commit ID that follow each
// other are a commit. It may hold several streams.
func Recorded(path string) iter.Seq2[eventstore.Commit, error] {
	return func(yield func(eventstore.Commit, error) bool) {
		file, err := os.Open(path)
		if err != nil {
			yield(eventstore.Commit{}, err)
			return
		}
		defer file.Close()
		var next eventstore.Commit
		lines := bufio.NewScanner(file)
		lines.Buffer(nil, mostLineBytes)
		for n := 1; lines.Scan(); n++ {
			if len(lines.Bytes()) == 0 {
				continue
			}
			var e recordedEvent
			err := json.Unmarshal(lines.Bytes(), &e)
			var event eventstore.Event
			if err == nil {
				event, err = e.event()
			}
			if err != nil {
				yield(eventstore.Commit{}, fmt.Errorf("%s:%d: %w", path, n, err))
				return
			}
			if len(next.Events) > 0 && (e.ID.Stream != next.Stream || e.Commit != next.ID || e.ID.Version != next.Last()+1) {
				if !yield(next, nil) {
					return
				}
				next.Events = nil
			}
			if len(next.Events) == 0 {
				next = eventstore.Commit{Stream: e.ID.Stream, First: e.ID.Version, ID: e.Commit, Time: e.Time, Metadata: e.Metadata}
			}
			next.Events = append(next.Events, event)
		}
		if err := lines.Err(); err != nil {
			yield(eventstore.Commit{}, fmt.Errorf("%s: %w", path, err))
			return
		}
		if len(next.Events) > 0 {
			yield(next, nil)
		}
	}
}
