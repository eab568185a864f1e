package projectiontest_test

import (
	"testing"

	"github.com/leftfold/leftfold/internal/plaintest"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
	"github.com/leftfold/leftfold/projection/projectiontest"
)

// A schedule lets one actor run at a time, so that the race detector has nothing to find; the
// tests of the engine and of the stores have it.
func TestAnEngineKeepsItsPromisesUnderAFeedThatRepeatsAndReorders(t *testing.T) {
	t.Parallel()
	if plaintest.Run(t) {
		return
	}
	projectiontest.Run(t, projectiontest.Options{Projection: newWarehouse(), Events: registry, History: history, Schedules: schedules(1000)})
}

func TestAnEngineKeepsItsPromisesUnderAFeedThatLoses(t *testing.T) {
	t.Parallel()
	if plaintest.Run(t) {
		return
	}
	projectiontest.Run(t, projectiontest.Options{Projection: newWarehouse(), Events: registry, History: history, Schedules: schedules(500), Lossy: true})
}

func TestAnEngineKeepsItsPromisesWhereEachStreamIsWrittenByItself(t *testing.T) {
	t.Parallel()
	if plaintest.Run(t) {
		return
	}
	projectiontest.Run(t, projectiontest.Options{Projection: newShelves(), Events: registry, History: history, Schedules: schedules(500), Lossy: true,
		Views: func(_ testing.TB, limits projection.Limits) projection.ViewStore {
			limits.Apart = true
			return memviews.New(memviews.Options{Limits: limits})
		}})
}

// rebuilds is a scene with rebuilds of a warehouse.
func rebuilds(n int, more func(*projectiontest.Options)) projectiontest.Options {
	oldLog, log := newLog(), newNextLog()
	old := newWarehouseWith(oldLog)
	replaces := projection.Replaces(old, projection.Shows(log, oldLog, func(l line) line { return l }))
	opts := projectiontest.Options{
		Projection: old, Next: newNextWarehouse(log, replaces),
		Readers: []projectiontest.Reader{projectiontest.Reads(log), projectiontest.Reads(oldLog)}, Events: registry, History: history, Schedules: schedules(n),
	}
	more(&opts)
	return opts
}

func TestARebuildKeepsItsPromises(t *testing.T) {
	t.Parallel()
	if plaintest.Run(t) {
		return
	}
	for name, o := range map[string]projectiontest.Options{
		"under a feed that repeats": rebuilds(1200, func(*projectiontest.Options) {}),
		"under a feed that loses":   rebuilds(300, func(o *projectiontest.Options) { o.Lossy = true }),
		"while programs of each version run": rebuilds(400, func(o *projectiontest.Options) {
			o.Programs = []*projection.Projection{o.Next, o.Projection, newNextWarehouse(newNextLog())}
		}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			projectiontest.Run(t, o)
		})
	}
}
