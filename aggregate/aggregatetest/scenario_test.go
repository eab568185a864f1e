package aggregatetest_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/aggregate/aggregatetest"
	"github.com/leftfold/leftfold/eventstore"
)

func TestAScenarioThatHoldsSaysNothing(t *testing.T) {
	t.Parallel()
	open := aggregatetest.For(t, accounts).WithID("17850").Given(opened{Owner: "Ada"})

	open.When(deposit("15.30", "2")).
		Then(deposited{Amount: "15.30"}, deposited{Amount: "2"}).
		ThenState(func(t testing.TB, a account) {
			assert.Equal(t, account{ID: "17850", owner: "Ada", counts: map[string]int{"15.30": 1, "2": 1}}, a)
		})
	open.When(deposit()).ThenNothing()
	open.Given(closed{}).When(deposit("1")).
		ThenRefused(errClosed).
		ThenRefusedSaying("closed").
		ThenRefusedWith(func(t testing.TB, err error) { assert.EqualError(t, err, "deposit by Ada: the account is closed") }).
		ThenState(func(t testing.TB, a account) { assert.True(t, a.closed) })
	aggregatetest.For(t, accounts).When(deposit("1")).ThenRefused(errUnknown)
}

func TestScenariosContinuedFromOneVariableDoNotMix(t *testing.T) {
	t.Parallel()
	base := aggregatetest.For(t, accounts).
		Given(opened{Owner: "Ada"}).Given(deposited{Amount: "1"}).Given(deposited{Amount: "2"})
	one, two := base.Given(closed{}), base.Given(deposited{Amount: "3"})
	one.When(deposit("9")).ThenRefused(errClosed)
	two.When(deposit("9")).Then(deposited{Amount: "9"})
}

func TestAFailureWithoutGivenEventsShowsTheInitialState(t *testing.T) {
	t.Parallel()
	golden(t, told(t, func(tb testing.TB) {
		aggregatetest.For(tb, accounts).WithID("17850").When(deposit("1")).Then(deposited{Amount: "1"})
	}))
}

func TestAnImpureEvolveFails(t *testing.T) {
	t.Parallel()
	folds := 0
	decider := accounts
	decider.Evolve = func(a account, e accountEvent) account {
		folds++
		a.counts["folds"] = folds
		return a
	}
	golden(t, told(t, func(tb testing.TB) {
		aggregatetest.For(tb, decider).Given(opened{Owner: "Ada"}).When(deposit("1"))
	}))
}

func TestAnInitialStateThatIsHandedOutTwiceFails(t *testing.T) {
	t.Parallel()
	shared := account{counts: map[string]int{}}
	decider := accounts
	decider.Initial = func(string) account { return shared }
	golden(t, told(t, func(tb testing.TB) {
		aggregatetest.For(tb, decider).Given(deposited{Amount: "1"}).When(deposit("1"))
	}))
}

func TestADecisionThatTakesItsOrderFromAMapIsCaught(t *testing.T) {
	t.Parallel()
	for range 20 {
		text := told(t, func(tb testing.TB) {
			aggregatetest.For(tb, accounts).When(func(account) (events []accountEvent, _ error) {
				for amount := range map[json.Number]bool{"1": true, "2": true} {
					events = append(events, deposited{Amount: amount})
				}
				return events, nil
			})
		})
		require.Contains(t, text, "the same events in another order")
	}
}

// A state that JSON could not show is compared and shown all the same.
func TestStatesOfAnyShapeAreCompared(t *testing.T) {
	t.Parallel()
	type odd struct {
		when    time.Time
		self    *odd
		lines   []any
		byID    map[[2]int]*int
		fn      func()
		nothing map[string]int
		raw     []byte
	}
	one := 1
	var changed func(*odd)
	decider := aggregate.Decider[*odd, closed]{
		Category: "odd",
		Events:   eventstore.MustRegistry(eventstore.Type[closed]("CLOSED", 1)),
		Initial: func(string) *odd {
			n := one
			o := &odd{when: time.Date(2010, 12, 1, 8, 26, 0, 0, time.UTC), lines: []any{1, "a", nil, 1.5},
				byID: map[[2]int]*int{{1, 2}: &n}, fn: func() {}, raw: []byte("x")}
			o.self = o
			return o
		},
		Evolve: func(o *odd, _ closed) *odd { return o },
	}
	for name, change := range map[string]func(*odd){
		"nothing":       func(*odd) {},
		"a time":        func(o *odd) { o.when = o.when.Add(time.Second) },
		"an element":    func(o *odd) { o.lines[1] = "b" },
		"a length":      func(o *odd) { o.lines = append(o.lines, 2) },
		"by pointer":    func(o *odd) { *o.byID[[2]int{1, 2}] = 7 },
		"an empty map":  func(o *odd) { o.nothing = map[string]int{} },
		"a byte":        func(o *odd) { o.raw[0] = 'y' },
		"a cycle's end": func(o *odd) { o.self = nil },
	} {
		t.Run(name, func(t *testing.T) {
			changed = change
			golden(t, told(t, func(tb testing.TB) {
				aggregatetest.For(tb, decider).When(func(o *odd) ([]closed, error) {
					changed(o)
					return nil, nil
				})
			}))
		})
	}
}

// hexCodec writes payloads that are not JSON.
type hexCodec struct{}

func (hexCodec) Marshal(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	return fmt.Appendf(nil, "x%x", b), err
}

