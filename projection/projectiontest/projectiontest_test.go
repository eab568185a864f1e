package projectiontest_test

import (
	"testing"

	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
	"github.com/leftfold/leftfold/projection/projectiontest"
)

func TestAnEngineKeepsItsPromisesUnderAFeedThatRepeatsAndReorders(t *testing.T) {
	projectiontest.Run(t, projectiontest.Options{Projection: newWarehouse(), Events: registry, History: history, Schedules: schedules(1000)})
}

func TestAnEngineKeepsItsPromisesUnderAFeedThatLoses(t *testing.T) {
	projectiontest.Run(t, projectiontest.Options{Projection: newWarehouse(), Events: registry, History: history, Schedules: schedules(500), Lossy: true})
}

func TestAnEngineKeepsItsPromisesWhereEachStreamIsWrittenByItself(t *testing.T) {
	projectiontest.Run(t, projectiontest.Options{Projection: newShelves(), Events: registry, History: history, Schedules: schedules(500), Lossy: true,
		Views: func(_ testing.TB, limits projection.Limits) projection.ViewStore {
			limits.Apart = true
			return memviews.New(memviews.Options{Limits: limits})
		}})
}

func TestARebuildKeepsItsPromises(t *testing.T) {
	old, log := newWarehouse(), newLog2()
	projectiontest.Run(t, projectiontest.Options{
		Projection: old, Next: newNextWarehouse(log, projection.Replaces(old)), Readers: []projectiontest.Reader{projectiontest.Reads(log)},
		Events: registry, History: history, Schedules: schedules(1000),
	})
}
