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
//		History:    []projectiontest.Commit{{Stream: "user-1", Events: []any{Bought{…}}}, …},
//	})
//
// Each schedule follows from a seed. A schedule that fails is cut down to a short
// one, printed as a trace with a likely cause, and can be run again by its seed.
package projectiontest
