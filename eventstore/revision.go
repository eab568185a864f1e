package eventstore

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

// Revision is a stream's head as a store reported it: an opaque value that a
// write hands back to say "only if nothing came after this". It knows its
// stream and the identity of its store, and is refused for another stream and
// by another store. It is always a commit boundary, because only a store makes
// one: from a read, from an append. That is what makes an append safe that
// looks at one slot only.
//
// A version number from outside, such as an HTTP If-Match, is compared with
// [Revision.Version] of a loaded revision; it can not be turned into one.
type Revision struct {
	store   string
	stream  StreamID
	version Version
	micros  int64 // time of the stream's last commit
	any     bool
}

// NoStream is the revision of a stream that does not exist. It is the zero
// Revision, so a write that forgets its revision can only create a stream.
var NoStream = Revision{}

// Any stands for whatever revision the stream has when the write reaches it: the
// store reads the head and tries again inside Append. After [ErrOutcomeUnknown]
// a write at Any must not be sent again, since it may then be stored twice.
var Any = Revision{any: true}

// NewRevision is for implementations of [Store] only. A store calls it with its
// own identity and a commit boundary that it has just read or written: version
// 0 for a stream that does not exist, else the last version of a commit, whose
// time is last.
func NewRevision(store string, stream StreamID, version Version, last time.Time) Revision {
	r := Revision{store: store, stream: stream, version: version}
	if version > 0 {
		r.micros = last.UnixMicro()
	}
	return r
}

// Version returns the number of events in the stream, 0 where there is no stream.
func (r Revision) Version() Version { return r.version }

// Stream returns the stream, zero for [NoStream] and [Any].
func (r Revision) Stream() StreamID { return r.stream }

// Time returns the time of the stream's last commit, zero where there is none.
func (r Revision) Time() time.Time {
	if r.version == 0 {
		return time.Time{}
	}
	return time.UnixMicro(r.micros).UTC()
}

// IsAny reports whether r is [Any].
func (r Revision) IsAny() bool { return r.any }

// Is is for implementations of [Store]: it reports whether a stream's head, as the store
// has just read it, is what r stands for. Version and time must agree: a store that was
// restored may have come to the same version by other events.
func (r Revision) Is(head Revision) bool {
	return r.any || r.version == head.version && r.micros == head.micros
}

// String describes the revision for people.
func (r Revision) String() string {
	switch {
	case r.any:
		return "any"
	case r.version == 0:
		return "no stream"
	}
	return fmt.Sprintf("%s@%d", r.stream, r.version)
}

// CheckRevision refuses a revision of another store or stream with a
// [*RevisionError]. Implementations of [Store] call it through [Prepare].
func CheckRevision(r Revision, store string, stream StreamID) error {
	switch {
	case r.any || r == NoStream:
		return nil
	case r.stream != stream:
		return &RevisionError{Stream: stream, Revision: r, Reason: "belongs to stream " + r.stream.String()}
	case r.store != store:
		return &RevisionError{Stream: stream, Revision: r,
			Reason: "belongs to another store, or to this one before it was restored"}
	}
	return nil
}

const (
	revisionFormat = 1
	revisionSum    = 8
)

// MarshalText returns a text form that can be kept outside the process, for
// example beside a command whose outcome is unknown.
func (r Revision) MarshalText() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte(revisionFormat)
	if r.any {
		b.WriteByte(1)
	} else {
		b.WriteByte(0)
	}
	var n [binary.MaxVarintLen64]byte
	for _, s := range []string{r.store, r.stream.name} {
		b.Write(n[:binary.PutUvarint(n[:], uint64(len(s)))])
		b.WriteString(s)
	}
	b.Write(n[:binary.PutUvarint(n[:], uint64(r.version))])
	b.Write(n[:binary.PutVarint(n[:], r.micros)])
	sum := sha256.Sum256(b.Bytes())
	b.Write(sum[:revisionSum])
	return base64.RawURLEncoding.AppendEncode(nil, b.Bytes()), nil
}

// UnmarshalText reads what MarshalText wrote. A text that was altered is refused
// with an error that wraps [ErrInvalid].
func (r *Revision) UnmarshalText(text []byte) error {
	parsed, err := parseRevision(text)
	if err != nil {
		return fmt.Errorf("%w: revision: %w", ErrInvalid, err)
	}
	*r = parsed
	return nil
}

func parseRevision(text []byte) (Revision, error) {
	raw, err := base64.RawURLEncoding.Strict().AppendDecode(nil, text)
	if err != nil {
		return Revision{}, err
	}
	if len(raw) < revisionSum+2 {
		return Revision{}, fmt.Errorf("has %d bytes, too few", len(raw))
	}
	body, want := raw[:len(raw)-revisionSum], raw[len(raw)-revisionSum:]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:revisionSum], want) {
		return Revision{}, fmt.Errorf("was altered: its checksum does not match")
	}
	if body[0] != revisionFormat || body[1] > 1 {
		return Revision{}, fmt.Errorf("format %d is not known", body[0])
	}
	r := Revision{any: body[1] == 1}
	rest := body[2:]
	var names [2]string
	for i := range names {
		n, size := binary.Uvarint(rest)
		if size <= 0 || n > uint64(len(rest)-size) {
			return Revision{}, fmt.Errorf("is cut short")
		}
		names[i], rest = string(rest[size:size+int(n)]), rest[size+int(n):]
	}
	r.store = names[0]
	if names[1] != "" {
		if r.stream, err = ParseStreamID(names[1]); err != nil {
			return Revision{}, err
		}
	}
	version, size := binary.Uvarint(rest)
	if size <= 0 || version > math.MaxInt64 {
		return Revision{}, fmt.Errorf("has no version")
	}
	micros, size2 := binary.Varint(rest[size:])
	if size2 <= 0 || size+size2 != len(rest) {
		return Revision{}, fmt.Errorf("has a wrong length")
	}
	r.version, r.micros = Version(version), micros
	if (r.any || version == 0) && micros != 0 || r.any && r != Any || version > 0 && r.stream.IsZero() {
		return Revision{}, fmt.Errorf("contradicts itself")
	}
	if again, err := r.MarshalText(); err != nil || !bytes.Equal(again, text) {
		return Revision{}, fmt.Errorf("is not written as it should be")
	}
	return r, nil
}
