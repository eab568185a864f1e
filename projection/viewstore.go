package projection

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

// ViewStore keeps the rows, checkpoints and states of projections together. Every
// implementation passes the suite in viewstest, which holds each sentence below.
// All methods are safe for concurrent use, from several processes too. Nothing is
// kept of the arguments, and what is returned belongs to the caller. Where ctx has
// ended before the call, the error is its cause and nothing is written; a sequence
// that ctx cuts short ends with it.
type ViewStore interface {
	SliceStore
	RowReader
	StateStore
	RebuildStore
}

// SliceStore is what the engine writes through.
type SliceStore interface {
	// Checkpoints returns the checkpoints of the streams in the order given,
	// strongly consistent; version 0 for a stream that has none.
	Checkpoints(ctx context.Context, g GenerationID, streams []eventstore.StreamID) ([]Checkpoint, error)

	// Apply carries out a slice whole or not at all, and only if each of its
	// conditions holds; else the error wraps [ErrChanged]. Rows that are marked as
	// inserted may be written all the same. A park record stays as
	// it is when its checkpoint moves. After any other error the slice may have
	// been applied.
	Apply(ctx context.Context, s Slice) error

	// Park sets the park record of a stream, or removes it where p is nil, on
	// condition that the checkpoint is exactly at, 0 for none; else the error
	// wraps [ErrChanged]. Only a record that is left over is removed, at or below the
	// checkpoint; one above it was put by somebody else meanwhile, and is an
	// [ErrChanged] too. So is an unmarked record in the place of one above the checkpoint
	// that is marked to skip. The checkpoint stays as it is.
	Park(ctx context.Context, g GenerationID, stream eventstore.StreamID, at eventstore.Version, p *Parked) error

	// AllCheckpoints yields every checkpoint of a generation in the byte order
	// of the streams' names, only those with a park record if parked is set: then one
	// that was parked a moment ago may be missing. A stream at version 0 without a park
	// record has none.
	AllCheckpoints(ctx context.Context, g GenerationID, parked bool) iter.Seq2[Checkpoint, error]

	// Limits returns what one slice may hold.
	Limits() Limits
}

// RebuildStore is what a rebuild writes through before workers feed its generation, and
// what removes a generation that is retired.
type RebuildStore interface {
	// PutManifest keeps a part of the manifest of an attempt. The same part again replaces
	// it, so no two attempts have the same name. A part has [MaxManifestBytes] at the most;
	// it may be empty.
	PutManifest(ctx context.Context, g GenerationID, attempt string, part int, heads []Head) error

	// Manifest returns a part as it was put, strongly consistent; an [ErrNotFound] where it
	// was not.
	Manifest(ctx context.Context, g GenerationID, attempt string, part int) ([]Head, error)

	// Fill puts the checkpoints and rows of f that are absent, each row with [Row.Origin]
	// set. What is there stays as it is: also a tombstone, and a checkpoint at 0 with a park
	// record. Each is put by itself and in no order, but for a row of a [PerStream] view: it
	// is put with its stream's checkpoint, or not if that is there, and f has both. After an
	// error some may have been put, and the same again is right.
	Fill(ctx context.Context, g GenerationID, f Filling) error

	// Clear removes everything of a generation: checkpoints, park records, manifests, and
	// the rows of these views, tombstones too. Rows of a [PerStream] view that is not among
	// them may go with the checkpoints. It may end in the middle, and be repeated. What is
	// written to the generation meanwhile may stay.
	Clear(ctx context.Context, g GenerationID, views []string) error
}

// Head is how far a stream had come: its last version.
type Head struct {
	Stream  eventstore.StreamID `json:"stream"`
	Version eventstore.Version  `json:"version"`
}

// MaxManifestBytes is how large a part of a manifest may be: the names of its streams and
// [HeadBytes] for each.
const MaxManifestBytes = 200_000

// HeadBytes is what a head counts for beside the name of its stream.
const HeadBytes = 48

// Filling is what is put where it is absent. No stream and no row is named twice.
type Filling struct {
	// Checkpoints are above 0 and have no park record.
	Checkpoints []Checkpoint
	Rows        []Row
}

// RowReader is what the engine and queries read through.
type RowReader interface {
	// Rows returns the rows that exist among those asked for, each once, strongly
	// consistent each, in any order. They need not be of one moment. A key that
	// [Key.Check] refuses has no row.
	Rows(ctx context.Context, g GenerationID, ids []RowID) ([]Row, error)

	// Page returns q.Limit rows of one partition, fewer only where it has no more. A
	// partition that no key can have has none. Limit is at least 1, and After a sort key.
	Page(ctx context.Context, g GenerationID, q PageQuery) ([]Row, error)

	// ScanRows yields every row of a view in the order of the keys. Rows that
	// are written meanwhile may be seen before or after.
	ScanRows(ctx context.Context, g GenerationID, view string) iter.Seq2[Row, error]
}

// Limits is what one slice may hold. One event whose rows exceed it parks.
type Limits struct {
	// Items counts rows and checkpoints together, without inserted rows.
	Items int
	// Bytes counts keys and contents of the rows, without inserted rows.
	Bytes int
	// Apart: a slice that moves one stream and writes nothing but its row in a
	// [PerStream] view is a cheap write, and many of them go on at once. Else such
	// streams are better written together.
	Apart bool
}

// Checkpoint is how far a generation has applied a stream.
type Checkpoint struct {
	Stream  eventstore.StreamID
	Version eventstore.Version
	// Parked is the stream's park record, or nil. Where it stands above Version
	// the stream waits; at or below it, it is left over from a retry that has
	// not read the stream to its head yet.
	Parked *Parked
}

