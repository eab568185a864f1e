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
	old, log := newWarehouse(), newNextLog()
	opts := projectiontest.Options{
		Projection: old, Next: newNextWarehouse(log, projection.Replaces(old)), Readers: []projectiontest.Reader{projectiontest.Reads(log)},
		Events: registry, History: history, Schedules: schedules(n),
	}
	more(&opts)
	return opts
}

func TestARebuildKeepsItsPromises(t *testing.T) {
	projectiontest.Run(t, rebuilds(1000, func(*projectiontest.Options) {}))
}

func TestARebuildKeepsItsPromisesUnderAFeedThatLoses(t *testing.T) {
	projectiontest.Run(t, rebuilds(500, func(o *projectiontest.Options) { o.Lossy = true }))
}

func TestARebuildKeepsItsPromisesWhileProgramsOfEachVersionRun(t *testing.T) {
	alone := newNextWarehouse(newNextLog())
	projectiontest.Run(t, rebuilds(500, func(o *projectiontest.Options) {
		o.Programs = []*projection.Projection{o.Next, o.Projection, alone}
	}))
}

func TestARebuildKeepsItsPromisesWhereNoProgramCarriesBothVersions(t *testing.T) {
	projectiontest.Run(t, rebuilds(250, func(o *projectiontest.Options) { o.Next = newNextWarehouse(newNextLog()) }))
}
