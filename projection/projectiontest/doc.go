// Package projectiontest runs projections against a hostile world: a feed that
// shuffles, repeats, splits, holds back and drops announcements, several workers
// that race, crash and meet errors at every access to a store, events that fail for
// a while. The views must equal a plain fold, at every moment for what the
// checkpoints say, and in the end for everything.
//
// A test of a projection is a history and one call:
//
//	projectiontest.Run(t, projectiontest.Options{
//		Projection: NewStats(),
//		Events:     registry,
//		History:    []projectiontest.Commit{{Stream: "user-1", Events: []any{Bought{…}}}, …},
//	})
//
// First the history is folded in peace. That finds the mistakes that are made most,
// and names the event and the row: code that is not pure, because it depends on the
// order of a map, on the clock or on a variable that outlives the event; a row that
// depends on the order of events of different streams, or is put by two streams;
// a row that is another one after it was stored; an event that can not be applied.
//
// Then come schedules, each of which follows from a seed. One that fails is cut down:
// less history, fewer workers, fewer accidents. What is left is printed as a trace
// with a likely cause, and can be run again by its seed.
//
// With a Next version there are rebuilds, too: coordinators that start, die, carry on, compare,
// switch, roll back and cancel, requests that come late, programs of each version.
package projectiontest
