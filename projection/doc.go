// Package projection turns events into views: rows that queries read.
//
// # The model
//
//   - A [Projection] is named, versioned code: the categories it follows, and
//     views that say what each event does to their rows.
//   - A view is a [Fold], which reads a row and changes it, or [Rows], which puts
//     and deletes rows.
//   - A generation is one build of a projection's rows by one version of its code.
//   - A checkpoint says up to which version a generation has applied one stream.
//   - A slice is what is applied in one atomic write: rows and checkpoints.
//   - A parked stream waits, in one projection, because an event of it failed.
//
// [Worker] feeds projections from a feed until it is told to stop; [Engine] does
// the same for who is called with batches. A [ViewStore] keeps the rows.
//
// # Guarantees
//
// Every view reflects each event exactly once, in the order of its stream,
// although feeds repeat, reorder and lose, and workers crash and race: the
// checkpoint moves in the same atomic write as the rows, on condition that both
// are still what was read. One bad event stops one stream of one projection.
//
// # What is not promised
//
// Nothing about the order of events of different streams. A reader may see half a
// commit, never half an event.
package projection
