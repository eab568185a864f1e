package eventstore

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Version is an event's number in its stream: 1 for the first, then without
// gaps. 0 stands for "none yet".
type Version uint64

// EventID names one event of a store for ever, written "stream@version".
type EventID struct {
	Stream  StreamID
	Version Version
}

// String returns "stream@version".
func (id EventID) String() string {
	return id.Stream.String() + "@" + strconv.FormatUint(uint64(id.Version), 10)
}

// ParseEventID is the inverse of [EventID.String]. The error wraps [ErrInvalid].
func ParseEventID(text string) (EventID, error) {
	at := strings.LastIndexByte(text, '@')
	if at < 0 {
		return EventID{}, fmt.Errorf("%w: event id %q has no '@' between stream and version", ErrInvalid, clip(text))
	}
	stream, err := ParseStreamID(text[:at])
	if err != nil {
		return EventID{}, fmt.Errorf("event id: %w", err)
	}
	digits := text[at+1:]
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || n == 0 || digits[0] == '0' {
		return EventID{}, fmt.Errorf("%w: event id %q: %q is not a version", ErrInvalid, clip(text), clip(digits))
	}
	return EventID{Stream: stream, Version: Version(n)}, nil
}

// MarshalText implements [encoding.TextMarshaler]. The zero EventID is the empty text.
func (id EventID) MarshalText() ([]byte, error) {
	if id == (EventID{}) {
		return nil, nil
	}
	return []byte(id.String()), nil
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (id *EventID) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*id = EventID{}
		return nil
	}
	parsed, err := ParseEventID(string(text))
	if err == nil {
		*id = parsed
	}
	return err
}

// Compare orders by stream, then by version.
func (id EventID) Compare(other EventID) int {
	return cmp.Or(id.Stream.Compare(other.Stream), cmp.Compare(id.Version, other.Version))
}

// Event is one fact as it is stored: its type by the name under which it was
// registered, the schema version of its payload (from 1), and the payload in
// the bytes of the [Registry]'s codec.
type Event struct {
	Type    string
	Schema  int
	Payload []byte
}

// Commit is what one append wrote: the unit of atomicity. A Commit that a store
// returned belongs to the caller, except that the payloads of its events are
// read-only and may share memory with each other.
type Commit struct {
	Stream StreamID
	// First is the version of the first event; the others follow without gaps.
	First Version
	// ID is the commit ID: the ID of the command where it had one.
	ID string
	// Digest tells another content under the same ID; see [Write].
	Digest Digest
	// Time is in UTC, in whole microseconds, and never before the time of the
	// stream's preceding commit.
	Time time.Time
	// Strict, Claims and Releases are those of the write.
	Strict           bool
	Claims, Releases []Claim
	Metadata         Metadata
	Events           []Event
	// Revision is the stream's revision right after this commit.
	Revision Revision
}

// Last returns the version of the commit's last event.
func (c *Commit) Last() Version { return c.First + Version(len(c.Events)) - 1 }

// EventID returns the ID of the i-th event, counted from 0. It does not look whether
// there is one: a command with nothing to do leads to a commit without Events, and
// EventID(0) of that names an event that does not exist.
func (c *Commit) EventID(i int) EventID {
	return EventID{Stream: c.Stream, Version: c.First + Version(i)}
}
