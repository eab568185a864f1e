package eventstore

import (
	"context"
	"iter"
)

// Store is an append-only log of streams. Every implementation passes the suite
// in storetest, which holds each sentence below. All methods are safe for
// concurrent use, and from several processes where the store is shared.
type Store interface {
	// Append stores one commit whole or not at all, and only if the stream
	// stands at w.Revision; it returns the commit as a later read would.
	//
	// The same write again, with the same ID at the same revision, returns the
	// first result, however late. The ID is recognised at that slot only: at a
	// later revision it makes another commit. With other content it is an
	// [ErrIDReused]. Where another commit has the slot the error is a
	// [*ConflictError] with that commit. A revision of another stream or store,
	// or one that the stream never had, is an [ErrRevision]. Limits are checked
	// before anything is sent: [ErrTooLarge], [ErrInvalid]. What w claims and releases,
	// and a strict ID, is as [Transactor] says; a store that is none takes no such write.
	//
	// Append blocks until the commit is durable. If ctx ends earlier the error
	// is either ctx's cause, and nothing was or will be written, or an
	// [*OutcomeUnknownError].
	Append(ctx context.Context, w Write) (Commit, error)

	// Read returns the commits of a stream in order, from the one that holds
	// version from (whole, even where from lies inside it) to the head; from 0
	// reads from the start. It is strongly consistent: every append that
	// returned before the read began is in it. Commits that are appended
	// meanwhile may be. A stream that does not exist yields nothing. A missing
	// version is an [ErrCorrupt], never passed over.
	//
	// The first error ends the sequence. The sequence may be abandoned at any
	// time and read again; it holds no lock that stops an append.
	Read(ctx context.Context, stream StreamID, from Version) iter.Seq2[Commit, error]

	// ReadBackward returns the commits from the one that holds version from
	// down to the first; from 0, and from a version beyond the head, it begins
	// at the head. Otherwise it is as Read.
	ReadBackward(ctx context.Context, stream StreamID, from Version) iter.Seq2[Commit, error]

	// Head returns the stream's revision, strongly consistent: version 0 where
	// there is no such stream, and then fit for creating it.
	Head(ctx context.Context, stream StreamID) (Revision, error)
}

// Directory lists streams.
type Directory interface {
	// Streams returns the streams of a category in the byte order of their
	// names, those after the given one only: the last one that was seen is the
	// cursor, zero begins. It reads page by page as it is consumed. A stream
	// that was created during or shortly before the call may be missing. What can
	// be no category is an [ErrInvalid].
	Streams(ctx context.Context, category string, after StreamID) iter.Seq2[StreamID, error]
}

// Scanner reads the whole store, for rebuilds and checks.
type Scanner interface {
	// ReadAll returns every commit of one segment that was stored before the
	// call, after the position of from; see [StartCursor]. It is strongly
	// consistent. The segments of one count divide the streams among them, so
	// that several readers can share the work. The commits of a stream usually
	// come together and in order; nothing may rely on it but speed. The cursor
	// beside a commit resumes behind it.
	ReadAll(ctx context.Context, from Cursor) iter.Seq2[ScannedCommit, error]
}

// HeadLister lists how far streams have come where that costs less than reading their
// commits. A store need not have it.
type HeadLister interface {
	// Heads returns the last event of every stream of a category that was stored before the
	// call, or a later one of it, in the byte order of the streams' names. It is strongly
	// consistent. What can be no category is an [ErrInvalid].
	Heads(ctx context.Context, category string) iter.Seq2[EventID, error]
}

// ScannedCommit is a commit and the place behind it.
type ScannedCommit struct {
	Commit Commit
	Cursor Cursor
	// Bytes is what the store charges to read the commit by, 0 where it does not tell.
	Bytes int
}
