package projection

import (
	"cmp"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/leftfold/leftfold/eventstore"
)

// Key is a row's place in its view: rows of one partition are read together, in
// the byte order of their sort keys. Sort may be empty. Both are UTF-8 without U+0000.
// So that bytes sort as meant, pad a number with zeros, as in %020d, and write a time in
// UTC with a fixed number of digits, as in 2006-01-02T15:04:05.000000000Z, which
// time.RFC3339Nano has not.
type Key struct{ Partition, Sort string }

// KeyOf returns the key of a view with one row a partition.
func KeyOf(partition string) Key { return Key{Partition: partition} }

// Compare orders keys by partition, then by sort key, by bytes.
func (k Key) Compare(l Key) int {
	return cmp.Or(cmp.Compare(k.Partition, l.Partition), cmp.Compare(k.Sort, l.Sort))
}

// Limits of a row. A DynamoDB item holds 400 KB. Both parts of the key share a sort key
// of 1,024 bytes there, so that a view can be read in the order of its keys.
const (
	MaxPartitionBytes = 600
	MaxSortBytes      = 400
	MaxRowBytes       = 380_000
)

// Check refuses a key that no row has. The error wraps [eventstore.ErrInvalid], or is a [LimitError].
func (k Key) Check() error {
	switch {
	case k.Partition == "":
		return fmt.Errorf("%w: a row's partition key is empty", eventstore.ErrInvalid)
	case len(k.Partition) > MaxPartitionBytes:
		return &LimitError{What: "bytes of a partition key", Size: len(k.Partition), Limit: MaxPartitionBytes}
	case len(k.Sort) > MaxSortBytes:
		return &LimitError{What: "bytes of a sort key", Size: len(k.Sort), Limit: MaxSortBytes}
	case !utf8.ValidString(k.Partition) || !utf8.ValidString(k.Sort):
		return fmt.Errorf("%w: the row key %q, %q is not UTF-8", eventstore.ErrInvalid, k.Partition, k.Sort)
	case strings.ContainsRune(k.Partition, 0) || strings.ContainsRune(k.Sort, 0):
		return fmt.Errorf("%w: the row key %q, %q holds U+0000", eventstore.ErrInvalid, k.Partition, k.Sort)
	}
	return nil
}

// RowID names a row of a generation: its view and key.
type RowID struct {
	View string
	Key  Key
}

// Compare orders by view, then by key.
func (id RowID) Compare(other RowID) int {
	return cmp.Or(cmp.Compare(id.View, other.View), id.Key.Compare(other.Key))
}

// Row is a row as a view store keeps it.
type Row struct {
	ID RowID
	// Rev is the last event that was folded into the row. No two writes of a row
	// in a generation have the same: a row that was deleted and made again can
	// not be taken for the old one.
	Rev eventstore.EventID
	// Content is JSON.
	Content []byte
	// Origin: a rebuild has put the row, and somebody may still be about to put it again.
	Origin bool
}

// GenerationID names a generation for ever: its number is never used again.
type GenerationID struct {
	Projection string
	Number     uint64
}

// String returns "projection#number".
func (g GenerationID) String() string { return fmt.Sprintf("%s#%d", g.Projection, g.Number) }

// text names it for people.
func (g GenerationID) text() string {
	return fmt.Sprintf("generation %d of %s", g.Number, g.Projection)
}
