package eventstore

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of a stream's name, in bytes. They leave room in a DynamoDB partition
// key (2,048 bytes) for what other items put around the name.
const (
	MaxCategoryBytes = 64
	MaxIDBytes       = 256
)

// StreamID names a stream: a category and the ID of one entity in it, written
// "category-id", for example "user-17850". The category ends at the first
// hyphen; the ID may hold further ones.
//
// A StreamID that is not zero is valid: it comes only from [NewStreamID] and
// [ParseStreamID]. It is comparable and may be a map key. Streams are ordered
// by the bytes of their names.
type StreamID struct{ name string }

// NewStreamID returns the stream of the entity id in category. A category is 1
// to 64 ASCII letters, digits, '_' or '.'; an ID is 1 to 256 bytes of UTF-8
// without control characters. The error wraps [ErrInvalid].
func NewStreamID(category, id string) (StreamID, error) {
	if err := CheckCategory(category); err != nil {
		return StreamID{}, err
	}
	if err := checkID(id); err != nil {
		return StreamID{}, fmt.Errorf("id %q of a stream of category %q: %w", clip(id), category, err)
	}
	return StreamID{category + "-" + id}, nil
}

// ParseStreamID is the inverse of [StreamID.String].
func ParseStreamID(name string) (StreamID, error) {
	category, id, found := strings.Cut(name, "-")
	if !found {
		return StreamID{}, fmt.Errorf("%w: stream %q has no hyphen between category and id, as in CATEGORY-ID", ErrInvalid, clip(name))
	}
	return NewStreamID(category, id)
}

// String returns the name, "category-id".
func (s StreamID) String() string { return s.name }

// Category returns what stands before the first hyphen.
func (s StreamID) Category() string {
	category, _, _ := strings.Cut(s.name, "-")
	return category
}

// ID returns what stands after the first hyphen.
func (s StreamID) ID() string {
	_, id, _ := strings.Cut(s.name, "-")
	return id
}

// IsZero reports whether s names no stream.
func (s StreamID) IsZero() bool { return s.name == "" }

// Compare orders streams by the bytes of their names.
func (s StreamID) Compare(t StreamID) int { return strings.Compare(s.name, t.name) }

// MarshalText returns the name.
func (s StreamID) MarshalText() ([]byte, error) { return []byte(s.name), nil }

// UnmarshalText accepts what [ParseStreamID] accepts.
func (s *StreamID) UnmarshalText(text []byte) error {
	parsed, err := ParseStreamID(string(text))
	if err != nil {
		return err
	}
	*s = parsed
	return nil
}

// CheckCategory refuses what can be no category of a stream; the error wraps
// [ErrInvalid].
func CheckCategory(category string) error {
	if err := checkCategory(category); err != nil {
		return fmt.Errorf("stream category %q: %w", clip(category), err)
	}
	return nil
}

func checkCategory(category string) error {
	if category == "" || len(category) > MaxCategoryBytes {
		return fmt.Errorf("%w: has %d bytes, allowed are 1 to %d", ErrInvalid, len(category), MaxCategoryBytes)
	}
	for _, r := range category {
		if !isNameRune(r) {
			return fmt.Errorf("%w: %q is not a letter, a digit, '_' or '.'", ErrInvalid, r)
		}
	}
	return nil
}

func isNameRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '.'
}

func checkID(id string) error {
	if id == "" || len(id) > MaxIDBytes {
		return fmt.Errorf("%w: has %d bytes, allowed are 1 to %d", ErrInvalid, len(id), MaxIDBytes)
	}
	if !utf8.ValidString(id) {
		return fmt.Errorf("%w: is not UTF-8", ErrInvalid)
	}
	if i := strings.IndexFunc(id, unicode.IsControl); i >= 0 {
		return fmt.Errorf("%w: has a control character at byte %d", ErrInvalid, i)
	}
	return nil
}

// clip keeps an error message readable when a name is far too long.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
