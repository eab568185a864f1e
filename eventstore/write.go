package eventstore

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// The limits of a commit. They are the same for every store, so that what the
// embedded store takes DynamoDB takes too: there a commit over one item's size
// (400 KB) goes into one transaction, which holds 4 MB with all its overhead.
const (
	MaxCommitBytes    = 3 << 20
	MaxCommitEvents   = 10_000
	MaxCommitTypes    = 1_000 // different event types, each in each schema version, which a store lists beside the events
	MaxCommitIDBytes  = 128
	MaxEventTypeBytes = 128
)

// maxYear is the last one that RFC 3339, and so JSON and SQL, can write.
const maxYear = 9999

// eventOverhead is what the frame of a commit adds to an event, at the most.
const eventOverhead = 8

// claimOverhead is what a store adds to a claim: names and the event that took it.
const claimOverhead = MaxCategoryBytes + MaxIDBytes + 64

// Digest tells contents apart: the first half of a SHA-256.
type Digest [16]byte

// DigestOf returns the digest of some bytes.
func DigestOf(content []byte) Digest {
	sum := sha256.Sum256(content)
	return Digest(sum[:16])
}

// Write is one commit to be appended to one stream.
type Write struct {
	Stream StreamID
	// Revision is where the stream must stand; the zero value is [NoStream].
	Revision Revision
	// ID is the commit ID, 1 to 128 bytes: the ID of the command, so that the
	// same command sent again is recognised. Defaults to a new UUID.
	ID string
	// Digest is that of the command, where a repetition with other content is to
	// be told as [ErrIDReused] although its events were decided anew. Defaults
	// to the digest of the events.
	Digest Digest
	// Time is when it happened, for an import. Defaults to now. It is cut to
	// microseconds, and raised to the time of the stream's preceding commit
	// where it is before it: time never runs backwards within a stream. The
	// year is 1 to 9999.
	Time time.Time
	// Strict claims the ID too: the same ID is recognised at any later revision of the
	// stream as well, for ever. The first result is then returned, whatever the revision.
	Strict bool
	// Claims are taken by the commit, and Releases given up; see [Transactor]. Append does
	// not keep them.
	Claims, Releases []Claim
	// Metadata is laid over that of the context.
	Metadata Metadata
	// Events are what happened, at least one. Append does not keep them.
	Events []Event
}

// Prepare is for implementations of [Store]: it checks a write against every
// limit and against the store's identity, before anything is sent, and returns
// it with its defaults filled in, the metadata of ctx among them. It does not
// look at the stream. The caller raises Time when it knows the predecessor's.
func Prepare(ctx context.Context, store string, w Write) (Write, error) {
	if err := w.check(store); err != nil {
		return Write{}, err
	}
	if w.ID == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return Write{}, fmt.Errorf("append to %q: commit id: %w", w.Stream, err)
		}
		w.ID = id.String()
	}
	w.Metadata = w.Metadata.over(MetadataFrom(ctx))
	if err := w.Metadata.check(w.Stream); err != nil {
		return Write{}, err
	}
	if n := w.size(); n > MaxCommitBytes {
		return Write{}, &LimitError{Stream: w.Stream, What: "commit bytes", Size: n, Limit: MaxCommitBytes}
	}
	if err := w.checkClaims(); err != nil {
		return Write{}, err
	}
	w.Claims, w.Releases = slices.Clone(w.Claims), slices.Clone(w.Releases)
	if w.Digest == (Digest{}) {
		w.Digest = w.digest()
	}
	if w.Time.IsZero() {
		w.Time = time.Now()
	}
	if year := w.Time.UTC().Year(); year < 1 || year > maxYear {
		return Write{}, fmt.Errorf("%w: append to %q: the time is in the year %d, allowed are 1 to %d", ErrInvalid, w.Stream, year, maxYear)
	}
	w.Time = later(w.Time.UTC().Truncate(time.Microsecond), w.Revision.Time())
	return w, nil
}

// CommitAt returns the commit that a prepared write becomes when it is stored
// after the boundary head of the store's own stream.
func (w Write) CommitAt(store string, head Revision) Commit {
	c := Commit{
		Stream: w.Stream, First: head.Version() + 1, ID: w.ID, Digest: w.Digest,
		Time: later(w.Time, head.Time()), Strict: w.Strict, Claims: w.Claims, Releases: w.Releases, Metadata: w.Metadata, Events: w.Events,
	}
	c.Revision = NewRevision(store, w.Stream, c.Last(), c.Time)
	return c
}