// Waits reports whether the stream is parked: its announcements are dropped.
func (c Checkpoint) Waits() bool { return c.Parked != nil && c.Parked.Version > c.Version }

// Parked says which event a projection failed on.
type Parked struct {
	Version eventstore.Version `json:"version"`
	Type    string             `json:"type"`
	Schema  int                `json:"schema"`
	Error   string             `json:"error"`
	// Unknown: the code did not know the event's type or schema. Code that does
	// tries again by itself.
	Unknown bool `json:"unknown,omitempty"`
	// Build is the program that failed.
	Build    string    `json:"build,omitempty"`
	Attempts int       `json:"attempts"`
	Since    time.Time `json:"since"`
	// Skip marks the record: an operator has decided that the projection passes over the
	// event, and nobody can apply it any more.
	Skip bool `json:"skip,omitempty"`
}

// Slice is one atomic write. No stream and no row is named twice.
type Slice struct {
	Generation GenerationID
	Moves      []Move
	Writes     []RowWrite
}

// Check is for implementations of [SliceStore]: it refuses a slice over the limits,
// one that names a stream or a row twice, moves a checkpoint back, skips an event without
// a park record, puts a row without a revision, or writes the row of a stream without a
// move of it.
func (s Slice) Check(l Limits) error {
	if n := len(s.Moves) + len(s.Writes) - s.inserts(); n > l.Items {
		return &LimitError{What: "items in a slice", Size: n, Limit: l.Items}
	}
	size := 0
	rows := make(map[RowID]bool, len(s.Writes))
	for _, w := range s.Writes {
		if w.Insert && (w.Conditional || w.Delete) {
			return fmt.Errorf("%w: a slice inserts row %q of view %q on a condition, or deletes it", eventstore.ErrInvalid, w.Row.ID.Key.Partition, w.Row.ID.View)
		}
		if rows[w.Row.ID] {
			return fmt.Errorf("%w: a slice names row %q of view %q twice", eventstore.ErrInvalid, w.Row.ID.Key.Partition, w.Row.ID.View)
		}
		rows[w.Row.ID] = true
		if w.Row.Rev == (eventstore.EventID{}) && !w.Delete {
			return fmt.Errorf("%w: a slice puts row %q of view %q without a revision", eventstore.ErrInvalid, w.Row.ID.Key.Partition, w.Row.ID.View)
		}
		if !w.Insert {
			size += len(w.Row.Content) + len(w.Row.ID.Key.Partition) + len(w.Row.ID.Key.Sort)
		}
	}
	if size > l.Bytes {
		return &LimitError{What: "bytes in a slice", Size: size, Limit: l.Bytes}
	}
	streams := make(map[string]bool, len(s.Moves))
	for _, m := range s.Moves {
		if streams[m.Stream.String()] {
			return fmt.Errorf("%w: a slice names stream %q twice", eventstore.ErrInvalid, m.Stream)
		}
		streams[m.Stream.String()] = true
		if m.Stream.IsZero() || m.To <= m.From {
			return fmt.Errorf("%w: a slice moves the checkpoint of %q from %d to %d", eventstore.ErrInvalid, m.Stream, m.From, m.To)
		}
		if m.Skip && !m.Parked {
			return fmt.Errorf("%w: a slice skips an event of %q that is not parked", eventstore.ErrInvalid, m.Stream)
		}
	}
	for _, w := range s.Writes {
		if id := w.Row.ID; IsPerStream(id.View) && (w.Insert || id.Key.Sort != "" || !streams[id.Key.Partition]) {
			return fmt.Errorf("%w: a slice writes row %q of view %q without a move of that stream", eventstore.ErrInvalid, id.Key.Partition, id.View)
		}
	}
	return nil
}

func (s Slice) inserts() (n int) {
	for _, w := range s.Writes {
		if w.Insert {
			n++
		}
	}
	return n
}

// Move moves a checkpoint on condition that it is still what was read: From, 0 for
// none, and without a park record unless Parked is set. Announcements of a parked
// stream are dropped, so who moves it past its record has to know of it. With Skip it passes
// over the event of a record above From that is marked to skip, and there must be one;
// without, there must be none.
type Move struct {
	Stream   eventstore.StreamID
	From, To eventstore.Version
	Parked   bool
	Skip     bool // only with Parked
}

// RowWrite puts or deletes a row.
//
// A put keeps the [Row.Origin] that the row has, or its tombstone, whatever Row says. A
// deletion leaves a tombstone where Origin is set in Row, as it was read, and else nothing: no
// reader sees a tombstone, and to a slice the row is absent, but [RebuildStore.Fill] finds it
// present. A deletion on condition that the row is absent is only a check, and a tombstone
// stays.
type RowWrite struct {
	Row    Row
	Delete bool
	// Insert: no other write ever has this row, except that this one may come again.
	// So it has no condition, counts in no limit, and may be written although the
	// slice is not applied. Nobody asks for the Origin of such a row, since nobody deletes it.
	Insert bool
	// Conditional: the row was read, and must still be what was read: Expect is
	// its revision, zero if it was absent.
	Conditional bool
	Expect      eventstore.EventID
}

// PageQuery asks for rows of one partition of a view, in the byte order of their
// sort keys, or backwards.
type PageQuery struct {
	View      string
	Partition string
	// After is the sort key behind which the page begins; nil begins at the end.
	After    *string
	Backward bool
	Limit    int
}