func (hexCodec) Unmarshal(payload []byte, v any) error {
	var b []byte
	if _, err := fmt.Sscanf(string(payload), "x%x", &b); err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

func TestADeciderWithoutInitialStateAndAStateWithoutFields(t *testing.T) {
	t.Parallel()
	numbers := aggregate.Decider[[]int, deposited]{
		Category: "numbers",
		Events:   eventstore.MustRegistry(eventstore.Type[deposited]("DEPOSITED", 1)),
		Evolve:   func(s []int, _ deposited) []int { return append(s, len(s)) },
	}
	record := func([]int) ([]deposited, error) { return []deposited{{Amount: "1"}}, nil }
	aggregatetest.For(t, numbers).When(record).Then(deposited{Amount: "1"}).
		ThenState(func(t testing.TB, s []int) { assert.Equal(t, []int{0}, s) })

	single := aggregate.Decider[*int, deposited]{
		Category: "single", Events: numbers.Events,
		Initial: func(string) *int { return new(int) },
		Evolve:  func(s *int, _ deposited) *int { return s },
	}
	golden(t, told(t, func(tb testing.TB) {
		aggregatetest.For(tb, single).When(func(s *int) ([]deposited, error) {
			*s = 7
			return nil, nil
		})
	}))
}

func TestANilMapInTheStateIsExplained(t *testing.T) {
	t.Parallel()
	for name, initial := range map[string]func(string) account{
		"without initial":         nil,
		"initial without the map": func(id string) account { return account{ID: id} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			decider := accounts
			decider.Initial = initial
			golden(t, told(t, func(tb testing.TB) {
				aggregatetest.For(tb, decider).Given(opened{Owner: "Ada"}, deposited{Amount: "15.30"}, closed{}).When(deposit("1"))
			}))
			text := told(t, func(tb testing.TB) { aggregatetest.For(tb, decider).When(record(deposited{Amount: "1"})) })
			assert.Contains(t, text, "nil map", "also of what was decided")
		})
	}
}

func TestAnyOtherPanicOfEvolveShowsWhereItComesFrom(t *testing.T) {
	t.Parallel()
	decider := accounts
	for _, value := range []any{"a nil map", errClosed} {
		decider.Evolve = func(account, accountEvent) account { panic(value) }
		assert.PanicsWithValue(t, value, func() { aggregatetest.For(t, decider).Given(closed{}).When(deposit("1")) })
	}
	decider.Evolve = func(a account, _ accountEvent) account { return []account{}[len(a.owner)] }
	assert.Panics(t, func() { aggregatetest.For(t, decider).Given(closed{}).When(deposit("1")) })

	decider = accounts
	decider.Events = eventstore.MustRegistry(eventstore.WithCodec(mapless{}), eventstore.Type[closed]("CLOSED", 1))
	assert.PanicsWithError(t, "assignment to entry in nil map", func() { aggregatetest.For(t, decider).Given(closed{}).When(record()) }, "it is not Evolve's")
}

// mapless is a codec with a mistake.
type mapless struct {
	eventstore.JSON
	seen map[string]bool
}

func (m mapless) Unmarshal(payload []byte, _ any) error {
	m.seen[string(payload)] = true
	return nil
}

// unreadable can be written, and not be read.
type unreadable struct{ closed }

func (*unreadable) UnmarshalJSON([]byte) error { return errClosed }

func TestAnEventThatCanNotBeReadBackFails(t *testing.T) {
	t.Parallel()
	for name, codec := range map[string]eventstore.Codec{"json": eventstore.JSON{}, "hex": hexCodec{}} {
		decider := accounts
		decider.Events = eventstore.MustRegistry(eventstore.WithCodec(codec), eventstore.Type[unreadable]("UNREADABLE", 1))
		text := told(t, func(tb testing.TB) { aggregatetest.For(tb, decider).When(record(unreadable{})) })
		assert.Contains(t, text, "UNREADABLE", name)
		assert.Contains(t, text, errClosed.Error(), name)
	}
}

func TestAnEntityThatCanNotBeFails(t *testing.T) {
	t.Parallel()
	text := told(t, func(tb testing.TB) { aggregatetest.For(tb, accounts).WithID("").When(deposit("1")) })
	assert.Contains(t, text, "the given events can not be stored")
	assert.Contains(t, text, eventstore.ErrInvalid.Error())
}

func TestADecisionOfTooManyEventsFailsAsItWouldInAService(t *testing.T) {
	t.Parallel()
	text := told(t, func(tb testing.TB) {
		aggregatetest.For(tb, accounts).When(record(make([]accountEvent, eventstore.MaxCommitEvents+1)...))
	})
	assert.Contains(t, text, "recorded event 1 can not be stored")

	many := slices.Repeat([]accountEvent{closed{}}, eventstore.MaxCommitEvents+1)
	text = told(t, func(tb testing.TB) { aggregatetest.For(tb, accounts).When(record(many...)) })
	assert.Contains(t, text, "the recorded events can not be stored")
	assert.Contains(t, text, "10001 events in a commit")
}

func TestPayloadsThatAreNotJSONAreShownAsWhatTheyDecodeTo(t *testing.T) {
	t.Parallel()
	decider := accounts
	decider.Events = eventstore.MustRegistry(eventstore.WithCodec(hexCodec{}), eventstore.Type[deposited]("DEPOSITED", 1))
	aggregatetest.For(t, decider).When(record(deposited{Amount: "1"})).Then(deposited{Amount: "1"})
	golden(t, told(t, func(tb testing.TB) {
		aggregatetest.For(tb, decider).When(record(deposited{Amount: "1"})).Then(deposited{Amount: "2"})
	}))
}
