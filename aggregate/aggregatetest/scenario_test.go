package aggregatetest_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/aggregate/aggregatetest"
	"github.com/leftfold/leftfold/eventstore"
)

var update = flag.Bool("update", false, "rewrite the golden files")

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
	base := aggregatetest.For(t, accounts).Given(opened{Owner: "Ada"}, deposited{Amount: "1"}, deposited{Amount: "2"})
	one, two := base.Given(closed{}), base.Given(deposited{Amount: "3"})
	one.When(deposit("9")).ThenRefused(errClosed)
	two.When(deposit("9")).Then(deposited{Amount: "9"})
}

// Each failure is told with what was expected, what was recorded, and a likely cause.
func TestFailuresExplainThemselves(t *testing.T) {
	t.Parallel()
	ada := opened{Owner: "Ada"}
	amount := func(n json.Number) deposited { return deposited{Amount: n} }
	many := func(n int, between ...accountEvent) (events []accountEvent) {
		for i := range n {
			events = append(events, deposited{Amount: json.Number(fmt.Sprint(i))})
		}
		return append(events[:n/2:n/2], append(between, events[n/2:]...)...)
	}
	for name, play := range map[string]func(aggregatetest.Scenario[account, accountEvent]){
		"then, another order": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(record(amount("2"), amount("1"), closed{})).Then(amount("1"), amount("2"), closed{})
		},
		"then, another field": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(deposit("1", "15.3")).Then(amount("1"), amount("15.30"))
		},
		"then, a field missing and one too many": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(record(deposited{Amount: "1", Note: "<b>"}, amount("2"))).Then(amount("1"), deposited{Amount: "2", Note: "rent"})
		},
		"then, another type": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(record(amount("1"), closed{})).Then(amount("1"), ada)
		},
		"then, one too few": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(deposit("1", "3")).Then(amount("1"), amount("2"), amount("3"))
		},
		"then, one among many": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(record(many(20, closed{})...)).Then(many(20)...)
		},
		"then, refused": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.Given(closed{}).When(deposit("1")).Then(amount("1"))
		},
		"then, recorded nothing": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(deposit()).Then(amount("1"))
		},
		"then nothing, recorded": func(s aggregatetest.Scenario[account, accountEvent]) { s.When(deposit("1")).ThenNothing() },
		"then nothing, refused": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(refuse(errClosed)).ThenNothing()
		},
		"then refused, recorded": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(deposit("1", "2")).ThenRefused(errClosed)
		},
		"then refused, recorded nothing": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(deposit()).ThenRefused(errClosed)
		},
		"then refused, another reason": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(refuse(errUnknown)).ThenRefused(errClosed)
		},
		"then refused, not wrapped": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(refuse(fmt.Errorf("deposit: %v", errClosed))).ThenRefused(errClosed)
		},
		"then refused saying, something else": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(refuse(errUnknown)).ThenRefusedSaying("closed")
		},
		"then refused with, recorded": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(deposit("1")).ThenRefusedWith(func(testing.TB, error) { panic("there is no refusal to check") })
		},
		"when, the state is changed": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.Given(amount("1")).When(func(a account) ([]accountEvent, error) {
				a.counts["1"]++
				delete(a.counts, "2")
				a.counts["3"] = 1
				return nil, nil
			}).ThenNothing()
		},
		"when, other events": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(byTurns(deposit("1", "2"), deposit("1", "3"))).Then(amount("1"), amount("2"))
		},
		"when, another order": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(byTurns(deposit("1", "2"), deposit("2", "1"))).Then(amount("1"), amount("2"))
		},
		"when, refused once": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(byTurns(deposit("1"), refuse(errClosed))).Then(amount("1"))
		},
		"when, an event is not registered": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(record(closed{}, forgotten{})).Then(closed{})
		},
		"given, an event is not registered": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.Given(forgotten{}).When(deposit("1")).Then(amount("1"))
		},
		"then, an event is not registered": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.When(deposit("1")).Then(forgotten{})
		},
		"with a wrong id": func(s aggregatetest.Scenario[account, accountEvent]) {
			s.WithID("").When(deposit("1")).Then(amount("1"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden(t, told(t, func(tb testing.TB) {
				play(aggregatetest.For(tb, accounts).Given(ada))
			}))
		})
	}
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

func TestPayloadsThatAreNotJSONAreShownAsWhatTheyDecodeTo(t *testing.T) {
	t.Parallel()
	decider := accounts
	decider.Events = eventstore.MustRegistry(eventstore.WithCodec(hexCodec{}), eventstore.Type[deposited]("DEPOSITED", 1))
	aggregatetest.For(t, decider).When(record(deposited{Amount: "1"})).Then(deposited{Amount: "1"})
	golden(t, told(t, func(tb testing.TB) {
		aggregatetest.For(tb, decider).When(record(deposited{Amount: "1"})).Then(deposited{Amount: "2"})
	}))
}

// golden compares text with the file that is named after the test.
func golden(t *testing.T, text string) {
	t.Helper()
	name := strings.NewReplacer(",", "", "'", "").Replace(filepath.Base(t.Name()))
	path := filepath.Join("testdata", name+".golden")
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "run the test with -update")
	assert.Equal(t, string(want), text)
}
