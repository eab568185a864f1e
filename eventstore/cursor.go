package eventstore

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
)

// MaxSegments is the greatest number of segments a store can be read in.
const MaxSegments = 4096

// Cursor is a place in one segment of a store; see [Scanner]. It belongs to the
// number of segments that it was made with.
type Cursor struct {
	segment, segments int
	place             EventID // zero at the start
}

// StartCursor returns the start of segment i of n, 0 <= i < n. StartCursor(0, 1)
// reads everything. The error wraps [ErrInvalid].
func StartCursor(i, n int) (Cursor, error) {
	if n < 1 || n > MaxSegments || i < 0 || i >= n {
		return Cursor{}, fmt.Errorf("%w: segment %d of %d: there are 1 to %d segments, counted from 0", ErrInvalid, i, n, MaxSegments)
	}
	return Cursor{segment: i, segments: n}, nil
}

// At returns the cursor of the same segment at another place, which means what
// the store that made it lets it mean. It is for implementations of [Scanner].
func (c Cursor) At(place EventID) Cursor {
	c.place = place
	return c
}

// Past returns the cursor behind everything of a stream, to go on after one that
// could not be read.
func (c Cursor) Past(stream StreamID) Cursor {
	return c.At(EventID{Stream: stream, Version: pastAll})
}

// pastAll is a version that no event has.
const pastAll = Version(1<<63 - 1)

// IsPast reports whether the cursor was made by [Cursor.Past].
func (c Cursor) IsPast() bool { return c.place.Version == pastAll }

// Place returns the place, zero at the start of the segment.
func (c Cursor) Place() EventID { return c.place }

// Segment returns the segment's number and the number of segments. The zero
// Cursor is the start of the only segment.
func (c Cursor) Segment() (i, n int) { return c.segment, max(c.segments, 1) }

// Holds reports whether the stream lies in the cursor's segment, for stores that
// have no division of their own.
func (c Cursor) Holds(stream StreamID) bool {
	i, n := c.Segment()
	if n == 1 {
		return true
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(stream.name)) // a hash never fails
	return h.Sum64()%uint64(n) == uint64(i)
}

const cursorFormat = 1

// MarshalText returns a text form that survives the process.
func (c Cursor) MarshalText() ([]byte, error) {
	i, n := c.Segment()
	b := []byte{cursorFormat}
	b = binary.AppendUvarint(b, uint64(i))
	b = binary.AppendUvarint(b, uint64(n))
	if c.place != (EventID{}) {
		b = append(b, c.place.String()...)
	}
	return base64.RawURLEncoding.AppendEncode(nil, b), nil
}

// UnmarshalText reads what MarshalText wrote; the error wraps [ErrInvalid].
func (c *Cursor) UnmarshalText(text []byte) error {
	b, err := base64.RawURLEncoding.Strict().AppendDecode(nil, text)
	if err != nil {
		return fmt.Errorf("%w: cursor: %w", ErrInvalid, err)
	}
	if len(b) == 0 || b[0] != cursorFormat {
		return fmt.Errorf("%w: cursor %q is of no known format", ErrInvalid, clip(string(text)))
	}
	i, size := binary.Uvarint(b[1:])
	if size <= 0 {
		return fmt.Errorf("%w: cursor %q is cut short", ErrInvalid, clip(string(text)))
	}
	n, size2 := binary.Uvarint(b[1+size:])
	if size2 <= 0 {
		return fmt.Errorf("%w: cursor %q is cut short", ErrInvalid, clip(string(text)))
	}
	start, err := StartCursor(int(min(i, math.MaxInt32)), int(min(n, math.MaxInt32)))
	if err != nil {
		return fmt.Errorf("cursor: %w", err)
	}
	if rest := b[1+size+size2:]; len(rest) > 0 {
		place, err := ParseEventID(string(rest))
		if err != nil {
			return fmt.Errorf("cursor: %w", err)
		}
		start = start.At(place)
	}
	if again, err := start.MarshalText(); err != nil || !bytes.Equal(again, text) {
		return fmt.Errorf("%w: cursor %q is not written as it should be", ErrInvalid, clip(string(text)))
	}
	*c = start
	return nil
}
