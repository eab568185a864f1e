// Package frame lays the events of one commit out for storage: the payloads
// side by side as one readable text, and a short binary frame that says where
// each begins, of which type it is and in which schema.
//
// With JSON payloads the text is a JSON array, so that people and SQL can read
// it; a reader of ours takes the payloads out by their lengths and never parses
// the array. Stores that hold commits in one row or item share the layout:
//
//	format      1 byte, 1
//	checksum    4 bytes, CRC-32C of the text, then of the frame behind it
//	kinds       uvarint n, then n times: uvarint length, type name, uvarint schema
//	events      uvarint n, then n times: uvarint kind (only if there are several),
//	            uvarint length of the payload
//
// The text is '[', the payloads with ',' between them, ']'. There is one way to
// write some events: Decode accepts no other.
package frame

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"

	"github.com/leftfold/leftfold/eventstore"
)

const (
	format     = 1
	headerSize = 5
)

// Kind is an event type in one schema version.
type Kind struct {
	Type   string
	Schema int
}

// castagnoli is a table of constants.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Encode returns the frame and the text of some events.
func Encode(events []eventstore.Event) (frame, text []byte) {
	kinds := KindsOf(events)
	size := 2
	for _, e := range events {
		size += len(e.Payload) + 1
	}
	text = append(make([]byte, 0, size), '[')
	frame = make([]byte, headerSize, headerSize+32*len(kinds)+3*len(events)+8)
	frame[0] = format
	frame = binary.AppendUvarint(frame, uint64(len(kinds)))
	for _, k := range kinds {
		frame = binary.AppendUvarint(frame, uint64(len(k.Type)))
		frame = append(frame, k.Type...)
		frame = binary.AppendUvarint(frame, uint64(k.Schema))
	}
	frame = binary.AppendUvarint(frame, uint64(len(events)))
	for i, e := range events {
		if len(kinds) > 1 {
			frame = binary.AppendUvarint(frame, uint64(indexOf(kinds, e)))
		}
		frame = binary.AppendUvarint(frame, uint64(len(e.Payload)))
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, e.Payload...)
	}
	text = append(text, ']')
	binary.LittleEndian.PutUint32(frame[1:headerSize], checksum(frame, text))
	return frame, text
}

// Split returns the events that were encoded as text, with payloads that are
// parts of it and share no memory with the given events.
func Split(events []eventstore.Event, text []byte) []eventstore.Event {
	events = slices.Clone(events)
	at := 1
	for i, e := range events {
		end := at + len(e.Payload)
		events[i].Payload = text[at:end:end]
		at = end + 1
	}
	return events
}

// KindsOf returns the kinds of some events in the order of their first occurrence.
func KindsOf(events []eventstore.Event) []Kind {
	var kinds []Kind
	for _, e := range events {
		if indexOf(kinds, e) < 0 {
			kinds = append(kinds, Kind{e.Type, e.Schema})
		}
	}
	return kinds
}

func indexOf(kinds []Kind, e eventstore.Event) int {
	for i, k := range kinds {
		if k.Type == e.Type && k.Schema == e.Schema {
			return i
		}
	}
	return -1
}

func checksum(frame, text []byte) uint32 {
	return crc32.Update(crc32.Checksum(text, castagnoli), castagnoli, frame[headerSize:])
}

// Decode returns the events of a frame and its text. The payloads are parts of
// text, which the caller must not change afterwards. intern, if not nil, returns
// a type name as a string that can be kept. The error says what is wrong; the
// caller knows where and makes an [eventstore.CorruptError] of it. No input makes
// Decode panic, or allocate more than the input's own size warrants.
func Decode(frame, text []byte, intern func([]byte) string) ([]eventstore.Event, error) {
	if len(frame) < headerSize || frame[0] != format {
		return nil, errors.New("the frame is of no known format")
	}
	if binary.LittleEndian.Uint32(frame[1:headerSize]) != checksum(frame, text) {
		return nil, errors.New("the checksum does not match")
	}
	if intern == nil {
		intern = func(b []byte) string { return string(b) }
	}
	r := reader{rest: frame[headerSize:]}
	var few [4]Kind
	kinds := few[:0]
	for range r.count() {
		name := r.bytes()
		kinds = append(kinds, Kind{intern(name), int(r.uvarint(eventstore.MaxSchema))})
	}
	n := r.count()
	if r.bad || len(text) < 2 || text[0] != '[' || text[len(text)-1] != ']' || !distinct(kinds) {
		return nil, errors.New("the frame is cut short or not as it should be")
	}
	events := make([]eventstore.Event, n)
	seen := uint64(0) // kinds so far, which come in the order of their first event
	at := 0           // the '[' or ',' before the payload
	for i := range events {
		kind := uint64(0)
		if len(kinds) > 1 {
			kind = r.uvarint(uint64(len(kinds) - 1))
		}
		length := int(r.uvarint(uint64(len(text))))
		if r.bad || kind > seen || int(kind) >= len(kinds) || i > 0 && text[at] != ',' || length > len(text)-2-at {
			return nil, errors.New("the frame does not fit the payloads")
		}
		seen = max(seen, kind+1)
		end := at + 1 + length
		events[i] = eventstore.Event{Type: kinds[kind].Type, Schema: kinds[kind].Schema, Payload: text[at+1 : end : end]}
		at = end
	}
	if len(r.rest) != 0 || int(seen) != len(kinds) || max(at, 1) != len(text)-1 {
		return nil, errors.New("the frame does not fit the payloads")
	}
	return events, nil
}

// Interner returns an intern for Decode that keeps one string for each type name: many
// commits have few. It is for one goroutine.
func Interner() func([]byte) string {
	names := map[string]string{}
	return func(b []byte) string {
		if s, ok := names[string(b)]; ok {
			return s
		}
		s := string(b)
		names[s] = s
		return s
	}
}

// distinct reports that no kind is there twice.
func distinct(kinds []Kind) bool {
	if len(kinds) < 2 {
		return true
	}
	seen := make(map[Kind]struct{}, len(kinds))
	for _, k := range kinds {
		seen[k] = struct{}{}
	}
	return len(seen) == len(kinds)
}

// reader takes numbers off the front; bad sticks.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) uvarint(most uint64) uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 || v > most || n > 1 && r.rest[n-1] == 0 { // a last byte of 0 adds nothing
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// count reads a number of things of at least one byte each.
func (r *reader) count() uint64 { return r.uvarint(uint64(len(r.rest))) }

func (r *reader) bytes() []byte {
	n := r.count()
	if r.bad || n > uint64(len(r.rest)) {
		r.bad = true
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}
