// Package storetest is the contract of an event store as a test suite. A store
// that passes [Run] keeps every sentence of the comments on [eventstore.Store],
// [eventstore.Directory], [eventstore.Scanner] and [eventstore.Feed]; the name of
// each sub-test is the sentence that it holds.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t testing.TB) storetest.Backend {
//			store := memstore.New()
//			return storetest.Backend{Store: store, Directory: store, Scanner: store, ...}
//		})
//	}
//
// [Contend] lets many write to one stream, [Bench] measures a store, and [Faulty] makes one
// fail in the ways in which real ones do, for tests of the code that uses it.
package storetest

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/leftfold/leftfold/eventstore"
)

// Backend is one store as the suite sees it.
type Backend struct {
	Store     eventstore.Store
	Directory eventstore.Directory
	Scanner   eventstore.Scanner
	// Transactor is nil where the store has none.
	Transactor eventstore.Transactor
	// Snapshots is nil where the store keeps none.
	Snapshots eventstore.Snapshots
	// Tailer is nil where the store has none, or it is another package's, whose own tests
	// call [RunTail].
	Tailer eventstore.Tailer
	// Feed returns the feed of a consumer, which goes on where that consumer's
	// last feed ended. It is nil where feeds of the store are another package, whose
	// own tests call [RunFeed].
	Feed func(consumer string) eventstore.Feed
	// Reopen closes the store and opens it again, with everything in it. A store
	// that ends with its process returns itself.
	Reopen func(t testing.TB) Backend
}

// clause is a sentence of the contract and the test that holds it.
type clause struct {
	sentence string
	holds    func(t *fixture)
}

// Run holds a kind of store to the contract. Each call of open returns another
// store, with an identity of its own, and closes it when t is over. What is in it
// does not matter; the suite uses categories that nobody else has.
//
// Run looks for goroutines that were left behind, so the test that calls it is
// not a parallel one. A failure of the random tests prints the seed that repeats it.
func Run(t *testing.T, open func(t testing.TB) Backend) {
	sections := []section{
		{"append", appendClauses},
		{"the same commit again", repetitionClauses},
		{"unknown outcome", outcomeClauses},
		{"time", timeClauses},
		{"metadata", metadataClauses},
		{"limits", limitClauses},
		{"memory", memoryClauses},
		{"context", contextClauses},
		{"read", readClauses},
		{"read while", readWhileClauses},
		{"directory", directoryClauses},
		{"scanner", scannerClauses},
		{"reopen", reopenClauses},
		{"random", randomClauses},
	}
	b := open(t)
	if b.Transactor != nil {
		sections = append(sections, section{"a transaction", transactionClauses}, section{"claims", claimClauses}, section{"strict ids", strictClauses})
	}
	if b.Snapshots != nil {
		sections = append(sections, section{"snapshots", snapshotClauses})
	}
	if b.Tailer != nil {
		sections = append(sections, tailSection)
	}
	if b.Feed != nil {
		sections = append(sections, feedSection)
	}
	run(t, open, sections...)
}

// RunFeed holds the feed of a store alone to the contract. The store passes [Run] in a
// package of its own; here open may return the same store again.
func RunFeed(t *testing.T, open func(t testing.TB) Backend) { run(t, open, feedSection) }

// RunTail holds the tail of a store alone to the contract, as RunFeed does its feed.
func RunTail(t *testing.T, open func(t testing.TB) Backend) { run(t, open, tailSection) }

// section is a part of the contract.
type section struct {
	name    string
	clauses []clause
}

var (
	feedSection = section{"feed", feedClauses}
	tailSection = section{"tail", tailClauses}
)

func run(t *testing.T, open func(t testing.TB) Backend, sections ...section) {
	before := goleak.IgnoreCurrent()
	t.Run("contract", func(t *testing.T) {
		for _, section := range sections {
			t.Run(section.name, func(t *testing.T) {
				for _, c := range section.clauses {
					t.Run(c.sentence, func(t *testing.T) {
						t.Parallel()
						c.holds(newFixture(t, open))
					})
				}
			})
		}
	})
	goleak.VerifyNone(t, before)
}
