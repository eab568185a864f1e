package main

import (
	"testing"

	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/projectiontest"
)

// recorded holds two streams as "shop events STREAM --json" prints them: a guest who buys
// once, and a customer who buys, returns, and is given what the guest bought.
const recorded = "testdata/recorded.jsonl"

func TestTheProjectionsMakeOfARecordedConversationWhatTheGoldenFilesSay(t *testing.T) {
	t.Parallel()
	for _, p := range []*projection.Projection{ProductStatsV1, PurchaseHistoryV1} {
		t.Run(p.Name(), func(t *testing.T) {
			t.Parallel()
			projectiontest.Golden(t, p, projectiontest.Recorded(recorded), "testdata/recorded-"+p.Name()+".txt")
		})
	}
}
