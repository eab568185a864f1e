// Package viewstest is the contract of a view store as a test suite: each sentence of
// [projection.ViewStore] and of the types in its methods is a sub-test of [Run].
package viewstest

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/leftfold/leftfold/projection"
)

// Run tests a view store. open is called once for each sub-test, with its t, and closes
// the store by t.Cleanup. It may return the same store each time, also one that others
// use: every sub-test works on projections of its own, whose names are random.
//
// Run also looks for goroutines that are left when all stores are closed, so the test
// that calls it must not be parallel.
func Run(t *testing.T, open func(t testing.TB) projection.ViewStore) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	for _, p := range contract {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			for _, c := range p.clauses {
				t.Run(c.says, func(t *testing.T) {
					t.Parallel()
					c.holds(t, newFixture(open(t)))
				})
			}
		})
	}
}

// clause is one sentence of the contract.
type clause struct {
	says  string
	holds func(*testing.T, *fixture)
}

var contract = []struct {
	name    string
	clauses []clause
}{
	{"Checkpoints", checkpointClauses},
	{"Apply", applyClauses},
	{"Conditions", conditionClauses},
	{"Inserted rows", insertClauses},
	{"Rows of streams", ownRowClauses},
	{"Limits", limitClauses},
	{"Park", parkClauses},
	{"Skips", skipClauses},
	{"Rows", rowClauses},
	{"Page", pageClauses},
	{"Scans", scanClauses},
	{"Keys", keyClauses},
	{"Manifests", manifestClauses},
	{"Fill", fillClauses},
	{"Origin", originClauses},
	{"Tombstones", tombstoneClauses},
	{"Fillings at once", fillRaceClauses},
	{"Clear", clearClauses},
	{"State", stateClauses},
	{"Heartbeats", heartbeatClauses},
	{"Ownership", ownershipClauses},
	{"Cancellation", cancellationClauses},
	{"Races", raceClauses},
	{"Model", modelClauses},
}