// Settle says what it means for a prepared write that its slot is taken: if the
// commit there is the write's own, a lost response, it is the result; a commit
// of the same ID with other content is an [*IDReusedError]; any other is a
// [*ConflictError] with the commit as its winner.
func Settle(w Write, taken Commit) (Commit, error) {
	if taken.ID != w.ID {
		return Commit{}, &ConflictError{Stream: w.Stream, Expected: w.Revision, Actual: taken.Revision, Winner: taken}
	}
	if taken.Digest != w.Digest {
		return Commit{}, &IDReusedError{Stream: w.Stream, ID: w.ID, Stored: taken}
	}
	return taken, nil
}

func (w Write) check(store string) error {
	if w.Stream.IsZero() {
		return fmt.Errorf("%w: append without a stream", ErrInvalid)
	}
	if err := CheckRevision(w.Revision, store, w.Stream); err != nil {
		return err
	}
	if err := checkCommitID(w.ID); err != nil {
		return fmt.Errorf("append to %q: %w", w.Stream, err)
	}
	if len(w.Events) == 0 {
		return fmt.Errorf("%w: append to %q without events", ErrInvalid, w.Stream)
	}
	if len(w.Events) > MaxCommitEvents {
		return &LimitError{Stream: w.Stream, What: "events in a commit", Size: len(w.Events), Limit: MaxCommitEvents}
	}
	for i, e := range w.Events {
		if err := checkEventType(e.Type); err != nil {
			return fmt.Errorf("append to %q: event %d: %w", w.Stream, i, err)
		}
		if e.Schema < 1 || e.Schema > MaxSchema {
			return fmt.Errorf("%w: append to %q: event %d (%s): schema version %d is not 1 to %d",
				ErrInvalid, w.Stream, i, e.Type, e.Schema, MaxSchema)
		}
		if len(e.Payload) == 0 {
			return fmt.Errorf("%w: append to %q: event %d (%s) has no payload", ErrInvalid, w.Stream, i, e.Type)
		}
	}
	if n := w.types(); n > MaxCommitTypes {
		return &LimitError{Stream: w.Stream, What: "event types in a commit", Size: n, Limit: MaxCommitTypes}
	}
	return nil
}

// types returns the number of different event types, of which each schema version
// counts, or 1 where it can not matter.
func (w Write) types() int {
	if len(w.Events) <= MaxCommitTypes {
		return 1
	}
	type kind struct {
		name   string
		schema int
	}
	kinds := map[kind]struct{}{}
	for _, e := range w.Events {
		kinds[kind{e.Type, e.Schema}] = struct{}{}
	}
	return len(kinds)
}

// size is an upper bound for what the commit takes in a store.
func (w Write) size() int {
	n := len(w.Stream.name) + len(w.ID) + w.Metadata.size()
	for _, e := range w.Events {
		n += len(e.Type) + len(e.Payload) + eventOverhead
	}
	for _, c := range slices.Concat(w.Taken(), w.Releases) { // in the commit, and by itself
		n += 2 * (len(c.Scope) + len(c.Key) + claimOverhead)
	}
	return n
}

func checkCommitID(id string) error {
	if len(id) > MaxCommitIDBytes {
		return fmt.Errorf("%w: commit id %q has %d bytes, the limit is %d", ErrInvalid, clip(id), len(id), MaxCommitIDBytes)
	}
	if !utf8.ValidString(id) || strings.ContainsFunc(id, func(r rune) bool { return r < ' ' }) {
		return fmt.Errorf("%w: commit id %q is not UTF-8 without control characters", ErrInvalid, clip(id))
	}
	return nil
}

func checkEventType(name string) error {
	if name == "" || len(name) > MaxEventTypeBytes {
		return fmt.Errorf("%w: event type %q has %d bytes, allowed are 1 to %d", ErrInvalid, clip(name), len(name), MaxEventTypeBytes)
	}
	for _, r := range name {
		if !isNameRune(r) && r != '-' {
			return fmt.Errorf("%w: event type %q: %q is not a letter, a digit, '_', '.' or '-'", ErrInvalid, name, r)
		}
	}
	return nil
}

// digest is that of the events, and of the claims where there are some.
func (w Write) digest() Digest {
	h := sha256.New()
	var n []byte
	add := func(text string) {
		n = append(binary.AppendUvarint(n, uint64(len(text))), text...)
	}
	for _, e := range w.Events {
		n = n[:0]
		add(e.Type)
		n = binary.AppendUvarint(n, uint64(e.Schema))
		n = binary.AppendUvarint(n, uint64(len(e.Payload)))
		h.Write(n)
		h.Write(e.Payload)
	}
	for i, list := range [][]Claim{w.Claims, w.Releases} {
		for _, c := range list {
			n = append(n[:0], 0, byte(i)) // no event begins with 0, the length of its type
			add(c.Scope)
			add(c.Key)
			h.Write(n)
		}
	}
	return Digest(h.Sum(nil)[:16])
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
