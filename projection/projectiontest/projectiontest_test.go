package projectiontest_test

import (
	"testing"

	"github.com/leftfold/leftfold/projection/projectiontest"
)

func TestAnEngineKeepsItsPromisesUnderAFeedThatRepeatsAndReorders(t *testing.T) {
	projectiontest.Run(t, projectiontest.Options{Projection: newWarehouse(), Events: registry, History: history, Schedules: schedules(2000)})
}

func TestAnEngineKeepsItsPromisesUnderAFeedThatLoses(t *testing.T) {
	projectiontest.Run(t, projectiontest.Options{Projection: newWarehouse(), Events: registry, History: history, Schedules: schedules(1000), Lossy: true})
}
