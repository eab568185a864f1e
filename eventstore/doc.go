// Package eventstore is an append-only store of events: streams of commits, each
// commit written whole at a revision that the writer has seen.
//
// # The model
//
//   - An [Event] is one fact: a type name, a schema version, a payload.
//   - A [Commit] is the events that one append wrote together.
//   - A stream, named by a [StreamID], is the ordered commits of one entity.
//   - A [Version] numbers the events of a stream from 1, without gaps.
//   - A [Revision] is a stream's head as the store reported it; a write names the
//     revision it was decided on, and is refused if the stream has moved on.
//
// [Store] is the contract. A [Registry] maps events to Go types and brings old
// payloads to today's schema. A [Feed] announces commits, a [Directory] lists
// streams, a [Scanner] reads everything.
//
// # Guarantees
//
// An append is atomic, conditional and idempotent: a lost answer never becomes a
// conflict, a duplicate or a lost event, and an outcome that can not be known is
// an error of its own, [ErrOutcomeUnknown]. Reads for a decision are strongly
// consistent and complete. Nothing is silently passed over.
//
// # What is not promised
//
// There is no order between streams, no global position, and no deletion.
//
// The package imports the standard library and google/uuid only; the stores are
// in memstore and sqlitestore, the suite that every store passes in storetest.
package eventstore
