package aggregate_test

import (
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A tally is a sum of numbers. Its Evolve changes slice and map in place, as the
// documentation allows, so that each test also tests that.

type tallyEvent interface{ tallyEvent() }

type added struct {
	N int `json:"n"`
}

// spoilt is stored, but can not be read back.
type spoilt struct{}

// unregistered is an event of tallies that the registry does not know.
type unregistered struct{}

// foreign is registered, and no event of tallies.
type foreign struct{}

func (added) tallyEvent()        {}
func (spoilt) tallyEvent()       {}
func (unregistered) tallyEvent() {}

func (*spoilt) UnmarshalJSON([]byte) error { return errors.New("this is spoilt") }

type tally struct {
	ID   string
	Sum  int
	List []int
	By   map[int]int
}

var events = eventstore.MustRegistry(
	eventstore.Type[added]("ADDED", 1),
	eventstore.Type[spoilt]("SPOILT", 1),
	eventstore.Type[foreign]("FOREIGN", 1),
)

var tallies = aggregate.Decider[tally, tallyEvent]{
	Category: "tally",
	Events:   events,
	Initial:  func(id string) tally { return tally{ID: id, By: map[int]int{}} },
	Evolve: func(s tally, e tallyEvent) tally {
		n := e.(added).N
		s.Sum += n
		s.List = append(s.List, n)
		s.By[n]++
		return s
	},
}

func tallyOf(id string, numbers ...int) tally {
	s := tallies.Initial(id)
	for _, n := range numbers {
		s = tallies.Evolve(s, added{n})
	}
	return s
}

type decision = aggregate.Decision[tally, tallyEvent]

func add(numbers ...int) decision {
	return func(tally) ([]tallyEvent, error) {
		var decided []tallyEvent
		for _, n := range numbers {
			decided = append(decided, added{n})
		}
		return decided, nil
	}
}

var errTooMuch = errors.New("too much")

// double adds what is there already, and is refused above most.
func double(most int) decision {
	return func(s tally) ([]tallyEvent, error) {
		if s.Sum > most {
			return nil, errTooMuch
		}
		return []tallyEvent{added{s.Sum}}, nil
	}
}

// watched counts how often a decision is made, and on which sums.
func watched(sums *[]int, decide decision) decision {
	return func(s tally) ([]tallyEvent, error) {
		*sums = append(*sums, s.Sum)
		return decide(s)
	}
}

func newTallies(store eventstore.Store, opts aggregate.Options) *aggregate.Repository[tally, tallyEvent] {
	return aggregate.NewRepository(store, tallies, opts)
}

// withAndWithoutCache runs a test that must hold either way.
func withAndWithoutCache(t *testing.T, test func(t *testing.T, opts aggregate.Options)) {
	for name, streams := range map[string]int{"without cache": 0, "with cache": 8} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, aggregate.Options{CacheStreams: streams})
		})
	}
}
